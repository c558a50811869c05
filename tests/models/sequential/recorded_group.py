"""A group of processes that keeps what it sums."""

import numpy as np

from movierec_cli.models.sequential.process_group import ProcessGroup


class Recorded:
    """As another group.

    Attributes:
        steps: the summed loss and weight of each step, with which its sums begin.
    """

    def __init__(self, group: ProcessGroup) -> None:
        self.rank, self.size, self._group = group.rank, group.size, group
        self.steps: list[tuple[float, float]] = []
        self.gathered, self.own_rows_of_sum = group.gathered, group.own_rows_of_sum

    def summed(self, array: np.ndarray) -> np.ndarray:
        found = self._group.summed(array)
        self.steps.append((float(found[0]), float(found[1])))
        return found
