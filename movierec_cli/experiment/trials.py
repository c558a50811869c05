"""One trial of a search: settings that are trained on train alone and judged on validation alone."""

from __future__ import annotations

import enum
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from movierec_cli.config import DEFAULT_TOP_K, Monitor
from movierec_cli.config.search_space import Value
from movierec_cli.data.split_data import SplitData
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.evaluation.metrics import parse_metric
from movierec_cli.models.observer import TrainingObserver, telling
from movierec_cli.models.trained import Fitting, fit_run
from movierec_cli.records import dataclass
from movierec_cli.registry.record import EpochRecord, RunConfig
from movierec_cli.runners.runner import Channel

Curve = tuple[tuple[int, float], ...]
"""The metric after epochs, which rise."""

MEASURED = (str(Monitor.NDCG), *(f"recall@{k}" for k in DEFAULT_TOP_K))
"""The metrics that each validation of a training measures, so that a search can go by them."""


class TrialState(enum.StrEnum):
    """How a trial ended."""

    FINISHED = "finished"
    PRUNED = "pruned"
    """Stopped early, as its validation was below the median of those before it."""
    FAILED = "failed"
    """The settings do not go together, or the training diverged."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a trial went.

    Attributes:
        score: the metric of its best epoch on validation, where it finished.
        epoch: that epoch; 0 where it did not finish.
        curve: the metric of each validation.
        seconds: that it took.
        problem: why it failed, for people.
    """

    state: TrialState
    score: float | None = None
    epoch: int = 0
    curve: Curve = ()
    seconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial of a search, by its number from 0."""

    number: int
    values: Mapping[str, Value]  # by option
    outcome: Outcome

    @property
    def score(self) -> float:
        """The metric on validation; below any metric where the trial did not finish."""
        return -1.0 if self.outcome.score is None else self.outcome.score


class Pruner(Protocol):
    """Says whether a training is not worth going on with."""

    def gives_up(self, curve: Curve) -> bool:
        """Whether to stop after these validations."""


class _Pruned(Exception):
    """Ends a training from its observer."""


class _Listener(TrainingObserver):
    """Keeps the curve, tells the display, and stops the training where the pruner says so."""

    def __init__(self, metric: str, pruner: Pruner | None, display: TrainingObserver):
        self.curve: Curve = ()
        self._metric, self._pruner, self._display = metric, pruner, display

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        self._display.epoch_ended(epoch, num_epochs, train_loss)

    def validated(self, record: EpochRecord) -> None:
        self._display.validated(record)
        self.curve += ((record.epoch, measured(record, self._metric)),)
        if self._pruner is not None and self._pruner.gives_up(self.curve):
            raise _Pruned


def require_measured(metric: str) -> None:
    """Refuses a metric that trainings do not measure on validation.

    Raises:
        UsageError: names those that they do.
    """
    if metric not in MEASURED:
        raise UsageError(
            f"--metric {metric} is not measured on validation while a model is trained; search by one of"
            f" {', '.join(MEASURED)}"
        )


def measured(record: EpochRecord, metric: str) -> float:
    """One of `MEASURED` of a validation."""
    value = record.ndcg if metric == Monitor.NDCG else record.validation.recall[parse_metric(metric)[1]]
    assert value is not None  # of a model that ranks
    return value


@dataclass(frozen=True)
class TrialTask:
    """What is to be trained, by what it is judged, and what may stop it early."""

    config: RunConfig
    metric: str
    pruner: Pruner | None = None


def do_trial(data: SplitData, task: TrialTask, channel: Channel) -> Outcome:
    """Trains settings on train and judges them on validation; nothing is kept, and test is not looked at.

    A task of a runner. What it tells are events of an observer.
    """
    started = time.perf_counter()
    listener = _Listener(task.metric, task.pruner, telling(channel.tell))
    try:
        with tempfile.TemporaryDirectory(prefix="movierec-trial-") as folder:
            checkpoint = Path(folder, "checkpoint")
            fitted = fit_run(
                Fitting(data.dataset, data.split, task.config, listener, checkpoint, only_validated=True)
            )
    except _Pruned:
        seconds = time.perf_counter() - started
        return Outcome(state=TrialState.PRUNED, curve=listener.curve, seconds=seconds)
    except MovierecError as error:
        return failed(error, time.perf_counter() - started)
    epoch = fitted.results["best_epoch"]
    return Outcome(
        state=TrialState.FINISHED,
        score=dict(listener.curve)[epoch],
        epoch=epoch,
        curve=listener.curve,
        seconds=time.perf_counter() - started,
    )


def failed(error: MovierecError, seconds: float = 0.0) -> Outcome:
    """Of settings that cannot be trained."""
    return Outcome(state=TrialState.FAILED, seconds=seconds, problem=str(error))
