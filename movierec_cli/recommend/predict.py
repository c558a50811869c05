"""How many stars a user would give, from a run's saved arrays alone."""

from collections.abc import Iterable, Sequence

import numpy as np

from movierec_cli.data.dataset import Id, id_at
from movierec_cli.recommend.new_user_stars import head_of
from movierec_cli.recommend.run_choice import FOR_RATINGS
from movierec_cli.recommend.users import User, user_rows
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run

PREDICTION_COLUMNS = ("user", "movie_id", "title", "stars", "given")


@dataclass(frozen=True)
class PredictedRating:
    """What one user would give one movie."""

    user_id: Id | None  # None for a new user
    movie_id: Id
    title: str
    stars: float  # predicted
    given: float | None  # the user's own rating, which the model may have learned from


def predict(run: Run, pairs: Sequence[tuple[Id, int]]) -> tuple[PredictedRating, ...]:
    """Predicts a rating for each pair of a user's id and a row of the run's movies, in their order.

    An id may be a text that means it (`typed_id`). Users are as they stood at their last training rating.

    Raises:
        MovierecError: the run predicts no ratings, or has no such user.
        SavedModelError: the run is damaged.
    """
    FOR_RATINGS.require(run.record)
    users = user_rows(run, [user_id for user_id, _ in pairs])
    movies = np.array([movie for _, movie in pairs], np.int64)  # [n_pairs]
    stars = run.rating_head.stars(users, movies)
    catalogue = run.catalogue
    given = {user: run.user_ratings.stars_by_movie(user) for user in set(users.tolist())}
    return tuple(
        PredictedRating(
            user_id=id_at(run.artifacts.user_ids, user),
            movie_id=id_at(catalogue.movie_id, movie),
            title=catalogue.title[movie],
            stars=float(predicted),
            given=given[user].get(movie),
        )
        for (_, movie), user, predicted in zip(pairs, users.tolist(), stars, strict=True)
    )


def predict_for(run: Run, user: User, movies: Sequence[int]) -> tuple[PredictedRating, ...]:
    """Predicts ratings of movies, rows of the run's, for one user as the run sees them, new or known.

    Raises:
        MovierecError: the run predicts no ratings, or the new user gave no stars.
        SavedModelError: the run is damaged.
    """
    head, row = head_of(run, user)
    rows = np.array(movies, np.int64)
    stars = head.stars(np.full(len(rows), row), rows)
    given = dict(zip(user.movies.tolist(), user.stars.tolist(), strict=True))
    catalogue = run.catalogue
    return tuple(
        PredictedRating(
            user_id=user.user_id,
            movie_id=id_at(catalogue.movie_id, movie),
            title=catalogue.title[movie],
            stars=float(predicted),
            given=None if np.isnan(own := given.get(movie, np.nan)) else own,
        )
        for movie, predicted in zip(rows.tolist(), stars, strict=True)
    )


def prediction_rows(predictions: Sequence[PredictedRating]) -> Iterable[tuple[object, ...]]:
    """Predicted ratings as rows of `PREDICTION_COLUMNS`."""
    for one in predictions:
        given = "" if one.given is None else f"{one.given:g}"
        yield "" if one.user_id is None else one.user_id, one.movie_id, one.title, f"{one.stars:.4f}", given
