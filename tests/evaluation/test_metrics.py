"""Metrics against loops, ranx, scikit-learn, enumeration and exact fractions; and their names."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

from movierec_cli.config import DEFAULT_TOP_K
from movierec_cli.errors import UsageError
from movierec_cli.evaluation import metrics
from movierec_cli.evaluation.metrics import METRICS, TopK, mean_top_k, metric_values, recall, top_k, top_k_of
from movierec_cli.evaluation.ranks import Ranks, RanksByMode
from tests.all_tests import ALL_TESTS
from tests.evaluation.small_outcomes import no_outcome, outcome_of, random_case, unseen_list


def test_recall_is_each_users_share_of_positives_among_the_k_best_unseen():
    generator = np.random.default_rng(1)
    _, positives, seen = random_case(1, n_users=20, n_movies=30, n_levels=2)
    scores = generator.normal(size=(20, 30))
    expected = []
    for user in range(20):
        best = [movie for movie in np.argsort(-scores[user]) if movie not in seen[user]][:5]
        expected.append(len(set(best) & set(positives[user])) / len(positives[user]))
    assert recall(outcome_of(scores, positives, seen), 5) == pytest.approx(np.array(expected), abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_by_name_is_one_number_a_user(name):
    outcome = outcome_of(*random_case(7, n_users=8, n_movies=25, n_levels=6))
    metric = METRICS[name]
    values = metric_values(outcome, f"{name}@7" if metric.uses_k else name)
    assert np.array_equal(values, metric.values(outcome, 7))
    assert values.shape == (8,) and values.dtype == np.float64
    assert ((values >= 0) & (values <= 1)).all()


def test_a_perfect_order_has_1_everywhere_and_the_reverse_nothing():
    best = outcome_of(np.array([[4.0, 3, 2, 1, 0]]), [[0, 1]])
    worst = outcome_of(np.array([[0.0, 1, 2, 3, 4]]), [[0, 1]])
    for name in ("recall@2", "ndcg@2", "map@2", "mrr@2", "precision@2", "auc"):
        assert metric_values(best, name)[0] == pytest.approx(1, abs=1e-12)
        assert metric_values(worst, name)[0] == pytest.approx(0, abs=1e-12)


def test_without_a_user_there_are_no_values_and_no_figures():
    for name, metric in METRICS.items():
        values = metric_values(no_outcome(), f"{name}@10" if metric.uses_k else name)
        assert values.shape == (0,) and values.dtype == np.float64
    nothing = top_k_of(no_outcome())
    for figures in (nothing.unseen, nothing.all, nothing.recall):
        assert list(figures) == list(DEFAULT_TOP_K)
        assert all(math.isnan(value) for value in figures.values())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hits@10", r"unknown metric 'hits@10'; known metrics: recall@K, ndcg@K, .*, auc$"),
        ("Recall@10", "unknown metric 'Recall@10'"),
        ("", "unknown metric ''"),
        ("recall", r"metric 'recall': k must be a whole number from 1, such as in 'recall@10'"),
        ("recall@", "k must be a whole number"),
        ("recall@0", "k must be a whole number"),
        ("recall@-5", "k must be a whole number"),
        ("recall@1.5", "k must be a whole number"),
        ("recall@²", "k must be a whole number"),
        ("recall@5@5", "k must be a whole number"),
        ("auc@10", r"metric 'auc@10': .* takes no k; write 'auc'"),
        ("auc@", "takes no k"),
    ],
)
def test_a_name_that_cannot_be_read_is_refused_with_the_way_out(name, message):
    with pytest.raises(UsageError, match=message):
        metric_values(no_outcome(), name)


def hit(better: int, tied: int, k: int) -> float:
    return min(max((k - better) / tied, 0.0), 1.0)


def test_each_figure_equals_a_loop() -> None:
    generator = np.random.default_rng(4)
    better, tied = generator.integers(0, 12, 60), generator.integers(1, 9, 60)
    all_ranks = Ranks((better + 2).astype(np.int32), tied.astype(np.int32))
    unseen = Ranks(better.astype(np.int32), tied.astype(np.int32))
    users = generator.choice([2, 3, 11], 60).astype(np.int32)  # rows of users, most without a rating
    found = top_k(RanksByMode.of(all_ranks, unseen), users, (3, 10))
    for k in (3, 10):
        hits = [hit(b, t, k) for b, t in zip(better, tied, strict=True)]
        hits_anywhere = [hit(b + 2, t, k) for b, t in zip(better, tied, strict=True)]
        of_user = [
            [one for one, user in zip(hits, users, strict=True) if user == wanted] for wanted in (2, 3, 11)
        ]
        assert found.unseen[k] == pytest.approx(sum(hits) / 60)
        assert found.all[k] == pytest.approx(sum(hits_anywhere) / 60)
        assert found.recall[k] == pytest.approx(sum(sum(own) / len(own) for own in of_user) / 3)


def test_cold_users_are_left_out() -> None:
    scores, positives, seen = random_case(3, 8, 30, 5)
    seen = [[] if user < 3 else own for user, own in enumerate(seen)]
    outcome = outcome_of(scores, positives, seen)
    is_warm = np.array([len(own) > 0 for own in seen])
    warm = outcome_of(
        scores[is_warm],
        [own for own, kept in zip(positives, is_warm, strict=True) if kept],
        [own for own, kept in zip(seen, is_warm, strict=True) if kept],
    )
    assert top_k_of(outcome) == top_k_of(warm)
    assert top_k_of(outcome) != top_k(outcome.at_their_time, outcome.user_index)


def test_the_mean_of_several_is_figure_by_figure() -> None:
    one = TopK(unseen={1: 0.1, 5: 0.4}, all={1: 0.2, 5: 0.3}, recall={1: 0.0, 5: 1.0})
    other = TopK(unseen={1: 0.3, 5: 0.4}, all={1: 0.4, 5: 0.5}, recall={1: 0.5, 5: 0.5})
    mean = mean_top_k([one, other])
    assert mean.unseen == pytest.approx({1: 0.2, 5: 0.4})
    assert mean.all == pytest.approx({1: 0.3, 5: 0.4})
    assert mean.recall == pytest.approx({1: 0.25, 5: 0.75})
    assert mean_top_k([one]) == one


AT_K = {
    "ndcg": metrics.ndcg,
    "average_precision": metrics.average_precision,
    "reciprocal_rank": metrics.reciprocal_rank,
    "precision": metrics.precision,
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
    for user, area in enumerate(metrics.auc(outcome)):
        own, relevant = unseen_list(scores[user], positives[user], seen[user])
        assert area == pytest.approx(roc_auc_score(relevant, own), abs=1e-9)
        for k in (1, 10, 100, 1000):
            expected = ndcg_score(relevant[None], own[None], k=k, ignore_ties=False)
            assert metrics.ndcg(outcome, k)[user] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("n_levels", [1, 2, 3, 8])
def test_average_precision_and_reciprocal_rank_equal_scikit_learn_over_every_order_of_the_tied(n_levels):
    """Of a list with one positive, the average precision is the reciprocal rank."""
    scores, positives, seen = random_case(n_levels + 50, n_users=8, n_movies=6, n_levels=n_levels)
    values = metrics.average_precision(outcome_of(scores, positives, seen), 6)
    first = [own[:1] for own in positives]
    ranks = metrics.reciprocal_rank(outcome_of(scores, first, seen), 6)
    for user in range(len(scores)):
        for found, own_positives in ((values[user], positives[user]), (ranks[user], first[user])):
            own, relevant = unseen_list(scores[user], own_positives, seen[user])
            lists = Counter(tuple(relevant[order]) for order in equally_likely_orders(own))
            expected = [average_precision_score(one, np.arange(len(own), 0, -1)) for one in lists]
            assert found == pytest.approx(np.average(expected, weights=[*lists.values()]), abs=1e-9)


def test_a_long_tie_with_many_positives_equals_exact_fractions():
    t, r, k = 5000, 300, 100
    outcome = outcome_of(np.zeros((1, t)), [list(range(r))])
    first = [Fraction(math.comb(t - j, r - 1), math.comb(t, r)) for j in range(1, k + 1)]
    expected = sum(probability / j for j, probability in enumerate(first, 1))
    assert metrics.reciprocal_rank(outcome, k)[0] == pytest.approx(float(expected), abs=1e-12)
    share = Fraction(r, t)
    precisions = [(1 + Fraction((p - 1) * (r - 1), t - 1)) / p for p in range(1, k + 1)]
    expected = share * sum(precisions) / min(r, k)
    assert metrics.average_precision(outcome, k)[0] == pytest.approx(float(expected), abs=1e-12)


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
    assert metrics.precision(outcome, 8) == pytest.approx(np.full(2, 0.5))
    assert np.isnan(metrics.auc(outcome)).all()


def test_k_beyond_the_catalogue_changes_no_metric_but_precision():
    outcome = outcome_of(*random_case(2, n_users=5, n_movies=7, n_levels=3))
    for name, metric in AT_K.items():
        scale = 7 / 1_000_000_000 if name == "precision" else 1.0
        assert metric(outcome, 1_000_000_000) == pytest.approx(scale * metric(outcome, 7), rel=1e-12)
