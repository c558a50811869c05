"""How numbers are put into words."""

import pytest

from movierec_cli.evaluation.significance import Interval, PairedDifference
from movierec_cli.experiment.wording import POINTS, STARS, p_value, percent


@pytest.mark.parametrize(
    ("share", "text"), [(0.2806, "28.1 %"), (0.0, "0.0 %"), (1.0, "100.0 %"), (0.00049, "0.0 %")]
)
def test_shares_are_in_percent(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(-0.025, -0.029, -0.021), "−2.5 points, 95 % CI −2.9 … −2.1"),
        (Interval(0.001, -0.001, 0.003), "+0.1 points, 95 % CI −0.1 … +0.3"),
        (Interval(0.0, 0.0, 0.0), "0.0 points, 95 % CI 0.0 … 0.0"),
        (Interval(0.00001, -0.002, 0.002), "0.0 points, 95 % CI −0.2 … +0.2"),
        # As many decimals as tell the bounds apart, and from 0 where it is not between them.
        (Interval(0.0004, 0.0002, 0.0006), "+0.04 points, 95 % CI +0.02 … +0.06"),
        (Interval(0.0104, 0.0004, 0.0204), "+1.04 points, 95 % CI +0.04 … +2.04"),
        (Interval(0.01, 0.01, 0.01), "+1.0 points, 95 % CI +1.0 … +1.0"),
        (Interval(1e-7, 1e-8, 2e-7), "0.000 points, 95 % CI 0.000 … 0.000"),
    ],
)
def test_differences_are_in_points_with_as_many_decimals_as_they_need(interval, text):
    assert POINTS.difference(interval) == text


def test_an_amount_has_no_sign_whichever_way_it_goes():
    more, less = Interval(0.025, 0.021, 0.029), Interval(-0.025, -0.029, -0.021)
    assert POINTS.amount(more) == POINTS.amount(less) == "2.5 points (95 % CI 2.1 … 2.9)"
    assert POINTS.amount(more, of="ndcg@10", sign="+") == "+2.5 points of ndcg@10 (95 % CI 2.1 … 2.9)"


def test_bounds_of_a_share():
    assert POINTS.bounds(Interval(0.281, 0.2701, 0.2922)) == "27.0 … 29.2"
    assert POINTS.bounds(Interval(0.0, -0.0001, 0.0001)) == "−0.01 … 0.01"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (1.0, "p = 1.00"),
        (0.41, "p = 0.41"),
        (0.0496, "p = 0.050"),
        (0.001, "p = 0.001"),
        (1e-300, "p < 0.001"),
    ],
)
def test_p_values(p, text):
    assert p_value(p) == text


def test_where_the_interval_alone_excludes_0_the_correction_is_named():
    found = PairedDifference("a", "b", Interval(0.004, 0.001, 0.007), 0.03, 0.06)
    assert POINTS.with_p(found).endswith("+0.1 … +0.7, p = 0.060 after Holm's correction")
    assert STARS.with_p(found).endswith("+0.001 … +0.007, p = 0.060 after Holm's correction")
    assert STARS.with_p(PairedDifference("a", "b", Interval(0.0, -0.01, 0.01), 0.5, 0.5)).endswith("p = 0.50")
