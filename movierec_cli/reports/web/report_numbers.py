"""How numbers are written in the report."""

from __future__ import annotations

import math

from movierec_cli.evaluation.significance import Interval

NONE = "–"
POINT = 0.01
"""A point of a share: differences are told in these."""


def number(value: float) -> str:
    """Four decimals below ten, else one: "0.4740", "1,234.5"; a dash for NaN."""
    if math.isnan(value):
        return NONE
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"


def spread(interval: Interval) -> str:
    """From low to high; empty where there is no interval."""
    if math.isnan(interval.low) or math.isnan(interval.high):
        return ""
    return f"{number(interval.low)} … {number(interval.high)}"


def signed(value: float) -> str:
    """A difference with its sign, four decimals: "+0.0120", "−0.0035"."""
    return f"{value:+.4f}".replace("-", "−")


def points(value: float) -> str:
    """A signed difference of shares in points: "+1.20", "−0.35"."""
    return NONE if math.isnan(value) else f"{value / POINT:+.2f}".replace("-", "−")


def points_spread(interval: Interval) -> str:
    """A difference's interval in points."""
    return f"{points(interval.low)} … {points(interval.high)}"


def probability(value: float) -> str:
    """A p value: three decimals, or below what they can tell."""
    if math.isnan(value):
        return NONE
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
