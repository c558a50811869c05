"""Metrics of one list a user, against ranx, scikit-learn, enumeration and exact fractions."""

import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

from movierec_cli.evaluation import list_metrics
from tests.all_tests import ALL_TESTS
from tests.evaluation.small_outcomes import outcome_of, random_case, unseen_list

AT_K = {
    "ndcg": list_metrics.ndcg,
    "average_precision": list_metrics.average_precision,
    "reciprocal_rank": list_metrics.reciprocal_rank,
    "precision": list_metrics.precision,
}
K = (1, 2, 3, 5)


@pytest.fixture(scope="module")
def ranx() -> ModuleType:
    """ranx' metrics as plain Python: compiling them takes longer than all that is computed here.

    ranx brings twenty-five packages along, so the development environment does not hold it; scikit-learn,
    enumeration and exact fractions below check the same functions.
    """
    if not ALL_TESTS:
        pytest.importorskip("ranx", reason="`make test-all` installs it")
    import numba

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "DISABLE_JIT", True)
        import ranx.metrics
    return ranx.metrics


def equally_likely_orders(scores: np.ndarray) -> Iterator[list[int]]:
    """Every order of the places of `scores`, best first, that puts no lower score above a higher one."""
    ties = [np.flatnonzero(scores == level).tolist() for level in np.unique(scores)[::-1]]
    for parts in itertools.product(*(itertools.permutations(tie) for tie in ties)):
        yield list(itertools.chain(*parts))


def mean_over_orders(
    metric: Callable[..., np.ndarray], scores: np.ndarray, relevant: np.ndarray, k: int
) -> float:
    orders = list(equally_likely_orders(scores))
    descending = np.arange(len(scores), 0, -1)
    runs = np.array([np.stack([order, descending], axis=1) for order in orders], float)
    evaluated = np.array([[place, 1] for place in np.flatnonzero(relevant)], float)
    return float(metric(np.repeat(evaluated[None], len(runs), axis=0), runs, k).mean())


def scale_of_ranx(name: str, relevant: np.ndarray, k: int) -> float:
    """ranx divides average precision by R at any k."""
    return relevant.sum() / min(relevant.sum(), k) if name == "average_precision" else 1.0


@pytest.mark.parametrize("name", AT_K)
@pytest.mark.parametrize("n_levels", [1, 2, 3, 8])
def test_with_ties_equals_ranx_averaged_over_every_order_of_the_tied(ranx, name, n_levels):
    scores, positives, seen = random_case(n_levels, n_users=8, n_movies=6, n_levels=n_levels)
    outcome = outcome_of(scores, positives, seen)
    for k in K:
        expected = []
        for user in range(len(scores)):
            own, relevant = unseen_list(scores[user], positives[user], seen[user])
            scale = scale_of_ranx(name, relevant, k)
            expected.append(scale * mean_over_orders(getattr(ranx, name), own, relevant, k))
        assert AT_K[name](outcome, k) == pytest.approx(np.array(expected), abs=1e-9)


@pytest.mark.parametrize("n_levels", [1, 4, 30, 10_000])
def test_ndcg_and_auc_with_ties_equal_scikit_learn(n_levels):
    scores, positives, seen = random_case(n_levels, n_users=40, n_movies=150, n_levels=n_levels)
    outcome = outcome_of(scores, positives, seen)
    for user, area in enumerate(list_metrics.auc(outcome)):
        own, relevant = unseen_list(scores[user], positives[user], seen[user])
        assert area == pytest.approx(roc_auc_score(relevant, own), abs=1e-9)
        for k in (1, 10, 100, 1000):
            expected = ndcg_score(relevant[None], own[None], k=k, ignore_ties=False)
            assert list_metrics.ndcg(outcome, k)[user] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("n_levels", [1, 2, 3, 8])
def test_average_precision_and_reciprocal_rank_equal_scikit_learn_over_every_order_of_the_tied(n_levels):
    """Of a list with one positive, the average precision is the reciprocal rank."""
    scores, positives, seen = random_case(n_levels + 50, n_users=8, n_movies=6, n_levels=n_levels)
    values = list_metrics.average_precision(outcome_of(scores, positives, seen), 6)
    first = [own[:1] for own in positives]
    ranks = list_metrics.reciprocal_rank(outcome_of(scores, first, seen), 6)
    for user in range(len(scores)):
        for found, own_positives in ((values[user], positives[user]), (ranks[user], first[user])):
            own, relevant = unseen_list(scores[user], own_positives, seen[user])
            expected = [
                average_precision_score(relevant[order], np.arange(len(own), 0, -1))
                for order in equally_likely_orders(own)
            ]
            assert found == pytest.approx(np.mean(expected), abs=1e-9)


def test_a_long_tie_with_many_positives_equals_exact_fractions():
    t, r, k = 5000, 300, 100
    outcome = outcome_of(np.zeros((1, t)), [list(range(r))])
    first = [Fraction(math.comb(t - j, r - 1), math.comb(t, r)) for j in range(1, k + 1)]
    expected = sum(probability / j for j, probability in enumerate(first, 1))
    assert list_metrics.reciprocal_rank(outcome, k)[0] == pytest.approx(float(expected), abs=1e-12)
    share = Fraction(r, t)
    precisions = [(1 + Fraction((p - 1) * (r - 1), t - 1)) / p for p in range(1, k + 1)]
    expected = share * sum(precisions) / min(r, k)
    assert list_metrics.average_precision(outcome, k)[0] == pytest.approx(float(expected), abs=1e-12)


def test_each_user_counts_alone_whatever_the_others_are():
    scores, positives, seen = random_case(11, n_users=9, n_movies=30, n_levels=5)
    together = outcome_of(scores, positives, seen)
    for user in range(9):
        alone = together.of_users(np.arange(9) == user)
        for metric in AT_K.values():
            assert metric(alone, 10) == pytest.approx(metric(together, 10)[[user]], abs=0)


def test_where_every_movie_is_relevant_all_is_found_and_auc_has_no_number():
    outcome = outcome_of(np.array([[3.0, 1, 2, 2], [0, 0, 0, 0]]), [[0, 1, 2, 3], [0, 1, 2, 3]])
    for k in (1, 3, 4):
        for metric in AT_K.values():
            assert metric(outcome, k) == pytest.approx(np.ones(2), abs=1e-12)
    assert list_metrics.precision(outcome, 8) == pytest.approx(np.full(2, 0.5))
    assert np.isnan(list_metrics.auc(outcome)).all()


def test_k_beyond_the_catalogue_changes_no_metric_but_precision():
    outcome = outcome_of(*random_case(2, n_users=5, n_movies=7, n_levels=3))
    for name, metric in AT_K.items():
        scale = 7 / 1_000_000_000 if name == "precision" else 1.0
        assert metric(outcome, 1_000_000_000) == pytest.approx(scale * metric(outcome, 7), rel=1e-12)


def test_one_user_with_one_movie_to_find():
    outcome = outcome_of(np.array([[5.0, 4.0, 3.0, 2.0]]), [[2]])
    assert list_metrics.ndcg(outcome, 10) == pytest.approx([0.5])
    assert list_metrics.average_precision(outcome, 10) == pytest.approx([1 / 3])
    assert list_metrics.reciprocal_rank(outcome, 10) == pytest.approx([1 / 3])
    assert list_metrics.reciprocal_rank(outcome, 2) == pytest.approx([0])
    assert list_metrics.precision(outcome, 10) == pytest.approx([0.1])
    assert list_metrics.auc(outcome) == pytest.approx([1 / 3])
