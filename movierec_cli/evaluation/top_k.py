"""Top-k accuracy in the three ways that records keep."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from movierec_cli.evaluation.metrics import REPORTED_K, top_k_accuracies
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ranks import Ranks, RanksByMode, hit_probability
from movierec_cli.registry.record import TopK


def top_k(ranks: RanksByMode, user_index: npt.NDArray[np.int32], ks: Sequence[int] = REPORTED_K) -> TopK:
    """Top-k accuracy at each k.

    Args:
        ranks: of some ratings, [n].
        user_index: whose they are, [n].
        ks: how many of the best count.
    """
    return TopK(
        unseen=top_k_accuracies(ranks.unseen, ks),
        all=top_k_accuracies(ranks.all, ks),
        recall={k: _mean_over_users(ranks.unseen, user_index, k) for k in ks},
    )


def top_k_of(outcome: Outcome, ks: Sequence[int] = REPORTED_K) -> TopK:
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


def _mean_over_users(ranks: Ranks, user_index: npt.NDArray[np.int32], k: int) -> float:
    if len(user_index) == 0:
        return float("nan")
    hits = np.bincount(user_index, hit_probability(ranks, k))
    counts = np.bincount(user_index)
    return float((hits[counts > 0] / counts[counts > 0]).mean())
