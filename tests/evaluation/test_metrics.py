"""Metrics by name, top-k accuracy and recall."""

import numpy as np
import pytest

from movierec_cli.errors import UsageError
from movierec_cli.evaluation.metrics import (
    METRICS,
    metric_values,
    parse_metric,
    recall,
    top_k_accuracy,
)
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
        assert metric_values(no_outcome(), f"{name}@10" if metric.uses_k else name).shape == (0,)
    assert np.isnan(top_k_accuracy(no_outcome().at_their_time.all, 10))


def test_a_name_is_read_with_its_k():
    metric, k = parse_metric("ndcg@10")
    assert (metric.title, k) == ("NDCG", 10)
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
