"""Outcomes of score tables that are small enough to judge by other means."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from movierec_cli.data.ragged import RaggedRows
from movierec_cli.evaluation.best_lists import best_of_rows
from movierec_cli.evaluation.outcome import LIST_LENGTH, Outcome
from movierec_cli.evaluation.ranks import rank_positives

Scores = npt.NDArray[np.float64]
Lists = Sequence[Sequence[int]]


def ragged(lists: Lists) -> RaggedRows:
    """One list a row."""
    keys = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    values = np.array([value for one in lists for value in one], np.int32)
    return RaggedRows.group(keys, values, len(lists))


def outcome_of(scores: Scores, positives: Lists, seen: Lists | None = None) -> Outcome:
    """What a scorer does that sees no time.

    Args:
        scores: [n_users, n_movies].
        positives: of each user, one or more rows of movies.
        seen: of each user, the training movies; None: nobody has any.
    """
    n_users, n_movies = scores.shape
    seen = [[] for _ in range(n_users)] if seen is None else seen
    users = np.arange(n_users, dtype=np.int32)
    targets, known = ragged(positives), ragged(seen)
    exact = scores.astype(np.float32)
    ranks = rank_positives(lambda rows: exact[rows], targets, users, known)
    masked, (row, place) = exact.copy(), known.places(users)
    masked[row, known.values[place]] = -np.inf
    return Outcome(
        rows=np.arange(len(targets.values)),
        user_index=np.repeat(users, targets.lengths),
        movie_index=targets.values,
        at_their_time=ranks,
        at_one_time=None,
        users=users,
        n_unseen=(n_movies - known.lengths).astype(np.int32),
        top_movies=best_of_rows(masked, LIST_LENGTH),
        n_movies=n_movies,
    )


def no_outcome(n_movies: int = 9) -> Outcome:
    """Of a test part without a rating."""
    return outcome_of(np.zeros((1, n_movies)), [[0]]).of_users(np.array([False]))


def random_case(
    seed: int, n_users: int, n_movies: int, n_levels: int
) -> tuple[Scores, list[list[int]], list[list[int]]]:
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
