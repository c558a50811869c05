"""The highest of many scores, best first, without sorting the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

NO_MOVIE = -1
_CHUNKS_PER_PLACE = 8
_ROW = npt.NDArray[np.float32]


def best_of_rows(scores: npt.NDArray[np.float32], length: int) -> npt.NDArray[np.int32]:
    """The highest scores of each row, best first: [n_rows, length].

    Equal scores are in catalogue order. NO_MOVIE fills up where fewer are above minus infinity.

    Args:
        scores: [n_rows, n_movies].
        length: how many.
    """
    lists = np.full((len(scores), length), NO_MOVIE, np.int32)
    for own, of_row in zip(lists, scores, strict=True):
        best = best_of_row(of_row, length)
        own[: len(best)] = best
    return lists


def best_of_row(scores: _ROW, length: int) -> npt.NDArray[np.int64]:
    """Where the highest scores [n_movies] stand, as `best_of_rows`: [length], or fewer where there are.

    The highest scores of so many parts of the row, none of them in two, are as many scores: the lowest of
    these is a bound, and what is not below it, the best and a few more, is sorted.
    """
    taken = min(length, len(scores))
    n_parts = taken * _CHUNKS_PER_PLACE
    rows_of_parts = len(scores) // n_parts if n_parts else 0
    if rows_of_parts > 1:
        in_parts = scores[: rows_of_parts * n_parts].reshape(rows_of_parts, n_parts)
        highest = np.maximum.reduce(in_parts, axis=0)  # [n_parts]
    else:
        highest = scores
    bound = np.partition(highest, len(highest) - taken)[len(highest) - taken] if taken else np.inf
    above = np.flatnonzero(scores >= bound)  # ascending, so equal scores stay in catalogue order
    best: npt.NDArray[Any] = above[np.argsort(-scores[above], kind="stable")[:taken]]
    return best if bound > -np.inf else best[scores[best] > -np.inf]
