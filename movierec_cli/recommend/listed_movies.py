"""Movies as lists show them, and what a user rated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset, Movies, known_ids
from movierec_cli.errors import MovierecError
from movierec_cli.recommend.users import User
from movierec_cli.registry.store import Run


@dataclass(frozen=True)
class ListedMovie:
    """A movie as its catalogue describes it."""

    movie_id: int
    title: str
    genres: tuple[str, ...]

    @classmethod
    def at(cls, movies: Movies, row: int, **details: Any) -> Self:
        """The movie at a row of a catalogue; `details` are what a subclass adds."""
        genres = tuple(name for name, has in zip(movies.genre_names, movies.genres[row], strict=True) if has)
        return cls(int(movies.movie_id[row]), movies.title[row], genres, **details)


@dataclass(frozen=True)
class RatedMovie(ListedMovie):
    """A movie that a user rated."""

    rating: float  # stars
    timestamp: int  # seconds since 1970-01-01 UTC


def rated_by(dataset: Dataset, user_id: int) -> tuple[RatedMovie, ...]:
    """What a user rated: best first, and the newest first among equals.

    Raises:
        MovierecError: the data set has no such user; names the ids that it has.
    """
    users, ratings = dataset.users.user_id, dataset.ratings
    if user_id not in users:
        raise MovierecError(
            f"there is no user {user_id} in '{dataset.name}'; its users have the {known_ids(users)}"
        )
    rows = np.flatnonzero(ratings.user_index == np.flatnonzero(users == user_id)[0])
    return _best_first(
        dataset.movies, ratings.movie_index[rows], ratings.rating[rows], ratings.timestamp[rows]
    )


def rated_in(run: Run, user: User) -> tuple[RatedMovie, ...]:
    """The same of a run's user, of the movies that the run knows."""
    assert user.seconds is not None  # only for a new user the times are unknown
    return _best_first(run.catalogue, user.movies, user.stars, user.seconds)


def _best_first(
    movies: Movies, rows: npt.NDArray[Any], stars: npt.NDArray[np.float32], seconds: npt.NDArray[np.int64]
) -> tuple[RatedMovie, ...]:
    return tuple(
        RatedMovie.at(movies, rows[place], rating=float(stars[place]), timestamp=int(seconds[place]))
        for place in np.lexsort((-seconds, -stars))
    )
