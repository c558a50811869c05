"""The exact ranker against a loop over positives, and the blocks of rows that it works in."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from movierec_cli.data.ragged import RaggedRows
from movierec_cli.evaluation import ranks as ranks_module
from movierec_cli.evaluation import same_scores
from movierec_cli.evaluation.best_lists import NO_MOVIE, best_of_row
from movierec_cli.evaluation.ranks import RanksByMode, map_blocks, rank_and_list, rank_positives
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
@pytest.mark.parametrize("sort_from", [1, 1000])
@pytest.mark.parametrize("long_row", [0, 1000])
def test_better_and_tied_counts_equal_a_slow_loop(case, block, sort_from, long_row, monkeypatch):
    scores, positives, user_index, seen = case
    monkeypatch.setattr(ranks_module, "BLOCK_QUERIES", block)
    monkeypatch.setattr(ranks_module, "SORT_FROM_POSITIVES", sort_from)
    monkeypatch.setattr(ranks_module, "SORT_FROM_POSITIVES_OF_LONG", sort_from)
    monkeypatch.setattr(ranks_module, "LONG_ROW", long_row)
    ranks = rank_positives(lambda rows: scores[rows], positives, user_index, seen)
    for mode, mask in ((ranks.all, False), (ranks.unseen, True)):
        expected = slow_counts(scores, positives, user_index, seen, mask)
        assert list(zip(mode.better.tolist(), mode.tied.tolist(), strict=True)) == expected


def test_blocks_have_fewer_queries_where_the_catalogue_is_large():
    assert [ranks_module.block_queries(n) for n in (0, 1, 3883, 87_585, 10**8)] == [256, 256, 256, 48, 1]


def test_lists_of_the_same_pass_are_the_best_unseen_movies_and_scores_stay_as_they_are(case):
    scores, positives, user_index, seen = case
    before = scores.copy()
    ranks, lists = rank_and_list(lambda rows: scores[rows], positives, user_index, seen, N_MOVIES, 25)
    assert np.array_equal(scores, before)
    assert same(ranks, rank_positives(lambda rows: scores[rows], positives, user_index, seen))
    for query, user in enumerate(user_index):
        unseen = [movie for movie in range(N_MOVIES) if movie not in seen[user]]
        best = sorted(unseen, key=lambda movie: (-scores[query, movie], movie))[:25]
        assert lists[query].tolist() == best + [NO_MOVIE] * (25 - len(best))


def same(one: RanksByMode, other: RanksByMode) -> bool:
    pairs = [(one.all, other.all), (one.unseen, other.unseen)]
    return all(np.array_equal(a.better, b.better) and np.array_equal(a.tied, b.tied) for a, b in pairs)


@pytest.mark.parametrize("values", [1, 4, 1000])
@pytest.mark.parametrize("length", [1, 12, 50])
@pytest.mark.parametrize("first_places", [0, 1024])
def test_scores_that_are_the_same_for_all_rank_and_list_as_any_others(
    case, values, length, first_places, monkeypatch
):
    _, positives, user_index, seen = case
    monkeypatch.setattr(same_scores, "_FIRST_PLACES", first_places)
    monkeypatch.setattr(same_scores, "_BLOCK_QUERIES", 5)
    scores = np.random.default_rng(values).integers(0, values, N_MOVIES).astype(np.float32)
    scores[7] = -np.inf
    at = positives.values != 7
    owners = np.repeat(np.arange(N_QUERIES), positives.lengths)[at]
    positives = RaggedRows.group(owners, positives.values[at], N_QUERIES)
    of_all = rank_and_list(
        lambda rows: np.broadcast_to(scores, (len(rows), N_MOVIES)), positives, user_index, seen, 0, length
    )
    ranks, lists = same_scores.rank_alike(scores, positives, user_index, seen, length)
    assert same(ranks, of_all[0])
    assert np.array_equal(lists, of_all[1])


def test_a_positive_that_was_seen_is_refused_whether_scores_are_the_same_for_all_or_not():
    scores, known, users = np.arange(5, dtype=np.float32), ragged([[3]]), np.zeros(1, np.int32)
    with pytest.raises(ValueError, match="1 positives are among"):
        rank_positives(lambda rows: scores[None], known, users, known)
    with pytest.raises(ValueError, match="1 positives are among"):
        same_scores.rank_alike(scores, known, users, known, 0)


@pytest.mark.parametrize("n_scores", [1, 7, 100, 5000])
@pytest.mark.parametrize("length", [0, 1, 10, 100])
@pytest.mark.parametrize("values", [1, 3, 10**6])
def test_best_of_a_row_are_those_of_a_full_sort_that_leaves_equal_ones_in_their_order(
    n_scores, length, values
):
    generator = np.random.default_rng(n_scores + length)
    scores = generator.integers(0, values, n_scores).astype(np.float32)
    scores[generator.random(n_scores) < 0.3] = -np.inf
    order = np.argsort(-scores, kind="stable")
    expected = [one for one in order[:length].tolist() if scores[one] > -np.inf]
    assert best_of_row(scores, length).tolist() == expected


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
