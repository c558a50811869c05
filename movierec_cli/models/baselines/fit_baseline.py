"""Fit a baseline: settings chosen on validation, then fitted on train and validation."""

import pkgutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Family
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.data.split import Split
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.evaluate import evaluate, rank_ratings
from movierec_cli.evaluation.metrics import VALIDATION_K, top_k
from movierec_cli.evaluation.queries import Scorer
from movierec_cli.models.baselines.baseline import Baseline, Settings
from movierec_cli.models.baselines.training_ratings import TrainingRatings
from movierec_cli.models.trained import Fitted, Fitting
from movierec_cli.registry.run_parts import RunParts

EVALUATED_RATINGS = 16_384
"""Validation ratings that are ranked: from there more users change the choice less than the grid's steps."""

Evaluate = Callable[[Settings, float], None]


def choose_settings(baseline: Baseline, dataset: Dataset, split: Split, evaluate_on: Evaluate) -> Settings:
    """The settings that are best on validation when fitted on train; the first of equals.

    Args:
        baseline: its grid and how it is fitted.
        dataset: the data set.
        split: train and validation are looked at, test is not.
        evaluate_on: hears of each setting's recall@100.

    Raises:
        MovierecError: no validation rating is by a user of the training set.
    """
    if len(baseline.grid) == 1:
        return baseline.grid[0]
    part = TrainingRatings.of(dataset, split.train)
    rows = _evaluated_rows(dataset, split.validation, part)
    seen = movies_of_users(dataset, split.train)
    fit = (baseline.draft or baseline.prepare)(part)

    def score(place: int) -> float:
        settings = baseline.grid[place]
        ranks = rank_ratings(dataset, rows, fit(settings), seen)
        recall = top_k(ranks, dataset.ratings.user_index[rows]).recall[VALIDATION_K]
        evaluate_on(settings, recall)
        return recall

    return baseline.grid[best_place(score, len(baseline.grid), baseline.climbs_from)]


def best_place(score: Callable[[int], float], n_places: int, climbs_from: int | None) -> int:
    """The place 0 … n_places - 1 that is best, the first of equals.

    Args:
        score: how good a place is.
        n_places: how many there are.
        climbs_from: where to start walking uphill; None: every place is tried.
    """
    if climbs_from is None:
        return int(np.argmax([score(place) for place in range(n_places)]))
    return climb(score, climbs_from, n_places)


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


class BaselineObserver(Protocol):
    """Hears how the choice of settings goes."""

    def setting_evaluated(self, family: Family, settings: Settings, recall: float) -> None:
        """A setting's recall@100 on validation, seen movies masked, mean over users: 0 … 1."""


@dataclass(frozen=True)
class FittedBaseline:
    """A fitted baseline, ready to be evaluated."""

    model: Scorer
    settings: dict[str, float]  # what validation chose; empty where there is nothing to choose
    training_s: float  # seconds of choosing and fitting
    n_parameters: int


def fit_baseline(
    family: Family, dataset: Dataset, split: Split, observer: BaselineObserver | None = None
) -> FittedBaseline:
    """Chooses the family's settings on validation and fits it on train and validation; test is not looked at.

    A user without a rating in train and validation gets scores by popularity from the personal families.
    Deterministic.

    Args:
        family: one of `config.BASELINES`.
        dataset: the data set.
        split: of its ratings.
        observer: told of each setting that is evaluated.

    Raises:
        MovierecError: the catalogue is too large for the family, or settings cannot be chosen because no
            validation rating is by a user of the training set.
    """

    def evaluated(settings: Settings, recall: float) -> None:
        if observer is not None:
            observer.setting_evaluated(family, settings, recall)

    started = time.perf_counter()
    baseline: Baseline = pkgutil.resolve_name(family.spec.baseline)
    settings = choose_settings(baseline, dataset, split, evaluated)
    scorer = baseline.prepare(TrainingRatings.of(dataset, split.fit))(settings)
    return FittedBaseline(scorer, dict(settings), time.perf_counter() - started, scorer.n_parameters)


def fit_run(fitting: Fitting) -> Fitted:
    """Fits and evaluates a run of a baseline that ranks."""
    split = fitting.split
    baseline = fit_baseline(fitting.config.family, fitting.dataset, split)
    outcome = evaluate(fitting.dataset, split.fit, split.test, baseline.model)
    parts = RunParts(outcome=outcome)
    return Fitted.baseline(parts, baseline.n_parameters, baseline.settings, baseline.training_s)
