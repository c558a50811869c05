"""What somebody rated or watched, for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset, Movies
from movierec_cli.data.id_index import known_ids
from movierec_cli.errors import MovierecError
from movierec_cli.recommend.users import User
from movierec_cli.registry.store import Run


@dataclass(frozen=True)
class RatedMovie:
    """A movie that somebody rated."""

    movie_id: int
    title: str
    genres: tuple[str, ...]
    rating: float  # stars
    timestamp: int  # seconds since 1970-01-01 UTC


@dataclass(frozen=True)
class WatchedMovie:
    """A movie that somebody says they have watched."""

    movie_id: int
    title: str
    genres: tuple[str, ...]


def rated_by(dataset: Dataset, user_id: int) -> tuple[RatedMovie, ...]:
    """What a user rated: best first, and the newest first among equals.

    Raises:
        MovierecError: the data set has no such user.
    """
    ratings = dataset.ratings
    rows = np.flatnonzero(ratings.user_index == user_row(dataset, user_id))
    return _best_first(
        dataset.movies, ratings.movie_index[rows], ratings.rating[rows], ratings.timestamp[rows]
    )


def rated_in(run: Run, user: User) -> tuple[RatedMovie, ...]:
    """The same of a run's user, of the movies that the run knows."""
    assert user.seconds is not None  # nobody else has rated at a known time
    return _best_first(run.catalogue, user.movies, user.stars, user.seconds)


def watched_movies(movies: Movies, rows: Sequence[int]) -> tuple[WatchedMovie, ...]:
    """The movies at some rows of the catalogue, in their order."""
    return tuple(
        WatchedMovie(int(movies.movie_id[row]), movies.title[row], genres_of(movies, row)) for row in rows
    )


def genres_of(movies: Movies, row: int) -> tuple[str, ...]:
    """The names of one movie's genres."""
    return tuple(name for name, has in zip(movies.genre_names, movies.genres[row], strict=True) if has)


def user_row(dataset: Dataset, user_id: int) -> int:
    """The user's row in `dataset.users`.

    Raises:
        MovierecError: the data set has no such user; names the ids that it has.
    """
    rows = np.flatnonzero(dataset.users.user_id == user_id)
    if len(rows) == 0:
        known = known_ids(dataset.users.user_id)
        raise MovierecError(f"there is no user {user_id} in '{dataset.name}'; its users have the {known}")
    return int(rows[0])


def _best_first(
    movies: Movies,
    rows: npt.NDArray[Any],
    stars: npt.NDArray[np.float32],
    seconds: npt.NDArray[np.int64],
) -> tuple[RatedMovie, ...]:
    order = np.lexsort((-seconds, -stars))
    return tuple(
        RatedMovie(
            movie_id=int(movies.movie_id[movie]),
            title=movies.title[movie],
            genres=genres_of(movies, movie),
            rating=float(given),
            timestamp=int(second),
        )
        for movie, given, second in zip(rows[order], stars[order], seconds[order], strict=True)
    )
