"""The inverse of a large symmetric positive definite matrix, in place and on all cores.

By halves, with the Schur complement of the first: nearly all the work is in matrix products, which Python's
threads share. LAPACK's own threads wait by spinning: on busy cores its Cholesky inverse took ten times as
long as on idle ones, and through SciPy it holds the interpreter's lock.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Matrix: TypeAlias = npt.NDArray[np.floating[Any]]

WHOLE_ROWS = 512  # so small a matrix is inverted at once
BLOCK_ROWS = 256  # of a product, computed by one thread


def invert(matrix: Matrix) -> None:
    """Puts the inverse in the matrix' place; `matrix` is symmetric positive definite, [n, n]."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        _invert(matrix, pool)


def _invert(matrix: Matrix, pool: ThreadPoolExecutor) -> None:
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


def _add_product(total: Matrix, left: Matrix, right: Matrix, pool: ThreadPoolExecutor) -> None:
    """Adds left @ right to the total, a block of rows a task."""

    def add(rows: slice) -> None:
        total[rows] += left[rows] @ right

    list(pool.map(add, _blocks(len(total))))


def _add_symmetric_product(total: Matrix, left: Matrix, right: Matrix, pool: ThreadPoolExecutor) -> None:
    """The same where total and product are symmetric: computed up to the diagonal, then mirrored."""

    def add(rows: slice) -> None:
        total[rows, : rows.stop] += left[rows] @ right[:, : rows.stop]

    list(pool.map(add, _blocks(len(total))))
    for rows in _blocks(len(total)):
        total[rows, rows.stop :] = total[rows.stop :, rows].T


def _blocks(n_rows: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK_ROWS) for start in range(0, n_rows, BLOCK_ROWS))
