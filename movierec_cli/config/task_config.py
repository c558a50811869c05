"""What a model learns, how much each task counts, and which of them decides an order."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from movierec_cli.config.require import require


class Task(enum.StrEnum):
    """What a model learns."""

    RETRIEVAL = "retrieval"
    """Which movies somebody will watch."""
    RATING = "rating"
    """How many stars they will give."""


@dataclass(frozen=True, kw_only=True)
class TaskWeights:
    """How much each task's loss counts, both means over the interactions: nats and squared stars."""

    retrieval: float = 1.0
    rating: float = 0.3

    def __post_init__(self) -> None:
        for name in ("retrieval", "rating"):
            require(getattr(self, name) >= 0, f"--{name}_weight", getattr(self, name), "0 or more")
        require(
            self.retrieval + self.rating > 0,
            "--retrieval_weight",
            self.retrieval,
            "above 0 where --rating_weight is 0",
        )

    @property
    def label(self) -> str:
        """For people: "retrieval × 1, rating × 0.3"."""
        return f"retrieval × {self.retrieval:g}, rating × {self.rating:g}"


class RankBy(enum.StrEnum):
    """What decides the order among the movies that a model would retrieve first."""

    SCORE = "score"
    """How likely somebody is to watch it."""
    RATING = "rating"
    """How many stars they are predicted to give."""
    BLEND = "blend"
    """The mean of both, each in standard deviations from its mean."""
