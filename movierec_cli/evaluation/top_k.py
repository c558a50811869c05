"""Top-k accuracy in the three ways that records keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.config import DEFAULT_TOP_K
from movierec_cli.evaluation.metrics import top_k_accuracies
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ranks import RanksByMode, hit_probability

VALIDATION_K = 100
"""Validation recall@k chooses epochs and baselines' settings."""


@dataclass(frozen=True, kw_only=True)
class TopK:
    """Top-k accuracy by k: the share of positives among the k best, 0 … 1. Cold users are left out."""

    unseen: dict[int, float]  # the user's training movies masked
    all: dict[int, float]  # ranked over every movie
    recall: dict[int, float]  # as unseen, each user's fraction first and then the mean over users


NO_TOP_K = TopK(unseen={}, all={}, recall={})
"""Of a model that does not rank."""


def top_k(ranks: RanksByMode, user_index: npt.NDArray[np.int32], ks: Sequence[int] = DEFAULT_TOP_K) -> TopK:
    """Top-k accuracy at each k.

    Args:
        ranks: of some ratings, [n].
        user_index: whose they are, [n].
        ks: how many of the best count.
    """
    return TopK(
        unseen=top_k_accuracies(ranks.unseen, ks),
        all=top_k_accuracies(ranks.all, ks),
        recall={k: mean_over_users(hit_probability(ranks.unseen, k), user_index) for k in ks},
    )


def top_k_of(outcome: Outcome, ks: Sequence[int] = DEFAULT_TOP_K) -> TopK:
    """Of the warm users' test ratings."""
    warm = outcome.warm
    return top_k(warm.at_their_time, warm.user_index, ks)


def mean_top_k(several: Sequence[TopK]) -> TopK:
    """The mean of each figure; all have the same ks."""
    first = several[0]
    return TopK(
        unseen={k: float(np.mean([one.unseen[k] for one in several])) for k in first.unseen},
        all={k: float(np.mean([one.all[k] for one in several])) for k in first.all},
        recall={k: float(np.mean([one.recall[k] for one in several])) for k in first.recall},
    )


def mean_over_users(values: npt.NDArray[np.float64], user_index: npt.NDArray[np.int32]) -> float:
    """The mean over users of the mean of each user's values; NaN without a value.

    Args:
        values: one for each of some ratings, [n].
        user_index: whose they are, [n].
    """
    if len(values) == 0:
        return float("nan")
    counts, sums = np.bincount(user_index), np.bincount(user_index, values)
    return float((sums[counts > 0] / counts[counts > 0]).mean())
