"""The exact ranker against a loop over positives, and the blocks of rows that it works in."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from movierec_cli.data.ragged import RaggedRows
from movierec_cli.evaluation import ranks as ranks_module
from movierec_cli.evaluation.ranks import map_blocks, rank_positives
from tests.evaluation.small_outcomes import ragged

N_USERS, N_QUERIES, N_MOVIES = 7, 23, 40


@pytest.fixture
def case() -> tuple[np.ndarray, RaggedRows, np.ndarray, RaggedRows]:
    """Scores with many ties, queries of several users, some without a positive, a user who saw nothing."""
    generator = np.random.default_rng(3)
    scores = generator.integers(0, 9, (N_QUERIES, N_MOVIES)).astype(np.float32)
    user_index = np.sort(generator.integers(0, N_USERS, N_QUERIES)).astype(np.int32)
    seen = [list(generator.choice(N_MOVIES, size, replace=False)) for size in (0, 3, 5, 8, 13, 20, 30)]
    positives = [
        [movie for movie in generator.choice(N_MOVIES, 4, replace=False) if movie not in seen[user]]
        for user in user_index
    ]
    return scores, ragged(positives), user_index, ragged(seen)


def slow_counts(
    scores: np.ndarray, positives: RaggedRows, user_index: np.ndarray, seen: RaggedRows, mask: bool
) -> list[tuple[int, int]]:
    counts = []
    for query in range(len(positives)):
        row = scores[query].astype(np.float64).copy()
        if mask:
            user = user_index[query]
            row[seen[user]] = -np.inf
        for movie in positives[query]:
            counts.append((int((row > row[movie]).sum()), int((row == row[movie]).sum())))
    return counts


@pytest.mark.parametrize("block", [4, 512])
@pytest.mark.parametrize("sort_from", [0, 1000])
def test_better_and_tied_counts_equal_a_slow_loop(case, block, sort_from, monkeypatch):
    scores, positives, user_index, seen = case
    monkeypatch.setattr(ranks_module, "BLOCK_QUERIES", block)
    monkeypatch.setattr(ranks_module, "SORT_FROM_POSITIVES", sort_from)
    ranks = rank_positives(lambda rows: scores[rows], positives, user_index, seen)
    for mode, mask in ((ranks.all, False), (ranks.unseen, True)):
        expected = slow_counts(scores, positives, user_index, seen, mask)
        assert list(zip(mode.better.tolist(), mode.tied.tolist(), strict=True)) == expected


@pytest.mark.parametrize("n_rows", [0, 1, 7, 8, 9, 100])
def test_every_row_is_in_one_block_in_order_and_none_is_too_long(n_rows):
    blocks = map_blocks(lambda rows: rows, n_rows, 8)
    assert np.concatenate(blocks).tolist() == list(range(n_rows))
    assert max(map(len, blocks)) <= 8


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_matrix_products_take_one_thread_meanwhile_and_as_many_as_before_even_after_an_error():
    before = blas_threads()
    during = map_blocks(lambda rows: blas_threads(), 3, 1)
    assert all(set(threads) == {1} for threads in during)
    assert blas_threads() == before

    def fail(rows: np.ndarray) -> None:
        raise ValueError(f"row {rows[0]}")

    with pytest.raises(ValueError, match="row 0"):
        map_blocks(fail, 3, 1)
    assert blas_threads() == before
