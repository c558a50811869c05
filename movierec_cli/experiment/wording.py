"""How numbers and lists are put into sentences.

Fractions are given in percent, their differences in points; ratings and their errors in stars.
"""

import math
from collections.abc import Callable

from movierec_cli.config import NO_FEATURES
from movierec_cli.evaluation.significance import Interval, Tested
from movierec_cli.records import dataclass

_DECIMALS = 3  # of stars, and of points at most
_SAME = 1e-9  # of a percent


def model_name(label: str) -> str:
    """As a sentence names a model: "None" by itself would be misread."""
    return f"{label} (ids alone)" if label == NO_FEATURES.label else label


def percent(fraction: float) -> str:
    """A fraction of 0 … 1: "28.1 %"."""
    return f"{_fixed(100 * fraction, 1)} %"


@dataclass(frozen=True)
class Unit:
    """What intervals are given in."""

    noun: str
    scale: int  # of what is given as 1
    decimals: Callable[[Interval], int]

    def bounds(self, interval: Interval, *, sign: str = "") -> str:
        """From low to high: "27.0 … 29.2"; with their signs where "+" is given."""
        decimals = self.decimals(interval)
        low, high = (_fixed(self.scale * bound, decimals, sign) for bound in (interval.low, interval.high))
        return f"{low} … {high}"

    def difference(self, interval: Interval, *, of: str = "") -> str:
        """A difference with its sign: "−2.5 points of recall@100, 95 % CI −2.9 … −2.1"."""
        return f"{self._mean(interval, of, sign='+')}, 95 % CI {self.bounds(interval, sign='+')}"

    def with_p(self, found: Tested, *, of: str = "") -> str:
        """A difference that is not significant; if its interval alone excludes 0, says why it is not."""
        excludes_0 = not found.difference.low <= 0 <= found.difference.high
        corrected = " after Holm's correction" if excludes_0 else ""
        return f"{self.difference(found.difference, of=of)}, {p_value(found.p_holm)}{corrected}"

    def amount(self, interval: Interval, *, of: str = "", sign: str = "") -> str:
        """How much more or less, where words say which: "2.5 points of recall@100 (95 % CI 2.1 … 2.9)".

        Args:
            interval: of a difference.
            of: what it is a difference of; may be empty.
            sign: "+" to show it before the amount.
        """
        low, high = sorted((abs(interval.low), abs(interval.high)))
        size = Interval(abs(interval.mean), low, high)
        return f"{self._mean(size, of, sign)} (95 % CI {self.bounds(size)})"

    def _mean(self, interval: Interval, of: str, sign: str) -> str:
        mean = _fixed(self.scale * interval.mean, self.decimals(interval), sign)
        return f"{mean} {self.noun}{of and f' of {of}'}"


def stars(value: float, *, sign: str = "") -> str:
    """An error in stars: "0.913"; with its sign where "+" is given: "−0.004"."""
    return _fixed(value, _DECIMALS, sign)


def p_value(p: float) -> str:
    """Two decimals, three below a tenth: "p = 0.41", "p = 0.032", "p < 0.001"."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.{2 if p >= 0.1 else 3}f}"


def _fixed(value: float, decimals: int, sign: str = "") -> str:
    rounded = round(value, decimals)
    if rounded == 0:
        return f"{0:.{decimals}f}"  # no sign: neither more nor less can be seen
    return f"{rounded:{sign}.{decimals}f}".replace("-", "−")


def _decimals(interval: Interval) -> int:
    """How many decimals of percent make the bounds differ, and keep them from 0 if 0 is not between them."""
    low, high = 100 * interval.low, 100 * interval.high
    gaps = [high - low] if low <= 0 <= high else [high - low, abs(low), abs(high)]
    seen = [gap for gap in gaps if gap > _SAME]
    return min(max(1, *(math.ceil(-math.log10(gap)) for gap in seen)), _DECIMALS) if seen else 1


POINTS = Unit("points", 100, _decimals)
"""Of fractions of 0 … 1 and their differences."""
STARS = Unit("stars", 1, lambda _: _DECIMALS)
"""Of errors of predicted ratings and their differences."""
