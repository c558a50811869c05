"""Movies and users of MovieLens 100K and 1M, which are read to the letter.

Each has files of its own, ISO-8859-1, without headers: 100K `u.item` and `u.user` with "|" between fields, 1M
`movies.dat` and `users.dat` with "::".
"""

from collections.abc import Callable, Iterator, Sequence

from movierec_cli.data.dataset import Movies, Users
from movierec_cli.data.reader.archive import Archive
from movierec_cli.data.reader.text_rows import (
    GENRE_NAMES,
    TextRow,
    UserRow,
    age_bucket,
    is_male,
    movie_table,
    separated_rows,
    split_list,
    user_table,
    with_unique_id,
)

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


def movies_100k(archive: Archive) -> Movies:
    """The table of `u.item`. Raises a `DataError` with file and line."""
    rows = separated_rows(archive, "u.item", "|", _MOVIE_FIELDS_100K)
    return _movies(rows, "movie id", _flagged_genres, archive.place("u.item"))


def movies_1m(archive: Archive) -> Movies:
    """The table of `movies.dat`. Raises a `DataError` with file and line."""
    rows = separated_rows(archive, "movies.dat", "::", _MOVIE_FIELDS_1M)
    return _movies(rows, "movie id", _listed_genres, archive.place("movies.dat"))


def users_100k(archive: Archive) -> Users:
    """The table of `u.user`. Raises a `DataError` with file and line."""
    return user_table(_users_100k(archive), _OCCUPATIONS_100K)


def users_1m(archive: Archive) -> Users:
    """The table of `users.dat`. Raises a `DataError` with file and line."""
    return user_table(_users_1m(archive), _OCCUPATIONS_1M)


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
            bucketized_age=age_bucket(raw_age),
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
