"""The three kinds of top-k accuracy against loops."""

import math

import numpy as np
import pytest

from movierec_cli.config import DEFAULT_TOP_K
from movierec_cli.evaluation.metrics import TopK, mean_top_k, top_k, top_k_of
from movierec_cli.evaluation.ranks import Ranks, RanksByMode
from tests.evaluation.small_outcomes import no_outcome, outcome_of, random_case


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
