"""Fit a baseline: settings chosen on validation, then fitted on train and validation."""

import pkgutil
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Generic

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Family
from movierec_cli.config.families import fitting_spec
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.data.split import Split
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.evaluate import evaluate, rank_ratings, seen_in
from movierec_cli.evaluation.metrics import VALIDATION_K, lists_of, mean_ndcg, top_k
from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.models.baselines.baseline import (
    Baseline,
    Kept,
    Model,
    RatingPredictor,
    Scorer,
    Settings,
    TrainingRatings,
)
from movierec_cli.models.trained import FitResult, Fitted, Fitting, Validation, run_artifacts
from movierec_cli.records import dataclass
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.scoring.item_weights import Histories, ItemWeights

EVALUATED_RATINGS = 16_384
"""Validation ratings that are ranked: from there more users change the choice less than the grid's steps."""


@dataclass(frozen=True)
class FittedBaseline(Generic[Model]):
    """A fitted baseline, ready to be evaluated."""

    model: Model
    settings: Settings  # what validation chose; empty where there is nothing to choose
    training_s: float  # seconds of choosing and fitting
    validation: Validation | None = None  # of a model that ranks, fitted on train with these settings


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
        lists, seen = _lists(dataset, rows, split), seen_in(dataset, split.train, split)
        return lambda model: top_k(rank_ratings(dataset, rows, model, seen), lists).recall[VALIDATION_K]

    def validation_of(part: TrainingRatings, model: Scorer) -> Validation | None:
        rows = _warm_rows(dataset, split.validation, part)
        if len(rows) == 0:
            return None
        lists, seen = _lists(dataset, rows, split), seen_in(dataset, split.train, split)
        ranks = rank_ratings(dataset, rows, model, seen)
        found = top_k(ranks, lists)
        return Validation(found.recall[VALIDATION_K], found, ndcg=mean_ndcg(ranks.unseen, lists))

    return _fit(family, dataset, split, recall_of, validation_of)


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

    return _fit(family, dataset, split, lambda _: nearness, lambda *_: None)


def _fit(
    family: Family,
    dataset: Dataset,
    split: Split,
    score_of: Callable[[TrainingRatings], Callable[[Model], float]],
    validation_of: Callable[[TrainingRatings, Model], Validation | None],
) -> FittedBaseline[Model]:
    """Chooses settings by what the score of the training ratings says of a model; the first of equals.

    What is validated is the model that was chosen with; for EASE, whose choice is made in single precision,
    that one.
    """
    started = time.perf_counter()
    baseline: Baseline[Model] = pkgutil.resolve_name(fitting_spec(family).baseline)
    part = TrainingRatings.of(dataset, split.train)
    settings, chosen = _chosen(baseline, part, score_of)
    validation = validation_of(part, chosen)
    del chosen  # of EASE, a matrix of all movies by all
    model = baseline.prepare(TrainingRatings.of(dataset, split.fit))(settings)
    return FittedBaseline(model, dict(settings), time.perf_counter() - started, validation)


def _chosen(
    baseline: Baseline[Model],
    part: TrainingRatings,
    score_of: Callable[[TrainingRatings], Callable[[Model], float]],
) -> tuple[Settings, Model]:
    """The settings of the highest score, and the model that was fitted to `part` with them."""
    grid, fit = baseline.grid, (baseline.draft or baseline.prepare)(part)
    if len(grid) == 1:
        return grid[0], fit(grid[0])
    score, best = score_of(part), list[tuple[float, Settings, Model]]()

    def height(one: int) -> float:
        model = fit(grid[one])
        value = score(model)
        if not best or value > best[0][0]:
            best[:] = [(value, grid[one], model)]
        return value

    if baseline.climbs_from is None:
        for one in range(len(grid)):
            height(one)
    else:
        climb(height, baseline.climbs_from, len(grid))
    return best[0][1:]


def fit_run(fitting: Fitting) -> Fitted:
    """Fits and evaluates a run of a baseline; a judged one is fitted to all ratings, with its settings."""
    if fitting.judged is not None:
        return _fit_to_all(fitting, fitting.judged.record.settings)
    family, dataset, split = fitting.config.family, fitting.dataset, fitting.split
    fitted: FittedBaseline[Scorer] | FittedBaseline[RatingPredictor]
    if family.rates:
        fitted = fit_rating_baseline(family, dataset, split)
        ratings, rows = dataset.ratings, split.test
        predicted = fitted.model.predict(dataset, rows)
        rated = RatingOutcome(rows, ratings.user_index[rows], ratings.rating[rows], predicted)
        parts = RunParts(rating_outcome=rated)
    else:
        fitted = fit_baseline(family, dataset, split)
        outcome = evaluate(dataset, split.fit, split.test, fitted.model, is_successive=split.is_successive)
        parts = replace(kept_parts(dataset, split.fit, fitted.model.kept), outcome=outcome)
    history = () if fitted.validation is None else (fitted.validation.record(0, None, fitted.training_s),)
    result = FitResult(training_s=fitted.training_s, history=history)
    return Fitted.of(result, fitted.model.n_parameters, parts, fitted.settings)


def _fit_to_all(fitting: Fitting, settings: Settings) -> Fitted:
    started, dataset = time.perf_counter(), fitting.dataset
    rows = np.arange(len(dataset.ratings))
    baseline: Baseline[Scorer] = pkgutil.resolve_name(fitting_spec(fitting.config.family).baseline)
    model = baseline.prepare(TrainingRatings.of(dataset, rows))(settings)
    result = FitResult(training_s=time.perf_counter() - started)
    return Fitted.of(result, model.n_parameters, kept_parts(dataset, rows, model.kept), settings)


def kept_parts(dataset: Dataset, rows: npt.NDArray[np.int64], kept: Kept) -> RunParts:
    """What a run holds of a baseline that ranks and was fitted to the ratings at `rows`."""
    n_users, n_movies = len(dataset.users), len(dataset.movies)
    none = np.zeros((max(n_users, n_movies), 0), np.float32)
    users, movies = kept.factors or (none[:n_users], none[:n_movies])
    artifacts = replace(run_artifacts(dataset, {}, {}, users, movies), popularity=kept.popularity)
    if (weights := kept.weights) is None:
        return RunParts(artifacts=artifacts)
    if isinstance(weights, np.ndarray):
        of_movies, starts = ItemWeights(weights.ravel()), n_movies * np.arange(n_movies + 1)
    else:
        of_movies, starts = ItemWeights(weights.data, weights.indices), weights.indptr.astype(np.int64)
    history = movies_of_users(dataset, rows)
    owner = np.repeat(np.arange(n_users), history.lengths)
    movie = history.values[np.lexsort((history.values, owner))]
    return RunParts(
        artifacts=artifacts,
        histories=Histories.of(history.starts, movie, of_movies, starts),
        item_weights=of_movies,
    )


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


def _lists(dataset: Dataset, rows: npt.NDArray[np.int64], split: Split) -> npt.NDArray[np.int32]:
    return lists_of(dataset.ratings.user_index[rows], is_successive=split.is_successive)


def _evaluated_rows(
    dataset: Dataset, validation: npt.NDArray[np.int64], part: TrainingRatings
) -> npt.NDArray[np.int64]:
    """Validation ratings of users with training ratings; where they are many, those of some users."""
    user_index = dataset.ratings.user_index
    rows = _warm_rows(dataset, validation, part)
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


def _warm_rows(
    dataset: Dataset, validation: npt.NDArray[np.int64], part: TrainingRatings
) -> npt.NDArray[np.int64]:
    """Validation ratings of users with training ratings."""
    return validation[~part.is_cold[dataset.ratings.user_index[validation]]]
