"""Columns that a data set has beyond the known ones: each is a feature, under its own name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass

GAP = -1
"""The code of a row that has no value."""
ENTRY_END = "\n"
"""Between the entries of a list."""


@dataclass(frozen=True)
class OwnColumn:
    """A column of items, users or ratings: each row's value, of which there may be few different ones.

    Texts are of the kinds category, list (entries in lines of their own) and text; numbers of number, date
    (seconds since 1970-01-01 UTC) and vector.

    Raises:
        ValueError: a code is of no value, or there are neither texts nor numbers.
    """

    name: str
    kind: str  # of `COLUMN_KINDS`; "" as long as it is not found
    codes: npt.NDArray[np.int32]  # [n_rows], places among the values; GAP where there is none
    texts: npt.NDArray[np.object_] | None = None  # [n_values]
    numbers: npt.NDArray[np.float64] | None = None  # [n_values, width]
    header: str = ""  # its name in the file; "" where it is not from a table

    def __post_init__(self) -> None:
        values = self.texts if self.texts is not None else self.numbers
        if values is None or self.codes.ndim != 1:
            raise ValueError(f"the column {self.name} has no values")
        if len(self.codes) and not (self.codes.min() >= GAP and self.codes.max() < len(values)):
            raise ValueError(f"the column {self.name} has a code of none of its {len(values):,} values")

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: npt.NDArray[np.integer]) -> OwnColumn:
        """The column of these rows."""
        return replace(self, codes=self.codes[rows])

    def extended(self, n: int) -> OwnColumn:
        """With so many more rows, which have no value."""
        return replace(self, codes=np.append(self.codes, np.full(n, GAP, np.int32)))

    @property
    def n_known(self) -> int:
        """Rows with a value."""
        return int((self.codes != GAP).sum())


OwnColumns = tuple[OwnColumn, ...]


def require_rows(columns: OwnColumns, n_rows: int) -> None:
    """Raises a `ValueError` for a column of another length."""
    for one in columns:
        if len(one) != n_rows:
            raise ValueError(f"the column {one.name} has {len(one):,} rows, not {n_rows:,}")


def of_texts(name: str, texts: Sequence[str | None]) -> OwnColumn:
    """A column of texts; None and "" are gaps."""
    codes: dict[str, int] = {}
    own = [codes.setdefault(text, len(codes)) if text else GAP for text in texts]
    return OwnColumn(name, "", np.array(own, np.int32), np.array(list(codes), np.object_), header=name)
