"""From ids as files have them to rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

UNKNOWN_ROW = -1
_DENSE_UP_TO = 1 << 22


@dataclass(frozen=True)
class IdIndex:
    """Looks up millions of ids at once: by a dense table where ids are small, else by bisection."""

    ids: npt.NDArray[np.int64]  # [n], distinct, any order

    def rows(self, ids: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """The row of each id, `UNKNOWN_ROW` where there is none."""
        if len(ids) == 0 or len(self.ids) == 0:
            return np.full(len(ids), UNKNOWN_ROW, dtype=np.int32)
        if self._is_dense and ids.min() >= 0 and ids.max() < len(self._table):
            rows: npt.NDArray[np.int32] = self._table[ids]
            return rows
        return self._bisected(ids)

    @property
    def _is_dense(self) -> bool:
        return bool(self.ids.min() >= 0 and self.ids.max() < _DENSE_UP_TO)

    @cached_property
    def _table(self) -> npt.NDArray[np.int32]:
        table = np.full(int(self.ids.max()) + 1, UNKNOWN_ROW, dtype=np.int32)
        table[self.ids] = np.arange(len(self.ids), dtype=np.int32)
        return table

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return np.argsort(self.ids)

    def _bisected(self, ids: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        place = np.minimum(np.searchsorted(self.ids, ids, sorter=self._order), len(self.ids) - 1)
        rows = self._order[place]
        return np.where(self.ids[rows] == ids, rows, UNKNOWN_ROW).astype(np.int32)


def known_ids(ids: npt.NDArray[np.int64]) -> str:
    """Which ids there are, for people: "ids 1 to 943"."""
    if len(ids) <= ids.max() - ids.min():
        return f"{len(ids)} ids between {ids.min()} and {ids.max()}"
    return f"ids {ids.min()} to {ids.max()}"
