"""Recommendations for one user, from a run's saved embeddings alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.config import FeatureSet
from movierec_cli.data.dataset import Dataset
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.registry.store import Run


@dataclass(frozen=True)
class RatedMovie:
    """A movie that a user rated."""

    movie_id: int
    title: str
    genres: tuple[str, ...]
    rating: float  # stars
    timestamp: int  # seconds since 1970-01-01 UTC


@dataclass(frozen=True)
class RecommendedMovie:
    """A movie recommended to a user."""

    movie_id: int
    title: str
    genres: tuple[str, ...]
    score: float  # comparable within one run and user only


@dataclass(frozen=True)
class Recommendations:
    """What one model recommends to one user, best first."""

    run_name: str
    feature_set: FeatureSet
    user_id: int
    movies: tuple[RecommendedMovie, ...]


def recommend(
    dataset: Dataset, run: Run, user_id: int, *, top: int = 10, include_seen: bool = False
) -> Recommendations:
    """The movies a run scores highest for a user; equal scores in the order of the catalogue.

    Args:
        dataset: the data set the run was trained on.
        run: a saved run.
        user_id: the user's id in the data set.
        top: how many movies at most; fewer where the user has seen nearly all.
        include_seen: whether movies the user rated, in whatever part of the split, may be recommended.

    Raises:
        MovierecError: the data set has no such user, or the training left them out.
        SavedModelError: the run was trained on other data, or is damaged.
    """
    user_index = user_row(dataset, user_id)
    scores = _scores(dataset, run, user_index)  # [n_movies]
    candidates = np.ones(len(scores), dtype=bool) if include_seen else ~_seen(dataset, user_index)
    candidates &= scores > -np.inf
    best_first = np.argsort(-scores, kind="stable")
    chosen = best_first[candidates[best_first]][:top]
    movies = tuple(
        RecommendedMovie(
            movie_id=int(dataset.movies.movie_id[row]),
            title=dataset.movies.title[row],
            genres=_genres(dataset, row),
            score=float(scores[row]),
        )
        for row in chosen
    )
    return Recommendations(run.record.name, run.record.config.feature_set, user_id, movies)


def rated_by(dataset: Dataset, user_id: int) -> tuple[RatedMovie, ...]:
    """What a user rated: best first, and the newest first among equals.

    Raises:
        MovierecError: the data set has no such user.
    """
    ratings = dataset.ratings
    rows = np.flatnonzero(ratings.user_index == user_row(dataset, user_id))
    rows = rows[np.lexsort((-ratings.timestamp[rows], -ratings.rating[rows]))]
    return tuple(
        RatedMovie(
            movie_id=int(dataset.movies.movie_id[movie]),
            title=dataset.movies.title[movie],
            genres=_genres(dataset, movie),
            rating=float(ratings.rating[row]),
            timestamp=int(ratings.timestamp[row]),
        )
        for row, movie in zip(rows, ratings.movie_index[rows], strict=True)
    )


def user_row(dataset: Dataset, user_id: int) -> int:
    """The user's row in `dataset.users`.

    Raises:
        MovierecError: the data set has no such user; names the ids that it has.
    """
    rows = np.flatnonzero(dataset.users.user_id == user_id)
    if len(rows) == 0:
        ids = dataset.users.user_id
        known = f"{ids.min()} to {ids.max()}"
        gaps = len(ids) <= ids.max() - ids.min()
        known = f"{len(ids)} ids between {known}".replace(" to ", " and ") if gaps else f"ids {known}"
        raise MovierecError(f"there is no user {user_id} in '{dataset.name}'; its users have the {known}")
    return int(rows[0])


def _scores(dataset: Dataset, run: Run, user_index: int) -> npt.NDArray[np.float32]:
    """Of every movie of the data set; minus infinity for those that were left out of the training."""
    artifacts = run.artifacts
    for kept, current in (
        (artifacts.movie_ids, dataset.movies.movie_id),
        (artifacts.user_ids, dataset.users.user_id),
    ):
        left_some_out = run.record.config.split.k_core > 0
        if not (np.isin(kept, current).all() if left_some_out else np.array_equal(kept, current)):
            raise SavedModelError(f"{run.folder} was trained on other data than '{dataset.name}' is now")
    row = np.flatnonzero(artifacts.user_ids == dataset.users.user_id[user_index])
    if len(row) == 0:
        raise MovierecError(
            f"user {dataset.users.user_id[user_index]} was left out when {run.record.name} was trained;"
            f" its --k_core was {run.record.config.split.k_core}"
        )
    scores = np.full(len(dataset.movies), -np.inf, np.float32)
    known = np.isin(dataset.movies.movie_id, artifacts.movie_ids)
    place = {movie_id: place for place, movie_id in enumerate(artifacts.movie_ids.tolist())}
    rows = [place[movie_id] for movie_id in dataset.movies.movie_id[known].tolist()]
    scores[known] = artifacts.movie_embeddings[rows] @ artifacts.user_embeddings[row[0]]
    return scores


def _seen(dataset: Dataset, user_index: int) -> npt.NDArray[np.bool_]:
    seen = np.zeros(len(dataset.movies), dtype=bool)
    seen[dataset.ratings.movie_index[dataset.ratings.user_index == user_index]] = True
    return seen


def _genres(dataset: Dataset, movie_index: int) -> tuple[str, ...]:
    flags = dataset.movies.genres[movie_index]
    return tuple(name for name, has in zip(dataset.movies.genre_names, flags, strict=True) if has)
