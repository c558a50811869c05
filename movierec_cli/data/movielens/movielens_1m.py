"""MovieLens 1M: `movies.dat`, `users.dat` and `ratings.dat` with "::", ISO-8859-1, no headers."""

from collections.abc import Iterator

from movierec_cli.data.dataset import Columns
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader.archive import Archive
from movierec_cli.data.reader.column_tables import (
    MovieRow,
    UserRow,
    genre_list,
    is_male,
    movie_table,
    user_table,
)
from movierec_cli.data.reader.rating_blocks import read_columns
from movierec_cli.data.reader.rating_format import RatingFormat
from movierec_cli.data.reader.text_rows import separated_rows, with_unique_id

MEMBERS = ("ratings.dat", "movies.dat", "users.dat")

_RATINGS = RatingFormat("ratings.dat", separator="::", has_header=False, rating_step=1)
_MOVIE_FIELDS = ("movie id", "title", "genres")
_USER_FIELDS = ("user id", "gender", "age", "occupation", "zip code")
_RENAMED_GENRES = {"Children's": "Children"}  # as TFDS does, and as MovieLens itself from 10M on

_OCCUPATIONS = (
    "other/not specified",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)
"""The users file holds the index."""


def parse(archive: Archive, progress: Progress) -> Columns:
    """Reads the three members. Raises a `DataError` with file and line."""
    movies = movie_table(_movies(archive))
    return read_columns(archive, _RATINGS, movies, user_table(_users(archive), _OCCUPATIONS), progress)


def _movies(archive: Archive) -> Iterator[MovieRow]:
    rows = separated_rows(archive, "movies.dat", "::", _MOVIE_FIELDS)
    for movie_id, row in with_unique_id(rows, "movie id", "movie"):
        genres = [_RENAMED_GENRES.get(genre, genre) for genre in genre_list(row.fields[2])]
        yield MovieRow(movie_id, row.fields[1], genres)


def _users(archive: Archive) -> Iterator[UserRow]:
    rows = separated_rows(archive, "users.dat", "::", _USER_FIELDS)
    for user_id, row in with_unique_id(rows, "user id", "user"):
        occupation = row.whole_number(3, "occupation")
        if occupation >= len(_OCCUPATIONS):
            raise row.error(f"the occupation is {occupation}; it must be from 0 to {len(_OCCUPATIONS) - 1}")
        yield UserRow(
            user_id,
            bucketized_age=row.whole_number(2, "age"),
            is_male=is_male(row, row.fields[1]),
            occupation=occupation,
            zip_code=row.fields[4],
        )
