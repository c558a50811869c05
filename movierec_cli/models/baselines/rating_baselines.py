"""Baselines that predict ratings: the mean, biases, and biased matrix factorisation through `surprise`.

Koren, Bell & Volinsky 2009, "Matrix Factorization Techniques for Recommender Systems", equations 3 to 5. A
bias is how much a user or a movie is above the mean of all ratings.
"""

import functools
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from movierec_cli.evaluation.ranks import map_blocks
from movierec_cli.models.baselines.baseline import (
    Baseline,
    RatingPredictor,
    Rows,
    Settings,
    Stars,
    TrainingRatings,
    one_by_one,
)

L2_USER = (1.0, 2.0, 4.0, 8.0, 16.0)
L2_MOVIE = (0.5, 1.0, 2.0, 4.0, 8.0)
MOST_ROUNDS = 100
SETTLED = 1e-4  # stars; rounds end when no bias moves further
L2 = (0.02, 0.035, 0.05, 0.07, 0.1, 0.14, 0.2, 0.4)
N_FACTORS, N_DRAFT_FACTORS = 100, 50
N_EPOCHS = 30
LEARNING_RATE = 0.01
START_SPREAD = 0.03
SEED = 42
_AT_ONCE = 65_536  # ratings that are Python numbers, or pairs that are predicted


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
        of_movie = (above_of_movie - known.matrix.T @ of_user) / (known.of_movie + l2_movie)
        of_user = (above_of_user - known.matrix @ of_movie) / (known.of_user + l2_user)
        if np.abs(of_user - before).max() <= SETTLED:
            break
    return of_user, of_movie


def _bias(known: TrainingRatings) -> Callable[[Settings], RatingPredictor]:
    def fit(settings: Settings) -> RatingPredictor:
        of_user, of_movie = fit_biases(known, settings["l2_user"], settings["l2_movie"])
        n_parameters = 1 + of_user.size + of_movie.size
        return RatingPredictor(
            lambda users, movies: known.mean + of_user[users] + of_movie[movies], n_parameters
        )

    return fit


def _mean(known: TrainingRatings) -> Callable[[Settings], RatingPredictor]:
    return lambda _: RatingPredictor(lambda users, _: np.full(len(users), known.mean), 1)


class _Reshuffled:
    """What `surprise` reads of a training set, in a new order each epoch.

    Its own class keeps the order, and every rating as a Python tuple twice.
    """

    def __init__(self, known: TrainingRatings) -> None:
        self.n_users, self.n_items, self.global_mean = known.n_users, known.n_movies, known.mean
        self._known = known
        self._generator = np.random.default_rng(SEED)

    def all_ratings(self) -> Iterator[tuple[int, int, float]]:
        """User, movie and stars of each rating; called once an epoch."""
        known = self._known
        order = self._generator.permutation(len(known.stars))
        for start in range(0, len(order), _AT_ONCE):
            block = order[start : start + _AT_ONCE]
            columns = (known.user_index, known.movie_index, known.stars)
            yield from zip(*(column[block].tolist() for column in columns), strict=True)


def _factors(known: TrainingRatings, n_factors: int) -> Callable[[Settings], RatingPredictor]:
    return lambda settings: _biased_mf(known, settings["l2"], n_factors)


def _biased_mf(known: TrainingRatings, l2: float, n_factors: int) -> RatingPredictor:
    from surprise import SVD

    model = SVD(
        n_factors=n_factors,
        n_epochs=N_EPOCHS,
        lr_all=LEARNING_RATE,
        reg_all=l2,
        init_std_dev=START_SPREAD,
        random_state=SEED,
    )
    model.fit(_Reshuffled(known))
    # Factors of who has no rating are still what they were at the start, at random.
    of_user = np.where(known.of_user[:, None] > 0, model.pu, 0)  # [n_users, n_factors]
    of_movie = np.where(known.of_movie[:, None] > 0, model.qi, 0)  # [n_movies, n_factors]

    def stars(users: Rows, movies: Rows) -> Stars:
        predicted: Stars = known.mean + model.bu[users] + model.bi[movies]  # [n]

        def add_product(rows: Rows) -> None:
            predicted[rows] += np.einsum("nf,nf->n", of_user[users[rows]], of_movie[movies[rows]])

        map_blocks(add_product, len(predicted), _AT_ONCE)
        return predicted

    n_parameters = 1 + sum(part.size for part in (model.bu, model.bi, of_user, of_movie))
    return RatingPredictor(stars, n_parameters)


GLOBAL_MEAN = Baseline(grid=({},), prepare=_mean)
"""Everybody gives every movie the mean of the training ratings."""

RATING_BIAS = Baseline(
    grid=tuple(
        {"l2_user": of_user, "l2_movie": of_movie}
        for of_user, of_movie in itertools.product(L2_USER, L2_MOVIE)
    ),
    prepare=_bias,
)
"""Mean + bias of the user + bias of the movie."""

BIASED_MF = Baseline(
    grid=one_by_one("l2", L2),
    prepare=functools.partial(_factors, n_factors=N_FACTORS),
    # Half the factors order penalties alike in half the time; the model that is kept has them all.
    draft=functools.partial(_factors, n_factors=N_DRAFT_FACTORS),
    climbs_from=L2.index(0.07),
)
"""Mean + both biases + the product of a user's and a movie's factors."""
