"""MovieLens 100K: `u.item` and `u.user` with "|", `u.data` with tabs, ISO-8859-1, no headers."""

from bisect import bisect_right
from collections.abc import Iterator

from movierec_cli.data.dataset import Columns
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader.archive import Archive
from movierec_cli.data.reader.column_tables import (
    GENRE_NAMES,
    MovieRow,
    UserRow,
    is_male,
    movie_table,
    user_table,
)
from movierec_cli.data.reader.rating_blocks import read_columns
from movierec_cli.data.reader.rating_format import RatingFormat
from movierec_cli.data.reader.text_rows import TextRow, separated_rows, with_unique_id

MEMBERS = ("u.data", "u.item", "u.user")

_RATINGS = RatingFormat("u.data", separator="\t", has_header=False, rating_step=1)
_USER_FIELDS = ("user id", "age", "gender", "occupation", "zip code")
# 100K has "Unknown" first, and not the two genres that came later.
_GENRES = (
    "Unknown",
    *(name for name in GENRE_NAMES if name not in ("IMAX", "Unknown", "(no genres listed)")),
)
_MOVIE_FIELDS = ("movie id", "title", "release date", "video release date", "IMDb URL", *_GENRES)
_FIRST_GENRE = 5
_AGE_BUCKETS = (1, 18, 25, 35, 45, 50, 56)  # lower bounds, years; those in which 1M gives ages

_OCCUPATIONS = (
    "administrator",
    "artist",
    "doctor",
    "educator",
    "engineer",
    "entertainment",
    "executive",
    "healthcare",
    "homemaker",
    "lawyer",
    "librarian",
    "marketing",
    "none",
    "other",
    "programmer",
    "retired",
    "salesman",
    "scientist",
    "student",
    "technician",
    "writer",
)
"""The users file holds the word."""


def parse(archive: Archive, progress: Progress) -> Columns:
    """Reads the three members. Raises a `DataError` with file and line."""
    movies = movie_table(_movies(archive))
    return read_columns(archive, _RATINGS, movies, user_table(_users(archive), _OCCUPATIONS), progress)


def _movies(archive: Archive) -> Iterator[MovieRow]:
    rows = separated_rows(archive, "u.item", "|", _MOVIE_FIELDS)
    for movie_id, row in with_unique_id(rows, "movie id", "movie"):
        yield MovieRow(movie_id, row.fields[1], _genres(row))


def _genres(row: TextRow) -> list[str]:
    flags = row.fields[_FIRST_GENRE:]
    for name, flag in zip(_GENRES, flags, strict=True):
        if flag not in ("0", "1"):
            raise row.error(f"the genre {name} is '{flag}'; it must be 0 or 1")
    return [name for name, flag in zip(_GENRES, flags, strict=True) if flag == "1"]


def _users(archive: Archive) -> Iterator[UserRow]:
    code = {name: index for index, name in enumerate(_OCCUPATIONS)}
    rows = separated_rows(archive, "u.user", "|", _USER_FIELDS)
    for user_id, row in with_unique_id(rows, "user id", "user"):
        raw_age, occupation = row.whole_number(1, "age"), row.fields[3]
        if occupation not in code:
            raise row.error(f"the occupation is '{occupation}'; known are {', '.join(code)}")
        yield UserRow(
            user_id,
            bucketized_age=_bucketized(raw_age),
            is_male=is_male(row, row.fields[2]),
            occupation=code[occupation],
            zip_code=row.fields[4],
            raw_age=raw_age,
        )


def _bucketized(age: int) -> int:
    return _AGE_BUCKETS[max(bisect_right(_AGE_BUCKETS, age) - 1, 0)]
