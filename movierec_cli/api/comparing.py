"""Saved models on the same test ratings, and the figures of a study as a frame."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from movierec_cli.config import DataConfig, SplitConfig
from movierec_cli.config.train_options import Judging, options_of_all, part_of, read_options
from movierec_cli.data.dataset import Dataset
from movierec_cli.errors import UsageError
from movierec_cli.evaluation.metrics import deciding_metric
from movierec_cli.experiment.main_job import EvaluationConfig, evaluate_saved
from movierec_cli.experiment.selection import SplitRequest
from movierec_cli.experiment.study import Study
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry.store import Run

_SPLIT = ("split", "test_fraction", "min_rating", "k_core", "targets")
COMPARE_OPTIONS = options_of_all((Judging,)) | {
    name: one
    for name, one in options_of_all((SplitConfig, DataConfig)).items()
    if name in (*_SPLIT, "archive", "datasets_dir")
}
_METRICS: dict[str, Any] = {
    "model": pl.String,
    "metric": pl.String,
    **dict.fromkeys(("mean", "low", "high"), pl.Float64),
    "runs": pl.List(pl.String),
}

_GAINS: dict[str, Any] = {
    "feature": pl.String,
    **dict.fromkeys(("gain", "low", "high", "p"), pl.Float64),
    "is_significant": pl.Boolean,
}


class LoggingObserver(TrainingObserver):
    """Warnings and notes go to the log of this package, as nobody looks at a terminal."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("movierec_cli")

    def warned(self, message: str) -> None:
        """Something is not as it should be."""
        self._logger.warning(message)

    def noted(self, message: str) -> None:
        """Something is worth knowing."""
        self._logger.info(message)


def compared(runs: Sequence[Run], source: Dataset | None, options: Mapping[str, Any]) -> Study:
    """Evaluates saved models; see `compare`.

    Args:
        runs: of one data set, in one folder.
        source: the data set, if it is loaded already.
        options: of `COMPARE_OPTIONS`.

    Raises:
        MovierecError: as `compare`.
    """
    if not runs:
        raise UsageError("there is no run to compare; give one or more")
    folders = sorted({str(one.folder.parent) for one in runs})
    if len(folders) > 1:
        raise UsageError(f"the runs are saved in {' and '.join(folders)}; compare those of one folder")
    given = read_options(options, COMPARE_OPTIONS)
    judging: Judging = part_of(Judging, given)
    places: DataConfig = part_of(DataConfig, given)
    is_named = places.archive is not None
    fields = options_of_all((SplitConfig,))
    config = EvaluationConfig(
        names=tuple(one.record.name for one in runs),
        data=places if is_named else None,
        places=places,
        split=SplitRequest(**{fields[name].field: given.get(name) for name in _SPLIT}),
        baselines=judging.baselines or (),
        ks=judging.top_k,
        metric=None if judging.metric is None else deciding_metric(judging.metric),
        saved_models_dir=runs[0].folder.parent,
    )
    found = evaluate_saved(config, LoggingObserver(), None if is_named else source)
    for problem in found.skipped:
        raise UsageError(f"left out: {problem.message}")
    return found.study


def metrics_of(study: Study) -> pl.DataFrame:
    """Columns model, metric, mean, low, high and runs, a row a figure; see `StudyResult.metrics`."""
    rated = study.ratings.models if study.ratings is not None else ()
    figures = [(one, name, value) for one in study.models for name, value in one.metrics.items()]
    figures_of_ratings = [(one, name, getattr(one, name)) for one in rated for name in ("rmse", "mae")]
    rows = [
        (model.label, name, value.mean, value.low, value.high, [one.name for one in model.records])
        for model, name, value in (*figures, *figures_of_ratings)
    ]
    return pl.DataFrame(rows, _METRICS, orient="row")


def gains_of(study: Study) -> pl.DataFrame:
    """Columns feature, gain, low, high, p and is_significant, a row a feature; see `StudyResult.gains`."""
    rows = [
        (one.feature, *vars(one.difference).values(), one.p_holm, one.is_significant)
        for one in study.ablation
    ]
    return pl.DataFrame(rows, _GAINS, orient="row")
