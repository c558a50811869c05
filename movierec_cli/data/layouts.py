"""The layouts of archives: what each is read from, and which one an archive has.

MovieLens 100K and 1M have three files each, ISO-8859-1, without headers: 100K `u.item` and `u.user` with "|"
and `u.data` with tabs; 1M `movies.dat`, `users.dat` and `ratings.dat` with "::".

CSV is that of MovieLens latest-small, 20M, 25M, 32M, and of a data set of the user's own: `ratings.csv` and
`movies.csv`, UTF-8 with headers; columns are found by name, others are left out. There is no users file: the
users are those who rate. `links.csv`, with each movie's id at IMDb, need not be there.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import NO_IMDB_NUMBER, Columns, Movies
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader.archive import Archive, open_archive
from movierec_cli.data.reader.rating_blocks import RatingFormat, read_columns
from movierec_cli.data.reader.text_rows import (
    GENRE_NAMES,
    TextRow,
    UserRow,
    csv_text_rows,
    is_male,
    movie_table,
    separated_rows,
    split_list,
    user_table,
    with_unique_id,
)
from movierec_cli.data.sources import LayoutKind
from movierec_cli.errors import DataError

_RATINGS_100K = RatingFormat("u.data", separator="\t", has_header=False, rating_step=1)
_RATINGS_1M = RatingFormat("ratings.dat", separator="::", has_header=False, rating_step=1)

# 100K has "Unknown" first, and not the two genres that came later.
_GENRES_100K = (
    "Unknown",
    *(name for name in GENRE_NAMES if name not in ("IMAX", "Unknown", "(no genres listed)")),
)
_MOVIE_FIELDS_100K = ("movie id", "title", "release date", "video release date", "IMDb URL", *_GENRES_100K)
_MOVIE_FIELDS_1M = ("movie id", "title", "genres")
_FIRST_GENRE = 5
_RENAMED_GENRES = {"Children's": "Children"}  # as TFDS does, and as MovieLens itself from 10M on

_USER_FIELDS_100K = ("user id", "age", "gender", "occupation", "zip code")
_USER_FIELDS_1M = ("user id", "gender", "age", "occupation", "zip code")
_AGE_BUCKETS = (1, 18, 25, 35, 45, 50, 56)  # lower bounds, years; those in which 1M gives ages

# The users file of 100K holds the word, that of 1M the index.
_OCCUPATIONS_100K = split_list(
    "administrator|artist|doctor|educator|engineer|entertainment|executive|healthcare|homemaker|lawyer"
    "|librarian|marketing|none|other|programmer|retired|salesman|scientist|student|technician|writer"
)
_OCCUPATIONS_1M = split_list(
    "other/not specified|academic/educator|artist|clerical/admin|college/grad student|customer service"
    "|doctor/health care|executive/managerial|farmer|homemaker|K-12 student|lawyer|programmer|retired"
    "|sales/marketing|scientist|self-employed|technician/engineer|tradesman/craftsman|unemployed|writer"
)

_LINKS = "links.csv"

_RATINGS_CSV = RatingFormat("ratings.csv", separator=",", has_header=True, rating_step=0.5)
_MOVIE_COLUMNS = ("movieId", "title", "genres")
_LINK_COLUMNS = ("movieId", "imdbId")


def parse_100k(archive: Archive, progress: Progress) -> Columns:
    """Reads the three members. Raises a `DataError` with file and line."""
    rows = separated_rows(archive, "u.item", "|", _MOVIE_FIELDS_100K)
    movies = _movies(rows, "movie id", _flagged_genres, archive.place("u.item"))
    users = user_table(_users_100k(archive), _OCCUPATIONS_100K)
    return read_columns(archive, _RATINGS_100K, movies, users, progress)


def parse_1m(archive: Archive, progress: Progress) -> Columns:
    """Reads the three members. Raises a `DataError` with file and line."""
    rows = separated_rows(archive, "movies.dat", "::", _MOVIE_FIELDS_1M)
    movies = _movies(rows, "movie id", _listed_genres, archive.place("movies.dat"))
    users = user_table(_users_1m(archive), _OCCUPATIONS_1M)
    return read_columns(archive, _RATINGS_1M, movies, users, progress)


def _movies(
    rows: Iterator[TextRow], id_name: str, genres_of: Callable[[TextRow], Sequence[str]], place: str
) -> Movies:
    with_id = with_unique_id(rows, id_name, "movie")
    return movie_table(((one_id, row.text(1), genres_of(row)) for one_id, row in with_id), place)


def _listed_genres(row: TextRow) -> list[str]:
    return [_RENAMED_GENRES.get(genre, genre) for genre in split_list(row.text(2))]


def _flagged_genres(row: TextRow) -> list[str]:
    flags = dict(zip(_GENRES_100K, row.fields[_FIRST_GENRE:], strict=True))
    for name, flag in flags.items():
        if flag not in ("0", "1"):
            raise row.error(f"the genre {name} is '{flag[:80]}'; it must be 0 or 1")
    return [name for name, flag in flags.items() if flag == "1"]


def _users_100k(archive: Archive) -> Iterator[UserRow]:
    code = {name: index for index, name in enumerate(_OCCUPATIONS_100K)}
    rows = separated_rows(archive, "u.user", "|", _USER_FIELDS_100K)
    for user_id, row in with_unique_id(rows, "user id", "user"):
        raw_age, occupation = row.whole_number(1, "age"), row.fields[3]
        if occupation not in code:
            raise row.error(f"the occupation is '{occupation[:80]}'; known are {', '.join(code)}")
        yield UserRow(
            user_id,
            bucketized_age=_AGE_BUCKETS[max(bisect_right(_AGE_BUCKETS, raw_age) - 1, 0)],
            is_male=is_male(row, row.fields[2]),
            occupation=code[occupation],
            zip_code=row.text(4),
            raw_age=raw_age,
        )


def _users_1m(archive: Archive) -> Iterator[UserRow]:
    rows = separated_rows(archive, "users.dat", "::", _USER_FIELDS_1M)
    for user_id, row in with_unique_id(rows, "user id", "user"):
        occupation = row.whole_number(3, "occupation")
        if occupation >= len(_OCCUPATIONS_1M):
            raise row.error(
                f"the occupation is {occupation}; it must be from 0 to {len(_OCCUPATIONS_1M) - 1}"
            )
        yield UserRow(
            user_id,
            bucketized_age=row.whole_number(2, "age"),
            is_male=is_male(row, row.fields[1]),
            occupation=occupation,
            zip_code=row.text(4),
        )


def parse_csv(archive: Archive, progress: Progress) -> Columns:
    """Reads the members. Raises a `DataError` with file and line."""
    rows = _csv_rows(archive, "movies.csv", _MOVIE_COLUMNS)
    movies = _movies(rows, "movieId", lambda row: split_list(row.text(2)), archive.place("movies.csv"))
    if _LINKS in archive:
        movies = replace(movies, imdb_number=_imdb_numbers(archive, movies))
    return read_columns(archive, _RATINGS_CSV, movies, None, progress)


def _csv_rows(archive: Archive, member: str, names: Sequence[str]) -> Iterator[TextRow]:
    return csv_text_rows(archive.read(member), archive.place(member), names)


def _imdb_numbers(archive: Archive, movies: Movies) -> npt.NDArray[np.int64]:
    """The number of each movie, in order: [n_movies]; links of movies that are not there are left out."""
    rows = with_unique_id(_csv_rows(archive, _LINKS, _LINK_COLUMNS), "movieId", "movie")
    number = {movie: row.whole_number(1, "imdbId") for movie, row in rows if row.fields[1]}
    ids = movies.movie_id.tolist()
    return np.array([number.get(movie, NO_IMDB_NUMBER) for movie in ids], dtype=np.int64)


@dataclass(frozen=True)
class Layout:
    """What makes an archive of this layout, and how it is read."""

    kind: LayoutKind
    members: tuple[str, ...]
    parse: Callable[[Archive, Progress], Columns]
    optional: tuple[str, ...] = ()  # members that are read where they are there, and missed by nobody

    def read_members(self, archive: Archive) -> tuple[str, ...]:
        """The members of `archive` that are read, those that need not be there included."""
        return (*self.members, *(member for member in self.optional if member in archive))


LAYOUTS = (
    Layout(LayoutKind.MOVIELENS_100K, ("u.data", "u.item", "u.user"), parse_100k),
    Layout(LayoutKind.MOVIELENS_1M, ("ratings.dat", "movies.dat", "users.dat"), parse_1m),
    Layout(LayoutKind.CSV, ("ratings.csv", "movies.csv"), parse_csv, (_LINKS,)),
)


def recognise(path: Path) -> tuple[Archive, Layout]:
    """Opens a zip or folder and tells its layout by its members, at the top or in a folder below.

    Raises:
        DataError: it cannot be opened, is of no layout, or members of its layout are missing.
    """
    archive = open_archive(path)
    candidates = [(archive.at_members(layout.members), layout) for layout in LAYOUTS]
    found, layout = max(candidates, key=lambda pair: pair[0].share_of(pair[1].members))
    if not any(member in found for member in layout.members):
        known = "; ".join(f"{layout.kind} ({', '.join(layout.members)})" for layout in LAYOUTS)
        raise DataError(f"has none of the known layouts' files: {known}", file=path)
    found.require(layout.members)
    return found, layout
