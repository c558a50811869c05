"""MovieLens 100K and 1M: three files each, ISO-8859-1, without headers.

100K has `u.item` and `u.user` with "|" and `u.data` with tabs; 1M `movies.dat`, `users.dat` and `ratings.dat`
with "::".
"""

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
    split_list,
    user_table,
)
from movierec_cli.data.reader.rating_blocks import read_columns
from movierec_cli.data.reader.rating_format import RatingFormat
from movierec_cli.data.reader.text_rows import TextRow, separated_rows, with_unique_id

MEMBERS_100K = ("u.data", "u.item", "u.user")
MEMBERS_1M = ("ratings.dat", "movies.dat", "users.dat")

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


def parse_100k(archive: Archive, progress: Progress) -> Columns:
    """Reads the three members. Raises a `DataError` with file and line."""
    movies = movie_table(_movies_100k(archive), archive.place("u.item"))
    users = user_table(_users_100k(archive), _OCCUPATIONS_100K)
    return read_columns(archive, _RATINGS_100K, movies, users, progress)


def parse_1m(archive: Archive, progress: Progress) -> Columns:
    """Reads the three members. Raises a `DataError` with file and line."""
    movies = movie_table(_movies_1m(archive), archive.place("movies.dat"))
    users = user_table(_users_1m(archive), _OCCUPATIONS_1M)
    return read_columns(archive, _RATINGS_1M, movies, users, progress)


def _movies_100k(archive: Archive) -> Iterator[MovieRow]:
    rows = separated_rows(archive, "u.item", "|", _MOVIE_FIELDS_100K)
    for movie_id, row in with_unique_id(rows, "movie id", "movie"):
        yield MovieRow(movie_id, row.text(1), _flagged_genres(row))


def _movies_1m(archive: Archive) -> Iterator[MovieRow]:
    rows = separated_rows(archive, "movies.dat", "::", _MOVIE_FIELDS_1M)
    for movie_id, row in with_unique_id(rows, "movie id", "movie"):
        genres = [_RENAMED_GENRES.get(genre, genre) for genre in split_list(row.text(2))]
        yield MovieRow(movie_id, row.text(1), genres)


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
