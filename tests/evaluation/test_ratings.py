"""Errors of predicted ratings against slow loops, and their intervals against a bootstrap of the figure."""

import math
from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.evaluation.ratings import (
    RatingOutcome,
    clipped,
    mae_values,
    rating_errors,
    rating_scale,
    rmse_values,
)
from movierec_cli.evaluation.significance import compare
from tests.tiny_dataset import tiny_dataset

FIGURES = {"rmse": rmse_values, "mae": mae_values}


def outcome_of(user: np.ndarray, rating: np.ndarray, predicted: np.ndarray) -> RatingOutcome:
    rows = np.arange(len(user), dtype=np.int64)
    return RatingOutcome(rows, user.astype(np.int32), rating.astype(np.float32), predicted.astype(np.float32))


def some_outcome(seed: int, *, n_users: int = 120, spread: float = 1.0) -> RatingOutcome:
    """Users with few and many ratings; who rates little is predicted worse, and each user has a bias."""
    generator = np.random.default_rng(seed)
    counts = 1 + generator.geometric(0.08, n_users)
    user = np.repeat(7 * np.arange(n_users), counts)  # not every user of the data set has a test rating
    hard = np.repeat(generator.gamma(4, 0.25, n_users) * (1 + 2 / np.sqrt(counts)), counts)
    bias = np.repeat(generator.normal(0, 0.4, n_users), counts)
    rating = generator.integers(1, 6, len(user))
    return outcome_of(user, rating, rating + spread * (bias + hard * generator.normal(0, 0.7, len(user))))


def slow_figure(outcome: RatingOutcome, figure: str) -> float:
    errors = [float(p) - float(r) for p, r in zip(outcome.predicted, outcome.rating, strict=True)]
    if figure == "mae":
        return math.fsum(abs(error) for error in errors) / len(errors)
    return math.sqrt(math.fsum(error * error for error in errors) / len(errors))


def drawn_figures(outcome: RatingOutcome, figure: str, draws: np.ndarray) -> np.ndarray:
    """The figure anew with each draw of users, every user with all their ratings."""
    users = np.unique(outcome.user_index)
    error = np.abs(outcome.predicted.astype(float) - outcome.rating) ** (2 if figure == "rmse" else 1)
    sums = np.array([error[outcome.user_index == user].sum() for user in users])
    counts = np.array([(outcome.user_index == user).sum() for user in users])
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    return np.sqrt(means) if figure == "rmse" else means


def test_errors_equal_a_slow_loop_over_every_test_rating():
    outcome = some_outcome(1)
    errors = rating_errors(outcome)
    assert errors.rmse == pytest.approx(slow_figure(outcome, "rmse"), rel=1e-12)
    assert errors.mae == pytest.approx(slow_figure(outcome, "mae"), rel=1e-12)


def test_without_a_test_rating_there_is_no_error():
    errors = rating_errors(outcome_of(np.zeros(0), np.zeros(0), np.zeros(0)))
    assert math.isnan(errors.rmse) and math.isnan(errors.mae)


def test_the_scale_is_what_is_given_at_least_and_at_most():
    dataset = tiny_dataset()
    assert rating_scale(dataset) == (1.0, 5.0)
    halves = replace(dataset, ratings=replace(dataset.ratings, rating=dataset.ratings.rating - 0.5))
    assert rating_scale(halves) == (0.5, 4.5)


def test_predictions_are_cut_to_the_scale_and_stay_what_they_are_inside():
    stars = clipped(np.array([[-3.0, 1.0, 2.25], [4.75, 5.5, np.inf]]), tiny_dataset())
    assert stars.dtype == np.float32
    assert stars.tolist() == [[1.0, 1.0, 2.25], [4.75, 5.0, 5.0]]
    assert np.isnan(clipped(np.array([np.nan]), tiny_dataset())).all()


@pytest.mark.parametrize("figure", FIGURES)
def test_the_mean_over_users_is_the_figure(figure):
    outcomes = [some_outcome(2), some_outcome(2, spread=0.5)]
    values = FIGURES[figure](outcomes)
    assert values.shape == (2, 120)
    expected = [slow_figure(outcome, figure) for outcome in outcomes]
    assert values.mean(axis=1) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("figure", FIGURES)
def test_a_users_value_tells_how_the_figure_moves_when_the_user_counts_a_little_more(figure):
    outcome = some_outcome(3, n_users=15)
    users, place = np.unique(outcome.user_index, return_inverse=True)
    error = np.abs(outcome.predicted.astype(float) - outcome.rating) ** (2 if figure == "rmse" else 1)

    def weighted(of_user: np.ndarray) -> float:
        mean = np.average(error, weights=of_user[place])
        return float(np.sqrt(mean) if figure == "rmse" else mean)

    step = 1e-5
    slopes = [
        (weighted(1 + step * one) - weighted(1 - step * one)) / (2 * step) for one in np.eye(len(users))
    ]
    (values,) = FIGURES[figure]([outcome])
    assert values - values.mean() == pytest.approx(len(users) * np.array(slopes), abs=1e-6)


@pytest.mark.parametrize("figure", FIGURES)
def test_the_interval_of_a_difference_is_that_of_resampling_pairs(figure):
    better, worse = some_outcome(5, n_users=400), some_outcome(5, n_users=400, spread=1.05)
    draws = np.random.default_rng(0).integers(0, 400, (4000, 400))
    apart = drawn_figures(worse, figure, draws) - drawn_figures(better, figure, draws)
    low, high = np.quantile(apart, [0.025, 0.975])
    values = {"worse": FIGURES[figure]([worse]), "better": FIGURES[figure]([better])}
    (found,) = compare(values, [("worse", "better")], n_resamples=4000)
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high), abs=0.1 * (high - low))
    assert found.difference.low > 0 and found.p_holm < 1e-6


def test_perfect_predictions_have_no_error_and_no_interval():
    outcome = outcome_of(np.array([0, 0, 1]), np.array([5, 1, 3]), np.array([5, 1, 3]))
    assert rmse_values([outcome]).tolist() == mae_values([outcome]).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("figure", FIGURES)
def test_the_folds_of_a_cross_validation_have_the_error_of_all_ratings_together(figure):
    whole = some_outcome(8)
    fold_of = np.random.default_rng(0).integers(0, 5, len(whole.rows))
    folds = FIGURES[figure]([whole.of_targets(fold_of == fold) for fold in range(5)], folds=True)
    assert folds.shape == (5, 120) and np.isnan(folds).any()
    of_users = np.nanmean(folds, axis=0)
    assert of_users == pytest.approx(FIGURES[figure]([whole])[0])
    assert of_users.mean() == pytest.approx(slow_figure(whole, figure))


@pytest.mark.parametrize("values", FIGURES.values())
def test_what_cannot_be_compared_is_refused(values):
    outcome, empty = some_outcome(7), outcome_of(np.zeros(0), np.zeros(0), np.zeros(0))
    with pytest.raises(ValueError, match="one test rating or more"):
        values([])
    with pytest.raises(ValueError, match="one test rating or more"):
        values([empty])
    with pytest.raises(ValueError, match="same test ratings"):
        values([outcome, replace(outcome, rows=outcome.rows + 1)])
