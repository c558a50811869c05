"""What each user of a run rated, whatever part of the split it fell in: it is not recommended again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Ratings
from movierec_cli.data.id_index import UNKNOWN_ROW
from movierec_cli.registry.arrays import pack, unpack

FILE_NAME = "user_ratings.npz"

_Rows = npt.NDArray[np.int32]


@dataclass(frozen=True)
class UserRatings:
    """Ratings by user, each user's by time and then in the file's order; rows are the run's own.

    Raises:
        ValueError: lengths do not fit together.
    """

    starts: npt.NDArray[np.int64]  # [n_users + 1], where each user's ratings begin
    movie: _Rows  # [n_ratings], rows of the run's movies
    stars: npt.NDArray[np.float32]  # [n_ratings]
    seconds: npt.NDArray[np.int64]  # [n_ratings], since 1970-01-01 UTC

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


def to_bytes(known: UserRatings) -> bytes:
    """The content of the file, in the narrowest types that hold the same numbers."""
    return pack(
        {
            "starts": known.starts,
            "movie": _narrowed(known.movie, (np.uint16, np.int32)),
            "stars": _narrowed(known.stars, (np.float16, np.float32)),
            "seconds": _narrowed(known.seconds, (np.uint32, np.int64)),
        }
    )


def from_bytes(content: bytes) -> UserRatings:
    """Rebuilds what `to_bytes` wrote.

    Raises:
        ValueError: the file does not hold what it should.
    """
    arrays = unpack(content)
    kinds = {name: array.dtype.kind for name, array in arrays.items()}
    if not set(kinds) == {"starts", "movie", "stars", "seconds"} or any(
        array.ndim != 1 for array in arrays.values()
    ):
        raise ValueError(f"{FILE_NAME} holds {sorted(arrays)}, not movie, seconds, stars and starts")
    if kinds["stars"] != "f" or any(kinds[name] not in "iu" for name in ("starts", "movie", "seconds")):
        raise ValueError(f"{FILE_NAME} holds arrays of other types than numbers of its kind")
    return UserRatings(
        starts=arrays["starts"].astype(np.int64),
        movie=arrays["movie"].astype(np.int32),
        stars=arrays["stars"].astype(np.float32),
        seconds=arrays["seconds"].astype(np.int64),
    )


def _narrowed(values: npt.NDArray[Any], dtypes: Sequence[type[Any]]) -> npt.NDArray[Any]:
    """In the first of the types that loses nothing; the last loses nothing."""
    for dtype in dtypes[:-1]:
        with np.errstate(over="ignore"):
            narrow = values.astype(dtype)
        if np.array_equal(narrow.astype(values.dtype), values):
            return narrow
    return values.astype(dtypes[-1])
