"""myFM's ordered probit by its own interpreter: `python myfm_rmse.py RATINGS.npz N_ITERATIONS`, prints JSON.

RATINGS.npz has `user`, `movie`, `stars` (1 to 5) and `seconds`, one entry a rating, and the rows `known` and
`asked`. Features and rank are those that myFM's script for 1M has by default: the day, the user with the
movies that they rated, the movie with its users. Predictions are means over the second half of the
iterations.
Nothing of this project is imported: myFM's dependencies are not ours.
"""

import json
import sys
import time

import numpy as np
from myfm import MyFMOrderedProbit, RelationBlock
from scipy import sparse

RANK = 32
SECONDS_A_DAY = 86_400


def one_hot(codes: np.ndarray, size: int) -> sparse.csr_matrix:
    """[n, size]; a code below 0 has no one."""
    rows = np.flatnonzero(codes >= 0)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, codes[rows])), shape=(len(codes), size))


def rooted(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rows over the roots of their sums."""
    return sparse.diags(np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1) ** -0.5) @ counts


def main() -> None:
    with np.load(sys.argv[1]) as file:
        user, movie, stars, seconds = (file[name] for name in ("user", "movie", "stars", "seconds"))
        known, asked = file["known"], file["asked"]
    n_iterations, started = int(sys.argv[2]), time.perf_counter()
    rated = one_hot(user[known], int(user.max()) + 1).T @ one_hot(movie[known], int(movie.max()) + 1)
    n_users, n_movies = rated.shape
    users = sparse.hstack([sparse.eye(n_users), rooted(rated)], format="csr")
    is_known = np.asarray(rated.sum(axis=0)).ravel() > 0
    movies = sparse.hstack([sparse.diags(is_known.astype(float)), rooted(rated.T.tocsr())], format="csr")
    day = seconds // SECONDS_A_DAY
    days = np.unique(day[known])

    def inputs(rows: np.ndarray) -> tuple[sparse.csr_matrix, list[RelationBlock]]:
        place = np.minimum(np.searchsorted(days, day[rows]), len(days) - 1)
        codes = np.where(days[place] == day[rows], place, -1)
        return one_hot(codes, len(days)), [
            RelationBlock(user[rows], users),
            RelationBlock(movie[rows], movies),
        ]

    sizes = [len(days), n_users, n_movies, n_movies, n_users]
    dates, blocks = inputs(known)
    model = MyFMOrderedProbit(rank=RANK)
    model.fit(
        dates,
        (stars[known] - 1).astype(np.int64),
        X_rel=blocks,
        grouping=[group for group, size in enumerate(sizes) for _ in range(size)],
        n_iter=n_iterations,
        n_kept_samples=max(n_iterations // 2, 1),
    )
    predicted = np.clip(model.predict_proba(*inputs(asked)) @ np.arange(1, 6), 1, 5)
    rmse = float(np.sqrt(np.mean((predicted - stars[asked]) ** 2)))
    print(json.dumps({"rmse": rmse, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
