"""What the logs of trainings have in common: which values they get, under which names, at which epoch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

from movierec_cli.errors import MovierecError
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry.record import EpochRecord, RunConfig
from movierec_cli.registry.store import Run
from movierec_cli.storage.serialization import encode

Values = Mapping[str, float]
Setting = bool | int | float | str


class TrainingLog(TrainingObserver):
    """A log of the runs that are trained; baselines have no epochs, and what is loaded is trained already.

    A log that fails during a training is given up, with a warning: the training is worth more.

    Args:
        warn: is told that.
    """

    option: ClassVar[str]
    problems: tuple[type[Exception], ...] = (OSError, MovierecError)  # of writing

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._is_usable = True
        self._training: tuple[str, RunConfig] | None = None

    def begin(self, name: str, config: RunConfig, after: int) -> None:
        """A run's log begins anew, or where `after` is not 0, goes on after this epoch."""
        raise NotImplementedError

    def write(self, epoch: int, values: Values) -> None:
        """Adds an epoch's values."""
        raise NotImplementedError

    def complete(self, run: Run) -> None:
        """The run is trained and saved."""

    def abandon(self, error: BaseException) -> None:
        """The training ended by an error or an interruption."""

    def of_run(self) -> TrainingObserver:
        """Logs a run while others are logged."""
        return copy.copy(self)

    def training_started(self, name: str, config: RunConfig) -> None:
        """Waits for the first epoch, since only then it is known whether the training is resumed."""
        self._training, self._has_begun = (name, config), False
        self._epoch = self._epochs_before = 0
        self._stage = "training"
        self._rate: Values = {}

    def resumed(self, epoch: int) -> None:
        """Goes on after this epoch."""
        self._epoch = epoch
        self._begin(after=epoch)

    def learning_rate_used(self, epoch: int, learning_rate: float) -> None:
        """Is written with the epoch's loss."""
        self._rate = {"learning_rate": learning_rate}

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        """Writes the loss, of a refit under a name of its own; its epochs count on from those before it."""
        self._epoch = self._epochs_before + epoch
        self._write({f"loss/{self._stage}": train_loss, **self._rate})

    def validated(self, record: EpochRecord) -> None:
        """Writes the metrics."""
        self._write(validation_values(record))

    def member_started(self, member: int, n_members: int) -> None:
        """Counts on."""
        self._stage, self._epochs_before = "training", self._epoch

    def refit_started(self, num_epochs: int) -> None:
        """Counts on."""
        self._stage, self._epochs_before = "refit", self._epoch

    def run_ended(self, run: Run, *, loaded: bool) -> None:
        """Completes the log of what was trained."""
        self._end(lambda: self.complete(run))

    def training_stopped(self, error: BaseException) -> None:
        """Leaves the log as it is, to go on when the training is resumed."""
        self._end(lambda: self.abandon(error))

    def _begin(self, after: int) -> None:
        if self._training is not None and not self._has_begun:
            name, config = self._training
            self._has_begun = True
            self._safely(lambda: self.begin(name, config, after))

    def _write(self, values: Values) -> None:
        self._begin(after=0)
        if self._training is not None:
            self._safely(lambda: self.write(self._epoch, values))

    def _end(self, last: Callable[[], None]) -> None:
        if self._training is not None and self._has_begun:
            self._safely(last)
        self._training = None

    def _safely(self, act: Callable[[], None]) -> None:
        if not self._is_usable:
            return
        try:
            act()
        except self.problems as error:
            self._is_usable = False
            self._warn(f"{self.option}: {error}; the training goes on without this log")


def validation_values(record: EpochRecord) -> dict[str, float]:
    """What a validation measured, by name: "validation/recall@10", "validation/rmse", "loss/validation"."""
    values = {f"validation/recall@{k}": value for k, value in record.validation.recall.items()}
    if record.ndcg is not None:
        values["validation/ndcg@10"] = record.ndcg
    if record.ratings is not None:
        values |= {f"validation/{name}": value for name, value in vars(record.ratings).items()}
    if record.validation_loss is not None:
        values["loss/validation"] = record.validation_loss
    return values


def settings_of_run(config: RunConfig) -> dict[str, Setting]:
    """Everything that decides a run's numbers, by name, such as "training.learning_rate"."""
    return dict(_flat("", encode(config)))


def _flat(name: str, value: object) -> Iterator[tuple[str, Setting]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list):
        yield name, " ".join(map(str, value)) or "None"
    elif isinstance(value, Setting):
        yield name, value
