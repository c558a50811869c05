"""The CSV layout of MovieLens latest-small, 20M, 25M and 32M, and of a data set of the user's own.

`ratings.csv` and `movies.csv`, UTF-8 with headers; columns are found by name, others are left out. There
is no users file: the users are those who rate.
"""

from __future__ import annotations

from collections.abc import Iterator

from movierec_cli.data.archive import Archive
from movierec_cli.data.columns import Columns
from movierec_cli.data.dataset import Users
from movierec_cli.data.movie_table import MovieRow, genre_list, movie_table
from movierec_cli.data.progress import Progress
from movierec_cli.data.rating_blocks import read_ratings
from movierec_cli.data.rating_format import RatingFormat
from movierec_cli.data.text_rows import csv_rows

MEMBERS = ("ratings.csv", "movies.csv")

_RATINGS = RatingFormat("ratings.csv", separator=",", has_header=True, rating_step=0.5)
_MOVIE_COLUMNS = ("movieId", "title", "genres")


def parse(archive: Archive, progress: Progress) -> Columns:
    """Reads both members. Raises a `DataError` with file and line."""
    movies = movie_table(_movies(archive))
    ratings, user_id = read_ratings(
        archive, _RATINGS, movie_ids=movies.movie_id, user_ids=None, progress=progress
    )
    return Columns(ratings, movies, Users(user_id))


def _movies(archive: Archive) -> Iterator[MovieRow]:
    for row in csv_rows(archive, "movies.csv", _MOVIE_COLUMNS):
        yield MovieRow(row, row.whole_number(0, "movieId"), row.fields[1], genre_list(row.fields[2]))
