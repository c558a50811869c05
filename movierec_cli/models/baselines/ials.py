"""Matrix factorization of what was rated and what was not, through `implicit`.

Hu, Koren & Volinsky 2008, "Collaborative Filtering for Implicit Feedback Datasets".
"""

import numpy as np
import numpy.typing as npt

from movierec_cli.models.baselines.baseline import (
    Baseline,
    Fitter,
    Scorer,
    Settings,
    with_popularity_for_cold_users,
)
from movierec_cli.models.baselines.training_ratings import TrainingRatings

ITERATIONS = 15
SEED = 42


def _prepare(part: TrainingRatings) -> Fitter:
    return lambda settings: with_popularity_for_cold_users(part, _fit(part, settings))


def _fit(part: TrainingRatings, settings: Settings) -> Scorer:
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):  # implicit has threads of its own
        model = AlternatingLeastSquares(
            factors=int(settings["factors"]),
            regularization=settings["regularization"],
            alpha=settings["alpha"],
            iterations=ITERATIONS,
            random_state=SEED,
        )
        model.fit(part.matrix, show_progress=False)
    users, movies = model.user_factors, model.item_factors  # [n_users, factors], [n_movies, factors]

    def score_users(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        scores: npt.NDArray[np.float32] = users[rows] @ movies.T  # [b, n_movies]
        return scores

    return Scorer(score_users, users.size + movies.size)


IALS = Baseline(
    grid=tuple(
        {"factors": factors, "regularization": regularization, "alpha": alpha}
        for factors, regularization, alpha in (
            (32.0, 10.0, 3.0),
            (32.0, 50.0, 10.0),
            (64.0, 10.0, 1.0),
            (64.0, 50.0, 3.0),
            (64.0, 50.0, 10.0),
            (64.0, 200.0, 30.0),
        )
    ),
    prepare=_prepare,
)
"""Scores by the product of a user's and a movie's factors."""
