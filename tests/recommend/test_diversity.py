import itertools

import numpy as np
import pytest

from movierec_cli.errors import MovierecError
from movierec_cli.recommend.recommend import POOL, diversified, variety

RNG = np.random.default_rng(5)
SCORES = RNG.normal(size=60).astype(np.float32)
EMBEDDINGS = RNG.normal(size=(60, 5)).astype(np.float32)
EVERY = np.arange(60)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def by_hand(candidates: list[int], top: int, diversity: float) -> list[int]:
    """Every movie left is weighed anew at each step, from the definition."""
    exact, scores = EMBEDDINGS.astype(np.float64), SCORES.astype(np.float64)
    low, high = scores[candidates].min(), scores[candidates].max()
    chosen: list[int] = []
    while len(chosen) < min(top, len(candidates)):
        left = [row for row in candidates if row not in chosen]
        worth = {
            row: (1 - diversity) * (scores[row] - low) / (high - low)
            - diversity * max((cosine(exact[row], exact[other]) for other in chosen), default=0.0)
            for row in left
        }
        chosen.append(max(left, key=lambda row: (worth[row], scores[row])))
    return chosen


@pytest.mark.parametrize("top", [1, 12])
@pytest.mark.parametrize("diversity", [0.1, 0.5, 0.9, 1.0])
def test_each_movie_is_the_best_of_those_left_by_relevance_and_similarity(diversity: float, top: int) -> None:
    candidates = sorted(RNG.choice(60, 35, replace=False).tolist())
    chosen = diversified(SCORES, EMBEDDINGS, np.array(candidates[::-1]), top, diversity)
    assert chosen.tolist() == by_hand(candidates, top, diversity)


def test_no_diversity_is_exactly_the_order_of_scores_and_then_of_the_catalogue() -> None:
    scores = np.array([1, 3, 2, 3, 3], np.float32)
    chosen = diversified(scores, EMBEDDINGS[:5], np.array([4, 2, 3, 1, 0]), 4, 0.0)
    assert chosen.tolist() == [1, 3, 4, 2]


def test_more_diversity_makes_lists_more_varied_and_lowers_their_scores() -> None:
    lists = [diversified(SCORES, EMBEDDINGS, EVERY, 10, share) for share in (0.0, 0.3, 0.8)]
    varieties = [variety(EMBEDDINGS[rows]) for rows in lists]
    means = [SCORES[rows].mean() for rows in lists]
    assert varieties == sorted(varieties) and len(set(varieties)) == 3
    assert means == sorted(means, reverse=True)


def test_only_the_best_are_chosen_from_however_varied_the_others_are() -> None:
    n = POOL + 5
    scores = -np.arange(n, dtype=np.float32)
    embeddings = np.tile(np.array([[1.0, 0.0]], np.float32), (n, 1))
    embeddings[-1] = [-1, 0]
    assert diversified(scores, embeddings, np.arange(n), 2, 1.0).tolist() == [0, 1]
    assert n - 1 in diversified(scores, embeddings, np.arange(n), n, 1.0)  # a longer list has a larger pool


@pytest.mark.parametrize("diversity", [0.0, 0.4, 1.0])
def test_every_candidate_comes_once_where_more_are_requested_than_there_are(diversity: float) -> None:
    for candidates in ([], [7], [3, 9, 20]):
        chosen = diversified(SCORES, EMBEDDINGS, np.array(candidates, np.int64), 10, diversity)
        assert sorted(chosen.tolist()) == candidates and chosen.dtype == np.int64


def test_equal_scores_and_embeddings_without_length_are_no_problem() -> None:
    zeros = np.zeros((4, 2), np.float32)
    chosen = diversified(np.ones(4, np.float32), zeros, np.arange(4), 3, 0.5)
    assert chosen.tolist() == [0, 1, 2]
    assert variety(zeros) == 1.0


@pytest.mark.parametrize("diversity", [-0.1, 1.01, float("nan"), float("inf")])
def test_a_diversity_outside_its_range_is_refused(diversity: float) -> None:
    with pytest.raises(MovierecError, match="it must be 0 to 1"):
        diversified(SCORES, EMBEDDINGS, EVERY, 3, diversity)


def test_variety_is_the_mean_over_pairs_of_one_less_cosine() -> None:
    some = EMBEDDINGS[:7]
    pairs = [1 - cosine(one, other) for one, other in itertools.combinations(some.astype(np.float64), 2)]
    assert variety(some) == pytest.approx(np.mean(pairs))
    assert variety(np.array([[1, 0], [-2, 0]], np.float32)) == pytest.approx(2)
    assert variety(np.array([[1, 1], [2, 2]], np.float32)) == pytest.approx(0)
    assert variety(some[:1]) == variety(some[:0]) == 0
