"""The ratings that a baseline learns from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset

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
        """The number of ratings of each movie: [n_movies]."""
        return self.of_movie.astype(np.float32)

    def count_movies(self, counted: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """The number of each movie's ratings that are counted: [n_movies]; `counted` is [n_ratings]."""
        counts = np.bincount(self.movie_index[counted], minlength=self.n_movies)
        return counts.astype(np.float32)

    @cached_property
    def mean(self) -> float:
        """Of all stars."""
        return float(self.stars.mean())

    @cached_property
    def matrix(self) -> csr_matrix:
        """How often a user has rated a movie: float32 [n_users, n_movies]."""
        return self._counts(np.float32)

    @cached_property
    def times(self) -> csr_matrix:
        """The same in float64."""
        return self._counts(np.float64)

    def _counts(self, dtype: type[Any]) -> csr_matrix:
        from scipy.sparse import csr_matrix

        ones = np.ones(len(self.user_index), dtype)
        return csr_matrix((ones, (self.user_index, self.movie_index)), shape=(self.n_users, self.n_movies))
