"""How well each user's list is ordered: one number a user, from `Outcome.in_one_list`.

A list is all movies that the user has not in training, best first; the positives are the user's R test
movies. Movies that score the same are in random order, all orders equally likely, and every metric is its
exact expectation over them, in closed form (McSherry & Najork 2008, "Computing information retrieval
performance measures efficiently in the presence of tied scores"): a model that scores all movies alike
gets chance.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ranks import hit_probability

PerTarget = npt.NDArray[np.float64]  # [n_targets]
PerUser = npt.NDArray[np.float64]  # [n_users]
Counts = npt.NDArray[np.int64]


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
    groups = _tie_groups(outcome)
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
    groups = _tie_groups(outcome)
    first = np.searchsorted(groups.user, np.arange(len(outcome.users)))  # each user's best tie
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


@dataclass(frozen=True)
class _TieGroups:
    """Each user's positives that score the same, by user and then best first."""

    user: Counts  # [n_groups], places in `Outcome.users`
    better: Counts  # [n_groups], movies above the tie
    tied: Counts  # [n_groups], movies in the tie
    relevant: Counts  # [n_groups], positives in the tie
    relevant_better: Counts  # [n_groups], positives above the tie


def _tie_groups(outcome: Outcome) -> _TieGroups:
    ranks, base = outcome.in_one_list, outcome.n_movies + 1
    key = outcome.user_place * base + ranks.better  # one user's positives tie where as many are better
    keys, first, relevant = np.unique(key, return_index=True, return_counts=True)
    user, better = keys // base, keys % base
    above = np.cumsum(relevant) - relevant
    return _TieGroups(
        user=user,
        better=better,
        tied=ranks.tied[first].astype(np.int64),
        relevant=relevant,
        relevant_better=above - above[np.searchsorted(user, user)],
    )


def _tie_places(
    better: npt.NDArray[np.integer[Any]], tied: npt.NDArray[np.integer[Any]], depth: int
) -> tuple[Counts, Counts]:
    """A tie is at the places start + 1 … end of the list's first `depth`; none where both are `depth`."""
    start = np.minimum(better, depth).astype(np.int64)
    return start, np.minimum(start + tied, depth)


def _up_to(values: PerTarget) -> PerTarget:
    """Sums of the first 0, 1, 2 … values."""
    return np.concatenate([[0.0], np.cumsum(values)])
