"""The column tables every other part works on.

Integers inside, ids and titles only at the edges: ratings point at rows of `Movies` and `Users`.
A movie is its id, never its title (two ids of MovieLens 100K can share a title).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import numpy.typing as npt

from movierec_cli.storage.constraints import AtLeast, AtMost, Distinct

UNKNOWN_YEAR = 0
NO_IMDB_NUMBER = 0


@dataclass(frozen=True)
class Ratings:
    """One row an interaction, in the file's order (the tie-break wherever rows are sorted by time)."""

    user_index: Annotated[npt.NDArray[np.int32], "n_ratings"]  # rows of Users
    movie_index: Annotated[npt.NDArray[np.int32], "n_ratings"]  # rows of Movies
    rating: Annotated[npt.NDArray[np.float32], "n_ratings"]  # stars
    timestamp: Annotated[npt.NDArray[np.int64], "n_ratings"]  # seconds since 1970-01-01 UTC

    def __len__(self) -> int:
        return len(self.rating)


@dataclass(frozen=True)
class Movies:
    """One row a movie of the catalogue, rated or not, in the file's order."""

    movie_id: Annotated[npt.NDArray[np.int64], "n_movies", AtLeast(0), Distinct()]
    title: Annotated[npt.NDArray[np.object_], "n_movies"]  # str, as in the file, year included
    year: Annotated[npt.NDArray[np.int16], "n_movies", AtLeast(UNKNOWN_YEAR)]
    """UNKNOWN_YEAR where the title has none."""
    genres: Annotated[npt.NDArray[np.bool_], "n_movies", "n_genres"]
    genre_names: Annotated[tuple[str, ...], "n_genres"]  # the columns of `genres`
    length_minutes: Annotated[npt.NDArray[np.float32], "n_movies", AtLeast(0), AtMost(1e9)] | None = None
    """NaN where unknown."""
    imdb_number: Annotated[npt.NDArray[np.int64], "n_movies", AtLeast(NO_IMDB_NUMBER)] | None = None
    """NO_IMDB_NUMBER where unknown."""

    def __len__(self) -> int:
        return len(self.movie_id)


@dataclass(frozen=True)
class Users:
    """One row a user. A column is None where the data set has no such column."""

    user_id: Annotated[npt.NDArray[np.int64], "n_users"]
    bucketized_age: Annotated[npt.NDArray[np.float32], "n_users"] | None = None  # lower bound in years
    raw_age: Annotated[npt.NDArray[np.float32], "n_users"] | None = None  # years
    is_male: Annotated[npt.NDArray[np.bool_], "n_users"] | None = None
    occupation: Annotated[npt.NDArray[np.int32], "n_users"] | None = None  # codes into occupation_names
    occupation_names: tuple[str, ...] = ()
    zip_code: Annotated[npt.NDArray[np.object_], "n_users"] | None = None  # str

    def __len__(self) -> int:
        return len(self.user_id)


@dataclass(frozen=True)
class Dataset:
    """A data set with where it came from."""

    name: str  # the sources table's key, or the archive's stem for a data set of the user's own
    description: str  # for people; says "simulated" where the ratings are
    fingerprint: str  # SHA-256 (hex) of what was read, movie lengths from elsewhere left out
    ratings: Ratings
    movies: Movies
    users: Users
    warnings: tuple[str, ...] = ()  # such as a checksum that differs from the published one
    lengths_fingerprint: str = ""  # SHA-256 (hex) of `movies.length_minutes`; "" where nobody asked for them
    notes: tuple[str, ...] = ()  # what was found, for people, such as how many movies have a length


@dataclass(frozen=True)
class Columns:
    """The three tables of one archive."""

    ratings: Ratings
    movies: Movies
    users: Users


UNKNOWN_ROW = -1
_DENSE_UP_TO = 1 << 22


@dataclass(frozen=True)
class IdIndex:
    """Looks up millions of ids at once: by a dense table where ids are small, else by bisection."""

    ids: npt.NDArray[np.int64]  # [n], distinct, any order

    def rows(self, ids: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """The row of each id, `UNKNOWN_ROW` where there is none."""
        if len(ids) == 0 or len(self.ids) == 0:
            return np.full(len(ids), UNKNOWN_ROW, dtype=np.int32)
        is_dense = self.ids.min() >= 0 and self.ids.max() < _DENSE_UP_TO
        if is_dense and ids.min() >= 0 and ids.max() < len(self._table):
            rows: npt.NDArray[np.int32] = self._table[ids]
            return rows
        place = np.minimum(np.searchsorted(self.ids, ids, sorter=self._order), len(self.ids) - 1)
        found = self._order[place]
        return np.where(self.ids[found] == ids, found, UNKNOWN_ROW).astype(np.int32)

    def __contains__(self, one_id: int) -> bool:
        return one_id in self._set

    @cached_property
    def _set(self) -> frozenset[int]:
        return frozenset(self.ids.tolist())

    @cached_property
    def _table(self) -> npt.NDArray[np.int32]:
        table = np.full(int(self.ids.max()) + 1, UNKNOWN_ROW, dtype=np.int32)
        table[self.ids] = np.arange(len(self.ids), dtype=np.int32)
        return table

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return np.argsort(self.ids)


def known_ids(ids: npt.NDArray[np.int64]) -> str:
    """Which ids there are, for people: "ids 1 to 943"."""
    if len(ids) <= ids.max() - ids.min():
        return f"{len(ids)} ids between {ids.min()} and {ids.max()}"
    return f"ids {ids.min()} to {ids.max()}"
