"""The CSV layout of MovieLens latest-small, 20M, 25M and 32M, and of a data set of the user's own.

`ratings.csv` and `movies.csv`, UTF-8 with headers; columns are found by name, others are left out. There
is no users file: the users are those who rate. `links.csv`, with each movie's id at IMDb, need not be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import NO_IMDB_NUMBER, Columns, Movies, Users
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader.archive import Archive
from movierec_cli.data.reader.column_tables import MovieRow, genre_list, movie_table
from movierec_cli.data.reader.rating_blocks import read_ratings
from movierec_cli.data.reader.rating_format import RatingFormat
from movierec_cli.data.reader.text_rows import TextRow, by_unique_id, csv_rows

MEMBERS = ("ratings.csv", "movies.csv")
_LINKS = "links.csv"
OPTIONAL = (_LINKS,)

_RATINGS = RatingFormat("ratings.csv", separator=",", has_header=True, rating_step=0.5)
_MOVIE_COLUMNS = ("movieId", "title", "genres")
_LINK_COLUMNS = ("movieId", "imdbId")


def parse(archive: Archive, progress: Progress) -> Columns:
    """Reads the members. Raises a `DataError` with file and line."""
    movies = movie_table(_movies(archive))
    if _LINKS in archive:
        movies = replace(movies, imdb_number=_imdb_numbers(archive, movies))
    ratings, user_id = read_ratings(
        archive, _RATINGS, movie_ids=movies.movie_id, user_ids=None, progress=progress
    )
    return Columns(ratings, movies, Users(user_id))


def _movies(archive: Archive) -> Iterator[MovieRow]:
    for row in csv_rows(archive, "movies.csv", _MOVIE_COLUMNS):
        yield MovieRow(row, row.whole_number(0, "movieId"), row.fields[1], genre_list(row.fields[2]))


@dataclass(frozen=True)
class _Link:
    """One row of links.csv."""

    row: TextRow
    movie_id: int
    imdb_number: int


def _imdb_numbers(archive: Archive, movies: Movies) -> npt.NDArray[np.int64]:
    """The number of each movie, in order: [n_movies]; links of movies that are not there are left out."""
    links = by_unique_id(_links(archive), lambda link: link.movie_id, "movie")
    ids = movies.movie_id.tolist()
    numbers = (links[movie].imdb_number if movie in links else NO_IMDB_NUMBER for movie in ids)
    return np.fromiter(numbers, dtype=np.int64, count=len(movies))


def _links(archive: Archive) -> Iterator[_Link]:
    for row in csv_rows(archive, _LINKS, _LINK_COLUMNS):
        number = row.whole_number(1, "imdbId") if row.fields[1] else NO_IMDB_NUMBER
        yield _Link(row, row.whole_number(0, "movieId"), number)
