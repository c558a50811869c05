"""How a run of any family is fitted: what it is given, what it tells, and what it gives to the registry.

The families table says which function fits a family; it is imported when it is called. Nothing here needs
an engine.
"""

from __future__ import annotations

import importlib.metadata
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from movierec_cli import __version__
from movierec_cli.config import Family
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import Split
from movierec_cli.evaluation.metrics import TopK
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ratings import RatingErrors, RatingOutcome
from movierec_cli.registry.record import EpochRecord, RunConfig
from movierec_cli.registry.run_parts import RunArtifacts, RunParts
from movierec_cli.registry.store import Run
from movierec_cli.scoring.rating_head import RatingHead
from movierec_cli.scoring.towers import Towers


@dataclass(frozen=True)
class Validation:
    """What the validation set shows of a model."""

    score: float  # the epoch with the highest is kept
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

    def fitted(self) -> Fitted:
        """The same as the registry takes it."""
        results = {
            "n_parameters": self.n_parameters,
            "settings": {},
            "best_epoch": self.fit.best_epoch,
            "epochs_run": self.fit.epochs_run,
            "training_s": self.fit.training_s + self.refit_s,
            "validation_s": self.fit.validation_s,
            "history": self.fit.history,
        }
        parts = RunParts(
            outcome=self.outcome,
            artifacts=self.artifacts,
            towers=self.towers,
            rating_outcome=self.rating_outcome,
            rating_head=self.rating_head,
        )
        return Fitted(results, parts)


@dataclass(frozen=True)
class Fitting:
    """What is to be fitted, and on what."""

    dataset: Dataset
    split: Split
    config: RunConfig
    observer: FitObserver
    checkpoint: Path  # the folder from which an interrupted training can be resumed


@dataclass(frozen=True)
class Fitted:
    """A model of any family as the registry takes it."""

    results: dict[str, Any]  # fields of the record
    parts: RunParts

    @classmethod
    def baseline(
        cls, parts: RunParts, n_parameters: int, settings: dict[str, float], training_s: float
    ) -> Fitted:
        """A model that has no epochs."""
        results = {
            "n_parameters": n_parameters,
            "settings": settings,
            "best_epoch": 0,
            "epochs_run": 0,
            "training_s": training_s,
            "validation_s": 0.0,
            "history": (),
        }
        return cls(results, parts)


def fit_run(fitting: Fitting) -> Fitted:
    """Fits a model of any family.

    Raises:
        MovierecError: it cannot be fitted to these data, or training diverged.
    """
    spec = fitting.config.family.spec
    if spec.start:
        pkgutil.resolve_name(spec.start)()
    fitted: Fitted = pkgutil.resolve_name(spec.fit)(fitting)
    return fitted


def versions(family: Family) -> dict[str, str]:
    """Of movierec and of the packages that decide the numbers of a family's runs."""
    packages = family.spec.packages
    return {"movierec": __version__} | {package: importlib.metadata.version(package) for package in packages}


class TrainingObserver(FitObserver, Protocol):
    """Is told of the loading of data and of each run. Positions count runs, from 1."""

    def data_loading(self, message: str, done: int, total: int) -> None: ...

    def run_started(self, label: str, position: int, total: int) -> None: ...

    def run_ended(self, run: Run, *, loaded: bool) -> None: ...

    def warned(self, message: str) -> None: ...

    def noted(self, message: str) -> None: ...


class SilentObserver:
    """A `TrainingObserver` that does nothing; others derive from it what they do not need."""

    def data_loading(self, message: str, done: int, total: int) -> None:
        """Nothing."""

    def run_started(self, label: str, position: int, total: int) -> None:
        """Nothing."""

    def resumed(self, epoch: int) -> None:
        """Nothing."""

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        """Nothing."""

    def validated(self, record: EpochRecord) -> None:
        """Nothing."""

    def refit_started(self, num_epochs: int) -> None:
        """Nothing."""

    def run_ended(self, run: Run, *, loaded: bool) -> None:
        """Nothing."""

    def warned(self, message: str) -> None:
        """Nothing."""

    def noted(self, message: str) -> None:
        """Nothing."""
