"""Ranks of targets that are asked for one after the other, each among what its user had not seen by then."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from movierec_cli.data.ragged import Stretches
from movierec_cli.evaluation.queries import GroupedQueries
from movierec_cli.evaluation.ranks import Counts, RanksByMode, block_queries, by_mode, map_blocks


def rank_successive(
    queries: GroupedQueries, movies: npt.NDArray[np.int32], seen: Stretches, n_movies: int
) -> RanksByMode:
    """Ranks each target's movie, in the order of the targets.

    Args:
        queries: behind the targets.
        movies: of the targets, [n_targets].
        seen: movie rows to mask, one list a target.
        n_movies: of the catalogue.

    Raises:
        ValueError: a target is among what its user had seen; noticed where no unseen movie scores the same.
    """
    order = np.argsort(queries.query_of, kind="stable")  # so that a query's scores are made once or twice

    def rank_block(places: npt.NDArray[np.int64]) -> Counts:
        taken = order[places]
        different, own = np.unique(queries.query_of[taken], return_inverse=True)
        scores = queries.score_block(different)  # [n_different, n_movies]
        target = scores[own, movies[taken]]  # [b]
        owner, place = seen.take(taken).places()
        of_seen = scores[own[owner], seen.values[place]]  # [n_seen]
        of_all = scores[own]  # [b, n_movies]
        counts = np.empty((4, len(taken)), np.int32)
        counts[0] = np.count_nonzero(of_all > target[:, None], axis=1)
        counts[1] = np.count_nonzero(of_all == target[:, None], axis=1)
        counts[2] = counts[0] - np.bincount(owner[of_seen > target[owner]], minlength=len(taken))
        counts[3] = counts[1] - np.bincount(owner[of_seen == target[owner]], minlength=len(taken))
        return counts

    blocks = map_blocks(rank_block, len(movies), block_queries(n_movies))
    place_of = np.empty_like(order)
    place_of[order] = np.arange(len(order))
    return by_mode(np.concatenate(blocks, axis=1)[:, place_of])
