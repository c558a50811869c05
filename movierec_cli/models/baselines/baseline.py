"""What a baseline is: what it learns from, the settings that validation chooses from, what it predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset
from movierec_cli.evaluation.queries import GroupedQueries, Targets, queries_by_user
from movierec_cli.evaluation.ranks import ScoreBlock, Scores
from movierec_cli.evaluation.ratings import clipped
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class TrainingRatings:
    """Who rated what, when, and with how many stars."""

    user_index: npt.NDArray[np.int32]  # [n_ratings]
    movie_index: npt.NDArray[np.int32]  # [n_ratings]
    timestamp: npt.NDArray[np.int64]  # [n_ratings], seconds since 1970-01-01 UTC
    stars: npt.NDArray[np.float64]  # [n_ratings]; only rating baselines read them
    n_users: int
    n_movies: int
    n_events: npt.NDArray[np.float32] | None = None  # [n_ratings], where they are counted

    @classmethod
    def of(cls, dataset: Dataset, rows: npt.NDArray[np.int64]) -> TrainingRatings:
        """The ratings at `rows`."""
        ratings = dataset.ratings
        return cls(
            user_index=ratings.user_index[rows],
            movie_index=ratings.movie_index[rows],
            timestamp=ratings.timestamp[rows],
            stars=ratings.rating[rows].astype(np.float64),
            n_users=len(dataset.users),
            n_movies=len(dataset.movies),
            n_events=None if ratings.n_events is None else ratings.n_events[rows],
        )

    @cached_property
    def of_user(self) -> npt.NDArray[np.int64]:
        """The number of ratings of each user: [n_users]."""
        return np.bincount(self.user_index, minlength=self.n_users)

    @cached_property
    def of_movie(self) -> npt.NDArray[np.int64]:
        """The number of ratings of each movie: [n_movies]."""
        return np.bincount(self.movie_index, minlength=self.n_movies)

    @cached_property
    def is_cold(self) -> npt.NDArray[np.bool_]:
        """Whether each user has no rating here: [n_users]."""
        cold: npt.NDArray[np.bool_] = self.of_user == 0
        return cold

    @cached_property
    def popularity(self) -> npt.NDArray[np.float32]:
        """The number of ratings, or of events, of each movie: [n_movies]."""
        return self.popularity_in(np.ones(len(self.movie_index), np.bool_))

    def popularity_in(self, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """The same of some ratings, [n_ratings] of True for those: [n_movies]."""
        weights = None if self.n_events is None else self.n_events[rows]
        return np.bincount(self.movie_index[rows], weights, self.n_movies).astype(np.float32)

    @cached_property
    def mean(self) -> float:
        """Of all stars."""
        return float(self.stars.mean())

    @cached_property
    def matrix(self) -> csr_matrix:
        """How often a user has rated a movie: float32 [n_users, n_movies]."""
        return self._matrix(np.ones(len(self.user_index), np.float32))

    @cached_property
    def events(self) -> csr_matrix:
        """How many events there are of a user and a movie, or ratings: float32 [n_users, n_movies]."""
        return self.matrix if self.n_events is None else self._matrix(self.n_events)

    def _matrix(self, values: npt.NDArray[np.float32]) -> csr_matrix:
        from scipy.sparse import csr_matrix

        return csr_matrix((values, (self.user_index, self.movie_index)), shape=(self.n_users, self.n_movies))


@dataclass(frozen=True)
class Kept:
    """What a saved run holds of a baseline that ranks; of popularity it is this alone."""

    popularity: npt.NDArray[np.float32]  # [n_movies], for users of whom nothing else is known
    factors: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None = None
    """Of users, [n_users, dim], zeros where nothing is known, and of movies, [n_movies, dim]."""
    weights: npt.NDArray[np.float32] | csr_matrix | None = None  # [n_movies, n_movies]


@dataclass(frozen=True)
class Scorer:
    """A baseline that ranks, fitted with one setting."""

    score_users: ScoreBlock  # rows of users [b] to float32 [b, n_movies]; called from several threads
    n_parameters: int
    kept: Kept
    same_scores: Scores | None = None  # [n_movies], where every user gets these

    def group_queries(self, targets: Targets) -> GroupedQueries:
        """One query a user: no baseline sees the time of a query."""
        return queries_by_user(targets.user_index, self.score_users, self.same_scores)


def same_for_all(scores: npt.NDArray[np.float32]) -> Scorer:
    """Every user gets the same scores, [n_movies]."""
    return Scorer(
        lambda users: np.broadcast_to(scores, (len(users), len(scores))), len(scores), Kept(scores), scores
    )


def with_popularity_for_cold_users(part: TrainingRatings, scorer: Scorer) -> Scorer:
    """Users without a rating to go by get popularity in place of scores that are all alike.

    Any deployment has this fallback, so a comparison without it would be too easy to win.
    """

    def score_users(users: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        scores = scorer.score_users(users)  # [b, n_movies]
        scores[part.is_cold[users]] = part.popularity
        return scores

    return replace(scorer, score_users=score_users)


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
