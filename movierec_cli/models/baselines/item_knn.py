"""Nearest neighbours among movies, through `implicit`.

The similarity of two movies is the product of their BM25-weighted rows of users (Robertson & Zaragoza 2009,
"The Probabilistic Relevance Framework: BM25 and Beyond"), each movie keeping its nearest neighbours.
"""

import numpy as np
import numpy.typing as npt

from movierec_cli.models.baselines.baseline import (
    Baseline,
    Fitter,
    Scorer,
    Settings,
    one_by_one,
    with_popularity_for_cold_users,
)
from movierec_cli.models.baselines.training_ratings import TrainingRatings

NEIGHBOURS = (20.0, 50.0, 100.0, 200.0, 400.0, 800.0)
BM25_K1, BM25_B = 1.2, 0.75


def _prepare(part: TrainingRatings) -> Fitter:
    from implicit.nearest_neighbours import ItemItemRecommender, bm25_weight

    # implicit's own BM25Recommender leaves the conversion to its slower path, with a warning.
    weighted = bm25_weight(part.matrix.T, BM25_K1, BM25_B).T.tocsr()  # [n_users, n_movies]

    def fit(settings: Settings) -> Scorer:
        model = ItemItemRecommender(K=int(settings["neighbours"]))
        model.fit(weighted, show_progress=False)
        similarity = model.similarity.astype(np.float32)  # sparse, [n_movies, n_movies]

        def score_users(users: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
            scores: npt.NDArray[np.float32] = (part.matrix[users] @ similarity).toarray()  # [b, n_movies]
            return scores

        return with_popularity_for_cold_users(part, Scorer(score_users, similarity.nnz))

    return fit


ITEM_KNN = Baseline(grid=one_by_one("neighbours", NEIGHBOURS), prepare=_prepare)
"""Scores a movie by the summed similarity of the user's movies that have it among their neighbours."""
