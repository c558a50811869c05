"""Whether a difference between models is more than chance."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """How much contender `a` is above contender `b`, on the same users."""

    a: str
    b: str
    difference: Interval  # of a − b
    p_value: float  # of a paired test, two-sided, as it is
    p_holm: float  # corrected over all the pairs that were compared together
