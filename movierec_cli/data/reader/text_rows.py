"""Rows of the small text members (movies, users), each knowing its file and line, and their tables.

These have thousands of rows, so they are read one by one and every error has its exact line;
the ratings, with millions, are `rating_blocks`' business.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from movierec_cli.data import limits
from movierec_cli.data.dataset import UNKNOWN_YEAR, Movies, Users
from movierec_cli.data.reader.archive import Archive
from movierec_cli.data.reader.column_values import MAX_ID
from movierec_cli.errors import DataError
from movierec_cli.records import dataclass

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,40}")  # int() refuses thousands of digits with a ValueError


@dataclass(frozen=True)
class TextRow:
    """One record's fields and where they stand."""

    place: str
    line: int  # from 1
    fields: Sequence[str]
    raw: str = ""  # as it stands in the file, where it is text

    def whole_number(self, index: int, name: str) -> int:
        """A field as a number from 0 to 2^63 - 1. Raises a `DataError` with the line."""
        text = self.fields[index]
        if not _WHOLE_NUMBER.fullmatch(text) or not 0 <= int(text) <= MAX_ID:
            raise self.error(f"the {name} is '{text[:80]}'; it must be a whole number, 0 or more")
        return int(text)

    def text(self, index: int) -> str:
        """A field as it is. Raises a `DataError` with the line for one that is too long."""
        limits.TEXT_LENGTH.check(len(self.fields[index]), file=self.place, line=self.line)
        return self.fields[index]

    def require_fields(self, names: Sequence[str]) -> None:
        """Raises a `DataError` with the line for another number of fields than `names`."""
        if len(self.fields) != len(names):
            raise self.error(
                f"has {len(self.fields)} fields, needs {len(names)} ({', '.join(names)}):"
                f" '{','.join(self.fields)[:80]}'"
            )

    def error(self, message: str) -> DataError:
        """An error at this row's place."""
        return DataError(message, file=self.place, line=self.line)


def with_unique_id(rows: Iterable[TextRow], name: str, noun: str) -> Iterator[tuple[int, TextRow]]:
    """Rows with the id in their first field. Raises a `DataError` with both lines where one comes twice."""
    lines: dict[int, int] = {}
    for row in rows:
        key = row.whole_number(0, name)
        if key in lines:
            raise row.error(f"{noun} {key} comes a second time; the first is in line {lines[key]}")
        lines[key] = row.line
        yield key, row


def separated_rows(archive: Archive, member: str, separator: str, names: Sequence[str]) -> Iterator[TextRow]:
    """Rows of an ISO-8859-1 member without header; blank lines at the end are ignored.

    Raises:
        DataError: no rows, or a row with another number of fields than `names`.
    """
    place = archive.place(member)
    text = archive.read(member).decode("iso-8859-1").rstrip()
    if not text:
        raise DataError("is empty", file=place)
    for number, line in enumerate(text.split("\n"), start=1):
        row = TextRow(place, number, line.strip().split(separator))
        row.require_fields(names)
        yield row


def split_list(text: str) -> tuple[str, ...]:
    """Splits a text such as "Action|Comedy", as MovieLens writes lists; an empty text has nothing."""
    return tuple(word for word in text.split("|") if word)


GENRE_NAMES = split_list(
    "Action|Adventure|Animation|Children|Comedy|Crime|Documentary|Drama|Fantasy|Film-Noir|Horror|IMAX|Musical"
    "|Mystery|Romance|Sci-Fi|Thriller|Unknown|War|Western|(no genres listed)"
)
"""MovieLens' genres, spelt and ordered as TFDS does; a data set of the user's own may have others."""

# A series has "(2006-2008)" or "(2006- )": its first year counts.
_YEAR = re.compile(r"\(([0-9]{4})(?:[-–][0-9]{0,4} ?)?\)")


def genre_table(genres: Sequence[Sequence[str]]) -> tuple[npt.NDArray[np.bool_], tuple[str, ...]]:
    """Which of the genres that occur each movie has, [n_movies, n_genres], and their names in TFDS' order."""
    present = {name for listed in genres for name in listed}
    known = [name for name in GENRE_NAMES if name in present]
    names = (*known, *sorted(present.difference(known)))
    return _multi_hot(genres, names), names


def movie_table(movies: Iterable[tuple[int, str, Sequence[str]]], place: str) -> Movies:
    """Columns of movies (id, title, genres), in their order; `genre_names` are those that occur, as in TFDS.

    Raises a `DataError` that names the file, `place`, where there are too many genres.
    """
    kept = list(movies)
    table, names = genre_table([genres for _, _, genres in kept])
    limits.GENRES.check(len(names), file=place)
    return Movies(
        movie_id=np.array([movie_id for movie_id, _, _ in kept], dtype=np.int64),
        title=np.array([title for _, title, _ in kept], dtype=np.object_),
        year=np.array([year_of(title) for _, title, _ in kept], dtype=np.int16),
        genres=table,
        genre_names=names,
    )


def year_of(title: str) -> int:
    """The title's last "(YYYY)", as in "Land Before Time III, The (1995) (V)"; else `UNKNOWN_YEAR`."""
    years = _YEAR.findall(title)
    return int(years[-1]) if years else UNKNOWN_YEAR


def _multi_hot(genres: Sequence[Sequence[str]], names: Sequence[str]) -> npt.NDArray[np.bool_]:
    table = np.zeros((len(genres), len(names)), dtype=np.bool_)  # [n_movies, n_genres]
    column = {name: index for index, name in enumerate(names)}
    for row, listed in enumerate(genres):
        table[row, [column[name] for name in listed]] = True
    return table


AGE_BUCKETS = (1, 18, 25, 35, 45, 50, 56)  # lower bounds, years; those in which MovieLens 1M gives ages


def age_bucket(age: float) -> float:
    """The lower bound of the age group, in years; NaN of NaN."""
    return age if age != age else AGE_BUCKETS[max(bisect_right(AGE_BUCKETS, age) - 1, 0)]


class UserRow(NamedTuple):
    """One user as a layout gives it."""

    user_id: int
    bucketized_age: float  # lower bound, years
    is_male: bool
    occupation: int  # code
    zip_code: str
    raw_age: int | None = None  # years, where the data set has them


def user_table(users: Iterable[UserRow], occupation_names: Sequence[str]) -> Users:
    """Collects users, in their order, into columns."""
    user_id, bucketized_age, is_male, occupation, zip_code, raw_age = zip(*users, strict=True)
    return Users(
        user_id=np.array(user_id, dtype=np.int64),
        bucketized_age=np.array(bucketized_age, dtype=np.float32),
        raw_age=None if None in raw_age else np.array(raw_age, dtype=np.float32),
        is_male=np.array(is_male, dtype=np.float32),
        occupation=np.array(occupation, dtype=np.int32),
        occupation_names=tuple(occupation_names),
        zip_code=np.array(zip_code, dtype=np.object_),
    )


def is_male(row: TextRow, text: str) -> bool:
    """Reads "M" or "F". Raises a `DataError` for anything else."""
    if text not in ("M", "F"):
        raise row.error(f"the gender is '{text[:80]}'; it must be M or F")
    return text == "M"
