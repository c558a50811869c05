"""Fit a rating baseline: settings chosen on validation, then fitted on train and validation."""

import pkgutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Family
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import Split
from movierec_cli.evaluation.ratings import RatingOutcome, clipped
from movierec_cli.models.baselines.baseline import Settings
from movierec_cli.models.baselines.fit_baseline import best_place
from movierec_cli.models.baselines.training_ratings import TrainingRatings
from movierec_cli.models.trained import Fitted, Fitting
from movierec_cli.registry.run_parts import RunParts

Stars: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class RatingPredictor:
    """A rating baseline fitted with one setting."""

    stars: Callable[[Rows, Rows], Stars]  # rows of users and of movies, [n] each, to stars not yet clipped
    n_parameters: int


@dataclass(frozen=True)
class RatingBaseline:
    """One entry of the families table."""

    grid: tuple[Settings, ...]
    fit: Callable[[TrainingRatings, Settings], RatingPredictor]
    draft: Callable[[TrainingRatings, Settings], RatingPredictor] | None = (
        None  # a cheaper one, to choose with
    )
    climbs_from: int | None = None  # as of `Baseline`, with the RMSE falling to one bottom


@dataclass(frozen=True)
class FittedRatingBaseline:
    """A fitted rating baseline, ready to be evaluated."""

    predict: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]
    """Rows of Ratings, [n], to stars on the data set's scale, [n]; the stars given are not looked at."""
    settings: dict[str, float]  # what validation chose; empty where there is nothing to choose
    training_s: float  # seconds of choosing and fitting
    n_parameters: int


def fit_rating_baseline(family: Family, dataset: Dataset, split: Split) -> FittedRatingBaseline:
    """Chooses the family's settings by the RMSE on validation and fits it on train and validation.

    Test is not looked at. A user or movie without a rating in train and validation counts as average.
    Deterministic.

    Args:
        family: one of `config.RATING_BASELINES`.
        dataset: the data set.
        split: of its ratings.
    """
    started = time.perf_counter()
    baseline: RatingBaseline = pkgutil.resolve_name(family.spec.baseline)
    settings = _choose_settings(baseline, dataset, split)
    predictor = baseline.fit(TrainingRatings.of(dataset, split.fit), settings)
    return FittedRatingBaseline(
        predict=lambda rows: _predict(predictor, dataset, rows),
        settings=dict(settings),
        training_s=time.perf_counter() - started,
        n_parameters=predictor.n_parameters,
    )


def fit_run(fitting: Fitting) -> Fitted:
    """Fits and evaluates a run of a rating baseline."""
    baseline = fit_rating_baseline(fitting.config.family, fitting.dataset, fitting.split)
    ratings, rows = fitting.dataset.ratings, fitting.split.test
    outcome = RatingOutcome(rows, ratings.user_index[rows], ratings.rating[rows], baseline.predict(rows))
    parts = RunParts(rating_outcome=outcome)
    return Fitted.baseline(parts, baseline.n_parameters, baseline.settings, baseline.training_s)


def _choose_settings(baseline: RatingBaseline, dataset: Dataset, split: Split) -> Settings:
    """The settings with the least error on validation when fitted on train; the first of equals."""
    if len(baseline.grid) == 1:
        return baseline.grid[0]
    known = TrainingRatings.of(dataset, split.train)
    given = dataset.ratings.rating[split.validation]
    fit = baseline.draft or baseline.fit

    def compare_runs(place: int) -> float:
        predicted = _predict(fit(known, baseline.grid[place]), dataset, split.validation)
        return -float(np.mean((predicted.astype(np.float64) - given) ** 2))

    return baseline.grid[best_place(compare_runs, len(baseline.grid), baseline.climbs_from)]


def _predict(
    predictor: RatingPredictor, dataset: Dataset, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    ratings = dataset.ratings
    return clipped(predictor.stars(ratings.user_index[rows], ratings.movie_index[rows]), dataset)
