"""How many stars somebody would give, from a run's saved arrays alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset
from movierec_cli.registry.store import Run
from movierec_cli.using.rating_runs import require_ratings
from movierec_cli.using.recommend import user_row
from movierec_cli.using.trained_rows import trained_rows


@dataclass(frozen=True)
class PredictedRating:
    """What one user would give one movie."""

    user_id: int
    movie_id: int
    title: str
    stars: float  # predicted
    given: float | None  # the user's own rating, which the model may have learned from


def predict(dataset: Dataset, run: Run, pairs: Sequence[tuple[int, int]]) -> tuple[PredictedRating, ...]:
    """Predicts ratings, as the users stood at their last training rating.

    Args:
        dataset: the data set the run was trained on.
        run: a saved run that predicts ratings.
        pairs: ids of users and rows of `dataset.movies`.

    Returns:
        One a pair, in their order.

    Raises:
        MovierecError: the run predicts no ratings, the data set has no such user, or the training left a user
            or a movie out.
        SavedModelError: the run was trained on other data, or is damaged.
    """
    require_ratings(run.record)
    trained = trained_rows(dataset, run)
    place = {user_id: row for row, user_id in enumerate(dataset.users.user_id.tolist())}
    rows = (place[user_id] if user_id in place else user_row(dataset, user_id) for user_id, _ in pairs)
    users = np.fromiter(rows, np.int64)  # [n_pairs]
    movies = np.array([movie for _, movie in pairs], np.int64)  # [n_pairs]
    stars = run.rating_head.stars(
        np.array([trained.user(user) for user in users], np.int64),
        np.array([trained.movie(movie) for movie in movies], np.int64),
    )
    return tuple(
        PredictedRating(
            user_id=user_id,
            movie_id=int(dataset.movies.movie_id[movie]),
            title=dataset.movies.title[movie],
            stars=float(predicted),
            given=None if np.isnan(own) else float(own),
        )
        for (user_id, movie), predicted, own in zip(
            pairs, stars, given_ratings(dataset, users, movies), strict=True
        )
    )


def given_ratings(
    dataset: Dataset, users: npt.NDArray[np.int64], movies: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """What users gave movies, in stars; NaN for what they did not rate: [n_pairs]."""
    ratings, n_movies = dataset.ratings, len(dataset.movies)
    of_users = np.flatnonzero(np.isin(ratings.user_index, users))
    keys = ratings.user_index[of_users].astype(np.int64) * n_movies + ratings.movie_index[of_users]
    order = np.argsort(keys)
    keys, stars = keys[order], ratings.rating[of_users][order]
    wanted = users * n_movies + movies
    place = np.searchsorted(keys, wanted)
    found = place < len(keys)
    found[found] = keys[place[found]] == wanted[found]
    given = np.full(len(wanted), np.nan, np.float32)
    given[found] = stars[place[found]]
    return given
