"""Fit a baseline: settings chosen on validation, then fitted on train and validation."""

import pkgutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Family
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.data.split import Split
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.evaluate import evaluate, rank_ratings
from movierec_cli.evaluation.metrics import VALIDATION_K, top_k
from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.models.baselines.baseline import (
    Baseline,
    Model,
    RatingPredictor,
    Scorer,
    Settings,
    TrainingRatings,
)
from movierec_cli.models.trained import FitResult, Fitted, Fitting
from movierec_cli.registry.run_parts import RunParts

EVALUATED_RATINGS = 16_384
"""Validation ratings that are ranked: from there more users change the choice less than the grid's steps."""


@dataclass(frozen=True)
class FittedBaseline(Generic[Model]):
    """A fitted baseline, ready to be evaluated."""

    model: Model
    settings: Settings  # what validation chose; empty where there is nothing to choose
    training_s: float  # seconds of choosing and fitting


def fit_baseline(family: Family, dataset: Dataset, split: Split) -> FittedBaseline[Scorer]:
    """Chooses the family's settings by recall on validation and fits it on train and validation.

    Test is not looked at. A user without a rating in train and validation gets scores by popularity from the
    personal families. Deterministic.

    Args:
        family: one of `config.BASELINES`.
        dataset: the data set.
        split: of its ratings.

    Raises:
        MovierecError: the catalogue is too large for the family, or settings cannot be chosen because no
            validation rating is by a user of the training set.
    """

    def recall_of(part: TrainingRatings) -> Callable[[Scorer], float]:
        rows = _evaluated_rows(dataset, split.validation, part)
        users, seen = dataset.ratings.user_index[rows], movies_of_users(dataset, split.train)
        return lambda model: top_k(rank_ratings(dataset, rows, model, seen), users).recall[VALIDATION_K]

    return _fit(family, dataset, split, recall_of)


def fit_rating_baseline(family: Family, dataset: Dataset, split: Split) -> FittedBaseline[RatingPredictor]:
    """Chooses the family's settings by the RMSE on validation and fits it on train and validation.

    Test is not looked at. A user or movie without a rating in train and validation counts as average.
    Deterministic.

    Args:
        family: one of `config.RATING_BASELINES`.
        dataset: the data set.
        split: of its ratings.
    """
    given = dataset.ratings.rating[split.validation]

    def nearness(model: RatingPredictor) -> float:
        predicted = model.predict(dataset, split.validation).astype(np.float64)
        return -float(np.mean((predicted - given) ** 2))

    return _fit(family, dataset, split, lambda _: nearness)


def _fit(
    family: Family,
    dataset: Dataset,
    split: Split,
    score_of: Callable[[TrainingRatings], Callable[[Model], float]],
) -> FittedBaseline[Model]:
    """Chooses settings by what the score of the training ratings says of a model; the first of equals."""
    started = time.perf_counter()
    baseline: Baseline[Model] = pkgutil.resolve_name(family.spec.baseline)
    grid, place = baseline.grid, 0
    if len(grid) > 1:
        part = TrainingRatings.of(dataset, split.train)
        score, fit = score_of(part), (baseline.draft or baseline.prepare)(part)

        def height(one: int) -> float:
            return score(fit(grid[one]))

        start = baseline.climbs_from
        place = max(range(len(grid)), key=height) if start is None else climb(height, start, len(grid))
    model = baseline.prepare(TrainingRatings.of(dataset, split.fit))(grid[place])
    return FittedBaseline(model, dict(grid[place]), time.perf_counter() - started)


def fit_run(fitting: Fitting) -> Fitted:
    """Fits and evaluates a run of a baseline."""
    family, dataset, split = fitting.config.family, fitting.dataset, fitting.split
    fitted: FittedBaseline[Scorer] | FittedBaseline[RatingPredictor]
    if family.rates:
        fitted = fit_rating_baseline(family, dataset, split)
        ratings, rows = dataset.ratings, split.test
        predicted = fitted.model.predict(dataset, rows)
        outcome = RatingOutcome(rows, ratings.user_index[rows], ratings.rating[rows], predicted)
        parts = RunParts(rating_outcome=outcome)
    else:
        fitted = fit_baseline(family, dataset, split)
        parts = RunParts(outcome=evaluate(dataset, split.fit, split.test, fitted.model))
    result = FitResult(training_s=fitted.training_s)
    return Fitted.of(result, fitted.model.n_parameters, parts, fitted.settings)


def climb(score: Callable[[int], float], start: int, n_places: int) -> int:
    """The place 0 … n_places - 1 from which neither neighbour is better, walking uphill from `start`.

    Args:
        score: how good a place is; called once for each place that is passed.
        start: where to begin.
        n_places: how many there are.
    """
    best, height = start, score(start)
    for step in (-1, 1):
        while 0 <= best + step < n_places and (next_height := score(best + step)) > height:
            best, height = best + step, next_height
        if best != start:
            break
    return best


def _evaluated_rows(
    dataset: Dataset, validation: npt.NDArray[np.int64], part: TrainingRatings
) -> npt.NDArray[np.int64]:
    """Validation ratings of users with training ratings; where they are many, those of some users."""
    user_index = dataset.ratings.user_index
    rows = validation[~part.is_cold[user_index[validation]]]
    if len(rows) == 0:
        raise MovierecError(
            f"none of {len(validation):,} validation ratings is by a user who has training ratings, so"
            " nothing can be chosen on them; raise --validation_fraction, use another --split, or ask for"
            " --baselines popularity, which has nothing to choose"
        )
    users, counts = np.unique(user_index[rows], return_counts=True)
    order = np.random.default_rng(0).permutation(len(users))
    before = np.cumsum(counts[order]) - counts[order]
    return rows[np.isin(user_index[rows], users[order[before < EVALUATED_RATINGS]])]
