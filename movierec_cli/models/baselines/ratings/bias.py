"""The mean of all ratings, and how much each user and each movie is above it.

Koren, Bell & Volinsky 2009, "Matrix Factorization Techniques for Recommender Systems", equation 3.
"""

import itertools

import numpy as np

from movierec_cli.models.baselines.baseline import Settings
from movierec_cli.models.baselines.ratings.fit_rating_baseline import RatingBaseline, RatingPredictor, Stars
from movierec_cli.models.baselines.training_ratings import TrainingRatings

L2_USER = (1.0, 2.0, 4.0, 8.0, 16.0)
L2_MOVIE = (0.5, 1.0, 2.0, 4.0, 8.0)
MOST_ROUNDS = 100
SETTLED = 1e-4  # stars; rounds end when no bias moves further


def fit_biases(known: TrainingRatings, l2_user: float, l2_movie: float) -> tuple[Stars, Stars]:
    """Biases of users, [n_users], and of movies, [n_movies], in stars; 0 for who has no rating.

    They minimise Σ (stars − mean − b_u − b_m)² + l2_user Σ b_u² + l2_movie Σ b_m², by turns in closed form:
    b_m = Σ over the movie's ratings (stars − mean − b_u) / (their number + l2_movie), and b_u alike.

    Args:
        known: the ratings.
        l2_user: the penalty of users' biases, above 0.
        l2_movie: the penalty of movies' biases, above 0.
    """
    above = known.stars - known.mean
    above_of_user = np.bincount(known.user_index, above, known.n_users)
    above_of_movie = np.bincount(known.movie_index, above, known.n_movies)
    of_user, of_movie = np.zeros(known.n_users), np.zeros(known.n_movies)
    for _ in range(MOST_ROUNDS):
        before = of_user
        of_movie = (above_of_movie - known.times.T @ of_user) / (known.of_movie + l2_movie)
        of_user = (above_of_user - known.times @ of_movie) / (known.of_user + l2_user)
        if np.abs(of_user - before).max() <= SETTLED:
            break
    return of_user, of_movie


def _bias(known: TrainingRatings, settings: Settings) -> RatingPredictor:
    of_user, of_movie = fit_biases(known, settings["l2_user"], settings["l2_movie"])
    n_parameters = 1 + of_user.size + of_movie.size
    return RatingPredictor(lambda users, movies: known.mean + of_user[users] + of_movie[movies], n_parameters)


def _mean(known: TrainingRatings, settings: Settings) -> RatingPredictor:
    return RatingPredictor(lambda users, _: np.full(len(users), known.mean), 1)


GLOBAL_MEAN = RatingBaseline(grid=({},), fit=_mean)
"""Everybody gives every movie the mean of the training ratings."""

RATING_BIAS = RatingBaseline(
    grid=tuple(
        {"l2_user": of_user, "l2_movie": of_movie}
        for of_user, of_movie in itertools.product(L2_USER, L2_MOVIE)
    ),
    fit=_bias,
)
"""Mean + bias of the user + bias of the movie."""
