"""One function a metric, from ranks to a number."""

from __future__ import annotations

import numpy as np

from movierec_cli.evaluation.ranks import Ranks

REPORTED_K = (1, 5, 10, 50, 100)


def top_k_accuracy(ranks: Ranks, k: int) -> float:
    """The share of positives among the k best: 0 … 1.

    mean over positives of clip((k − better) / tied, 0, 1): the expected hit when the order inside a tie
    is random, so a model that scores all movies alike gets k / n_movies, which is chance. With one
    positive a query this is hit rate and recall at k; without ties it equals Keras' top-k categorical
    accuracy.
    """
    if len(ranks.better) == 0:
        return float("nan")
    return float(np.clip((k - ranks.better) / ranks.tied, 0.0, 1.0).mean())


def top_k_accuracies(ranks: Ranks) -> dict[int, float]:
    """Top-k accuracy at each k that is reported."""
    return {k: top_k_accuracy(ranks, k) for k in REPORTED_K}
