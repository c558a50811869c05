"""The column tables every other part works on.

Integers inside, ids and titles only at the edges: ratings point at rows of `Movies` and `Users`.
A movie is its id, never its title (two ids of MovieLens 100K can share a title): see `duplicates`.
"""

import re
from dataclasses import field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from movierec_cli.config.features import Side
from movierec_cli.config.settings import Reading
from movierec_cli.data.own_columns import OwnColumn, OwnColumns, require_rows
from movierec_cli.records import dataclass
from movierec_cli.storage.constraints import AtLeast, AtMost, Distinct
from movierec_cli.text import shown_title

UNKNOWN_YEAR = 0
NO_IMDB_NUMBER = NO_TMDB_NUMBER = 0

Id: TypeAlias = int | str
Ids: TypeAlias = npt.NDArray[np.int64] | npt.NDArray[np.object_]
"""Whole numbers, or texts (`str`) where one of a table's ids is none."""


@dataclass(frozen=True)
class RatingScale:
    """From the worst to the best rating that can be given."""

    lowest: float
    highest: float

    @property
    def is_of_stars(self) -> bool:
        """Whether its ratings are called stars: five are the best, and none is the worst."""
        return self.highest == 5 and self.lowest >= 0

    @property
    def unit(self) -> str:
        """What differences of ratings are counted in, for people."""
        return "stars" if self.is_of_stars else "rating points"

    @property
    def per_star(self) -> float:
        """How much of the scale is one star to the models, which are trained on stars."""
        if self.is_of_stars:
            return 1.0
        return (self.highest - self.lowest) / (HALF_STARS.highest - HALF_STARS.lowest)


def row_called(scale: RatingScale | None) -> str:
    """What a row of `Ratings` is called for people, in the singular."""
    return "interaction" if scale is None else "rating"


HALF_STARS = RatingScale(0.5, 5.0)
TRAIN, VALIDATION, TEST = 0, 1, 2
"""Values of `Ratings.part`."""


@dataclass(frozen=True)
class Ratings:
    """One row an interaction, in the file's order (the tie-break wherever rows are sorted by time)."""

    user_index: Annotated[npt.NDArray[np.int32], "n_ratings"]  # rows of Users
    movie_index: Annotated[npt.NDArray[np.int32], "n_ratings"]  # rows of Movies
    rating: Annotated[npt.NDArray[np.float32], "n_ratings"]  # stars; 1 where there are no ratings
    timestamp: Annotated[npt.NDArray[np.int64], "n_ratings"]  # seconds since 1970-01-01 UTC; 0 without times
    scale: RatingScale | None = HALF_STARS  # None: there are no ratings, every row is a positive
    n_events: Annotated[npt.NDArray[np.float32], "n_ratings", AtLeast(0)] | None = None
    """How many events a row stands for, where they are counted."""
    part: Annotated[npt.NDArray[np.int8], "n_ratings", AtLeast(TRAIN), AtMost(TEST)] | None = None
    """Which part of a split that came with the data: TRAIN, VALIDATION or TEST."""
    own: OwnColumns = ()  # contexts: what is known of a rating when it is asked for

    def __post_init__(self) -> None:
        require_rows(self.own, len(self))

    def __len__(self) -> int:
        return len(self.rating)

    @cached_property
    def has_times(self) -> bool:
        """Whether there are different times; without, nothing can be learnt of time."""
        return len(self) > 0 and bool((self.timestamp != self.timestamp[0]).any())

    @property
    def called(self) -> str:
        """What a row is called for people, in the singular."""
        return row_called(self.scale)

    @property
    def why_no_times(self) -> str:
        """What there is instead of times where `has_times` is False, for people."""
        row = "row" if self.scale is None else "rating"
        same = f"every {row} has the same time"
        return same if self.timestamp.any() else f"no {row} has a time, or each has time 0"


@dataclass(frozen=True)
class Movies:
    """One row a movie of the catalogue, rated or not, in the file's order."""

    movie_id: Annotated[Ids, "n_movies", AtLeast(0), Distinct()]
    title: Annotated[npt.NDArray[np.object_], "n_movies"]  # str, as in the file, year included
    year: Annotated[npt.NDArray[np.int16], "n_movies", AtLeast(UNKNOWN_YEAR)]
    """UNKNOWN_YEAR where the title has none."""
    genres: Annotated[npt.NDArray[np.bool_], "n_movies", "n_genres"]
    genre_names: Annotated[tuple[str, ...], "n_genres"]  # the columns of `genres`
    length_minutes: Annotated[npt.NDArray[np.float32], "n_movies", AtLeast(0), AtMost(1e9)] | None = None
    """NaN where unknown."""
    imdb_number: Annotated[npt.NDArray[np.int64], "n_movies", AtLeast(NO_IMDB_NUMBER)] | None = None
    """NO_IMDB_NUMBER where unknown."""
    tmdb_number: Annotated[npt.NDArray[np.int64], "n_movies", AtLeast(NO_TMDB_NUMBER)] | None = None
    """NO_TMDB_NUMBER where unknown."""
    own: OwnColumns = ()

    def __post_init__(self) -> None:
        require_rows(self.own, len(self))

    def __len__(self) -> int:
        return len(self.movie_id)

    def shown_title(self, row: int) -> str:
        """A movie's title as people read it."""
        title: str = self.title[row]
        return shown_title(title)

    @property
    def has_titles(self) -> bool:
        """Whether any title is more than its id."""
        pairs = zip(self.title.tolist(), self.movie_id.tolist(), strict=True)
        return any(title.strip() not in ("", str(one_id)) for title, one_id in pairs)


@dataclass(frozen=True)
class Users:
    """One row a user. A column is None where the data set has no such column."""

    user_id: Annotated[Ids, "n_users"]
    bucketized_age: Annotated[npt.NDArray[np.float32], "n_users"] | None = None  # lower bound in years
    raw_age: Annotated[npt.NDArray[np.float32], "n_users"] | None = None  # years
    is_male: Annotated[npt.NDArray[np.float32], "n_users"] | None = None  # 1 or 0; NaN where unknown
    occupation: Annotated[npt.NDArray[np.int32], "n_users"] | None = None  # codes into occupation_names
    occupation_names: tuple[str, ...] = ()
    zip_code: Annotated[npt.NDArray[np.object_], "n_users"] | None = None  # str
    own: OwnColumns = ()

    def __post_init__(self) -> None:
        require_rows(self.own, len(self))

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
    noun: str = "movie"  # what the items are called: "movie", or "item" where they need not be movies
    archive: Path | None = None  # where it was read from, for splits that are published beside the ratings
    merged_duplicates: bool = False  # whether items of several ids were made one
    reading: Reading = field(default_factory=Reading)  # how it was asked to be read

    @cached_property
    def own(self) -> dict[str, tuple[Side, OwnColumn]]:
        """The columns that are features of their own, and what they describe, by name."""
        tables: dict[Side, Movies | Users | Ratings] = {
            Side.MOVIE: self.movies,
            Side.USER: self.users,
            Side.CONTEXT: self.ratings,
        }
        return {column.name: (side, column) for side, table in tables.items() for column in table.own}


@dataclass(frozen=True)
class Columns:
    """The three tables of one archive, and how they were understood."""

    ratings: Ratings
    movies: Movies
    users: Users
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    noun: str = "movie"


Table = TypeVar("Table", Ratings, Movies, Users)


def take(table: Table, rows: npt.NDArray[np.int64]) -> Table:
    """The table's rows at `rows`; what is no column, such as names of genres, stays."""
    values: dict[str, Any] = {field.name: getattr(table, field.name) for field in fields(table)}
    columns = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    taken: dict[str, Any] = {name: column[rows] for name, column in columns.items()}
    return replace(table, **taken, own=tuple(column.take(rows) for column in table.own))


UNKNOWN_ROW = -1
_DENSE_UP_TO = 1 << 22


@dataclass(frozen=True)
class IdIndex:
    """Looks up millions of ids at once: by a dense table where ids are small, else by bisection.

    Texts are looked up in a dictionary. No whole number is a text's id, and no text a number's.
    """

    ids: Ids | npt.NDArray[np.integer]  # [n], distinct, any order

    def rows(self, ids: Ids | npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """The row of each id, `UNKNOWN_ROW` where there is none."""
        if len(ids) == 0 or len(self.ids) == 0:
            return np.full(len(ids), UNKNOWN_ROW, dtype=np.int32)
        if are_texts(self.ids) or are_texts(ids):
            row_of = self._row_of
            return np.fromiter((row_of.get(one, UNKNOWN_ROW) for one in ids.tolist()), np.int32, len(ids))
        is_dense = self.ids.min() >= 0 and self.ids.max() < _DENSE_UP_TO
        if is_dense and ids.min() >= 0 and ids.max() < len(self._table):
            rows: npt.NDArray[np.int32] = self._table[ids]
            return rows
        place = np.minimum(np.searchsorted(self.ids, ids, sorter=self._order), len(self.ids) - 1)
        found = self._order[place]
        return np.where(self.ids[found] == ids, found, UNKNOWN_ROW).astype(np.int32)

    def __contains__(self, one_id: Id) -> bool:
        return one_id in self._row_of

    def row_of(self, typed: Id) -> int | None:
        """The row of one id, as it is or as a person types it (`typed_id`); None where there is none."""
        if "_row_of" not in self.__dict__ and not are_texts(self.ids):
            return self._first_row_of(typed)
        if typed in self._row_of:
            return self._row_of[typed]
        meant = typed_id(str(typed), self.ids)
        return None if meant is None else self._row_of.get(meant)

    def _first_row_of(self, typed: Id) -> int | None:
        """`row_of` for who asks once: looking through numbers is quicker than making a dictionary of them."""
        meant = typed if isinstance(typed, int) else typed_id(str(typed), self.ids)
        _ = self._row_of if self.__dict__.get("_was_asked") else None  # for the next time
        self.__dict__["_was_asked"] = True
        if meant is None:
            return None
        found = np.flatnonzero(self.ids == meant)
        return int(found[0]) if len(found) else None

    @cached_property
    def _row_of(self) -> dict[Id, int]:
        return {one: row for row, one in enumerate(self.ids.tolist())}

    @cached_property
    def _table(self) -> npt.NDArray[np.int32]:
        table = np.full(int(self.ids.max()) + 1, UNKNOWN_ROW, dtype=np.int32)
        table[self.ids] = np.arange(len(self.ids), dtype=np.int32)
        return table

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return np.argsort(self.ids)


_WHOLE_ID = re.compile(r"(0|[1-9][0-9]{0,18})(?:\.0+)?")


def typed_id(text: str, ids: Ids | npt.NDArray[np.integer]) -> Id | None:
    """The id that a text means among ids of this kind, whether there is such a one or not.

    "7.0" is 7 everywhere. Among whole numbers what is none is `None`; among texts any other text is itself.
    """
    text = text.strip()
    number = _WHOLE_ID.fullmatch(text)
    if are_texts(ids):
        return number[1] if number else text
    return int(number[1]) if number else None


def are_texts(ids: Ids | npt.NDArray[np.integer]) -> bool:
    """Whether ids of this kind are texts; else they are whole numbers."""
    return ids.dtype == np.object_


def id_at(ids: Ids, row: int) -> Id:
    """One id as JSON shows it: an `int` or a `str`."""
    one_id = ids[row]
    return one_id if isinstance(one_id, str) else int(one_id)


def known_ids(ids: Ids) -> str:
    """Which ids there are, for people: "ids 1 to 943", "ids such as u17, u4 and u9"."""
    if len(ids) == 0:
        return "no ids"
    if are_texts(ids):
        return f"{len(ids):,} ids such as {', '.join(ids[:3].tolist())}"
    if len(ids) <= ids.max() - ids.min():
        return f"{len(ids)} ids between {ids.min()} and {ids.max()}"
    return f"ids {ids.min()} to {ids.max()}"
