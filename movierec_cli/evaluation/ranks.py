"""The one exact ranker: training curves, evaluation and recommending all measure with it.

Scores come in blocks of queries against every movie; each block is sorted once and the places of its
positives are looked up, so a hundred positives of a query cost little more than one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.data.ragged import RaggedRows

ScoreBlock = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]
"""From query rows [b] to their scores over all movies [b, n_movies]."""

BLOCK_QUERIES = 512  # a block of 512 x 3,883 scores is 8 MB


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
        score_block: scores of the queries at given rows.
        positives: movie rows, one list a query [n_queries].
        user_index: the user of each query, [n_queries].
        seen: movie rows to mask, one list a user.

    Raises:
        ValueError: a positive is in its user's seen list: it was trained on, so its rank means nothing.
    """
    parts = [
        _rank_block(score_block(rows), rows, positives, user_index, seen)
        for rows in np.array_split(np.arange(len(positives)), -(-len(positives) // BLOCK_QUERIES) or 1)
    ]
    counts = np.concatenate(parts, axis=1)  # [4, n_positives]
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
    ordered = np.sort(scores, axis=1)  # [b, n_movies], ascending
    counts = []
    for row, row_scores, row_ordered in zip(rows, scores, ordered, strict=True):
        targets = row_scores[_list(positives, row)]
        better, tied = _count(row_ordered, targets)
        masked_better, masked_tied = _count(np.sort(row_scores[_list(seen, user_index[row])]), targets)
        counts.append(np.stack([better, tied, better - masked_better, tied - masked_tied]))
    return np.concatenate(counts, axis=1) if counts else np.zeros((4, 0), np.int32)


def _list(ragged: RaggedRows, row: int | np.integer) -> npt.NDArray[np.int32]:
    return ragged.values[ragged.starts[row] : ragged.starts[row + 1]]


def _count(
    ordered: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """How many of the ascending scores are above, and how many equal to, each target."""
    right = np.searchsorted(ordered, targets, side="right")
    left = np.searchsorted(ordered, targets, side="left")
    return (len(ordered) - right).astype(np.int32), (right - left).astype(np.int32)
