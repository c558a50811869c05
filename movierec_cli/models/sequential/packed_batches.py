"""Pieces of histories as rows of one length, in which hardly a place is empty.

Several short pieces share a row and do not see each other. That wastes less than sorting pieces by length,
and one shape of row means one compiled step. Windows have a row each and end where the row ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.models.sequential.histories import Histories, Pieces

Columns = dict[str, Any]
"""By name, int32 [b, length]; inside a compiled step they are JAX's."""

NO_PIECE = 0
"""`segment` of a place that holds no film."""


@dataclass(frozen=True)
class RowMaker:
    """Writes pieces into rows of `length` places.

    A row's columns, each [length]: `movie` (row of the catalogue), `segment` (which piece of the row, from 1;
    NO_PIECE), `position` (counted from a piece's end, so that its newest film has the highest), `gap` and
    `gap_to_next` (buckets of seconds), `target` (the next film), `weight` (1 where that is to be learned).
    """

    histories: Histories
    is_target: npt.NDArray[np.bool_]  # [n], whether the film at a place may be learned
    length: int

    def rows(
        self, pieces: Pieces, row: npt.NDArray[np.int64], first: npt.NDArray[np.int64], *, n_rows: int
    ) -> Columns:
        """The pieces, each in a row from a place on.

        Args:
            pieces: n of them.
            row: [n], from 0; pieces of one row stand in ascending places.
            first: [n], place in the row of a piece's first film.
            n_rows: how many rows there are; some can be empty.
        """
        owner, within = _spread(pieces.length)
        source = pieces.start[owner] + within
        flat = row[owner] * self.length + first[owner] + within
        order = np.lexsort((first, row))
        in_row = np.empty(len(row), np.int64)
        in_row[order] = np.arange(len(row)) - np.searchsorted(row[order], row[order])
        following = np.minimum(source + 1, len(self.is_target) - 1)
        learned = self.is_target[following]
        values = {
            "movie": self.histories.movies[source],
            "segment": 1 + in_row[owner],
            "position": self.length - pieces.length[owner] + within,
            "gap": self.histories.gap[source],
            "gap_to_next": self.histories.gap_to_next[source],
            "target": np.where(learned, self.histories.movies[following], 0),
            "weight": learned,
        }
        columns: Columns = {}
        for name, value in values.items():
            column = np.zeros(n_rows * self.length, np.int32)
            column[flat] = value
            columns[name] = column.reshape(n_rows, self.length)
        return columns


def _spread(lengths: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For every place of every piece: the piece, and which of its places it is."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def packed(
    lengths: npt.NDArray[np.int64], length: int, generator: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Puts pieces, the longest first, each into the fullest row it fits in; which share a row is by lot.

    Returns:
        Each piece's row and the place of its first film there: [n] and [n].
    """
    shuffled = generator.permutation(len(lengths))
    order = shuffled[np.argsort(-lengths[shuffled], kind="stable")]
    by_free: list[list[int]] = [[] for _ in range(length + 1)]  # rows with so many empty places
    row, first = np.empty(len(lengths), np.int64), np.empty(len(lengths), np.int64)
    n_rows = 0
    for piece in order.tolist():
        size = int(lengths[piece])
        free = next((free for free in range(size, length + 1) if by_free[free]), None)
        if free is None:
            free, taken = length, n_rows
            n_rows += 1
        else:
            taken = by_free[free].pop()
        row[piece], first[piece] = taken, length - free
        by_free[free - size].append(taken)
    return row, first


@dataclass(frozen=True)
class Batches:
    """What an epoch steps through.

    Attributes:
        maker: writes the rows.
        pieces: what is learned from.
        rows_a_step: how many rows a step has; an epoch's last step is filled up with empty ones.
        pack: whether pieces share rows; otherwise each has one, and ends where it ends.
    """

    maker: RowMaker
    pieces: Pieces
    rows_a_step: int
    pack: bool

    def epoch(self, generator: np.random.Generator) -> Iterator[Columns]:
        """The steps' rows, [rows_a_step, length] each, in an order by lot."""
        n = len(self.pieces.length)
        if self.pack:
            row, first = packed(self.pieces.length, self.maker.length, generator)
            row = generator.permutation(int(row.max()) + 1)[row]
        else:
            row, first = generator.permutation(n), self.maker.length - self.pieces.length
        order = np.argsort(row, kind="stable")
        step_of = row[order] // self.rows_a_step
        for step in range(int(step_of[-1]) + 1):
            taken = order[np.searchsorted(step_of, step) : np.searchsorted(step_of, step, side="right")]
            pieces = Pieces(self.pieces.start[taken], self.pieces.length[taken])
            yield self.maker.rows(
                pieces, row[taken] % self.rows_a_step, first[taken], n_rows=self.rows_a_step
            )

    @cached_property
    def steps_an_epoch(self) -> int:
        """How many steps an epoch has, give or take one: which pieces share rows differs between epochs."""
        n_rows = len(self.pieces.length)
        if self.pack:
            n_rows = int(packed(self.pieces.length, self.maker.length, np.random.default_rng(0))[0].max()) + 1
        return -(-n_rows // self.rows_a_step)
