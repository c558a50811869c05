"""Student's t against SciPy's."""

import pytest
from scipy import special

from movierec_cli.evaluation import student_t

FREEDOMS = (1.0, 1.3, 2.0, 3.7, 10.0, 99.0, 6039.0, 200_000.0)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("t", [0.0, 1e-9, 0.5, 1.0, 1.7, 1.8, 3.0, 10.0, 37.0, 1e6])
def test_both_tails_equal_scipys_however_far_out(t, freedom):
    expected = 2 * special.stdtr(freedom, -t)
    assert student_t.two_sided_p(t, freedom) == pytest.approx(expected, rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_quantiles_equal_scipys(confidence, freedom):
    expected = special.stdtrit(freedom, (1 + confidence) / 2)
    assert student_t.quantile(confidence, freedom) == pytest.approx(expected, rel=1e-8)


def test_nothing_is_further_out_than_infinity():
    assert student_t.two_sided_p(float("inf"), 5.0) == 0.0
