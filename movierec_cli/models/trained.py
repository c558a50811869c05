"""What every training hears, and what it gives to the registry. Nothing here needs an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ratings import RatingErrors, RatingOutcome
from movierec_cli.evaluation.top_k import TopK
from movierec_cli.registry.record import EpochRecord
from movierec_cli.registry.run_parts import RunArtifacts
from movierec_cli.scoring.rating_head import RatingHead
from movierec_cli.scoring.towers import Towers


@dataclass(frozen=True)
class Validation:
    """What the validation part shows of a model."""

    worth: float  # the epoch with the highest is kept
    top_k: TopK
    ratings: RatingErrors | None = None  # where it predicts them


class FitObserver(Protocol):
    """Hears how training goes."""

    def resumed(self, epoch: int) -> None: ...

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None: ...

    def validated(self, record: EpochRecord) -> None: ...

    def refit_started(self, num_epochs: int) -> None: ...


@dataclass(frozen=True)
class FitResult:
    """How training went. The model holds the weights of the best epoch."""

    history: tuple[EpochRecord, ...]
    best_epoch: int
    epochs_run: int
    training_s: float
    validation_s: float


@dataclass(frozen=True)
class TrainedModel:
    """What a training gives to the registry."""

    fit: FitResult
    refit_s: float  # seconds, 0 where the model of the validation fit is kept
    outcome: Outcome
    n_parameters: int
    artifacts: RunArtifacts
    rating_outcome: RatingOutcome | None = None  # where it has that task
    rating_head: RatingHead | None = None
    towers: Towers | None = None  # of a model that has two
