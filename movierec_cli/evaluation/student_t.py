"""Student's t distribution with any degrees of freedom, without the time it takes to import SciPy."""

import math
from functools import lru_cache
from itertools import count
from statistics import NormalDist

_CONVERGED = 1e-14


def two_sided_p(t: float, freedom: float) -> float:
    """The probability of a value at least as far from 0 as `t`, to eight digits or more.

    The regularized incomplete beta function at ν / (ν + t²) with ν / 2 and 1 / 2 (Abramowitz & Stegun
    26.7.1, 26.5.2).
    """
    if math.isinf(t):
        return 0.0
    inside, outside = freedom / (freedom + t * t), t * t / (freedom + t * t)
    if inside < (freedom + 2) / (freedom + 5):  # there the fraction converges fast
        return _incomplete_beta(inside, outside, freedom / 2, 0.5)
    return 1.0 - _incomplete_beta(outside, inside, 0.5, freedom / 2)


@lru_cache(maxsize=1024)
def quantile(confidence: float, freedom: float) -> float:
    """How far from 0 a value is at most with this probability: 2.571 for 0.95 and 5.

    Newton's method from the normal distribution's, which is below: the tail is convex, so it stays below.
    """
    t = NormalDist().inv_cdf((1 + confidence) / 2)
    for _ in range(100):
        step = (two_sided_p(t, freedom) - (1 - confidence)) / (2 * _density(t, freedom))
        t += step
        if abs(step) < 1e-10 * t:
            break
    return t


def _density(t: float, freedom: float) -> float:
    half = (freedom + 1) / 2
    scale = math.lgamma(half) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    return math.exp(scale - half * math.log1p(t * t / freedom))


def _incomplete_beta(x: float, rest: float, a: float, b: float) -> float:
    """I_x(a, b), with `rest` = 1 − x, by its continued fraction (Abramowitz & Stegun 26.5.8)."""
    if x == 0.0:
        return 0.0
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    front = math.exp(a * math.log(x) + b * math.log(rest) - log_beta) / a
    fraction, above, below = 1.0, 1.0, 0.0  # Lentz: ratios of successive numerators and denominators
    for n in count(1):
        term = _beta_term(n, x, a, b)
        above, below = 1.0 + term / above, 1.0 / (1.0 + term * below)
        fraction *= above * below
        if abs(above * below - 1.0) < _CONVERGED:
            break
    return front / fraction


def _beta_term(n: int, x: float, a: float, b: float) -> float:
    m = n // 2
    if n % 2:
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
