"""Outcomes of score tables small enough to judge by other means."""

from collections.abc import Sequence

import numpy as np

from movierec_cli.data.ragged import RaggedRows
from movierec_cli.evaluation.outcome import LIST_LENGTH, NO_MOVIE, Outcome
from movierec_cli.evaluation.ranks import rank_positives
from movierec_cli.evaluation.significance import Interval, mean_intervals


def ragged(lists: Sequence[Sequence[int]]) -> RaggedRows:
    keys = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    values = np.array([value for one in lists for value in one], np.int32)
    return RaggedRows.group(keys, values, len(lists))


def outcome_of(
    scores: np.ndarray, positives: Sequence[Sequence[int]], seen: Sequence[Sequence[int]] | None = None
) -> Outcome:
    """What a scorer does that sees no time: one row of `scores` a user, and every user has a positive."""
    n_users, n_movies = scores.shape
    seen = [[] for _ in range(n_users)] if seen is None else seen
    users = np.arange(n_users, dtype=np.int32)
    targets = ragged(positives)
    scores = scores.astype(np.float32)
    ranks = rank_positives(lambda rows: scores[rows], targets, users, ragged(seen))
    return Outcome(
        rows=np.arange(len(targets.values)),
        user_index=np.repeat(users, targets.lengths),
        movie_index=targets.values,
        at_their_time=ranks,
        in_one_list=ranks.unseen,
        users=users,
        n_unseen=np.array([n_movies - len(one) for one in seen], np.int32),
        top_movies=np.array([_best(row, own) for row, own in zip(scores, seen, strict=True)], np.int32),
        n_movies=n_movies,
    )


def _best(scores: np.ndarray, seen: Sequence[int]) -> list[int]:
    best = [movie for movie in np.argsort(-scores, kind="stable") if movie not in seen][:LIST_LENGTH]
    return best + [NO_MOVIE] * (LIST_LENGTH - len(best))


def mean_interval(values: np.ndarray, **options: int) -> Interval:
    """Of one mean; `values` is [n_seeds, n_users]."""
    return mean_intervals({"": values}, **options)[""]


def no_outcome(n_movies: int = 9) -> Outcome:
    """Of a test part without a rating."""
    some = outcome_of(np.zeros((1, n_movies)), [[0]])
    return some.of_users(np.array([False]))


def random_case(
    seed: int, n_users: int, n_movies: int, n_levels: int
) -> tuple[np.ndarray, list[list[int]], list[list[int]]]:
    """Scores with ties, positives (one or more a user) and seen movies (none or more), disjoint."""
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, n_levels, (n_users, n_movies)).astype(np.float64)
    positives, seen = [], []
    for _ in range(n_users):
        order = generator.permutation(n_movies).tolist()
        n_positives = int(generator.integers(1, n_movies))
        n_seen = int(generator.integers(0, n_movies - n_positives))
        positives.append(order[:n_positives])
        seen.append(order[n_positives : n_positives + n_seen])
    return scores, positives, seen


def unseen_list(scores: np.ndarray, positives: Sequence[int], seen: Sequence[int]) -> tuple[np.ndarray, ...]:
    """One user's scores of unseen movies, and which of those are positive."""
    kept = np.setdiff1d(np.arange(len(scores)), seen)
    return scores[kept], np.isin(kept, positives)
