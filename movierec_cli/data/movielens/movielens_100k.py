"""MovieLens 100K: `u.item` and `u.user` with "|", `u.data` with tabs, ISO-8859-1, no headers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np

from movierec_cli.data.dataset import Columns, Users
from movierec_cli.data.movielens.occupations import OCCUPATIONS_100K
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader.archive import Archive
from movierec_cli.data.reader.column_tables import MovieRow, UserRow, is_male, movie_table, user_table
from movierec_cli.data.reader.rating_blocks import read_ratings
from movierec_cli.data.reader.rating_format import RatingFormat
from movierec_cli.data.reader.text_rows import TextRow, separated_rows

MEMBERS = ("u.data", "u.item", "u.user")

_RATINGS = RatingFormat("u.data", separator="\t", has_header=False, rating_step=1)
_USER_FIELDS = ("user id", "age", "gender", "occupation", "zip code")
_GENRES = (
    "Unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
_MOVIE_FIELDS = ("movie id", "title", "release date", "video release date", "IMDb URL", *_GENRES)
_FIRST_GENRE = 5
_AGE_BUCKETS = (1, 18, 25, 35, 45, 50, 56)  # lower bounds, years; those in which 1M gives ages


def parse(archive: Archive, progress: Progress) -> Columns:
    """Reads the three members. Raises a `DataError` with file and line."""
    movies = movie_table(_movies(archive))
    users = _users(archive)
    ratings, _ = read_ratings(
        archive, _RATINGS, movie_ids=movies.movie_id, user_ids=users.user_id, progress=progress
    )
    return Columns(ratings, movies, users)


def _movies(archive: Archive) -> Iterator[MovieRow]:
    for row in separated_rows(archive, "u.item", "|", _MOVIE_FIELDS):
        yield MovieRow(row, row.whole_number(0, "movie id"), row.fields[1], _genres(row))


def _genres(row: TextRow) -> list[str]:
    flags = row.fields[_FIRST_GENRE:]
    for name, flag in zip(_GENRES, flags, strict=True):
        if flag not in ("0", "1"):
            raise row.error(f"the genre {name} is '{flag}'; it must be 0 or 1")
    return [name for name, flag in zip(_GENRES, flags, strict=True) if flag == "1"]


def _users(archive: Archive) -> Users:
    code = {name: index for index, name in enumerate(OCCUPATIONS_100K)}
    users, raw_ages = [], []
    for row in separated_rows(archive, "u.user", "|", _USER_FIELDS):
        raw_age, occupation = row.whole_number(1, "age"), row.fields[3]
        if occupation not in code:
            raise row.error(f"the occupation is '{occupation}'; known are {', '.join(code)}")
        raw_ages.append(raw_age)
        users.append(
            UserRow(
                row,
                row.whole_number(0, "user id"),
                bucketized_age=_bucketized(raw_age),
                is_male=is_male(row, row.fields[2]),
                occupation=code[occupation],
                zip_code=row.fields[4],
            )
        )
    return user_table(users, OCCUPATIONS_100K, raw_age=np.array(raw_ages, dtype=np.float32))


def _bucketized(age: int) -> int:
    return _AGE_BUCKETS[max(bisect_right(_AGE_BUCKETS, age) - 1, 0)]
