"""What a baseline is: the settings that validation chooses from, how it is fitted, what it predicts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset
from movierec_cli.evaluation.queries import GroupedQueries, Targets, queries_by_user
from movierec_cli.evaluation.ranks import ScoreBlock
from movierec_cli.evaluation.ratings import clipped
from movierec_cli.models.baselines.training_ratings import TrainingRatings


@dataclass(frozen=True)
class Scorer:
    """A baseline that ranks, fitted with one setting."""

    score_users: ScoreBlock  # rows of users [b] to float32 [b, n_movies]; called from several threads
    n_parameters: int

    def group_queries(self, targets: Targets) -> GroupedQueries:
        """One query a user: no baseline sees the time of a query."""
        return queries_by_user(targets.user_index, self.score_users)


def same_for_all(scores: npt.NDArray[np.float32]) -> Scorer:
    """Every user gets the same scores, [n_movies]."""
    return Scorer(lambda users: np.broadcast_to(scores, (len(users), len(scores))), len(scores))


def with_popularity_for_cold_users(part: TrainingRatings, scorer: Scorer) -> Scorer:
    """Users without a rating to go by get popularity in place of scores that are all alike.

    Any deployment has this fallback, so a comparison without it would be too easy to win.
    """

    def score_users(users: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        scores = scorer.score_users(users)  # [b, n_movies]
        scores[part.is_cold[users]] = part.popularity
        return scores

    return Scorer(score_users, scorer.n_parameters)


Stars: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class RatingPredictor:
    """A baseline that predicts ratings, fitted with one setting."""

    stars: Callable[[Rows, Rows], Stars]  # rows of users and of movies, [n] each, to stars not yet clipped
    n_parameters: int

    def predict(self, dataset: Dataset, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Rows of Ratings, [n], to stars on the data set's scale, [n]; the stars given are not looked at."""
        ratings = dataset.ratings
        return clipped(self.stars(ratings.user_index[rows], ratings.movie_index[rows]), dataset)


Settings: TypeAlias = dict[str, float]

Model = TypeVar("Model", Scorer, RatingPredictor)


@dataclass(frozen=True)
class Baseline(Generic[Model]):
    """One entry of the families table."""

    grid: tuple[Settings, ...]
    prepare: Callable[[TrainingRatings], Callable[[Settings], Model]]  # does once what all settings share
    draft: Callable[[TrainingRatings], Callable[[Settings], Model]] | None = None
    """A cheaper `prepare`, to choose with."""
    climbs_from: int | None = None
    """A place in a grid along which validation rises to one top: the search starts there and walks uphill.
    None: every setting is tried."""


def one_by_one(name: str, values: tuple[float, ...]) -> tuple[Settings, ...]:
    """A grid over one setting."""
    return tuple({name: value} for value in values)
