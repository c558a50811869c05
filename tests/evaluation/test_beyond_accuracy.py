"""Coverage, Gini, novelty and popularity of what is recommended."""

import math
from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.errors import UsageError
from movierec_cli.evaluation.best_lists import NO_MOVIE
from movierec_cli.evaluation.beyond_accuracy import beyond_accuracy, gini
from movierec_cli.evaluation.outcome import LIST_LENGTH, Outcome
from tests.evaluation.small_outcomes import no_outcome, outcome_of

COUNTS = np.array([8, 4, 2, 1, 0])  # of 16 users


def recommending(*lists: list[int]) -> Outcome:
    """An outcome of a catalogue of five in which each user has one of these lists."""
    filled = [one + [NO_MOVIE] * (LIST_LENGTH - len(one)) for one in lists]
    outcome = outcome_of(np.zeros((len(lists), 5)), [[0]] * len(lists))
    return replace(outcome, top_movies=np.array(filled, np.int32))


def test_of_two_lists_worked_by_hand():
    found = beyond_accuracy(recommending([0, 1, 2], [0, 3, 1]), 2, COUNTS, 16)
    # movies 0, 1, 0, 3 are recommended
    assert found.coverage == pytest.approx(3 / 5)
    assert found.novelty == pytest.approx((1 + 2 + 1 + 4) / 4)
    assert found.popularity == pytest.approx((8 + 4 + 8 + 1) / 4)
    # ascending 0 0 1 1 2 of five: ((-4)·0 + (-2)·0 + 0·1 + 2·1 + 4·2) / (4·4)
    assert found.gini == pytest.approx(10 / 16)


def test_a_longer_list_is_cut_at_k():
    outcome = recommending([4, 3, 2, 1, 0])
    coverages = [beyond_accuracy(outcome, k, COUNTS, 16).coverage for k in (1, 2, 5, LIST_LENGTH)]
    assert coverages == pytest.approx([0.2, 0.4, 1.0, 1.0])


def test_places_without_a_movie_are_no_recommendations():
    found = beyond_accuracy(recommending([1], [2, 3, 0]), 3, COUNTS, 16)
    assert found.popularity == pytest.approx((4 + 2 + 1 + 8) / 4)
    assert found.coverage == pytest.approx(4 / 5)


def test_a_movie_that_nobody_rated_is_as_novel_as_one_that_one_user_rated():
    never = beyond_accuracy(recommending([4]), 1, COUNTS, 16)
    once = beyond_accuracy(recommending([3]), 1, COUNTS, 16)
    assert never.novelty == once.novelty == math.log2(16)
    assert (never.popularity, once.popularity) == (0, 1)


def test_the_same_movie_for_everyone_is_gini_1_and_every_movie_alike_0():
    assert beyond_accuracy(recommending([2], [2], [2]), 1, COUNTS, 16).gini == pytest.approx(1)
    assert beyond_accuracy(recommending([0], [1], [2], [3], [4]), 1, COUNTS, 16).gini == pytest.approx(0)


@pytest.mark.parametrize("seed", range(5))
def test_gini_is_the_mean_difference_of_all_pairs(seed):
    times = np.random.default_rng(seed).geometric(0.2, size=40) - 1
    differences = sum(abs(int(a) - int(b)) for a in times for b in times)
    assert gini(times) == pytest.approx(differences / (2 * 39 * times.sum()), abs=1e-12)


def test_without_a_recommendation_nothing_is_covered_and_the_rest_has_no_number():
    found = beyond_accuracy(no_outcome(5), 10, COUNTS, 16)
    assert found.coverage == 0
    assert np.isnan([found.gini, found.novelty, found.popularity, gini(np.array([3]))]).all()


@pytest.mark.parametrize("k", [0, -3, LIST_LENGTH + 1])
def test_a_k_that_the_lists_cannot_answer_is_refused(k):
    with pytest.raises(UsageError, match=rf"k is {k}; lists are kept {LIST_LENGTH} long"):
        beyond_accuracy(recommending([0]), k, COUNTS, 16)
