"""The one exact ranker: training curves, evaluation and recommending all measure with it.

Scores come in blocks of queries against every movie. Where queries have many positives each row is sorted
once and their places are looked up, so a hundred positives cost little more than one.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.ragged import RaggedRows

ScoreBlock = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]
"""From query rows [b] to their scores over all movies [b, n_movies]."""

Scores = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int32]  # [4, n_positives]: better, tied, better and tied among the unseen

BLOCK_QUERIES = 256  # a block of 256 x 3,883 scores is 4 MB
SORT_FROM_POSITIVES = 8  # a query; from there sorting a row pays
COMPARED_AT_ONCE = 64  # positives; their rows of scores stay in the cache


@dataclass(frozen=True)
class Ranks:
    """Where each positive stands, one entry an interaction.

    `better` movies score higher than the positive; `tied` movies score the same, itself included (so 1
    or more). Nothing is decided about the order inside a tie: metrics take the expectation over it.
    """

    better: npt.NDArray[np.int32]  # [n_positives]
    tied: npt.NDArray[np.int32]  # [n_positives]

    def take(self, places: npt.NDArray[Any]) -> Ranks:
        """The ranks at some places, or where a mask is true."""
        return Ranks(self.better[places], self.tied[places])


@dataclass(frozen=True)
class RanksByMode:
    """Ranks over every movie, and with the movies masked that the user has in training."""

    all: Ranks
    unseen: Ranks


def rank_positives(
    score_block: ScoreBlock, positives: RaggedRows, user_index: npt.NDArray[np.int32], seen: RaggedRows
) -> RanksByMode:
    """Ranks every positive of every query, in the order of `positives.values`.

    Args:
        score_block: scores of the queries at given rows; called from several threads.
        positives: movie rows, one list a query [n_queries].
        user_index: the user of each query, [n_queries].
        seen: movie rows to mask, one list a user.

    Raises:
        ValueError: a positive is in its user's seen list: it was trained on, so its rank means nothing.
    """

    def rank_block(rows: npt.NDArray[np.int64]) -> Counts:
        return _rank_block(score_block(rows), rows, positives, user_index, seen)

    blocks = np.array_split(np.arange(len(positives)), -(-len(positives) // BLOCK_QUERIES) or 1)
    # NumPy multiplies, sorts and compares outside the interpreter's lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = np.concatenate(list(pool.map(rank_block, blocks)), axis=1)  # [4, n_positives]
    if (counts[3] < 1).any():
        raise ValueError(f"{int((counts[3] < 1).sum())} positives are among their user's seen movies")
    return RanksByMode(all=Ranks(counts[0], counts[1]), unseen=Ranks(counts[2], counts[3]))


def _rank_block(
    scores: Scores,
    rows: npt.NDArray[np.int64],
    positives: RaggedRows,
    user_index: npt.NDArray[np.int32],
    seen: RaggedRows,
) -> Counts:
    owner, place = positives.places(rows)
    targets = scores[owner, positives.values[place]]  # [n_positives]
    count = _count_sorted if len(owner) > SORT_FROM_POSITIVES * len(rows) else _count_compared
    return count(scores, owner, targets, user_index[rows], seen)


def _count_sorted(
    scores: Scores,
    owner: npt.NDArray[np.int64],
    targets: Scores,
    users: npt.NDArray[np.int32],
    seen: RaggedRows,
) -> Counts:
    """Counts with one sort a row: for queries with many positives.

    Args:
        scores: of queries over all movies, [b, n_movies].
        owner: the row of `scores` that each positive belongs to, ascending, [n_positives].
        targets: each positive's own score, [n_positives].
        users: the user of each row, [b].
        seen: movies to mask, one list a user.
    """
    ordered = np.sort(scores, axis=1)  # [b, n_movies], ascending
    counts = np.empty((4, len(owner)), np.int32)
    ends = np.searchsorted(owner, np.arange(len(scores) + 1))
    for row, (start, end) in enumerate(itertools.pairwise(ends)):
        own = targets[start:end]
        right = np.searchsorted(ordered[row], own, side="right")
        counts[0, start:end] = ordered.shape[1] - right
        counts[1, start:end] = right - np.searchsorted(ordered[row], own, side="left")
        masked = scores[row, seen[users[row]], None]  # [n_seen, 1]
        counts[2, start:end] = counts[0, start:end] - (masked > own).sum(axis=0)
        counts[3, start:end] = counts[1, start:end] - (masked == own).sum(axis=0)
    return counts


def _count_compared(
    scores: Scores,
    owner: npt.NDArray[np.int64],
    targets: Scores,
    users: npt.NDArray[np.int32],
    seen: RaggedRows,
) -> Counts:
    """The same by comparing with every movie: faster where a query has a few positives only."""
    counts = np.empty((4, len(owner)), np.int32)
    for start in range(0, len(owner), COMPARED_AT_ONCE):
        part = slice(start, start + COMPARED_AT_ONCE)
        own_scores = scores[owner[part]]  # [COMPARED_AT_ONCE, n_movies]
        counts[:2, part] = _better_and_tied(own_scores, targets[part])
        masked_row, place = seen.places(users[owner[part]])
        own_scores[masked_row, seen.values[place]] = -np.inf
        counts[2:, part] = _better_and_tied(own_scores, targets[part])
    return counts


def _better_and_tied(own_scores: Scores, targets: Scores) -> Counts:
    """How many of each row's scores are above, and how many equal to, its target: [2, n]."""
    narrow = np.uint16 if own_scores.shape[1] < 2**16 else np.uint32  # NumPy sums the narrower one faster
    above = (own_scores > targets[:, None]).sum(axis=1, dtype=narrow)
    equal = (own_scores == targets[:, None]).sum(axis=1, dtype=narrow)
    return np.stack([above, equal]).astype(np.int32)
