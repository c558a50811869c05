"""The metrics by name: from ranks to a number, or to one number a user.

All but recall say how well each user's list is ordered (`Outcome.in_one_list`): all movies that the user
has not in training, best first; the positives are the user's R test movies. Movies that score the same are in
random order, all orders equally likely, and every metric is its exact expectation over them, in closed form
(McSherry & Najork 2008, "Computing information retrieval performance measures efficiently in the presence of
tied scores"): a model that scores all movies alike gets chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import DEFAULT_TOP_K
from movierec_cli.config.entry_points import EntryKind, load, names_of
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from movierec_cli.evaluation.outcome import Outcome
    from movierec_cli.evaluation.ranks import Ranks, RanksByMode

PerTarget = npt.NDArray[np.float64]  # [n_targets]
PerUser = npt.NDArray[np.float64]  # [n_users]
Counts = npt.NDArray[np.int64]

LIST_K = 10  # movies that a user looks at


def hit_probability(ranks: Ranks, k: int) -> npt.NDArray[np.float64]:
    """The probability of each positive to be among the k best: clip((k − better) / tied, 0, 1)."""
    return np.clip((k - ranks.better) / ranks.tied, 0.0, 1.0)


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


def user_sums(outcome: Outcome, values: PerTarget) -> PerUser:
    """The sum of the values of each user's targets."""
    sums = np.bincount(outcome.user_place, weights=values, minlength=len(outcome.users))
    return sums.astype(np.float64, copy=False)  # NumPy's types do not know that weights make it float


def n_positives(outcome: Outcome) -> Counts:
    """R, the number of each user's targets: [n_users]."""
    return np.bincount(outcome.user_place, minlength=len(outcome.users))


def precision(outcome: Outcome, k: int) -> PerUser:
    """Precision at k: (positives among the k best) / k.

    The denominator is k even where fewer than k movies are unseen, as in NIST's trec_eval (`P_k`).
    """
    return user_sums(outcome, hit_probability(outcome.in_one_list, k)) / k


def ndcg(outcome: Outcome, k: int) -> PerUser:
    """Normalised discounted cumulative gain at k, binary gains.

    DCG = Σ over positives at places p ≤ k of 1 / log2(p + 1); divided by the DCG of a list that starts with
    min(R, k) positives. Järvelin & Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques".
    """
    depth = min(k, outcome.n_movies)
    discounts = _up_to(1 / np.log2(np.arange(2, depth + 2)))
    start, end = _tie_places(outcome.in_one_list.better, outcome.in_one_list.tied, depth)
    gains = (discounts[end] - discounts[start]) / outcome.in_one_list.tied  # [n_targets]
    return user_sums(outcome, gains) / discounts[np.minimum(n_positives(outcome), depth)]


def average_precision(outcome: Outcome, k: int) -> PerUser:
    """Average precision at k: Σ over positives at places p ≤ k of (positives up to p) / p, over min(R, k).

    The denominator is the number of positives that could be found, so that 1 can be reached at any k; the
    libraries that divide by R give min(R, k) / R times this. Its mean over users is MAP.
    McSherry & Najork 2008, section 2.4.
    """
    groups = outcome.ties
    depth = min(k, outcome.n_movies)
    harmonic = _up_to(1 / np.arange(1, depth + 1))
    start, end = _tie_places(groups.better, groups.tied, depth)
    # At place p of its tie a positive has c positives better and on average (p − start − 1)·s tied before it.
    s = (groups.relevant - 1) / np.maximum(groups.tied - 1, 1)
    constant = 1 + groups.relevant_better - s * (start + 1)
    sums = constant * (harmonic[end] - harmonic[start]) + s * (end - start)
    found = np.bincount(groups.user, groups.relevant / groups.tied * sums, len(outcome.users))
    return found / np.minimum(n_positives(outcome), depth)


def reciprocal_rank(outcome: Outcome, k: int) -> PerUser:
    """Reciprocal rank at k: 1 / (place of the first positive), 0 where that is beyond k.

    Of t tied movies with r positives the first positive is the j-th with probability C(t−j, r−1) / C(t, r).
    Its mean over users is MRR: Voorhees 1999, "The TREC-8 question answering track report"; with ties
    McSherry & Najork 2008, section 2.5.
    """
    groups = outcome.ties
    first = groups.best
    better, tied, relevant = groups.better[first], groups.tied[first], groups.relevant[first]
    values = np.zeros(len(first))
    probability = relevant / tied  # of j = 1; each next one is a factor times the last
    for j in range(1, min(k, outcome.n_movies) + 1):
        probability[better + j > k] = 0.0
        if not probability.any():
            break
        values += probability / (better + j)
        probability *= np.maximum(tied - j - relevant + 1, 0) / np.maximum(tied - j, 1)
    return values


def auc(outcome: Outcome, k: int = 0) -> PerUser:
    """Area under the ROC curve: the fraction of (positive, negative) pairs in the right order, ties half.

    1 − (S − R (R + 1) / 2) / (R·N) with S the sum of the positives' average ranks and N the number of
    negatives (unseen movies that are no target); NaN where there are none. The Mann–Whitney statistic:
    Hanley & McNeil 1982, "The meaning and use of the area under a receiver operating characteristic curve".
    It depends on the whole list, so `k` is not used.
    """
    average_rank = outcome.in_one_list.better + (outcome.in_one_list.tied + 1) / 2
    positives = n_positives(outcome)
    negatives = outcome.n_unseen - positives
    misplaced = user_sums(outcome, average_rank) - positives * (positives + 1) / 2  # pairs
    pairs = np.where(negatives > 0, positives * negatives, np.nan)
    return 1 - misplaced / pairs


def _tie_places(
    better: npt.NDArray[np.integer[Any]], tied: npt.NDArray[np.integer[Any]], depth: int
) -> tuple[Counts, Counts]:
    """A tie is at the places start + 1 … end of the list's first `depth`; none where both are `depth`."""
    start = np.minimum(better, depth).astype(np.int64)
    return start, np.minimum(start + tied, depth)


def _up_to(values: PerTarget) -> PerTarget:
    """Sums of the first 0, 1, 2 … values."""
    return np.concatenate([[0.0], np.cumsum(values)])


@dataclass(frozen=True)
class Metric:
    """One entry of the table, or of a package.

    Attributes:
        values: from an outcome and k to one number a user, float64 [n_users] in the order of `users`: 0 … 1,
            the higher the better; equal scores count as the mean over their orders.
        uses_k: whether it looks at the k best alone; else k is 0.
        in_studies: whether models are compared by it, at `LIST_K`; those of packages where they are named.
        at_largest_k: and at the largest k as well.
    """

    values: Callable[[Outcome, int], PerUser]
    uses_k: bool = True
    in_studies: bool = True
    at_largest_k: bool = False


METRICS: dict[str, Metric] = {
    "recall": Metric(recall, at_largest_k=True),
    "ndcg": Metric(ndcg),
    "map": Metric(average_precision),
    "mrr": Metric(reciprocal_rank),
    "precision": Metric(precision, in_studies=False),
    "auc": Metric(auc, uses_k=False),
}
"""By the name that stands before the @."""


def metric_named(word: str) -> Metric | None:
    """The metric of a name without k: of the table, else of a package; None if there is none.

    Raises:
        PluginError: that of a package cannot be used.
    """
    if word in METRICS:
        return METRICS[word]
    found = load(EntryKind.METRIC, word, Metric)
    return None if found is None else found.entry


def parse_metric(name: str) -> tuple[Metric, int]:
    """Reads "recall@100", or "auc"; k is 0 for a metric that takes none.

    Raises:
        UsageError: the metric is unknown, its k is missing or no whole number from 1, or it takes none.
    """
    word, at, text = name.partition("@")
    metric = metric_named(word)
    if metric is None:
        known = [f"{key}@K" if one.uses_k else key for key, one in METRICS.items()]
        known += names_of(EntryKind.METRIC, METRICS)
        raise UsageError(f"unknown metric '{name}'; known metrics: {', '.join(known)}")
    if not metric.uses_k:
        if at:
            raise UsageError(f"metric '{name}': {word} is of the whole list and takes no k; write '{word}'")
        return metric, 0
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise UsageError(f"metric '{name}': k must be a whole number from 1, such as in '{word}@10'")
    return metric, int(text)


def deciding_metric(name: str) -> str:
    """A metric by which models can be compared, as "recall@100"; `name` in either case.

    Raises:
        UsageError: it is none of those, or its k is no whole number from 1.
    """
    word, _, _ = (plain := name.strip().lower()).partition("@")
    metric = metric_named(word)
    if metric is None or not (metric.in_studies and metric.uses_k):
        offered = [word for word, metric in METRICS.items() if metric.in_studies and metric.uses_k]
        shown = ", ".join(f"{one}@K" for one in (*offered, *names_of(EntryKind.METRIC, METRICS)))
        raise UsageError(f"--metric is '{name}'; it takes {shown}, with a number such as in {offered[0]}@100")
    return f"{word}@{parse_metric(plain)[1]}"


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
    """One number a user, float64 [n_users] in the order of `outcome.users`; `name` as in `parse_metric`.

    Of successive targets their mean over users is the mean over targets, see `of_clusters`. A list of nothing
    but the target cannot be put wrong: half an AUC.
    """
    metric, k = parse_metric(name)
    if not outcome.is_successive:
        return metric.values(outcome, k)
    return of_clusters(np.nan_to_num(metric.values(outcome.lists, k), nan=0.5), outcome.user_place)


def of_clusters(values: PerTarget, user_place: Counts) -> PerUser:
    """Numbers of users that stand for the mean over their targets, θ: θ + (the user's sum − nᵤ θ) / mean n.

    Their mean is θ, and what resampling users, a paired test or a difference of models makes of them is what
    it makes of θ to first order: users are clusters of unequal sizes (Cochran 1977, "Sampling Techniques",
    section 9A.1, the ratio-to-size estimate).

    Args:
        values: of the targets, [n_targets].
        user_place: whose they are, 0 … n_users - 1, each once or more, [n_targets].
    """
    sizes = np.bincount(user_place)
    mean = float(values.mean()) if len(values) else 0.0
    found: PerUser = mean + (np.bincount(user_place, values) - sizes * mean) / max(sizes.mean(), 1.0)
    return found


def lists_of(users: npt.NDArray[np.int32], *, is_successive: bool) -> npt.NDArray[np.int32]:
    """The list in which each rating is looked for: its user's or, of successive targets, one of its own.

    Means are over lists.

    Args:
        users: whose the ratings are, [n].
        is_successive: see `config.TargetKind`.
    """
    return np.arange(len(users), dtype=np.int32) if is_successive else users


VALIDATION_K = 100
"""Validation recall@k chooses baselines' settings, and epochs where nothing else is asked for."""


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
        user_index: whose they are, [n], or `lists_of`.
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
    return top_k(warm.at_their_time, lists_of(warm.user_index, is_successive=outcome.is_successive), ks)


def mean_top_k(several: Sequence[TopK]) -> TopK:
    """The mean of each figure; all have the same ks."""
    return TopK(
        **{
            figure: {k: float(np.mean([getattr(one, figure)[k] for one in several])) for k in by_k}
            for figure, by_k in vars(several[0]).items()
        }
    )


def mean_ndcg(ranks: Ranks, user_index: npt.NDArray[np.int32], k: int = 10) -> float:
    """The mean over users of `ndcg_of_users`."""
    return float(ndcg_of_users(ranks, user_index, k).mean())


def ndcg_of_users(ranks: Ranks, user_index: npt.NDArray[np.int32], k: int = 10) -> PerUser:
    """`ndcg` at k of ratings that are ranked apart from an outcome: one a user who has some, [n_users].

    Args:
        ranks: of one or more ratings, [n].
        user_index: whose they are, [n].
        k: how many of the best count.
    """
    discounts = _up_to(1 / np.log2(np.arange(2, k + 2)))
    start, end = _tie_places(ranks.better, ranks.tied, k)
    gains = (discounts[end] - discounts[start]) / ranks.tied  # [n]
    _, user, counts = np.unique(user_index, return_inverse=True, return_counts=True)
    of_users: PerUser = np.bincount(user, gains) / discounts[np.minimum(counts, k)]
    return of_users


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
