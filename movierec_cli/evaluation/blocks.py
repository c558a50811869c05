"""Work on many rows, a block of them at a time, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Result = TypeVar("Result")


def map_blocks(work: Callable[[npt.NDArray[np.int64]], Result], n_rows: int, block_rows: int) -> list[Result]:
    """What `work` returns for each block of rows, in the rows' order; at least one block, empty for none.

    Args:
        work: from row numbers [b] to a result; called from several threads. NumPy multiplies, sorts and
            compares outside the interpreter's lock.
        n_rows: rows 0 … n_rows - 1.
        block_rows: at most so many in a block.
    """
    from threadpoolctl import threadpool_limits

    blocks = np.array_split(np.arange(n_rows), -(-n_rows // block_rows) or 1)
    # One thread a product: the library's own threads wait by spinning and would take the cores from `work`.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, blocks))
