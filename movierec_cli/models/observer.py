"""Who is told how trainings go. Nothing heavy is imported here, since every display of progress is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from movierec_cli.registry.record import EpochRecord
    from movierec_cli.registry.store import Run


class TrainingObserver:
    """Is told of the loading of data, of each run and of its epochs; whoever does not care overrides nothing.

    Positions and epochs count from 1.
    """

    def data_loading(self, message: str, done: int, total: int) -> None:
        """So much of a step of loading is done."""

    def run_started(self, label: str, position: int, total: int) -> None:
        """A run is about to be loaded or trained."""

    def resumed(self, epoch: int) -> None:
        """An interrupted training continues after this epoch."""

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        """An epoch is over."""

    def validated(self, record: EpochRecord) -> None:
        """The model was ranked on the validation set."""

    def refit_started(self, num_epochs: int) -> None:
        """The chosen model is trained on, with the validation set added."""

    def run_ended(self, run: Run, *, loaded: bool) -> None:
        """A run is there."""

    def warned(self, message: str) -> None:
        """Something is not as it should be."""

    def noted(self, message: str) -> None:
        """Something is worth knowing."""
