"""The stars of somebody whom a model never saw, from the stars that they gave elsewhere."""

import numpy as np
import numpy.typing as npt

from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.models.rating.evidence import SHRINKAGE, numbers_of
from movierec_cli.recommend.run_choice import FOR_RATINGS, validation_rmse
from movierec_cli.recommend.users import User
from movierec_cli.registry.store import Run
from movierec_cli.scoring.rating_fold_in import NewRatings, fold_in_rating
from movierec_cli.scoring.rating_head import RatingHead
from movierec_cli.text import counted

_UNMEASURED_RMSE = 1.0  # stars; about that of any model


def head_of(run: Run, user: User) -> tuple[RatingHead, int]:
    """What predicts a user's stars, and their row there; a new user is folded in by their own stars.

    Raises:
        MovierecError: the run predicts no ratings, or the new user gave no stars.
        SavedModelError: the run is damaged.
    """
    require_stars(run, user)
    if user.row is not None:
        return run.rating_head, user.row
    try:
        noise = _noise(run)
        return fold_in_rating(run.rating_head, _ratings_of(run, user), noise=noise), 0
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
    stars = user.stars[~np.isnan(user.stars)]
    movies = user.movies[~np.isnan(user.stars)]
    others = run.rating_head.mean + _movie_biases(run)[movies]
    above = float((stars - others).mean())
    how = f"{abs(above):.1f} {'above' if above >= 0 else 'below'}"
    return (
        f"the new user's {run.record.data.rating_unit} are predicted from"
        f" {counted(len(stars), 'rating')} that the model was not trained on, on average"
        f" {how} what others gave"
    )


def _ratings_of(run: Run, user: User) -> NewRatings:
    rated = np.flatnonzero(~np.isnan(user.stars))
    movies, stars = user.movies[rated], user.stars[rated].astype(np.float64)
    head = run.rating_head
    n_numbers = head.user_numbers.shape[1]
    if n_numbers == 0:  # of the tutorial's head, which knows vectors alone
        return NewRatings(movies, stars, np.zeros(0), np.zeros((len(movies), 0)))
    residuals = (stars - head.mean - _movie_biases(run)[movies]) / _per_star(run)
    n, every = np.float64(len(movies)), residuals.sum()
    # With fewer ratings than most of the users have, the head has not learned to read their number.
    usual = np.median(head.user_numbers[:, -1])
    numbers = numbers_of(np.append(every, every - residuals), np.append(n, np.full(len(movies), n - 1)))
    numbers[:, -1] = np.maximum(numbers[:, -1], usual)
    return NewRatings(movies, stars, numbers[0], numbers[1:])


def _movie_biases(run: Run) -> npt.NDArray[np.float64]:
    """How far above the mean each movie is rated, shrunk as in training: [n_movies]."""
    known = run.user_ratings
    n_movies = len(run.catalogue)
    above = known.stars.astype(np.float64) - run.rating_head.mean
    counts = known.popularity(n_movies)
    biases: npt.NDArray[np.float64] = np.bincount(known.movie, above, n_movies) / (counts + SHRINKAGE)
    return biases


def _noise(run: Run) -> float:
    rmse = validation_rmse(run.record)
    return (rmse if rmse else _UNMEASURED_RMSE * _per_star(run)) ** 2


def _per_star(run: Run) -> float:
    scale = run.record.data.scale
    return 1.0 if scale is None else scale.per_star
