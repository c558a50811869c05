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

import numpy as np
import numpy.typing as npt

from movierec_cli.data.ragged import RaggedRows

ScoreBlock = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]
"""From query rows [b] to their scores over all movies [b, n_movies]."""

Scores = npt.NDArray[np.float32]
Counts = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]

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

    def rank_block(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        return _rank_block(score_block(rows), rows, positives, user_index, seen)

    blocks = np.array_split(np.arange(len(positives)), -(-len(positives) // BLOCK_QUERIES) or 1)
    with ThreadPoolExecutor(
        os.cpu_count()
    ) as pool:  # NumPy sorts and compares outside the interpreter's lock
        counts = np.concatenate(list(pool.map(rank_block, blocks)), axis=1)  # [4, n_positives]
    if (counts[3] < 1).any():
        raise ValueError(f"{int((counts[3] < 1).sum())} positives are among their user's seen movies")
    return RanksByMode(all=Ranks(counts[0], counts[1]), unseen=Ranks(counts[2], counts[3]))


def _rank_block(
    scores: npt.NDArray[np.float32],
    rows: npt.NDArray[np.int64],
    positives: RaggedRows,
    user_index: npt.NDArray[np.int32],
    seen: RaggedRows,
) -> npt.NDArray[np.int32]:
    """Better and tied counts over all movies, then among the unseen: [4, n_positives of the block]."""
    owner, place = positives.places(rows)
    targets = scores[owner, positives.values[place]]  # [n_positives]
    count = _count_sorted if len(owner) > SORT_FROM_POSITIVES * len(rows) else _count_compared
    better, tied = count(scores, owner, targets)
    masked = np.zeros((2, len(owner)), np.int32)
    ends = np.searchsorted(owner, np.arange(len(rows) + 1))
    for row, (start, end) in enumerate(itertools.pairwise(ends)):
        user = user_index[rows[row]]
        seen_scores = scores[row, seen.values[seen.starts[user] : seen.starts[user + 1]], None]
        masked[0, start:end] = (seen_scores > targets[start:end]).sum(axis=0)
        masked[1, start:end] = (seen_scores == targets[start:end]).sum(axis=0)
    return np.stack([better, tied, better - masked[0], tied - masked[1]])


def _count_sorted(scores: Scores, owner: npt.NDArray[np.int64], targets: Scores) -> Counts:
    """How many of its row's scores are above, and how many equal to, each target; one sort a row."""
    ordered = np.sort(scores, axis=1)  # [b, n_movies], ascending
    better, tied = np.empty(len(owner), np.int32), np.empty(len(owner), np.int32)
    ends = np.searchsorted(owner, np.arange(len(scores) + 1))
    for row, (start, end) in enumerate(itertools.pairwise(ends)):
        right = np.searchsorted(ordered[row], targets[start:end], side="right")
        better[start:end] = ordered.shape[1] - right
        tied[start:end] = right - np.searchsorted(ordered[row], targets[start:end], side="left")
    return better, tied


def _count_compared(scores: Scores, owner: npt.NDArray[np.int64], targets: Scores) -> Counts:
    """The same without sorting: faster where a query has a few positives only."""
    better, tied = np.empty(len(owner), np.int32), np.empty(len(owner), np.int32)
    for start in range(0, len(owner), COMPARED_AT_ONCE):
        part = slice(start, start + COMPARED_AT_ONCE)
        own_scores = scores[owner[part]]  # [COMPARED_AT_ONCE, n_movies]
        better[part] = (own_scores > targets[part, None]).sum(axis=1)
        tied[part] = (own_scores == targets[part, None]).sum(axis=1)
    return better, tied
