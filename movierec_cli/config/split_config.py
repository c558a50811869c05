"""Which ratings count, and how they are divided into train, validation and test."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from movierec_cli.config.require import require


class SplitKind(enum.StrEnum):
    """How the ratings are divided into train, validation and test."""

    RANDOM = "random"
    """Each rating by lot."""
    TEMPORAL = "temporal"
    """One date for all: what comes later is held out."""
    LEAVE_LAST = "leave-last"
    """Each user's last rating to test, the second-last to validation."""
    WINDOWS = "windows"
    """Each rating by lot, but for users' first ones, asked with the films right before it.

    Those may be test films themselves: what the sequential tutorials do.
    """


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Which ratings count, and how they are divided.

    Shares are of ratings: test of the whole, validation of what is left for training; leave-last needs
    none. `min_rating` (stars) and `k_core` leave ratings out before anything is divided.
    """

    kind: SplitKind = SplitKind.RANDOM
    test_fraction: float = 0.2
    validation_fraction: float = 0.05
    seed: int = 42  # of the random split
    min_rating: float = 0.0  # stars; ratings below are no interactions
    k_core: int = 0  # users and movies keep so many ratings each, or go

    def __post_init__(self) -> None:
        require(0 < self.test_fraction < 1, "--test_fraction", self.test_fraction, "between 0 and 1")
        require(
            0 < self.validation_fraction < 1,
            "--validation_fraction",
            self.validation_fraction,
            "between 0 and 1",
        )
        require(self.min_rating >= 0, "--min_rating", self.min_rating, "0 or more")
        require(self.k_core >= 0, "--k_core", self.k_core, "0 or more")
