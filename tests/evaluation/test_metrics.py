"""Metrics by name, recall, and the three kinds of top-k accuracy against loops."""

import math

import numpy as np
import pytest

from movierec_cli.config import DEFAULT_TOP_K
from movierec_cli.errors import UsageError
from movierec_cli.evaluation.metrics import (
    METRICS,
    TopK,
    mean_top_k,
    metric_values,
    parse_metric,
    recall,
    top_k,
    top_k_accuracy,
    top_k_of,
)
from movierec_cli.evaluation.ranks import Ranks, RanksByMode
from tests.evaluation.small_outcomes import no_outcome, outcome_of, random_case


def test_recall_is_each_users_share_of_positives_among_the_k_best_unseen():
    generator = np.random.default_rng(1)
    _, positives, seen = random_case(1, n_users=20, n_movies=30, n_levels=2)
    scores = generator.normal(size=(20, 30))
    expected = []
    for user in range(20):
        best = [movie for movie in np.argsort(-scores[user]) if movie not in seen[user]][:5]
        expected.append(len(set(best) & set(positives[user])) / len(positives[user]))
    assert recall(outcome_of(scores, positives, seen), 5) == pytest.approx(np.array(expected), abs=1e-12)


def test_recall_weighs_users_alike_and_top_k_accuracy_ratings():
    scores = np.array([[9.0, 8, 7, 6], [9, 8, 7, 6]])
    outcome = outcome_of(scores, [[0, 1, 2], [3]])
    assert recall(outcome, 3).tolist() == [1.0, 0.0]
    assert top_k_accuracy(outcome.at_their_time.unseen, 3) == 0.75


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


def test_no_users_give_no_values():
    for name, metric in METRICS.items():
        values = metric_values(no_outcome(), f"{name}@10" if metric.uses_k else name)
        assert values.shape == (0,) and values.dtype == np.float64
    assert np.isnan(top_k_accuracy(no_outcome().at_their_time.all, 10))


def test_a_name_is_read_with_its_k():
    assert parse_metric("ndcg@10") == (METRICS["ndcg"], 10)
    assert parse_metric("auc") == (METRICS["auc"], 0)


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
    found = top_k(RanksByMode(all=all_ranks, unseen=unseen), users, (3, 10))
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


def test_without_a_rating_there_is_no_figure() -> None:
    nothing = top_k_of(no_outcome())
    for figures in (nothing.unseen, nothing.all, nothing.recall):
        assert list(figures) == list(DEFAULT_TOP_K)
        assert all(math.isnan(value) for value in figures.values())


def test_the_mean_of_several_is_figure_by_figure() -> None:
    one = TopK(unseen={1: 0.1, 5: 0.4}, all={1: 0.2, 5: 0.3}, recall={1: 0.0, 5: 1.0})
    other = TopK(unseen={1: 0.3, 5: 0.4}, all={1: 0.4, 5: 0.5}, recall={1: 0.5, 5: 0.5})
    mean = mean_top_k([one, other])
    assert mean.unseen == pytest.approx({1: 0.2, 5: 0.4})
    assert mean.all == pytest.approx({1: 0.3, 5: 0.4})
    assert mean.recall == pytest.approx({1: 0.25, 5: 0.75})
    assert mean_top_k([one]) == one
