"""The ratings that a rating baseline learns from."""

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
class KnownRatings:
    """Who gave what how many stars."""

    user_index: npt.NDArray[np.int32]  # [n_ratings]
    movie_index: npt.NDArray[np.int32]  # [n_ratings]
    stars: npt.NDArray[np.float64]  # [n_ratings]
    n_users: int
    n_movies: int

    @classmethod
    def of(cls, dataset: Dataset, rows: npt.NDArray[np.int64]) -> KnownRatings:
        """The ratings at `rows`."""
        ratings = dataset.ratings
        return cls(
            user_index=ratings.user_index[rows],
            movie_index=ratings.movie_index[rows],
            stars=ratings.rating[rows].astype(np.float64),
            n_users=len(dataset.users),
            n_movies=len(dataset.movies),
        )

    @cached_property
    def mean(self) -> float:
        """Of all stars."""
        return float(self.stars.mean())

    @cached_property
    def of_user(self) -> npt.NDArray[np.int64]:
        """The number of ratings of each user: [n_users]."""
        return np.bincount(self.user_index, minlength=self.n_users)

    @cached_property
    def of_movie(self) -> npt.NDArray[np.int64]:
        """The number of ratings of each movie: [n_movies]."""
        return np.bincount(self.movie_index, minlength=self.n_movies)

    @cached_property
    def times(self) -> csr_matrix:
        """How often a user has rated a movie: float64 [n_users, n_movies]."""
        from scipy.sparse import csr_matrix

        ones = np.ones(len(self.stars))
        return csr_matrix((ones, (self.user_index, self.movie_index)), shape=(self.n_users, self.n_movies))
