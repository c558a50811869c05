"""The stars of somebody whom a model never saw, from the stars that they gave elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.recommend.run_choice import FOR_RATINGS, validation_rmse
from movierec_cli.recommend.users import User
from movierec_cli.registry.store import Run
from movierec_cli.text import counted

if TYPE_CHECKING:
    from movierec_cli.scoring.rating_fold_in import NewRatings
    from movierec_cli.scoring.rating_head import RatingHead

_UNMEASURED_RMSE = 1.0  # stars; about that of any model


def head_of(run: Run, user: User) -> tuple[RatingHead, int]:
    """What predicts a user's stars, and their row there; a new user is folded in by their own stars.

    Raises:
        MovierecError: the run predicts no ratings, or the new user gave no stars.
        SavedModelError: the run is damaged.
    """
    from movierec_cli.scoring.rating_fold_in import fold_in_rating

    require_stars(run, user)
    if user.row is not None:
        return run.rating_head, user.row
    try:
        ratings = new_ratings(run.rating_head, _movie_biases(run), *_rated(user), _per_star(run))
        return fold_in_rating(run.rating_head, ratings, noise=_noise(run)), 0
    except (ValueError, np.linalg.LinAlgError) as error:
        raise SavedModelError(f"{run.folder}: rating_head.npz is damaged: {error}") from error


def require_stars(run: Run, user: User) -> None:
    """Raises a `MovierecError` where a run cannot predict this user's stars."""
    FOR_RATINGS.require(run.record)
    if user.row is None and not has_stars(user):
        raise MovierecError(
            "a new user's stars are predicted from stars that they gave, and there are none; give a file with"
            " ratings: --ratings_file FILE"
        )


def has_stars(user: User) -> bool:
    """Whether a user gave stars, on the scale of the data, for a movie that the run knows."""
    return bool((~np.isnan(user.stars)).any())


def folded_in_note(run: Run, user: User) -> str:
    """Says by what a new user's stars are predicted."""
    movies, stars = _rated(user)
    above = float((stars - run.rating_head.mean - _movie_biases(run)[movies]).mean())
    how = f"{abs(above):.1f} {'above' if above >= 0 else 'below'}"
    return (
        f"the new user's {run.record.data.rating_unit} are predicted from"
        f" {counted(len(stars), 'rating')} that the model was not trained on, on average"
        f" {how} what others gave"
    )


def new_ratings(
    head: RatingHead,
    biases: npt.NDArray[np.float64],
    movies: npt.NDArray[np.int64],
    stars: npt.NDArray[np.float64],
    per_star: float = 1.0,
) -> NewRatings:
    """A new person's ratings with the numbers by which a head knows its users.

    Args:
        head: of the model.
        biases: of all movies, see `movie_biases`.
        movies: rows of those that the person rated, [n].
        stars: their ratings, on the data's scale, [n].
        per_star: how much of that scale is a star, on which models are trained.

    Raises:
        ValueError: the head knows its users by other numbers.
    """
    from movierec_cli.models.rating.evidence import N_USER_NUMBERS, numbers_of, tastes
    from movierec_cli.scoring.rating_fold_in import NewRatings

    if head.movie_genres is None:  # of the tutorial's head, which knows vectors alone
        none = np.zeros((len(movies), 0))
        return NewRatings(movies, stars, np.zeros(0), none, np.zeros(0), none)
    if head.user_numbers.shape[1] != N_USER_NUMBERS:
        raise ValueError(f"it has {head.user_numbers.shape[1]} numbers of a user, not {N_USER_NUMBERS}")
    residuals = (stars - head.mean - biases[movies]) / per_star
    n, every = len(movies), residuals.sum()
    sums, counts = np.append(every, every - residuals), np.append(float(n), np.full(n, n - 1.0))
    numbers = numbers_of(sums, counts)
    # With fewer ratings than most of the users have, the head has not learned to read their number.
    numbers[:, -1] = np.maximum(numbers[:, -1], np.median(head.user_numbers[:, -1]))
    shares = head.movie_genres[movies].astype(np.float64)
    is_of = shares > 0  # [n, n_genres]
    of_genres, n_of_genres = residuals @ is_of, is_of.sum(axis=0)
    without = tastes(
        of_genres - residuals[:, None] * is_of, n_of_genres - is_of, sums[1:, None], counts[1:, None]
    )
    return NewRatings(
        movies,
        stars,
        numbers[0],
        numbers[1:],
        tastes(of_genres, n_of_genres, sums[0], counts[0]),
        (shares * without).sum(axis=1, keepdims=True),
    )


def movie_biases(
    movies: npt.NDArray[np.integer], stars: npt.NDArray[np.floating], mean: float, n_movies: int
) -> npt.NDArray[np.float64]:
    """How far above the mean each movie is rated, shrunk as in training: [n_movies]."""
    from movierec_cli.models.rating.evidence import SHRINKAGE

    counts = np.bincount(movies, minlength=n_movies)
    above = np.bincount(movies, stars.astype(np.float64) - mean, n_movies)
    biases: npt.NDArray[np.float64] = above / (counts + SHRINKAGE)
    return biases


def _rated(user: User) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    has_stars = ~np.isnan(user.stars)
    return user.movies[has_stars], user.stars[has_stars].astype(np.float64)


def _movie_biases(run: Run) -> npt.NDArray[np.float64]:
    known = run.user_ratings
    return movie_biases(known.movie, known.stars, run.rating_head.mean, len(run.catalogue))


def _noise(run: Run) -> float:
    """The squared error of the run's predictions, as validation measured it."""
    rmse = validation_rmse(run.record)
    return (rmse if rmse else _UNMEASURED_RMSE * _per_star(run)) ** 2


def _per_star(run: Run) -> float:
    scale = run.record.data.scale
    return 1.0 if scale is None else scale.per_star
