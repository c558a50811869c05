"""How numbers and lists are put into sentences.

Fractions are given in percent, their differences in points; ratings and their errors in stars.
"""

from __future__ import annotations

import math

from movierec_cli.evaluation.significance import Interval

_MAX_DECIMALS = 3
_STAR_DECIMALS = 3
_SAME = 1e-9  # of a percent


def percent(fraction: float) -> str:
    """A fraction of 0 … 1: "28.1 %"."""
    return f"{_fixed(100 * fraction, 1)} %"


def percent_bounds(interval: Interval) -> str:
    """A fraction's interval in percent, without its sign: "27.0 … 29.2"."""
    decimals = _decimals(interval)
    return _bounds(interval.low, interval.high, decimals, sign="")


def difference(interval: Interval, *, of: str = "") -> str:
    """A difference of fractions with its sign: "−2.5 points of recall@100, 95 % CI −2.9 … −2.1"."""
    decimals = _decimals(interval)
    bounds = _bounds(interval.low, interval.high, decimals, sign="+")
    return f"{_points(interval.mean, decimals, of, sign='+')}, 95 % CI {bounds}"


def amount(interval: Interval, *, of: str = "", sign: str = "") -> str:
    """How much more or less, where words say which: "2.5 points of recall@100 (95 % CI 2.1 … 2.9)".

    Args:
        interval: of a difference of fractions.
        of: what the points are of; may be empty.
        sign: "+" to show it before the points.
    """
    low, high = sorted((abs(interval.low), abs(interval.high)))
    decimals = _decimals(interval)
    points = _points(abs(interval.mean), decimals, of, sign)
    return f"{points} (95 % CI {_bounds(low, high, decimals, sign='')})"


def stars(value: float, *, sign: str = "") -> str:
    """An error in stars: "0.913"; with its sign where "+" is given: "−0.004"."""
    return _fixed(value, _STAR_DECIMALS, sign)


def star_bounds(interval: Interval) -> str:
    """From low to high: "0.905 … 0.921"."""
    return f"{stars(interval.low)} … {stars(interval.high)}"


def star_difference(interval: Interval) -> str:
    """A difference of errors with its sign: "−0.004 stars, 95 % CI −0.009 … +0.001"."""
    bounds = f"{stars(interval.low, sign='+')} … {stars(interval.high, sign='+')}"
    return f"{stars(interval.mean, sign='+')} stars, 95 % CI {bounds}"


def star_amount(interval: Interval) -> str:
    """How much more or less, where words say which: "0.021 stars (95 % CI 0.015 … 0.027)"."""
    low, high = sorted((abs(interval.low), abs(interval.high)))
    return f"{stars(abs(interval.mean))} stars (95 % CI {stars(low)} … {stars(high)})"


def p_value(p: float) -> str:
    """Two decimals, three below a tenth: "p = 0.41", "p = 0.032", "p < 0.001"."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.{2 if p >= 0.1 else 3}f}"


def _points(fraction: float, decimals: int, of: str, sign: str) -> str:
    return f"{_fixed(100 * fraction, decimals, sign)} points{of and f' of {of}'}"


def _bounds(low: float, high: float, decimals: int, sign: str) -> str:
    return f"{_fixed(100 * low, decimals, sign)} … {_fixed(100 * high, decimals, sign)}"


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
    return min(max(1, *(math.ceil(-math.log10(gap)) for gap in seen)), _MAX_DECIMALS) if seen else 1
