"""EASE: a linear model from a user's movies to all movies, in closed form.

Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data", equation 8: with P = (XᵀX + l2 I)⁻¹ the
weights are B = I − P · diag(P)⁻¹, which is 0 on the diagonal.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Family
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.ranks import map_blocks, one_thread_a_product
from movierec_cli.models.baselines.baseline import (
    Baseline,
    Kept,
    Scorer,
    Settings,
    TrainingRatings,
    one_by_one,
    with_popularity_for_cold_users,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

L2 = (50.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, 12800.0, 25600.0)
EXACT_MOVIES = 8_192
"""With more, weights are rounded to half precision before they are evaluated, and kept in 2 bytes each."""
MOST_MOVIES = Family.EASE.spec.most_movies
GRAM_ROWS = 512  # of the Gram matrix, computed by one thread
WHOLE_ROWS = 512  # so small a matrix is inverted at once
BLOCK_ROWS = 256  # of a product, computed by one thread

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]


def _prepare(part: TrainingRatings, precision: type[np.floating[Any]]) -> Callable[[Settings], Scorer]:
    _require_feasible(part.n_movies)
    gram = gram_matrix(part.matrix)

    def fit(settings: Settings) -> Scorer:
        weights = ease_weights(gram, settings["l2"], precision)
        if part.n_movies > EXACT_MOVIES:
            weights = weights.astype(np.float16).astype(np.float32)

        def score_users(users: npt.NDArray[np.int64]) -> Matrix:
            scores: Matrix = part.matrix[users] @ weights  # [b, n_movies]; sparse @ dense is dense
            return scores

        kept, n_parameters = Kept(part.popularity, weights=weights), weights.size - len(weights)
        return with_popularity_for_cold_users(part, Scorer(score_users, n_parameters, kept))

    return fit


def _require_feasible(n_movies: int) -> None:
    if n_movies > MOST_MOVIES:
        gib = n_movies**2 * np.dtype(np.float64).itemsize / 2**30
        raise MovierecError(
            f"EASE inverts a matrix of {n_movies:,} × {n_movies:,} ({gib:.1f} GiB): that takes"
            f" minutes and twice the memory; the limit is {MOST_MOVIES:,}. Leave it out:"
            " --baselines popularity"
        )


def gram_matrix(matrix: csr_matrix, user_weights: npt.NDArray[np.float32] | None = None) -> Matrix:
    """How many users have rated both of two movies, [n_movies, n_movies]; exact up to 2^24 without weights.

    Args:
        matrix: how often a user has rated a movie, float32 [n_users, n_movies].
        user_weights: how much each user counts, [n_users]; None: all alike.
    """
    n_movies, weighted = matrix.shape[1], matrix
    if user_weights is not None:
        weighted = matrix.multiply(user_weights[:, None])
    users_of_movies = weighted.T.tocsr()
    gram = np.empty((n_movies, n_movies), np.float32)

    def fill(movies: npt.NDArray[np.int64]) -> None:
        gram[movies] = (users_of_movies[movies] @ matrix).toarray()

    map_blocks(fill, n_movies, GRAM_ROWS)
    return gram


def ease_weights(gram: Matrix, l2: float, precision: type[np.floating[Any]] = np.float64) -> Matrix:
    """EASE's weights, from a user's movies (rows) to scores (columns): [n_movies, n_movies].

    Args:
        gram: how many users have rated both of two movies, [n_movies, n_movies].
        l2: the penalty.
        precision: of the inverse.
    """
    inverse = gram.astype(precision)
    inverse[np.diag_indices_from(inverse)] += l2
    invert(inverse)
    weights = inverse.astype(np.float32)
    weights /= -np.diagonal(inverse).astype(np.float32)  # column j by P[j, j]
    np.fill_diagonal(weights, 0.0)
    return weights


def invert(matrix: Floats) -> None:
    """Puts the inverse in the matrix' place; `matrix` is symmetric positive definite, [n, n].

    By halves, with the Schur complement of the first: nearly all the work is in matrix products, which
    Python's threads share. LAPACK's own threads wait by spinning: on busy cores its Cholesky inverse took ten
    times as long as on idle ones, and through SciPy it holds the interpreter's lock.
    """
    with one_thread_a_product() as pool:
        _invert(matrix, pool)


def _invert(matrix: Floats, pool: ThreadPoolExecutor) -> None:
    if len(matrix) <= WHOLE_ROWS:
        matrix[:] = np.linalg.inv(matrix)
        return
    half = len(matrix) // 2
    first, last, across = matrix[:half, :half], matrix[half:, half:], matrix[half:, :half]
    _invert(first, pool)  # P
    down = np.zeros_like(across)
    _add_product(down, -across, first, pool)  # T = −A P
    _add_symmetric_product(last, down, across.T, pool)  # the Schur complement
    _invert(last, pool)  # Q
    across[:] = 0
    _add_product(across, last, down, pool)  # Q T
    _add_symmetric_product(first, down.T, across, pool)  # P + Tᵀ Q T
    matrix[:half, half:] = across.T


def _add_product(total: Floats, left: Floats, right: Floats, pool: ThreadPoolExecutor) -> None:
    """Adds left @ right to the total, a block of rows a task."""

    def add(rows: slice) -> None:
        total[rows] += left[rows] @ right

    list(pool.map(add, _blocks(len(total))))


def _add_symmetric_product(total: Floats, left: Floats, right: Floats, pool: ThreadPoolExecutor) -> None:
    """The same where total and product are symmetric: computed up to the diagonal, then mirrored."""

    def add(rows: slice) -> None:
        total[rows, : rows.stop] += left[rows] @ right[:, : rows.stop]

    list(pool.map(add, _blocks(len(total))))
    for rows in _blocks(len(total)):
        total[rows, rows.stop :] = total[rows.stop :, rows].T


def _blocks(n_rows: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK_ROWS) for start in range(0, n_rows, BLOCK_ROWS))


EASE = Baseline(
    grid=one_by_one("l2", L2),
    prepare=functools.partial(_prepare, precision=np.float64),
    # Single precision orders penalties alike in half the time; the model that is kept is not made with it.
    draft=functools.partial(_prepare, precision=np.float32),
    climbs_from=L2.index(800.0),
)
"""Scores a movie by the summed weights from the user's movies."""
