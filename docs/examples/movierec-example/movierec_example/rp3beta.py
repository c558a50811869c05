"""A family: RP3beta, random walks from a user's movies over other users to other movies.

Paudel, Christoffel, Newell & Bernstein 2017, "Updatable, accurate, diverse, and scalable recommendations for
interactive applications". The probability to walk from movie i over a user to movie j, over the number of
ratings of j to the power beta: popular movies count less.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.plugins import (
    Baseline,
    Kept,
    Scorer,
    Scoring,
    TrainingRatings,
    baseline,
    with_popularity_for_cold_users,
)

BETAS = (0.0, 0.2, 0.4, 0.6, 0.8)
NEIGHBOURS = 200  # of a movie, that are kept


def prepare(part: TrainingRatings) -> Callable[[dict[str, float]], Scorer]:
    """The walks, which all betas share, and what fits one of them."""
    import scipy.sparse as sparse

    rated = part.matrix  # 1 where a user rated a movie, [n_users, n_movies]
    from_user = sparse.diags(1 / np.maximum(part.of_user, 1)) @ rated
    from_movie = sparse.diags(1 / np.maximum(part.of_movie, 1)) @ rated.T
    walks = (from_movie @ from_user).tocsr()  # [n_movies, n_movies]

    def fit(settings: dict[str, float]) -> Scorer:
        popularity = np.maximum(part.of_movie, 1) ** settings["beta"]
        weights = nearest((walks @ sparse.diags(1 / popularity)).tocsr())

        def score_users(users: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
            scores: npt.NDArray[np.float32] = (rated[users] @ weights).toarray()  # [b, n_movies]
            return scores

        kept = Kept(part.popularity, weights=weights)
        return with_popularity_for_cold_users(part, Scorer(score_users, weights.nnz, kept))

    return fit


def nearest(weights: Any) -> Any:
    """The highest weights of each row, float32, each row's in the order of the columns."""
    for row in range(weights.shape[0]):
        own = weights.data[weights.indptr[row] : weights.indptr[row + 1]]
        if len(own) > NEIGHBOURS:
            own[own < np.partition(own, -NEIGHBOURS)[-NEIGHBOURS]] = 0
    weights.eliminate_zeros()
    weights.sort_indices()
    return weights.astype(np.float32)


CHOICES = Baseline(grid=tuple({"beta": beta} for beta in BETAS), prepare=prepare)
RP3BETA = baseline("RP3beta", "movierec_example.rp3beta:CHOICES", "scipy", scoring=Scoring.ITEM_WEIGHTS)
