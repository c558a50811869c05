"""What the values of an array may be, beside the names of its axes in `Annotated`.

A constraint says which values are wrong, and reads as what the others are: "holds 7, which is not below 5".
A bound is a number or the name of a size: of an axis, or of what `codec` is given.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass

Mask = npt.NDArray[np.bool_]
Sizes = Mapping[str, int]

DATA_USERS, DATA_RATINGS = "users of the data", "ratings of the data"
"""Sizes that bound rows of a run's data set."""
LARGEST_WEIGHT = 1e8
"""Of what is multiplied: a training that goes beyond has diverged, and products would overflow."""


class Constraint(ABC):
    """What every value of an array must be."""

    @abstractmethod
    def wrong(self, values: npt.NDArray[Any], sizes: Sizes) -> Mask:
        """Which values are not, in the shape of the array."""


@dataclass(frozen=True)
class AtLeast(Constraint):
    """Not lower; NaN passes."""

    lowest: float

    def wrong(self, values: npt.NDArray[Any], sizes: Sizes) -> Mask:
        return np.asarray(values < self.lowest)

    def __str__(self) -> str:
        return f"at least {self.lowest:g}"


@dataclass(frozen=True)
class AtMost(Constraint):
    """Not higher than a number or size; NaN passes, and so does everything where a size is not known."""

    highest: float | str

    def bound(self, sizes: Sizes) -> float:
        return sizes.get(self.highest, np.inf) if isinstance(self.highest, str) else self.highest

    def wrong(self, values: npt.NDArray[Any], sizes: Sizes) -> Mask:
        return np.asarray(values > self.bound(sizes))

    def __str__(self) -> str:
        return f"at most {self.highest}"


@dataclass(frozen=True)
class Below(AtMost):
    """Lower, such as a row number than the number of rows."""

    def wrong(self, values: npt.NDArray[Any], sizes: Sizes) -> Mask:
        return np.asarray(values >= self.bound(sizes))

    def __str__(self) -> str:
        return f"below {self.highest}"


@dataclass(frozen=True)
class Finite(Constraint):
    """A number, and not so large that a product of it overflows."""

    largest: float = LARGEST_WEIGHT

    def wrong(self, values: npt.NDArray[Any], sizes: Sizes) -> Mask:
        is_float = values.dtype.kind == "f"  # of which the shortest holds no number as large as these
        largest = min(self.largest, float(np.finfo(values.dtype).max)) if is_float else self.largest
        return np.asarray(~(np.abs(values) <= largest))

    def __str__(self) -> str:
        return f"a number of at most ±{self.largest:g}"


class Distinct(Constraint):
    """No value is there twice."""

    def wrong(self, values: npt.NDArray[Any], sizes: Sizes) -> Mask:
        order = np.argsort(values, kind="stable")
        again = np.zeros(len(values), bool)
        again[order[1:]] = values[order[1:]] == values[order[:-1]]
        return again

    def __str__(self) -> str:
        return "there once"


@dataclass(frozen=True)
class Ascending(Constraint):
    """None is lower than the one before, and with `strictly` none is equal."""

    strictly: bool = False

    def wrong(self, values: npt.NDArray[Any], sizes: Sizes) -> Mask:
        before, after = values[:-1], values[1:]
        wrong = np.zeros(len(values), bool)
        wrong[1:] = after <= before if self.strictly else after < before
        return wrong

    def __str__(self) -> str:
        return "above the one before" if self.strictly else "at least the one before"
