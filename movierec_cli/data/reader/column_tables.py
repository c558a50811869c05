"""The tables of movies and of users, from the columns of a layout."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from movierec_cli.data import limits
from movierec_cli.data.dataset import UNKNOWN_YEAR, Movies, Users
from movierec_cli.data.reader.text_rows import TextRow


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


class MovieRow(NamedTuple):
    """One movie as a layout gives it."""

    movie_id: int
    title: str
    genres: Sequence[str]


def movie_table(movies: Iterable[MovieRow], place: str) -> Movies:
    """Collects movies, in their order, into columns; `genre_names` are those that occur, in TFDS' order.

    Raises a `DataError` that names the file, `place`, where there are too many genres.
    """
    kept = list(movies)
    names = _genre_names({genre for movie in kept for genre in movie.genres})
    limits.GENRES.check(len(names), file=place)
    return Movies(
        movie_id=np.array([movie.movie_id for movie in kept], dtype=np.int64),
        title=np.array([movie.title for movie in kept], dtype=np.object_),
        year=np.array([year_of(movie.title) for movie in kept], dtype=np.int16),
        genres=_multi_hot([movie.genres for movie in kept], names),
        genre_names=names,
    )


def year_of(title: str) -> int:
    """The title's last "(YYYY)", as in "Land Before Time III, The (1995) (V)"; else `UNKNOWN_YEAR`."""
    years = _YEAR.findall(title)
    return int(years[-1]) if years else UNKNOWN_YEAR


def _genre_names(present: set[str]) -> tuple[str, ...]:
    known = [name for name in GENRE_NAMES if name in present]
    return (*known, *sorted(present.difference(GENRE_NAMES)))


def _multi_hot(genres: Sequence[Sequence[str]], names: Sequence[str]) -> npt.NDArray[np.bool_]:
    table = np.zeros((len(genres), len(names)), dtype=np.bool_)  # [n_movies, n_genres]
    column = {name: index for index, name in enumerate(names)}
    for row, listed in enumerate(genres):
        table[row, [column[name] for name in listed]] = True
    return table


class UserRow(NamedTuple):
    """One user as a layout gives it."""

    user_id: int
    bucketized_age: int  # lower bound, years
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
        is_male=np.array(is_male, dtype=np.bool_),
        occupation=np.array(occupation, dtype=np.int32),
        occupation_names=tuple(occupation_names),
        zip_code=np.array(zip_code, dtype=np.object_),
    )


def is_male(row: TextRow, text: str) -> bool:
    """Reads "M" or "F". Raises a `DataError` for anything else."""
    if text not in ("M", "F"):
        raise row.error(f"the gender is '{text[:80]}'; it must be M or F")
    return text == "M"
