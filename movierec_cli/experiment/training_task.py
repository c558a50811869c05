"""Training a run as a task that a runner does anywhere, and what is done with it where it was asked for."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from movierec_cli.config import Processes
from movierec_cli.data.split_data import SplitData
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.metrics import NO_TOP_K, metric_values, top_k_of
from movierec_cli.evaluation.ratings import rating_errors
from movierec_cli.models.freed_memory import give_back_memory
from movierec_cli.models.observer import Event, TrainingObserver, pass_on, telling
from movierec_cli.models.trained import Fitting, fit_run, versions
from movierec_cli.records import dataclass
from movierec_cli.registry.record import DataIdentity, JudgedAs, RunConfig, RunRecord, run_name
from movierec_cli.registry.store import Run, RunFiles, install_or_keep
from movierec_cli.runners.runner import Channel, Runner

JUDGED_BY = "ndcg@10"
"""What is told of the judged run where a deployed one is used."""


@dataclass(frozen=True)
class Training:
    """A run to be trained.

    Attributes:
        config: of the run.
        identity: of its data.
        restart: whether an interrupted training begins anew instead of being resumed.
        command: the command line, which is kept with the run.
        checkpoints: the folder of what interrupted trainings have saved; None where nothing is kept of them.
        judged: the run that is trained on with all ratings, where that is wanted.
        processes: that train a sequential model together; None: the one that does the task, alone.
        parent: the run whose weights the training begins with, where there is one.
    """

    config: RunConfig
    identity: DataIdentity
    restart: bool
    command: str
    checkpoints: Path | None
    judged: Run | None = None
    processes: Processes | None = None
    parent: Run | None = None

    @property
    def name(self) -> str:
        """The run's."""
        return run_name(self.config, self.identity)


def listener_of(observer: TrainingObserver, runner: Runner) -> TrainingObserver:
    """Who is told of one training, which may go on beside others."""
    return observer if runner.n_jobs == 1 else observer.of_run()


def train_all(
    runner: Runner,
    data: SplitData,
    trainings: Iterable[Training],
    observers: Sequence[TrainingObserver],
    directory: Path,
) -> dict[int, Run]:
    """Trains runs where the runner does it, and saves each as soon as it is there.

    Args:
        runner: has been entered.
        data: of all of them, with the split of one of the folds.
        trainings: may be a generator, which is asked for the next when there is a worker for it.
        observers: told of each, by its number; may be added to as trainings are asked for.
        directory: of the saved models.

    Returns:
        The runs by the number of their training.

    Raises:
        MovierecError: a training diverged, or a run cannot be saved.
    """
    runs: dict[int, Run] = {}
    open_ones: set[int] = set()

    def told(number: int, event: Event) -> None:
        hook, arguments, _ = event
        if hook == _STARTED and number in open_ones:
            observers[number].warned(f"a worker was lost; {arguments[0]} is trained again")
        open_ones.add(number)
        pass_on(observers[number], event)

    try:
        for number, made in runner.run(train_task, trainings, shared=data, told=told):
            open_ones.discard(number)
            runs[number] = install_or_keep(directory, made)
            drop_checkpoint(directory, made.record.name)
            del made  # its files' content is not kept beside the next training
            give_back_memory(len(data.dataset.ratings))
            observers[number].run_ended(runs[number], loaded=False)
    except BaseException as error:
        for number in sorted(open_ones):
            observers[number].training_stopped(error)
        raise
    return runs


def train_task(data: SplitData, training: Training, channel: Channel) -> RunFiles:
    """Trains one model; an interrupted training is resumed from its checkpoint where there is one.

    Raises:
        MovierecError: it cannot be fitted to these data, training diverged, or a checkpoint that is to be
            left cannot be deleted.
    """
    config = training.config
    own = data.of_fold(config.split.fold) if config.split.fold != data.config.fold else data
    observer = telling(channel.tell)
    with _checkpoint_of(training) as checkpoint:
        observer.training_started(training.name, config)
        fitted = fit_run(
            Fitting(
                own.dataset,
                own.split,
                config,
                observer,
                checkpoint,
                training.judged,
                training.processes,
                training.parent,
            )
        )
    give_back_memory(len(own.dataset.ratings))
    outcome, rating_outcome = fitted.parts.outcome, fitted.parts.rating_outcome
    record = RunRecord(
        name=training.name,
        config=config,
        data=training.identity,
        versions=versions(config),
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        split_summary=own.summary,
        test=top_k_of(outcome) if outcome else NO_TOP_K,
        ratings=rating_errors(rating_outcome) if rating_outcome else None,
        judged=_judged_as(training.judged) if training.judged else None,
        command=training.command,
        **fitted.results,
    )
    return RunFiles.of(record, fitted.parts.with_data(own.source, own.dataset.movies))


_STARTED = TrainingObserver.training_started.__name__


def _judged_as(run: Run) -> JudgedAs:
    metrics = {} if run.record.ratings is None else {"RMSE": run.record.ratings.rmse}
    if run.record.config.family.ranks:
        metrics = {JUDGED_BY: float(np.mean(metric_values(run.outcome.warm, JUDGED_BY)))} | metrics
    return JudgedAs(name=run.record.name, metrics=metrics)


def _checkpoint(folder: Path, name: str) -> Path:
    return folder / f".unfinished-{name}"


def drop_checkpoint(folder: Path, name: str) -> None:
    """Deletes what an interrupted training has saved of a run that is complete, whatever is left of it."""
    shutil.rmtree(_checkpoint(folder, name), ignore_errors=True)


@contextlib.contextmanager
def _checkpoint_of(training: Training) -> Iterator[Path]:
    """Where a training keeps what it would be resumed from."""
    if training.checkpoints is None:
        with tempfile.TemporaryDirectory() as folder:
            yield _checkpoint(Path(folder), training.name)
        return
    checkpoint = _checkpoint(training.checkpoints, training.name)
    if training.restart:
        _delete_checkpoint(checkpoint)
    yield checkpoint


def _delete_checkpoint(folder: Path) -> None:
    """Deletes what an interrupted training has saved, if there is one."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise MovierecError(
            f"{folder}, the checkpoint of an interrupted training, cannot be deleted for --retrain:"
            f" {error.strerror or error}"
        ) from error
