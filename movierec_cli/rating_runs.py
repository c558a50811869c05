"""Which saved run predicts ratings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from movierec_cli.data.dataset import Dataset
from movierec_cli.errors import MovierecError
from movierec_cli.registry.record import RunRecord
from movierec_cli.registry.store import Run, find_named, list_runs

TRAIN_ONE = "movierec train --tasks retrieval rating"


@dataclass(frozen=True)
class ChosenRun:
    """A run, and why it was taken."""

    run: Run
    reason: str  # for people


def predicts_ratings(record: RunRecord) -> bool:
    """Whether a run has learned to predict ratings; one whose rating weight is 0 has not."""
    return record.config.tasks is not None and record.config.tasks.rating > 0


def require_ratings(record: RunRecord) -> None:
    """Raises a `MovierecError`, which says how to train one that does, where a run predicts no ratings."""
    if not predicts_ratings(record):
        raise MovierecError(f"{record.name} predicts no ratings; train a model that does: {TRAIN_ONE}")


def rating_runs(directory: Path, name: str | None = None) -> tuple[Run, ...]:
    """The run that is named, by its beginning too, or all that predict ratings.

    Raises:
        MovierecError: there is none, or the one that is named predicts no ratings.
    """
    if name is not None:
        named = find_named(directory, name)
        require_ratings(named.record)
        return (named,)
    runs, problems = list_runs(directory)
    able = tuple(run for run in runs if predicts_ratings(run.record))
    if not able:
        unusable = f" ({problems[0].message})" if problems and not runs else ""
        raise MovierecError(
            f"no model that predicts ratings is saved in {directory}{unusable}; train one first: {TRAIN_ONE}"
        )
    return able


def best_run(runs: Sequence[Run], dataset: Dataset) -> ChosenRun:
    """The run of a data set with the lowest RMSE on validation, or the newest where none has one.

    The test part decides nothing: it is for judging what was chosen.

    Args:
        runs: runs that predict ratings, of whatever data.
        dataset: the data set.

    Raises:
        MovierecError: no run is of this data set.
    """
    own = [run for run in runs if run.record.data.fingerprint == dataset.fingerprint]
    if not own:
        others = ", ".join(sorted({run.record.data.name for run in runs}))
        raise MovierecError(
            f"the saved models that predict ratings are of {others}, not of '{dataset.name}' as it is now;"
            f" train one with the same data options: {TRAIN_ONE}"
        )
    rmse = {run.record.name: validation_rmse(run.record) for run in own}
    measured = [(stars, run) for run in own if (stars := rmse[run.record.name]) is not None]
    of_all = "the only one" if len(own) == 1 else f"of {len(own)} models"
    if not measured:
        newest = max(own, key=lambda run: (run.record.created_at, run.record.name))
        return ChosenRun(newest, of_all if len(own) == 1 else f"the newest {of_all}")
    stars, best = min(measured, key=lambda pair: (pair[0], pair[1].record.name))
    lead = of_all if len(own) == 1 else f"the best {of_all}"
    return ChosenRun(best, f"{lead}, RMSE {stars:.3f} stars on validation")


def validation_rmse(record: RunRecord) -> float | None:
    """Of the best epoch, in stars; None where no validation rating was predicted."""
    best = next((epoch.ratings for epoch in record.history if epoch.epoch == record.best_epoch), None)
    return None if best is None or math.isnan(best.rmse) else best.rmse
