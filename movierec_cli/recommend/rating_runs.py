"""Which saved run predicts ratings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from movierec_cli.recommend.run_choice import ChosenRun, Need, able_runs, best_of
from movierec_cli.registry.record import RunRecord
from movierec_cli.registry.store import Run

TRAIN_ONE = "movierec train --tasks retrieval rating"


def predicts_ratings(record: RunRecord) -> bool:
    """Whether a run has learned to predict ratings; one whose rating weight is 0 has not."""
    return record.config.tasks is not None and record.config.tasks.rating > 0


def require_ratings(record: RunRecord) -> None:
    """Raises a `MovierecError`, which says how to train one that does, where a run predicts no ratings."""
    _NEED.require(record)


def rating_runs(directory: Path, name: str | None = None) -> tuple[Run, ...]:
    """The run that is named, by its beginning too, or all that predict ratings.

    Raises:
        MovierecError: there is none, or the one that is named predicts no ratings.
    """
    return able_runs(directory, _NEED, name)


def best_run(runs: Sequence[Run], dataset: str | None = None) -> ChosenRun:
    """The run of a data set with the lowest RMSE on validation, or the newest where none has one.

    Args:
        runs: runs that predict ratings, of whatever data.
        dataset: the name of the data set; None where the runs are of one.

    Raises:
        MovierecError: no run is of this data set, or nobody says which of several.
    """
    return best_of(runs, _NEED, dataset)


def validation_rmse(record: RunRecord) -> float | None:
    """Of the best epoch, in stars; None where no validation rating was predicted."""
    best = next((epoch.ratings for epoch in record.history if epoch.epoch == record.best_epoch), None)
    return None if best is None or math.isnan(best.rmse) else best.rmse


def _lowest_rmse(record: RunRecord) -> float | None:
    rmse = validation_rmse(record)
    return None if rmse is None else -rmse


_NEED = Need(
    model="model that predicts ratings",
    models="models that predict ratings",
    refusal=f"predicts no ratings; train a model that does: {TRAIN_ONE}",
    train_one=TRAIN_ONE,
    is_met=predicts_ratings,
    worth=_lowest_rmse,
    measured=lambda record: f"RMSE {validation_rmse(record):.3f} stars on validation",
)
