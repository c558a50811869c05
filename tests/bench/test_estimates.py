"""What far larger data take: rates are those that costs were made with; each size is judged by the others."""

import pytest

from tests.bench.estimates import COSTS, FAR, Cost, Costs, Size, checked, far_rows

SIZES = [Size(1e5, 1e3, 2e3), Size(1e6, 6e3, 4e3), Size(2.6e6, 2e4, 9e4)]


def made(size: Size, more: float = 1.0) -> Costs:
    """What a size would cost where each rate is a thousandth."""
    return {
        name: more * sum(0.001 * term(size) for term in cost.terms) + 1e-9 for name, cost in COSTS.items()
    }


def test_rates_are_those_that_costs_were_made_with():
    cost = Cost("s", (lambda size: size.ratings, lambda size: size.users * size.items))
    measured = [3.0 * size.ratings + 0.5 * size.users * size.items for size in SIZES]
    for chosen in (slice(0, 2), slice(1, 3), slice(0, 3)):
        assert cost.rates(SIZES[chosen], measured[chosen]) == pytest.approx([3.0, 0.5])


def test_no_rate_is_negative_where_the_larger_cost_less():
    cost = Cost("s", (lambda size: 1.0, lambda size: size.ratings))
    fixed, of_rating = cost.rates(SIZES[:2], [2.0, 1.0])
    assert of_rating == 0 and 1 <= fixed <= 2


def test_a_size_that_costs_twice_what_the_others_tell_is_shown_as_half_predicted():
    labels = ("small", "middle", "large")
    measured = {label: (size, made(size)) for label, size in zip(labels, SIZES, strict=True)}
    assert {row.ratio for row in checked(measured)} == {"+0%"}
    measured["large"] = (SIZES[2], made(SIZES[2], 2.0))
    ratios = [row.ratio for row in checked(measured) if row.what.endswith(", large")]
    assert len(ratios) == len(COSTS) and set(ratios) == {"-50%"}


def test_what_exceeds_a_machine_most_comes_first_and_falls_with_the_number_of_machines():
    rows = list(far_rows([(size, made(size)) for size in SIZES]))
    times = [[float(one.strip(" ×")) for one in row.ratio.split("/")] for row in rows]
    assert [one[0] for one in times] == sorted((one[0] for one in times), reverse=True)
    of = {row.what.split(", each")[0]: one for row, one in zip(rows, times, strict=True)}
    ranking = of["rank the test ratings and list"]
    assert ranking[0] / ranking[2] == pytest.approx(64, rel=0.05)
    assert of["one folder of a run, in one place"][0] == of["one folder of a run, in one place"][2]
    # A ring of any number of machines moves about the same, and a step has as many queries.
    assert FAR.of_machine(8).queries == FAR.of_machine(512).queries
