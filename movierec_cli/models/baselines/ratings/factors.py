"""Biased matrix factorisation by stochastic gradient descent, through `surprise`.

Koren, Bell & Volinsky 2009, "Matrix Factorization Techniques for Recommender Systems", equations 4 and 5.
"""

import functools
from collections.abc import Iterator

import numpy as np

from movierec_cli.evaluation.ranks import map_blocks
from movierec_cli.models.baselines.baseline import Settings, one_by_one
from movierec_cli.models.baselines.ratings.fit_rating_baseline import (
    RatingBaseline,
    RatingPredictor,
    Rows,
    Stars,
)
from movierec_cli.models.baselines.training_ratings import TrainingRatings

L2 = (0.02, 0.035, 0.05, 0.07, 0.1, 0.14, 0.2, 0.4)
N_FACTORS, N_DRAFT_FACTORS = 100, 50
N_EPOCHS = 30
LEARNING_RATE = 0.01
START_SPREAD = 0.03
SEED = 42
_AT_ONCE = 65_536  # ratings that are Python numbers, or pairs that are predicted


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


def _fit(known: TrainingRatings, settings: Settings, n_factors: int) -> RatingPredictor:
    from surprise import SVD

    model = SVD(
        n_factors=n_factors,
        n_epochs=N_EPOCHS,
        lr_all=LEARNING_RATE,
        reg_all=settings["l2"],
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


BIASED_MF = RatingBaseline(
    grid=one_by_one("l2", L2),
    fit=functools.partial(_fit, n_factors=N_FACTORS),
    # Half the factors order penalties alike in half the time; the model that is kept has them all.
    draft=functools.partial(_fit, n_factors=N_DRAFT_FACTORS),
    climbs_from=L2.index(0.07),
)
"""Mean + both biases + the product of a user's and a movie's factors."""
