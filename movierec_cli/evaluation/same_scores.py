"""Ranks of a model that scores every movie alike for all users, such as popularity: sorted once for all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from movierec_cli.data.ragged import RaggedRows
from movierec_cli.evaluation.best_lists import NO_MOVIE
from movierec_cli.evaluation.ranks import Counts, RanksByMode, Rows, Scores, by_mode, map_blocks

_BLOCK_QUERIES = 2048
_FIRST_PLACES = 1024  # where most users' lists end


def rank_alike(
    scores: Scores, positives: RaggedRows, user_index: npt.NDArray[np.int32], seen: RaggedRows, length: int
) -> tuple[RanksByMode, Rows]:
    """What `ranks.rank_and_list` gives where all queries have the same scores, [n_movies].

    Raises:
        ValueError: as it does.
    """
    ordered = np.sort(scores)
    right = ordered.searchsorted(scores, side="right")
    better = len(scores) - right  # [n_movies], int64
    tied = right - ordered.searchsorted(scores)
    is_listed = scores > -np.inf
    n_listed = int(is_listed.sum())
    in_order = np.append(np.argsort(-scores, kind="stable")[:n_listed], NO_MOVIE).astype(np.int32)
    place = np.full(len(scores), n_listed)  # of each movie in that order
    place[in_order[:-1]] = np.arange(n_listed)

    def rank_block(rows: npt.NDArray[np.int64]) -> tuple[Counts, Rows]:
        owner, at = positives.places(rows)
        seen_owner, seen_at = seen.places(user_index[rows])
        target, known = positives.values[at], seen.values[seen_at]
        # One user's seen movies stand together, the best first, before the next user's.
        keys = np.sort(seen_owner * (len(scores) + 1) + better[known])
        own = owner * (len(scores) + 1) + better[target]
        left = keys.searchsorted(own)
        counts = np.empty((4, len(target)), np.int32)
        counts[0], counts[1] = better[target], tied[target]
        counts[2] = counts[0] - (left - seen_owner.searchsorted(owner))
        counts[3] = counts[1] - (keys.searchsorted(own, side="right") - left)
        first = _first_free(len(rows), seen_owner, place[known], n_listed, length)
        return counts, in_order[first]

    blocks = map_blocks(rank_block, len(positives), _BLOCK_QUERIES)
    counts = np.concatenate([counts for counts, _ in blocks], axis=1)
    return by_mode(counts), np.concatenate([lists for _, lists in blocks])


def _first_free(
    n_rows: int, owner: npt.NDArray[np.int64], taken: npt.NDArray[np.int64], n_places: int, length: int
) -> npt.NDArray[np.int64]:
    """The first places 0 … n_places - 1 of each row that are not taken, and n_places behind the last.

    Args:
        n_rows: of the result.
        owner: the row of each place that is taken, ascending, [n_taken].
        taken: those places, [n_taken].
        n_places: of each row.
        length: how many are wanted, the columns of the result.
    """
    first = np.full((n_rows, length), n_places)
    left, width = np.arange(n_rows), min(n_places, length + _FIRST_PLACES)
    while len(left):
        row_of = np.full(n_rows, -1)
        row_of[left] = np.arange(len(left))
        is_free = np.ones((len(left), width), bool)
        counts = (taken < width) & (row_of[owner] >= 0)
        is_free[row_of[owner[counts]], taken[counts]] = False
        number = np.cumsum(is_free, axis=1, dtype=np.int32)  # from 1
        row, place = np.nonzero(is_free & (number <= length))
        first[left[row], number[row, place] - 1] = place
        if width == n_places:
            break
        left, width = left[number[:, -1] < length], min(n_places, 8 * width)
    return first
