"""Intervals and tests against slow loops, SciPy and simulations whose truth is planted; gains by hand."""

import itertools

import numpy as np
import pytest
from scipy import stats

from movierec_cli.config import FEATURES, FeatureSet
from movierec_cli.evaluation.ablation import FeatureGain, compare_features
from movierec_cli.evaluation.significance import Resampled, by_pair, compare, holm, mean_intervals
from tests.evaluation.small_outcomes import mean_interval

N_SIMULATIONS = 300
TRUE_DIFFERENCE = 0.02


def planted(
    simulation: int, *, n_seeds: int, n_users: int = 150, seed_effect: float = 0.0, gap: float = 0.0
) -> dict[str, np.ndarray]:
    """Two contenders whose true means differ by `gap`: skewed shares, users alike for both, seeds not."""
    generator = np.random.default_rng(simulation)
    ease = generator.beta(0.4, 1.2, n_users)
    taste = generator.normal(0, 0.1, n_users)  # whom the one serves better than the other
    runs = generator.normal(0, seed_effect, (2, n_seeds, 1)) + generator.normal(0, 0.1, (2, n_seeds, n_users))
    return {"a": ease + taste + gap + runs[0], "b": ease + runs[1]}


def differences(*, gap: float, n_simulations: int = N_SIMULATIONS, **kind: float) -> list:
    return [
        compare(planted(one, gap=gap, **kind), [("a", "b")], n_resamples=300, seed=one)[0]
        for one in range(n_simulations)
    ]


@pytest.mark.parametrize(
    ("n_seeds", "seed_effect"), [(1, 0.0), (2, 0.03), (3, 0.0), (3, 0.01), (3, 0.03), (5, 0.03)]
)
def test_intervals_cover_the_planted_difference_in_90_to_99_percent_of_simulations(n_seeds, seed_effect):
    found = differences(gap=TRUE_DIFFERENCE, n_seeds=n_seeds, seed_effect=seed_effect)
    covered = sum(one.difference.low <= TRUE_DIFFERENCE <= one.difference.high for one in found)
    assert 0.90 <= covered / N_SIMULATIONS <= 0.99


@pytest.mark.parametrize(("n_seeds", "seed_effect"), [(1, 0.0), (3, 0.03)])
def test_p_values_are_uniform_where_there_is_no_difference(n_seeds, seed_effect):
    found = differences(gap=0.0, n_seeds=n_seeds, seed_effect=seed_effect)
    assert stats.kstest([one.p_value for one in found], "uniform").pvalue > 0.05


def test_with_one_seed_the_test_is_the_paired_t_test():
    values = planted(3, n_seeds=1, gap=TRUE_DIFFERENCE)
    found = compare(values, [("a", "b")])[0]
    assert found.p_value == pytest.approx(stats.ttest_rel(values["a"][0], values["b"][0]).pvalue, rel=1e-8)


@pytest.mark.parametrize("n_users", [6, 40])
def test_the_interval_is_the_one_a_slow_bootstrap_gives(n_users):
    values = planted(5, n_seeds=1, n_users=n_users, gap=TRUE_DIFFERENCE)
    apart = (values["a"] - values["b"])[0]
    generator = np.random.default_rng(1)
    means = [generator.choice(apart, len(apart)).mean() for _ in range(20_000)]
    student = stats.t.ppf(0.975, n_users - 1) / stats.norm.ppf(0.975)
    mean, widened = apart.mean(), np.sqrt(n_users / (n_users - 1)) * student
    low, high = mean + (np.quantile(means, [0.025, 0.975]) - mean) * widened
    found = compare(values, [("a", "b")], n_resamples=20_000)[0].difference
    density = stats.norm.pdf(stats.norm.ppf(0.025)) / np.std(means)  # where the bounds are
    chance = 4 * widened * np.sqrt(2 * 0.025 * 0.975 / 20_000) / density  # of both bootstraps' quantiles
    assert found.mean == pytest.approx(mean, abs=1e-12)
    assert found.low == pytest.approx(low, abs=chance)
    assert found.high == pytest.approx(high, abs=chance)


def test_where_only_seeds_differ_the_interval_is_students():
    of_seeds = np.array([0.31, 0.34, 0.28])
    values = {"a": np.repeat(of_seeds[:, None], 50, axis=1), "b": np.zeros((1, 50))}
    found = compare(values, [("a", "b")])[0]
    low, high = stats.t.interval(0.95, 2, of_seeds.mean(), stats.sem(of_seeds))
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high), abs=1e-9)
    assert found.p_value == pytest.approx(stats.ttest_1samp(of_seeds, 0.0).pvalue, rel=1e-6)


def planted_folds(simulation: int, n_folds: int, fold_effect: float) -> dict[str, np.ndarray]:
    """The same of folds: of three users a fold tests two, and some folds are easier, for both contenders."""
    generator = np.random.default_rng(simulation)
    values = planted(simulation, n_seeds=n_folds, seed_effect=fold_effect, gap=TRUE_DIFFERENCE)
    is_tested = generator.random(values["a"].shape) < 2 / 3
    is_tested[0] |= ~is_tested.any(axis=0)
    easy = generator.normal(0, 0.1, (n_folds, 1))
    return {label: np.where(is_tested, rows + easy, np.nan) for label, rows in values.items()}


@pytest.mark.parametrize(("n_folds", "fold_effect"), [(3, 0.01), (5, 0.0), (5, 0.01), (5, 0.03), (10, 0.01)])
def test_intervals_over_folds_cover_the_planted_difference(n_folds, fold_effect):
    found = [
        compare(planted_folds(one, n_folds, fold_effect), [("a", "b")], folds=True, n_resamples=300)[0]
        for one in range(N_SIMULATIONS)
    ]
    covered = sum(one.difference.low <= TRUE_DIFFERENCE <= one.difference.high for one in found)
    assert 0.92 <= covered / N_SIMULATIONS <= 0.995


def test_a_users_value_is_the_mean_over_the_folds_that_test_them_and_easy_folds_cancel_in_differences():
    values = planted_folds(1, 4, 0.02)
    found = mean_intervals(values, folds=True)
    for label, rows in values.items():
        of_users = [np.mean([value for value in user if not np.isnan(value)]) for user in rows.T]
        assert found[label].mean == pytest.approx(np.mean(of_users))
    (difference,) = compare(values, [("a", "b")], folds=True)
    easier = {label: rows + np.array([[0.4], [0.0], [0.1], [0.0]]) for label, rows in values.items()}
    assert vars(compare(easier, [("a", "b")], folds=True)[0].difference) == pytest.approx(
        vars(difference.difference)
    )


def test_more_seeds_of_a_steady_training_widen_nothing():
    once = planted(2, n_seeds=1)
    thrice = {label: np.repeat(rows, 3, axis=0) for label, rows in once.items()}
    assert compare(thrice, [("a", "b")])[0].difference == compare(once, [("a", "b")])[0].difference


def test_chance_of_users_under_each_seed_is_not_counted_twice():
    """Without an effect of the seeds, knowing them costs degrees of freedom and little else."""
    widths = []
    for simulation in range(100):
        values = planted(simulation, n_seeds=5)
        as_one = {label: rows.mean(axis=0, keepdims=True) for label, rows in values.items()}
        found, of_users = (compare(one, [("a", "b")], n_resamples=300)[0] for one in (values, as_one))
        widths.append([one.difference.high - one.difference.low for one in (found, of_users)])
    with_seeds, users_only = np.median(widths, axis=0)
    assert 1.0 <= with_seeds / users_only < 1.1


def test_contenders_share_the_users_of_each_resample():
    generator = np.random.default_rng(0)
    a = generator.random((1, 300))
    found = compare({"a": a + 0.1, "b": a}, [("a", "b")])[0].difference
    assert (found.low, found.high) == pytest.approx((0.1, 0.1), abs=1e-9)
    assert mean_interval(a).high - mean_interval(a).low > 0.05


def test_a_contender_does_not_differ_from_its_equal():
    values = planted(0, n_seeds=3)
    found = compare({"a": values["a"], "b": values["a"].copy()}, [("a", "b")])[0]
    assert found.difference.mean == 0.0 and found.difference.low <= 0.0 <= found.difference.high
    assert found.p_value == 1.0 and found.p_holm == 1.0


def test_many_means_at_once_are_the_means_one_by_one():
    values = planted(7, n_seeds=3)
    together = mean_intervals(values)
    for label, rows in values.items():
        alone = mean_interval(rows)
        assert (together[label].low, together[label].mean, together[label].high) == pytest.approx(
            (alone.low, rows.mean(), alone.high)
        )


def test_the_same_seed_gives_the_same_interval_and_another_nearly():
    values = planted(4, n_seeds=1)["a"]
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3)
    assert mean_interval(values, seed=3) != mean_interval(values, seed=4)
    assert mean_interval(values, seed=3).low == pytest.approx(mean_interval(values, seed=4).low, abs=0.005)


@pytest.mark.parametrize(("n_users", "least"), [(1, 1.0), (4, 0.125), (2000, 2.0**-1022)])
def test_no_p_value_is_below_what_so_many_users_can_tell(n_users, least):
    values = {"a": np.ones((1, n_users)), "b": np.zeros((1, n_users))}
    found = compare(values, [("a", "b")])[0]
    assert found.p_value == least > 0
    assert (found.difference.low, found.difference.mean, found.difference.high) == (1.0, 1.0, 1.0)


def slow_holm(p_values: list[float]) -> list[float]:
    """By the definition: reject from the smallest on; the corrected p is the least level that rejects."""
    corrected = []
    for own in p_values:
        smaller = [p for p in p_values if p <= own]
        steps = [min(1.0, sum(other >= p for other in p_values) * p) for p in smaller]
        corrected.append(max(steps))
    return corrected


def test_holm_equals_its_definition():
    generator = np.random.default_rng(0)
    for n in (1, 2, 7, 45):
        p_values = (generator.random(n) ** 4).tolist()
        assert holm(p_values) == pytest.approx(slow_holm(p_values), abs=1e-15)
    assert holm([0.02, 0.02]) == (0.04, 0.04)


def test_compare_corrects_over_all_its_pairs():
    generator = np.random.default_rng(2)
    values = {label: generator.normal(0.03 * place, 0.2, (1, 200)) for place, label in enumerate("abc")}
    found = compare(values, [("a", "b"), ("b", "c"), ("a", "c")])
    assert [one.p_holm for one in found] == pytest.approx(holm([one.p_value for one in found]))
    assert len({one.p_holm for one in found}) > 1


def test_no_pairs_no_differences():
    assert compare({"a": np.ones((1, 5))}, []) == ()


def test_other_users_are_refused():
    with pytest.raises(ValueError, match=r"same users.*\(1, 5\).*\(1, 6\)"):
        compare({"a": np.ones((1, 5)), "b": np.ones((1, 6))}, [("a", "b")])


@pytest.mark.parametrize("shape", [(1, 0), (0, 5), (5,)])
def test_values_without_users_or_seeds_are_refused(shape):
    with pytest.raises(ValueError, match=r"\[n_seeds, n_users\]"):
        mean_interval(np.ones(shape))


TIME, GENRES, TITLE = FEATURES["timestamp"], FEATURES["movie_genres"], FEATURES["movie_title_text"]
USERS = np.random.default_rng(0).random(80)


def gains(values: dict[FeatureSet, np.ndarray]) -> tuple[FeatureGain, ...]:
    labels = {one: one.label for one in values}
    by_label = {one.label: rows for one, rows in values.items()}
    return compare_features(by_label, list(itertools.combinations(by_label, 2)), labels)[1]


def level(mean: float) -> np.ndarray:
    return (USERS - USERS.mean() + mean)[None]


def test_the_gain_is_the_mean_over_pairs_that_differ_only_in_the_feature():
    values = {
        FeatureSet(): level(0.20),
        FeatureSet((TIME,)): level(0.30),
        FeatureSet((GENRES,)): level(0.24),
        FeatureSet((TIME, GENRES)): level(0.31),
        FeatureSet((TIME, GENRES, TITLE)): level(0.29),
    }
    found = {one.feature: (one.difference.mean, one.n_pairs) for one in gains(values)}
    assert found == {
        TIME: (pytest.approx((0.10 + 0.07) / 2), 2),
        GENRES: (pytest.approx((0.04 + 0.01) / 2), 2),
        TITLE: (pytest.approx(-0.02), 1),
    }


def test_the_interval_is_of_each_users_mean_over_the_pairs():
    generator = np.random.default_rng(2)
    one, two = generator.random((2, 1, 80))
    values = {
        FeatureSet(): level(0.2),
        FeatureSet((TIME,)): level(0.2) + one,
        FeatureSet((GENRES,)): level(0.2),
        FeatureSet((TIME, GENRES)): level(0.2) + two,
    }
    found = next(gain for gain in gains(values) if gain.feature is TIME)
    (expected,) = compare({"mean": (one + two) / 2, "zero": np.zeros((1, 80))}, [("mean", "zero")])
    assert (found.difference.low, found.difference.high) == pytest.approx(
        (expected.difference.low, expected.difference.high)
    )


def test_over_two_pairs_the_seeds_disagreement_averages_out():
    shifts = np.array([[-0.05], [0.0], [0.05]])
    sets = (FeatureSet((TIME,)), FeatureSet(), FeatureSet((TIME, GENRES)), FeatureSet((GENRES,)))
    found = gains({one: level(0.3) + shifts for one in sets})
    # Each of four means has weight 1/2, so its variance has 1/4; Welch's t with 8 degrees of freedom.
    width = 2 * 2.306004 * 0.05 * (4 * 0.25 / 3) ** 0.5
    assert [one.difference.high - one.difference.low for one in found] == pytest.approx(
        [width, width], rel=1e-6
    )


def test_sets_without_a_partner_give_nothing():
    assert gains({FeatureSet(): level(0.2), FeatureSet((TIME, GENRES)): level(0.3)}) == ()
    assert gains({FeatureSet((TIME,)): level(0.2)}) == ()


def test_pairs_and_averages_are_one_family_and_a_lone_pair_has_its_own_verdict():
    noise = np.random.default_rng(4).normal(0, 0.1, (5, 1, 80))
    sets = (FeatureSet(), FeatureSet((TIME,)), FeatureSet((GENRES,)), FeatureSet((TIME, GENRES)))
    labels = {one: one.label for one in (*sets, FeatureSet((TIME, GENRES, TITLE)))}
    values = {
        label: level(0.3 + 0.01 * place) + one
        for place, (label, one) in enumerate(zip(labels.values(), noise, strict=True))
    }
    pairs = list(itertools.combinations(values, 2))
    differences, found = compare_features(values, pairs, labels)
    averages = [one for one in found if one.n_pairs > 1]
    family = (*differences, *averages)
    assert len(averages) == 2 and holm([one.p_value for one in family]) == tuple(one.p_holm for one in family)
    (title,) = (one for one in found if one.feature is TITLE)
    own = by_pair(differences)[FeatureSet((TIME, GENRES, TITLE)).label, sets[3].label]
    assert (title.difference, title.p_holm) == (own.difference, own.p_holm)
    assert [one.p_value for one in compare(values, pairs)] == [one.p_value for one in differences]


@pytest.mark.parametrize("folds", [False, True])
def test_a_part_of_what_was_resampled_together_says_what_it_says_alone(folds):
    generator = np.random.default_rng(8)
    values = {name: generator.random((3, 50)) for name in "abc"}
    if folds:
        is_tested = np.arange(3)[:, None] == np.arange(50) % 3
        values = {name: np.where(is_tested, one, np.nan) for name, one in values.items()}
    together = Resampled(values, folds=folds)
    part = together.part({"first": "c", "second": "a"})
    assert list(part) == ["first", "second"]
    alone = compare({"first": values["c"], "second": values["a"]}, [("first", "second")], folds=folds)[0]
    found = compare(part, [("first", "second")])[0]
    assert found.p_value == pytest.approx(alone.p_value)
    for name in ("mean", "low", "high"):
        assert getattr(found.difference, name) == pytest.approx(getattr(alone.difference, name))
