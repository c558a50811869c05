"""The CSV layout of MovieLens latest-small, 20M, 25M and 32M, and of a data set of the user's own.

`ratings.csv` and `movies.csv`, UTF-8 with headers; columns are found by name, others are left out. There
is no users file: the users are those who rate. `links.csv`, with each movie's id at IMDb, need not be there.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import NO_IMDB_NUMBER, Columns, Movies
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader.archive import Archive
from movierec_cli.data.reader.column_tables import MovieRow, movie_table, split_list
from movierec_cli.data.reader.rating_blocks import read_columns
from movierec_cli.data.reader.rating_format import RatingFormat
from movierec_cli.data.reader.text_rows import csv_rows, with_unique_id

MEMBERS = ("ratings.csv", "movies.csv")
_LINKS = "links.csv"
OPTIONAL = (_LINKS,)

_RATINGS = RatingFormat("ratings.csv", separator=",", has_header=True, rating_step=0.5)
_MOVIE_COLUMNS = ("movieId", "title", "genres")
_LINK_COLUMNS = ("movieId", "imdbId")


def parse(archive: Archive, progress: Progress) -> Columns:
    """Reads the members. Raises a `DataError` with file and line."""
    movies = movie_table(_movies(archive), archive.place("movies.csv"))
    if _LINKS in archive:
        movies = replace(movies, imdb_number=_imdb_numbers(archive, movies))
    return read_columns(archive, _RATINGS, movies, None, progress)


def _movies(archive: Archive) -> Iterator[MovieRow]:
    rows = csv_rows(archive, "movies.csv", _MOVIE_COLUMNS)
    for movie_id, row in with_unique_id(rows, "movieId", "movie"):
        yield MovieRow(movie_id, row.text(1), split_list(row.text(2)))


def _imdb_numbers(archive: Archive, movies: Movies) -> npt.NDArray[np.int64]:
    """The number of each movie, in order: [n_movies]; links of movies that are not there are left out."""
    rows = with_unique_id(csv_rows(archive, _LINKS, _LINK_COLUMNS), "movieId", "movie")
    number = {movie: row.whole_number(1, "imdbId") for movie, row in rows if row.fields[1]}
    ids = movies.movie_id.tolist()
    return np.array([number.get(movie, NO_IMDB_NUMBER) for movie in ids], dtype=np.int64)
