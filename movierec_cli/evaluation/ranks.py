"""The one exact ranker: training curves, evaluation and recommending all measure with it.

Scores come in blocks of queries against every movie. Where a query has many positives, what is not below
the lowest of them is sorted once and their places are looked up, so a hundred positives cost little more than
one. One product tells both modes and the best movies: what a user has seen is taken off the counts. Scores
that are the same for all users, such as popularity, are sorted once for all (`same_scores`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import numpy as np
import numpy.typing as npt

from movierec_cli.cores import usable_cores
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.evaluation.best_lists import NO_MOVIE, best_of_row
from movierec_cli.records import dataclass
from movierec_cli.storage.constraints import AtLeast, AtMost, Below
from movierec_cli.storage.packing import Packed

Result = TypeVar("Result")


def map_blocks(work: Callable[[npt.NDArray[np.int64]], Result], n_rows: int, block_rows: int) -> list[Result]:
    """What `work` returns for each block of rows, in the rows' order; at least one block, empty for none.

    Args:
        work: from row numbers [b] to a result; called from several threads. NumPy multiplies, sorts and
            compares outside the interpreter's lock.
        n_rows: rows 0 … n_rows - 1.
        block_rows: at most so many in a block.
    """
    every = np.arange(n_rows)
    blocks = [every[start : start + block_rows] for start in range(0, max(n_rows, 1), block_rows)]
    with one_thread_a_product() as pool:
        return list(pool.map(work, blocks))


@contextmanager
def one_thread_a_product() -> Iterator[ThreadPoolExecutor]:
    """A thread for each core, in which a product has that thread alone.

    The library's own threads wait by spinning, and would take the cores from these.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(len(usable_cores())) as pool:
        yield pool


ScoreBlock = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]
"""From query rows [b] to their scores over all movies [b, n_movies]."""

Scores = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int32]  # [4, n_positives]: better, tied, better and tied among the unseen
RowCounts = npt.NDArray[np.integer[Any]]  # [p], one row's positives

BLOCK_QUERIES = 256  # a block of 256 x 3,883 scores is 4 MB
MAX_BLOCK_SCORES = 5 << 20  # 20 MB: what two threads hold stays in the caches, and is not asked for anew
ROWS_OF_KERNEL = 16  # of a product; with 47 rows each takes a quarter longer than with 48
SORT_FROM_POSITIVES = 16  # a query; from there sorting its scores pays
LONG_ROW = 1 << 14  # scores; from there finding what may be better first, pays
SORT_FROM_POSITIVES_OF_LONG = 3


def block_queries(n_movies: int) -> int:
    """How many queries are scored at a time."""
    most = max(1, min(BLOCK_QUERIES, MAX_BLOCK_SCORES // max(n_movies, 1)))
    return most - most % ROWS_OF_KERNEL if most > ROWS_OF_KERNEL else most


@dataclass(frozen=True)
class Ranks:
    """Where each positive stands, one entry an interaction.

    `better` movies score higher than the positive; `tied` movies score the same, itself included (so 1
    or more). Nothing is decided about the order inside a tie: metrics take the expectation over it.
    """

    better: Annotated[npt.NDArray[np.int32], Packed, AtLeast(0), Below("n_movies")]  # [n_positives]
    tied: Annotated[npt.NDArray[np.int32], Packed, AtLeast(1), AtMost("n_movies")]  # [n_positives]

    def take(self, places: npt.NDArray[Any]) -> Ranks:
        """The ranks at some places, or where a mask is true."""
        return Ranks(self.better[places], self.tied[places])


@dataclass(frozen=True)
class RanksByMode:
    """Ranks with the movies masked that the user has in training, and what these add over every movie."""

    unseen: Ranks
    seen_better: Annotated[npt.NDArray[np.int32], Packed, AtLeast(0), Below("n_movies")]  # [n_positives]
    seen_tied: Annotated[npt.NDArray[np.int32], Packed, AtLeast(0), Below("n_movies")]  # [n_positives]

    @classmethod
    def of(cls, every: Ranks, unseen: Ranks) -> RanksByMode:
        """From the ranks over every movie, and over the unseen ones."""
        return cls(unseen, every.better - unseen.better, every.tied - unseen.tied)

    @property
    def all(self) -> Ranks:
        """Over every movie."""
        return Ranks(self.unseen.better + self.seen_better, self.unseen.tied + self.seen_tied)

    def take(self, places: npt.NDArray[Any]) -> RanksByMode:
        """The ranks at some places, or where a mask is true."""
        return RanksByMode(self.unseen.take(places), self.seen_better[places], self.seen_tied[places])


def rank_positives(
    score_block: ScoreBlock,
    positives: RaggedRows,
    user_index: npt.NDArray[np.int32],
    seen: RaggedRows,
    n_movies: int = 0,
) -> RanksByMode:
    """Ranks every positive of every query, in the order of `positives.values`.

    Args:
        score_block: scores of the queries at given rows; called from several threads.
        positives: movie rows, one list a query [n_queries].
        user_index: the user of each query, [n_queries].
        seen: movie rows to mask, one list a user.
        n_movies: of the catalogue, which decides the size of the blocks; 0 where it is not known.

    Raises:
        ValueError: a positive is in its user's seen list: it was trained on, so its rank means nothing.
            (Found out by its own score, so not where an unseen movie has the same one.)
    """
    return rank_and_list(score_block, positives, user_index, seen, n_movies, 0)[0]


def rank_and_list(
    score_block: ScoreBlock,
    positives: RaggedRows,
    user_index: npt.NDArray[np.int32],
    seen: RaggedRows,
    n_movies: int,
    length: int,
) -> tuple[RanksByMode, Rows]:
    """What `rank_positives` gives, and the best unseen movies of each query, [n_queries, length].

    Args:
        score_block: as in `rank_positives`.
        positives: see there.
        user_index: see there.
        seen: see there.
        n_movies: see there.
        length: of the lists; see `best_lists.best_of_rows` about ties.

    Raises:
        ValueError: as `rank_positives`.
    """

    def rank_block(rows: npt.NDArray[np.int64]) -> tuple[Counts, Rows]:
        scores = score_block(rows)
        counts = _rank_block(scores, rows, positives, user_index, seen)
        return counts, best_unseen_of_rows(scores, user_index[rows], seen, length)

    blocks = map_blocks(rank_block, len(positives), block_queries(n_movies))
    counts = np.concatenate([counts for counts, _ in blocks], axis=1)
    return by_mode(counts), np.concatenate([lists for _, lists in blocks])


def by_mode(counts: Counts) -> RanksByMode:
    """The ranks of counted movies.

    Raises:
        ValueError: a positive is not even tied with itself among the unseen, as it is among the seen.
    """
    if (counts[3] < 1).any():
        raise ValueError(f"{int((counts[3] < 1).sum())} positives are among their user's seen movies")
    return RanksByMode.of(Ranks(counts[0], counts[1]), Ranks(counts[2], counts[3]))


def best_unseen_of_rows(
    scores: Scores, user_index: npt.NDArray[np.int32], seen: RaggedRows, length: int
) -> Rows:
    """The best unseen movies of each row, as `best_of_rows` gives them: [b, length].

    Args:
        scores: [b, n_movies], not changed.
        user_index: of each row, [b].
        seen: movie rows to leave out, one list a user.
        length: how many.
    """
    lists = np.full((len(scores), length), NO_MOVIE, np.int32)
    if length == 0:
        return lists
    masked = np.empty(scores.shape[1], np.float32)
    for own, of_row, user in zip(lists, scores, user_index, strict=True):
        masked[:] = of_row
        masked[seen[user]] = -np.inf
        best = best_of_row(masked, length)
        own[: len(best)] = best
    return lists


def _rank_block(
    scores: Scores,
    rows: npt.NDArray[np.int64],
    positives: RaggedRows,
    user_index: npt.NDArray[np.int32],
    seen: RaggedRows,
) -> Counts:
    owner, place = positives.places(rows)
    targets = scores[owner, positives.values[place]]  # [n_positives]
    counts = np.empty((4, len(targets)), np.int32)
    ends = np.searchsorted(owner, np.arange(len(rows) + 1)).tolist()
    for own_scores, user, (start, end) in zip(
        scores, user_index[rows], itertools.pairwise(ends), strict=True
    ):
        own = targets[start:end]
        better, tied = _better_and_tied(own_scores, own)
        seen_better, seen_tied = _better_and_tied(own_scores.take(seen[user]), own)
        # One by one: stacking them first takes longer than counting.
        counts[0, start:end], counts[1, start:end] = better, tied
        counts[2, start:end], counts[3, start:end] = better - seen_better, tied - seen_tied
    return counts


def _better_and_tied(scores: Scores, targets: Scores) -> tuple[RowCounts, RowCounts]:
    """How many of the scores [n] are above, and how many equal to, each target: [p] each."""
    is_long = len(scores) >= LONG_ROW
    if len(targets) >= (SORT_FROM_POSITIVES_OF_LONG if is_long else SORT_FROM_POSITIVES):
        # Of a long row half the time that indexing by the mask takes.
        ordered = np.compress(scores >= targets.min(), scores) if is_long else scores.copy()
        ordered.sort()
        right = ordered.searchsorted(targets, side="right")
        return len(ordered) - right, right - ordered.searchsorted(targets)
    narrow = np.uint16 if len(scores) < 2**16 else np.uint32  # NumPy sums the narrower one faster
    against = targets[:, None]  # [p, 1]
    return (
        np.add.reduce(scores > against, axis=1, dtype=narrow),
        np.add.reduce(scores == against, axis=1, dtype=narrow),
    )
