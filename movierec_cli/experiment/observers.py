"""Who is told how an experiment proceeds."""

from __future__ import annotations

from typing import Protocol

from movierec_cli.models.trained import FitObserver
from movierec_cli.registry.record import EpochRecord
from movierec_cli.registry.store import Run


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
