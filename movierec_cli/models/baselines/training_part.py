"""The ratings a baseline learns from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class TrainingPart:
    """Who rated what and when; the stars do not count."""

    user_index: npt.NDArray[np.int32]  # [n_ratings]
    movie_index: npt.NDArray[np.int32]  # [n_ratings]
    timestamp: npt.NDArray[np.int64]  # [n_ratings], seconds since 1970-01-01 UTC
    n_users: int
    n_movies: int

    @classmethod
    def of(cls, dataset: Dataset, rows: npt.NDArray[np.int64]) -> TrainingPart:
        """The ratings at `rows`."""
        ratings = dataset.ratings
        return cls(
            user_index=ratings.user_index[rows],
            movie_index=ratings.movie_index[rows],
            timestamp=ratings.timestamp[rows],
            n_users=len(dataset.users),
            n_movies=len(dataset.movies),
        )

    @cached_property
    def is_cold(self) -> npt.NDArray[np.bool_]:
        """Whether each user has no rating here: [n_users]."""
        cold: npt.NDArray[np.bool_] = np.bincount(self.user_index, minlength=self.n_users) == 0
        return cold

    @cached_property
    def popularity(self) -> npt.NDArray[np.float32]:
        """The number of ratings of each movie: [n_movies]."""
        return self.count_movies(np.ones(len(self.movie_index), np.bool_))

    def count_movies(self, counted: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """The number of each movie's ratings that are counted: [n_movies]; `counted` is [n_ratings]."""
        counts = np.bincount(self.movie_index[counted], minlength=self.n_movies)
        return counts.astype(np.float32)

    @cached_property
    def matrix(self) -> csr_matrix:
        """1 where a user has rated a movie, else 0: float32 [n_users, n_movies]."""
        from scipy.sparse import csr_matrix

        ones = np.ones(len(self.user_index), np.float32)
        return csr_matrix((ones, (self.user_index, self.movie_index)), shape=(self.n_users, self.n_movies))
