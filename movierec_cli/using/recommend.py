"""Recommendations for one person, from a saved run.

For a user of the run's data the saved arrays are enough, in two stages where the run predicts ratings: the
movies of the highest scores are retrieved, then ordered. For somebody else a model of sequences goes on from
the movies they have watched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import FeatureSet, RankBy, TaskWeights
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.id_index import UNKNOWN_ROW
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run
from movierec_cli.using.rating_runs import TRAIN_ONE, predicts_ratings, require_ratings
from movierec_cli.using.recommending_runs import FOR_HISTORIES, FOR_USERS
from movierec_cli.using.trained_rows import TrainedRows, trained_rows

RETRIEVED = 200  # movies that are ordered in the second stage

_Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RatedMovie:
    """A movie that a user rated."""

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


@dataclass(frozen=True)
class RecommendedMovie:
    """A movie recommended to a user."""

    movie_id: int
    title: str
    genres: tuple[str, ...]
    score: float  # comparable within one run and user only
    stars: float | None = None  # predicted; None of a run that predicts none


@dataclass(frozen=True)
class Recommendations:
    """What one model recommends to one person, best first."""

    run_name: str
    config: RunConfig
    user_id: int | None  # None for somebody who is in no data
    movies: tuple[RecommendedMovie, ...]
    rank_by: RankBy = RankBy.SCORE

    @property
    def feature_set(self) -> FeatureSet:
        """What the model sees besides the ids."""
        return self.config.feature_set

    @property
    def tasks(self) -> TaskWeights | None:
        """Of a model with two tasks."""
        return self.config.tasks

    @property
    def label(self) -> str:
        """The model for people, as its run's: "timestamp (retrieval × 1, rating × 0.3)", "SASRec"."""
        return self.config.label


def recommend(
    dataset: Dataset,
    run: Run,
    user_id: int,
    *,
    top: int = 10,
    include_seen: bool = False,
    rank_by: RankBy = RankBy.SCORE,
) -> Recommendations:
    """The movies a run scores highest for a user; equal scores in the order of the catalogue.

    By ratings or a blend, the `RETRIEVED` highest scores are ordered anew; equal values keep their order.

    Args:
        dataset: the data set the run was trained on.
        run: a saved run.
        user_id: the user's id in the data set.
        top: how many movies at most; fewer where the user has seen nearly all.
        include_seen: whether movies the user rated, in whatever part of the split, may be recommended.
        rank_by: what orders the movies retrieved.

    Raises:
        MovierecError: the data set has no such user, the training left them out, the run is a baseline, or it
            predicts no ratings to order by.
        SavedModelError: the run was trained on other data, or is damaged.
    """
    FOR_USERS.require(run.record)
    if rank_by is not RankBy.SCORE:
        require_ratings(run.record)
    user_index = user_row(dataset, user_id)
    trained = trained_rows(dataset, run)
    scores = _scores(run, trained, user_index)  # [n_movies]
    seen = None if include_seen else dataset.ratings.movie_index[dataset.ratings.user_index == user_index]
    retrieved = _best_first(scores, seen)[: max(top, RETRIEVED)]
    stars = _stars(run, trained, user_index, retrieved)  # [n_retrieved]
    order = np.argsort(-_VALUES[rank_by](scores[retrieved], stars), kind="stable")[:top]
    movies = _recommended(dataset, scores, retrieved[order], stars[order])
    return Recommendations(run.record.name, run.record.config, user_id, movies, rank_by=rank_by)


def recommend_next(
    dataset: Dataset,
    run: Run,
    watched: Sequence[int],
    *,
    top: int = 10,
    include_seen: bool = False,
) -> Recommendations:
    """The movies a model of sequences scores highest after those that somebody has watched.

    Equal scores are in the order of the catalogue.

    Args:
        dataset: the data set the run was trained on.
        run: a saved run of a model of sequences.
        watched: rows of `dataset.movies`, oldest first, one or more, none twice.
        top: how many movies at most.
        include_seen: whether the watched movies may be recommended.

    Raises:
        MovierecError: the run models no sequences, or its training left a watched movie out.
        SavedModelError: the run was trained on other data, or is damaged.
    """
    FOR_HISTORIES.require(run.record)
    trained = trained_rows(dataset, run)
    history = np.array([trained.movie(movie) for movie in watched], np.int64)
    scores = _of_dataset(_scores_after(run, history), trained)  # [n_movies]
    seen = None if include_seen else np.array(watched, np.int64)
    best = _best_first(scores, seen)[:top]
    unpredicted = np.full(len(best), np.nan, np.float32)
    movies = _recommended(dataset, scores, best, unpredicted)
    return Recommendations(run.record.name, run.record.config, None, movies)


def _scores_after(run: Run, history: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Of the run's own movies; nobody says when those of the history were watched."""
    from movierec_cli.models.sequential.serving import score_history

    scores: npt.NDArray[np.float32] = score_history(run, history, None)
    return scores


def _best_first(scores: npt.NDArray[np.float32], seen: npt.NDArray[Any] | None) -> npt.NDArray[np.int64]:
    """The rows of the movies that can be recommended; equal scores stay in the order of the catalogue."""
    candidates = scores > -np.inf
    if seen is not None:
        candidates[seen] = False
    order = np.argsort(-scores, kind="stable")
    return order[candidates[order]]


def _recommended(
    dataset: Dataset,
    scores: npt.NDArray[np.float32],
    rows: npt.NDArray[np.int64],
    stars: npt.NDArray[np.float32],
) -> tuple[RecommendedMovie, ...]:
    return tuple(
        RecommendedMovie(
            movie_id=int(dataset.movies.movie_id[row]),
            title=dataset.movies.title[row],
            genres=_genres(dataset, row),
            score=float(scores[row]),
            stars=None if np.isnan(predicted) else float(predicted),
        )
        for row, predicted in zip(rows, stars, strict=True)
    )


def check_rank_by(rank_by: RankBy, tasks: Sequence[TaskWeights]) -> None:
    """Finds out before a training whether its models can order recommendations so.

    Raises:
        UsageError: not all of them will predict ratings.
    """
    if rank_by is RankBy.SCORE or (tasks and all(weights.rating > 0 for weights in tasks)):
        return
    raise UsageError(
        f"--rank_by {rank_by} needs models that predict ratings: {TRAIN_ONE}, with a --rating_weight above 0"
    )


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


def watched_movies(dataset: Dataset, rows: Sequence[int]) -> tuple[WatchedMovie, ...]:
    """The movies at some rows of the catalogue, in their order."""
    movies = dataset.movies
    return tuple(
        WatchedMovie(int(movies.movie_id[row]), movies.title[row], _genres(dataset, row)) for row in rows
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


def _scores(run: Run, trained: TrainedRows, user_index: int) -> npt.NDArray[np.float32]:
    user = run.artifacts.user_embeddings[trained.user(user_index)]
    return _of_dataset(run.artifacts.movie_embeddings @ user, trained)


def _of_dataset(own: npt.NDArray[np.float32], trained: TrainedRows) -> npt.NDArray[np.float32]:
    """Scores of a run's movies as those of the data set's: minus infinity for what the training left out."""
    scores = np.full(len(trained.movies), -np.inf, np.float32)
    known = trained.movies != UNKNOWN_ROW
    scores[known] = own[trained.movies[known]]
    return scores


def _stars(
    run: Run, trained: TrainedRows, user_index: int, movies: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Predicted for some movies; NaN where the run predicts none."""
    if not predicts_ratings(run.record):
        return np.full(len(movies), np.nan, np.float32)
    users = np.full(len(movies), trained.user(user_index))
    return run.rating_head.stars(users, trained.movies[movies])


def _blend(scores: npt.NDArray[np.float32], stars: npt.NDArray[np.float32]) -> _Values:
    return (_standardised(scores) + _standardised(stars)) / 2


def _standardised(values: npt.NDArray[np.float32]) -> _Values:
    """In standard deviations from the mean; 0 where all are equal, which then decide nothing."""
    exact = values.astype(np.float64)
    if len(exact) == 0 or exact.min() == exact.max():
        return np.zeros(len(exact))
    standardised: _Values = (exact - exact.mean()) / exact.std()
    return standardised


_VALUES: dict[RankBy, Callable[[npt.NDArray[np.float32], npt.NDArray[np.float32]], npt.NDArray[Any]]] = {
    RankBy.SCORE: lambda scores, stars: scores,
    RankBy.RATING: lambda scores, stars: stars,
    RankBy.BLEND: _blend,
}


def _genres(dataset: Dataset, movie_index: int) -> tuple[str, ...]:
    flags = dataset.movies.genres[movie_index]
    return tuple(name for name, has in zip(dataset.movies.genre_names, flags, strict=True) if has)
