"""The metrics by name: from ranks to a number, or to one number a user."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.config import DEFAULT_TOP_K
from movierec_cli.errors import UsageError
from movierec_cli.evaluation import list_metrics
from movierec_cli.evaluation.list_metrics import PerUser, n_positives, user_sums
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ranks import Ranks, RanksByMode, hit_probability

SMALL_CATALOGUE = 1000  # movies; the best 100 of 500 are a fifth of them all, and hardly differ
LIST_K = 10  # movies that a user looks at


def top_k_accuracy(ranks: Ranks, k: int) -> float:
    """The fraction of positives among the k best: 0 … 1, NaN without a positive.

    mean over positives of clip((k − better) / tied, 0, 1): the expected hit when the order inside a tie
    is random, so a model that scores all movies alike gets k / n_movies, which is chance. With one
    positive a query this is hit rate and recall at k; without ties it equals Keras' top-k categorical
    accuracy.
    """
    return float(hit_probability(ranks, k).mean()) if len(ranks.better) else float("nan")


def recall(outcome: Outcome, k: int) -> PerUser:
    """The fraction of each user's test movies that are among the k best unseen ones, each at its own time.

    Mean over the user's targets of clip((k − better) / tied, 0, 1). Where a user has one target this is the
    hit rate. Users weigh alike, unlike in `top_k_accuracy`, where ratings do. Cremonesi, Koren & Turrin 2010,
    "Performance of recommender algorithms on top-N recommendation tasks".
    """
    return user_sums(outcome, hit_probability(outcome.at_their_time.unseen, k)) / n_positives(outcome)


@dataclass(frozen=True)
class Metric:
    """One entry of the table."""

    values: Callable[[Outcome, int], PerUser]  # from an outcome and k to [n_users], in the order of `users`
    uses_k: bool = True
    in_studies: bool = True  # whether models are compared by it, at `LIST_K`
    at_largest_k: bool = False  # and at the largest k as well


METRICS: dict[str, Metric] = {
    "recall": Metric(recall, at_largest_k=True),
    "ndcg": Metric(list_metrics.ndcg),
    "map": Metric(list_metrics.average_precision),
    "mrr": Metric(list_metrics.reciprocal_rank),
    "precision": Metric(list_metrics.precision, in_studies=False),
    "auc": Metric(list_metrics.auc, uses_k=False),
}
"""By the name that stands before the @."""


def parse_metric(name: str) -> tuple[Metric, int]:
    """Reads "recall@100", or "auc"; k is 0 for a metric that takes none.

    Raises:
        UsageError: the metric is unknown, its k is missing or no whole number from 1, or it takes none.
    """
    word, at, text = name.partition("@")
    if word not in METRICS:
        known = ", ".join(f"{key}@K" if metric.uses_k else key for key, metric in METRICS.items())
        raise UsageError(f"unknown metric '{name}'; known metrics: {known}")
    metric = METRICS[word]
    if not metric.uses_k:
        if at:
            raise UsageError(f"metric '{name}': {word} is of the whole list and takes no k; write '{word}'")
        return metric, 0
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise UsageError(f"metric '{name}': k must be a whole number from 1, such as in '{word}@10'")
    return metric, int(text)


def study_metrics(ks: Iterable[int]) -> list[str]:
    """The names of the metrics that models are compared by, in the table's order.

    Args:
        ks: of the top-k accuracies, one or more; `LIST_K` is taken if it is one of them, else the smallest.
    """
    offered = list(ks)
    short, largest = LIST_K if LIST_K in offered else min(offered), max(offered)
    names = [
        f"{name}@{k}" if metric.uses_k else name
        for name, metric in METRICS.items()
        for k in ((short, largest) if metric.at_largest_k else (short,))
        if metric.in_studies
    ]
    return list(dict.fromkeys(names))


def metric_values(outcome: Outcome, name: str) -> PerUser:
    """One number a user, float64 [n_users] in the order of `outcome.users`; `name` as in `parse_metric`."""
    metric, k = parse_metric(name)
    return metric.values(outcome, k)


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
        unseen={k: top_k_accuracy(ranks.unseen, k) for k in ks},
        all={k: top_k_accuracy(ranks.all, k) for k in ks},
        recall={k: mean_over_users(hit_probability(ranks.unseen, k), user_index) for k in ks},
    )


def top_k_of(outcome: Outcome, ks: Sequence[int] = DEFAULT_TOP_K) -> TopK:
    """Of the warm users' test ratings."""
    warm = outcome.warm
    return top_k(warm.at_their_time, warm.user_index, ks)


def mean_top_k(several: Sequence[TopK]) -> TopK:
    """The mean of each figure; all have the same ks."""
    return TopK(
        **{
            figure: {k: float(np.mean([getattr(one, figure)[k] for one in several])) for k in by_k}
            for figure, by_k in vars(several[0]).items()
        }
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
