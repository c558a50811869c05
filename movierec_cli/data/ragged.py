"""Lists of different lengths as two flat arrays, such as each user's movies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset

Indices: TypeAlias = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class RaggedRows:
    """Lists of int32 of different lengths, one after the other: list i is values[starts[i]:starts[i+1]]."""

    starts: npt.NDArray[np.int64]  # [n_lists + 1]
    values: npt.NDArray[np.int32]  # [n_values]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int | np.integer[Any]) -> npt.NDArray[np.int32]:
        return self.values[self.starts[row] : self.starts[row + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """How many values each list has: [n_lists]."""
        return np.diff(self.starts)

    @classmethod
    def group(cls, keys: Indices, values: npt.NDArray[np.int32], n_lists: int) -> RaggedRows:
        """List k holds the values whose key is k, in their order."""
        return cls.group_with_order(keys, values, n_lists)[0]

    @classmethod
    def group_with_order(
        cls, keys: Indices, values: npt.NDArray[np.int32], n_lists: int
    ) -> tuple[RaggedRows, npt.NDArray[np.int64]]:
        """The same, and where each of the lists' values stood: [n_values]."""
        lengths = np.bincount(keys, minlength=n_lists)
        order = np.argsort(keys, kind="stable")
        return cls(np.concatenate([[0], np.cumsum(lengths)]), values[order]), order

    def places(self, rows: Indices) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """For the lists at `rows`: which of them each value belongs to, and its place in `values`."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        owner = np.repeat(np.arange(len(rows)), lengths)
        first = np.cumsum(lengths) - lengths
        return owner, np.arange(len(owner)) - np.repeat(first - self.starts[rows], lengths)


def movies_of_users(dataset: Dataset, rows: npt.NDArray[np.int64]) -> RaggedRows:
    """Each user's movies among the ratings at `rows`; an empty list for a user who has none there."""
    ratings = dataset.ratings
    return RaggedRows.group(ratings.user_index[rows], ratings.movie_index[rows], len(dataset.users))
