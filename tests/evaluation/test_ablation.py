"""What a feature adds, against arithmetic by hand."""

import numpy as np
import pytest

from movierec_cli.config import FEATURES, FeatureSet
from movierec_cli.evaluation.ablation import feature_gains
from movierec_cli.evaluation.significance import compare

TIME, GENRES, TITLE = FEATURES["timestamp"], FEATURES["movie_genres"], FEATURES["movie_title_text"]
USERS = np.random.default_rng(0).random(80)


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
    found = {one.feature: (one.gain.mean, one.n_pairs) for one in feature_gains(values)}
    assert found == {
        TIME: (pytest.approx((0.10 + 0.07) / 2), 2),
        GENRES: (pytest.approx((0.04 + 0.01) / 2), 2),
        TITLE: (pytest.approx(-0.02), 1),
    }


def test_of_one_pair_the_gain_is_their_difference_with_its_interval():
    generator = np.random.default_rng(1)
    with_it, without = generator.random((3, 90)), generator.random((3, 90))
    (found,) = feature_gains({FeatureSet((TIME,)): with_it, FeatureSet(): without})
    (expected,) = compare({"with": with_it, "without": without}, [("with", "without")])
    assert found.gain == expected.difference


def test_the_interval_is_of_each_users_mean_over_the_pairs():
    generator = np.random.default_rng(2)
    one, two = generator.random((2, 1, 80))
    values = {
        FeatureSet(): level(0.2),
        FeatureSet((TIME,)): level(0.2) + one,
        FeatureSet((GENRES,)): level(0.2),
        FeatureSet((TIME, GENRES)): level(0.2) + two,
    }
    found = next(gain for gain in feature_gains(values) if gain.feature is TIME)
    (expected,) = compare({"mean": (one + two) / 2, "zero": np.zeros((1, 80))}, [("mean", "zero")])
    assert (found.gain.low, found.gain.high) == pytest.approx(
        (expected.difference.low, expected.difference.high)
    )


def test_seeds_that_disagree_widen_the_gain():
    shifts = np.array([[-0.05], [0.0], [0.05]])
    steady = {FeatureSet((TIME,)): level(0.3) + 0 * shifts, FeatureSet(): level(0.2) + 0 * shifts}
    shaky = {FeatureSet((TIME,)): level(0.3) + shifts, FeatureSet(): level(0.2) + shifts}
    (one,), (other,) = feature_gains(steady), feature_gains(shaky)
    assert one.gain.high - one.gain.low == pytest.approx(0.0, abs=1e-9)
    # Two contenders with the same spread: Welch's t with 4 degrees of freedom.
    assert other.gain.high - other.gain.low == pytest.approx(2 * 2.776445 * 0.05 * (2 / 3) ** 0.5, rel=1e-6)


def test_over_two_pairs_the_seeds_disagreement_averages_out():
    shifts = np.array([[-0.05], [0.0], [0.05]])
    sets = (FeatureSet((TIME,)), FeatureSet(), FeatureSet((TIME, GENRES)), FeatureSet((GENRES,)))
    found = feature_gains({one: level(0.3) + shifts for one in sets})
    # Each of four means has weight 1/2, so its variance has 1/4; Welch's t with 8 degrees of freedom.
    width = 2 * 2.306004 * 0.05 * (4 * 0.25 / 3) ** 0.5
    assert [one.gain.high - one.gain.low for one in found] == pytest.approx([width, width], rel=1e-6)


def test_sets_without_a_partner_give_nothing():
    assert feature_gains({FeatureSet(): level(0.2), FeatureSet((TIME, GENRES)): level(0.3)}) == ()
    assert feature_gains({FeatureSet((TIME,)): level(0.2)}) == ()
    assert feature_gains({}) == ()
