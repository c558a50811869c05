"""Steps that several processes share: what is in a step is the same as where one process trains alone.

Which segment stands in which row of which step is drawn by every process, from the lengths of all segments.
Each writes those of its own users; their sum is the step, of which each gets the rows that it computes. So
all processes take as many steps, and no step depends on how many processes there are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from movierec_cli.models.sequential.packed_batches import Columns, Histories, Segments
from movierec_cli.models.sequential.process_group import ProcessGroup


def of_all_processes(
    segments: Segments, histories: Histories, users: npt.NDArray[np.int64], group: ProcessGroup
) -> tuple[Segments, npt.NDArray[np.bool_]]:
    """The segments of all processes in the order of the users, and which of them are this process'.

    Args:
        segments: of this process, in the order of its users.
        histories: of its users.
        users: [n_users], where its users stand among all, ascending; no two processes have the same.
        group: the processes.

    Returns:
        Segments, of which those of other processes have no start that means anything; and a mask of them.
    """
    own = np.searchsorted(histories.starts, segments.start, side="right") - 1  # [n_segments]
    gathered = group.gathered(np.stack([users[own], segments.length], axis=1).astype(np.int32))
    user, length = np.concatenate(gathered).T
    rank = np.repeat(np.arange(group.size), [len(one) for one in gathered])
    order = np.argsort(user, kind="stable")
    is_own = rank[order] == group.rank
    start = np.zeros(len(order), np.int64)
    start[is_own] = segments.start
    return Segments(start, length[order].astype(np.int64)), is_own


def exchange_by(group: ProcessGroup, rows_of_each: int) -> Callable[[Columns], Columns]:
    """From a step's rows with this process' segments alone, to the rows that it computes, with all segments.

    What other processes write is 0 in the first, and at most the rows of one step are here of their users.

    Args:
        group: the processes.
        rows_of_each: how many rows each computes; those that a step lacks are empty.
    """
    if group.size == 1:
        return lambda rows: rows

    def exchange(rows: Columns) -> Columns:
        stacked = np.stack([*rows.values()], axis=1)  # [rows, n_columns, length], 0 where others write
        lacking = group.size * rows_of_each - len(stacked)
        own = group.own_rows_of_sum(np.pad(stacked, ((0, lacking), (0, 0), (0, 0))))
        return {name: own[:, place] for place, name in enumerate(rows)}

    return exchange
