"""Threads that train one model together, as processes do: a group that is easy to look into."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import TypeVar

import numpy as np

from movierec_cli.models.sequential.process_group import added_in_pairs

Result = TypeVar("Result")
WITHIN_S = 60


@dataclass
class ThreadedGroup:
    """One of them; they differ in their rank and share all else."""

    rank: int
    size: int
    barrier: Barrier
    arrays: list[np.ndarray] = field(default_factory=list)

    def gathered(self, array: np.ndarray) -> list[np.ndarray]:
        self.arrays[self.rank] = array
        self.barrier.wait(WITHIN_S)
        found = list(self.arrays)
        self.barrier.wait(WITHIN_S)
        return found

    def summed(self, array: np.ndarray) -> np.ndarray:
        return np.asarray(added_in_pairs(self.gathered(array)))

    def own_rows_of_sum(self, array: np.ndarray) -> np.ndarray:
        return np.split(self.summed(array), self.size)[self.rank]


def in_threads(size: int, work: Callable[[ThreadedGroup], Result]) -> Sequence[Result]:
    """What `work` returns for each of a group, by rank."""
    barrier, arrays = Barrier(size), [np.empty(0)] * size

    def of_rank(rank: int) -> Result:
        try:
            return work(ThreadedGroup(rank, size, barrier, arrays))
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(of_rank, range(size)))
