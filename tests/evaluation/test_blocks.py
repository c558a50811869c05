"""Rows worked on in blocks."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from movierec_cli.evaluation.ranks import map_blocks


@pytest.mark.parametrize("n_rows", [1, 7, 8, 9, 100])
def test_every_row_is_in_one_block_in_order_and_none_is_too_long(n_rows):
    blocks = map_blocks(lambda rows: rows, n_rows, 8)
    assert np.concatenate(blocks).tolist() == list(range(n_rows))
    assert max(map(len, blocks)) <= 8


def test_no_rows_are_one_empty_block():
    blocks = map_blocks(lambda rows: rows, 0, 8)
    assert [block.tolist() for block in blocks] == [[]]


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_matrix_products_take_one_thread_meanwhile_and_as_many_as_before_afterwards():
    before = blas_threads()
    during = map_blocks(lambda rows: blas_threads(), 3, 1)
    assert all(set(threads) == {1} for threads in during)
    assert blas_threads() == before


def test_an_error_in_a_block_is_raised_and_the_threads_are_given_back():
    before = blas_threads()

    def fail(rows: np.ndarray) -> None:
        raise ValueError(f"row {rows[0]}")

    with pytest.raises(ValueError, match="row 0"):
        map_blocks(fail, 3, 1)
    assert blas_threads() == before
