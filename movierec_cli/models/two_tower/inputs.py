"""What a feature hands to a tower: an encoded column with one row for each user, context or movie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass


@dataclass(frozen=True)
class CategoryInput:
    """One code a row, embedded by a table of `size` vectors."""

    codes: npt.NDArray[np.int32]  # [n_rows], 0 … size-1
    size: int


@dataclass(frozen=True)
class BagInput:
    """Any number of codes a row; the row is the mean of their embeddings, zero for an empty bag."""

    rows: npt.NDArray[np.int64]  # [n_codes], ascending
    codes: npt.NDArray[np.int64]  # [n_codes], 0 … size-1
    n_rows: int
    size: int

    @classmethod
    def of(cls, bags: Sequence[Sequence[int]], size: int) -> BagInput:
        """From one sequence of codes a row."""
        lengths = [len(bag) for bag in bags]
        codes = np.fromiter((code for bag in bags for code in bag), np.int64, sum(lengths))
        return cls(np.repeat(np.arange(len(bags), dtype=np.int64), lengths), codes, len(bags), size)


@dataclass(frozen=True)
class NumberInput:
    """Numbers used as they are, already scaled to about −1 … 1."""

    values: npt.NDArray[np.float32]  # [n_rows, n_numbers]

    @property
    def size(self) -> int:
        """How many numbers a row has."""
        return int(self.values.shape[1])


Input = CategoryInput | BagInput | NumberInput
