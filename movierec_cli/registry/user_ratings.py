"""What each user of a run rated, in any set of the split: it is not recommended again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Ratings
from movierec_cli.data.id_index import UNKNOWN_ROW

_Rows = npt.NDArray[np.int32]


@dataclass(frozen=True)
class UserRatings:
    """Ratings by user, each user's by time and then in the file's order; rows are the run's own.

    Raises:
        ValueError: lengths do not fit together.
    """

    starts: Annotated[npt.NDArray[np.int64], "n_users + 1"]  # where each user's ratings begin
    movie: Annotated[_Rows, "n_ratings", np.uint16]  # rows of the run's movies
    stars: Annotated[npt.NDArray[np.float32], "n_ratings", np.float16]
    seconds: Annotated[npt.NDArray[np.int64], "n_ratings", np.uint32]  # since 1970-01-01 UTC

    def __post_init__(self) -> None:
        n = len(self.movie)
        if not len(self.stars) == len(self.seconds) == n or len(self.starts) == 0:
            raise ValueError(f"{len(self.stars)} stars and {len(self.seconds)} times of {n} ratings")
        if self.starts[0] != 0 or self.starts[-1] != n or (np.diff(self.starts) < 0).any():
            raise ValueError(f"the users' ratings do not begin and end where the {n} ratings do")

    def of(self, user: int) -> slice:
        """Where one user's ratings stand."""
        return slice(int(self.starts[user]), int(self.starts[user + 1]))

    @property
    def n_users(self) -> int:
        return len(self.starts) - 1

    def popularity(self, n_movies: int) -> npt.NDArray[np.int64]:
        """How often each movie was rated: [n_movies]."""
        return np.bincount(self.movie, minlength=n_movies)

    @classmethod
    def from_ratings(cls, ratings: Ratings, user_rows: _Rows, movie_rows: _Rows, n_users: int) -> UserRatings:
        """Sorts a data set's ratings by the run's users.

        Args:
            ratings: of the data set.
            user_rows: the run's row of each user of the data set, `UNKNOWN_ROW` for those it left out.
            movie_rows: the run's row of each movie, likewise.
            n_users: of the run.
        """
        users, movies = user_rows[ratings.user_index], movie_rows[ratings.movie_index]
        kept = np.flatnonzero((users != UNKNOWN_ROW) & (movies != UNKNOWN_ROW))
        order = kept[np.lexsort((ratings.timestamp[kept], users[kept]))]
        starts = np.concatenate([[0], np.cumsum(np.bincount(users[kept], minlength=n_users))])
        return cls(starts, movies[order], ratings.rating[order], ratings.timestamp[order])
