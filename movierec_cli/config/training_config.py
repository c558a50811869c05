"""What a model is trained on, how long and how hard."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from movierec_cli.config.require import require
from movierec_cli.config.split_config import SplitKind
from movierec_cli.errors import UsageError


class LossKind(enum.StrEnum):
    """What the retrieval model is trained on."""

    CATALOGUE = "catalogue"
    """Softmax over every movie, interactions grouped by unique query."""
    IN_BATCH = "in-batch"
    """`tfrs.tasks.Retrieval`: softmax over the other movies of the batch."""
    IN_BATCH_CORRECTED = "in-batch-corrected"
    """The same with `candidate_sampling_probability`: each movie's share of the training ratings."""
    SAMPLED = "sampled"
    """Of models of sequences: softmax over the positive and movies drawn by lot, corrected for the draw."""
    GBCE = "gbce"
    """Of models of sequences: binary cross-entropy against movies drawn by lot, calibrated.

    Petrov & Macdonald 2023, "gSASRec: reducing overconfidence in sequential recommendation".
    """


class Weighting(enum.StrEnum):
    """How much each rating counts in training, by the number n of ratings of its query.

    A query is a user, or a user at a time where a feature sees the time.
    """

    RATINGS = "ratings"
    """All alike: long sessions decide."""
    ROOT = "root"
    """1 / √n: between the two."""
    QUERIES = "queries"
    """1 / n: every query counts alike, which serves figures that are means over users."""


DEFAULT_WEIGHTING = {
    SplitKind.RANDOM: Weighting.RATINGS,
    SplitKind.TEMPORAL: Weighting.ROOT,
    SplitKind.LEAVE_LAST: Weighting.RATINGS,
    SplitKind.WINDOWS: Weighting.RATINGS,
}

MAX_SEED = 2**31 - 2
"""NumPy takes twice as much, TensorFlow's initializers this and one more."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How long and how hard to train. `patience` counts validations, not epochs."""

    num_epochs: int = 100
    loss: LossKind = LossKind.CATALOGUE
    weighting: Weighting | None = None  # None: DEFAULT_WEIGHTING of the split; in-batch losses know one only
    batch_size: int | None = None  # queries or, in-batch, interactions; None: see `models.objectives`
    learning_rate: float = 0.01
    validation_freq: int = 5
    patience: int = 3
    refit: bool = True  # train the model of the best epoch on with the validation part added
    seed: int = 42

    def __post_init__(self) -> None:
        require(self.num_epochs > 0, "--num_epochs", self.num_epochs, "1 or more")
        require(self.batch_size is None or self.batch_size > 0, "--batch_size", self.batch_size, "1 or more")
        require(self.learning_rate > 0, "--learning_rate", self.learning_rate, "above 0")
        require(self.validation_freq > 0, "--validation_freq", self.validation_freq, "1 or more")
        require(self.patience >= 0, "--patience", self.patience, "0 (never stop early) or more")
        require(0 <= self.seed <= MAX_SEED, "--seed", self.seed, f"0 to {MAX_SEED}")
        if self.loss is not LossKind.CATALOGUE and self.weighting not in (None, Weighting.RATINGS):
            raise UsageError(f"--weighting {self.weighting} needs --loss {LossKind.CATALOGUE}")

    def resolved(self, split: SplitKind) -> TrainingConfig:
        """The same with the weighting that a training on this split uses."""
        by_split = DEFAULT_WEIGHTING[split] if self.loss is LossKind.CATALOGUE else Weighting.RATINGS
        return replace(self, weighting=self.weighting or by_split)
