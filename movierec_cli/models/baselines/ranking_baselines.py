"""Baselines that rank, apart from EASE: popularity, nearest neighbours, and factors.

Neighbours and factors come from `implicit`. The similarity of two movies is the product of their
BM25-weighted rows of users (Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and
Beyond"), each movie keeping its nearest neighbours. iALS is matrix factorization of what was rated and what
was not (Hu, Koren & Volinsky 2008, "Collaborative Filtering for Implicit Feedback Datasets"): the confidence
in a pair grows with its number of events.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from movierec_cli.models.baselines.baseline import (
    Baseline,
    Kept,
    Scorer,
    Settings,
    TrainingRatings,
    one_by_one,
    same_for_all,
    with_popularity_for_cold_users,
)

DAYS = (3.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0)
DAY_S = 24 * 60 * 60
NEIGHBOURS = (20.0, 50.0, 100.0, 200.0, 400.0, 800.0)
BM25_K1, BM25_B = 1.2, 0.75
IALS_ITERATIONS, IALS_SEED = 15, 42


def _all_time(part: TrainingRatings) -> Callable[[Settings], Scorer]:
    return lambda _: same_for_all(part.popularity)


def _recent(part: TrainingRatings) -> Callable[[Settings], Scorer]:
    def fit(settings: Settings) -> Scorer:
        since_s = part.timestamp.max() - settings["days"] * DAY_S
        return same_for_all(part.popularity_in(part.timestamp > since_s))

    return fit


def _item_knn(part: TrainingRatings) -> Callable[[Settings], Scorer]:
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

        kept = Kept(part.popularity, weights=similarity)
        return with_popularity_for_cold_users(part, Scorer(score_users, similarity.nnz, kept))

    return fit


def _ials(part: TrainingRatings) -> Callable[[Settings], Scorer]:
    return lambda settings: with_popularity_for_cold_users(part, _factors(part, settings))


def _factors(part: TrainingRatings, settings: Settings) -> Scorer:
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):  # implicit has threads of its own
        model = AlternatingLeastSquares(
            factors=int(settings["factors"]),
            regularization=settings["regularization"],
            alpha=settings["alpha"],
            iterations=IALS_ITERATIONS,
            random_state=IALS_SEED,
        )
        model.fit(part.events, show_progress=False)
    users, movies = model.user_factors, model.item_factors  # [n_users, factors], [n_movies, factors]

    def score_users(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        scores: npt.NDArray[np.float32] = users[rows] @ movies.T  # [b, n_movies]
        return scores

    kept = Kept(part.popularity, (np.where(part.is_cold[:, None], np.float32(0), users), movies))
    return Scorer(score_users, users.size + movies.size, kept)


POPULARITY = Baseline(grid=({},), prepare=_all_time)
"""Scores a movie by its number of training ratings, or of events where they are counted."""

RECENT_POPULARITY = Baseline(grid=one_by_one("days", DAYS), prepare=_recent)
"""Scores a movie by its number of ratings in the last days before the end of the training part."""

ITEM_KNN = Baseline(grid=one_by_one("neighbours", NEIGHBOURS), prepare=_item_knn)
"""Scores a movie by the summed similarity of the user's movies that have it among their neighbours."""

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
    prepare=_ials,
)
"""Scores by the product of a user's and a movie's factors."""
