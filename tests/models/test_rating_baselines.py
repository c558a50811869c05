"""The rating baselines, beside the contract of `test_baselines`: each against an independent computation."""

import pkgutil
from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.config import RATING_BASELINES, DataConfig, Family, SplitConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.models.baselines import rating_baselines
from movierec_cli.models.baselines.baseline import Baseline, TrainingRatings
from movierec_cli.models.baselines.fit_baseline import FittedBaseline, fit_rating_baseline
from movierec_cli.models.baselines.rating_baselines import L2_MOVIE, L2_USER, fit_biases
from tests.models.baseline_data import N_RATED, N_RATERS, fitted_of, planted

every_baseline = pytest.mark.parametrize("family", RATING_BASELINES)
DATASET, SPLIT = planted(rates=True)
COLD_USER, COLD_MOVIE = N_RATERS - 1, N_RATED - 1


def rmse(fitted: FittedBaseline, dataset: Dataset, rows: np.ndarray) -> float:
    errors = fitted.model.predict(dataset, rows).astype(float) - dataset.ratings.rating[rows]
    return float(np.sqrt((errors**2).mean()))


@every_baseline
def test_stars_are_on_the_scale_whatever_the_order_of_the_rows(family):
    model, rows = fitted_of(family).model, np.arange(len(DATASET.ratings))
    stars, order = model.predict(DATASET, rows), np.random.default_rng(0).permutation(rows)
    low, high = DATASET.ratings.rating.min(), DATASET.ratings.rating.max()
    assert stars.shape == rows.shape and ((stars >= low) & (stars <= high)).all()
    np.testing.assert_array_equal(stars[order], model.predict(DATASET, order))
    assert model.predict(DATASET, rows[:0]).shape == (0,)


def test_each_baseline_beats_the_one_before_and_factors_find_the_planted_tastes():
    mean, bias, tastes = (rmse(fitted_of(family), DATASET, SPLIT.test) for family in RATING_BASELINES)
    assert mean > bias + 0.2
    assert bias > tastes + 0.2
    assert tastes < 0.45  # chance is 0.2


def test_the_global_mean_is_that_of_train_and_validation():
    fitted = fitted_of(Family.GLOBAL_MEAN)
    expected = sum(float(DATASET.ratings.rating[row]) for row in SPLIT.fit) / len(SPLIT.fit)
    assert set(fitted.model.predict(DATASET, SPLIT.test).tolist()) == {np.float32(expected)}
    assert fitted.settings == {} and fitted.model.n_parameters == 1


def ridge(known: TrainingRatings, l2_user: float, l2_movie: float) -> np.ndarray:
    """Biases of users, then of movies, by least squares with a row for each penalty."""
    n_biases = known.n_users + known.n_movies
    design = np.zeros((len(known.stars), n_biases))
    design[np.arange(len(known.stars)), known.user_index] = 1
    design[np.arange(len(known.stars)), known.n_users + known.movie_index] += 1
    penalties = np.diag(np.sqrt([l2_user] * known.n_users + [l2_movie] * known.n_movies))
    above = np.append(known.stars - known.stars.mean(), np.zeros(n_biases))
    return np.linalg.lstsq(np.vstack([design, penalties]), above, rcond=None)[0]


@pytest.mark.parametrize(("l2_user", "l2_movie"), [(1.0, 0.5), (16.0, 1.0), (4.0, 8.0)])
def test_biases_solve_the_normal_equations(l2_user, l2_movie):
    generator = np.random.default_rng(1)
    known = TrainingRatings(
        user_index=generator.integers(0, 11, 60).astype(np.int32),  # of 12; some pairs come twice
        movie_index=generator.integers(0, 7, 60).astype(np.int32),  # of 8
        stars=generator.integers(1, 6, 60).astype(np.float64),
        timestamp=np.zeros(60, np.int64),
        n_users=12,
        n_movies=8,
    )
    of_user, of_movie = fit_biases(known, l2_user, l2_movie)
    np.testing.assert_allclose(np.append(of_user, of_movie), ridge(known, l2_user, l2_movie), atol=1e-3)
    assert of_user[11] == of_movie[7] == 0.0
    assert np.abs(of_user).max() > 0.05


def test_one_users_bias_by_hand():
    """One user, who gives 5, 5 and 2 to three movies that only they rate: mean 4."""
    stars, nobody = np.array([5.0, 5.0, 2.0]), np.zeros(3, np.int32)
    known = TrainingRatings(nobody, np.arange(3, dtype=np.int32), np.zeros(3, np.int64), stars, 1, 3)
    of_user, of_movie = fit_biases(known, 4.0, 1.0)
    assert of_user == pytest.approx([0.0], abs=1e-12)
    assert of_movie == pytest.approx([0.5, 0.5, -1.0])


def test_penalties_of_biases_are_those_that_err_least_on_validation():
    baseline: Baseline = pkgutil.resolve_name(Family.RATING_BIAS.spec.baseline)
    ratings, rows, known = DATASET.ratings, SPLIT.validation, TrainingRatings.of(DATASET, SPLIT.train)
    errors = []
    for settings in baseline.grid:
        stars = baseline.prepare(known)(settings).stars(ratings.user_index[rows], ratings.movie_index[rows])
        errors.append(np.mean(np.abs(np.clip(stars, 1, 5) - ratings.rating[rows]) ** 2))
    assert fitted_of(Family.RATING_BIAS).settings == baseline.grid[int(np.argmin(errors))]


def test_noise_asks_for_high_penalties_and_biases_for_low_ones():
    noise = np.random.default_rng(0).permutation(DATASET.ratings.rating)
    shuffled = replace(DATASET, ratings=replace(DATASET.ratings, rating=noise))
    of_noise = fit_rating_baseline(Family.RATING_BIAS, shuffled, SPLIT).settings
    assert of_noise == {"l2_user": max(L2_USER), "l2_movie": max(L2_MOVIE)}
    of_factors = fit_rating_baseline(Family.BIASED_MF, shuffled, SPLIT).settings["l2"]
    assert of_factors > fitted_of(Family.BIASED_MF).settings["l2"]


@pytest.mark.parametrize("family", [Family.RATING_BIAS, Family.BIASED_MF])
def test_who_has_no_rating_counts_as_average(family):
    known = replace(TrainingRatings.of(DATASET, SPLIT.fit), n_users=N_RATERS + 1, n_movies=N_RATED + 1)
    predictor = pkgutil.resolve_name(family.spec.baseline).prepare(known)(fitted_of(family).settings)
    every_user, every_movie = np.arange(N_RATERS + 1), np.arange(N_RATED + 1)
    of_users = [predictor.stars(np.full(N_RATED + 1, user), every_movie) for user in (COLD_USER, N_RATERS)]
    of_movies = [predictor.stars(every_user, np.full(N_RATERS + 1, movie)) for movie in (COLD_MOVIE, N_RATED)]
    for one, other in (of_users, of_movies):
        np.testing.assert_array_equal(one, other)  # nothing is made up for who is not known
        assert one[-1] == one[-2] == pytest.approx(known.stars.mean())  # neither user nor movie is
    own_mean = [known.stars[known.movie_index == movie].mean() for movie in range(N_RATED - 1)]
    assert np.corrcoef(of_users[0][:-2], own_mean)[0, 1] > 0.9
    own_mean = [known.stars[known.user_index == user].mean() for user in range(N_RATERS - 1)]
    assert np.corrcoef(of_movies[0][:-2], own_mean)[0, 1] > 0.9


def test_each_epoch_sees_every_rating_once_in_an_order_of_its_own(monkeypatch):
    monkeypatch.setattr(rating_baselines, "_AT_ONCE", 1000)
    known = TrainingRatings.of(DATASET, SPLIT.fit)
    epochs = rating_baselines._Reshuffled(known)
    first, second = list(epochs.all_ratings()), list(epochs.all_ratings())
    columns = (known.user_index.tolist(), known.movie_index.tolist(), known.stars.tolist())
    assert sorted(first) == sorted(second) == sorted(zip(*columns, strict=True))
    assert first != second and list(rating_baselines._Reshuffled(known).all_ratings()) == first


def test_factors_are_what_they_are_in_many_blocks(monkeypatch):
    known, pairs = TrainingRatings.of(DATASET, SPLIT.fit), (np.arange(80), np.arange(80))
    predictor = pkgutil.resolve_name(Family.BIASED_MF.spec.baseline).prepare(known)({"l2": 0.1})
    whole = predictor.stars(*pairs)
    monkeypatch.setattr(rating_baselines, "_AT_ONCE", 7)
    np.testing.assert_array_equal(predictor.stars(*pairs), whole)
    again = pkgutil.resolve_name(Family.BIASED_MF.spec.baseline).prepare(known)({"l2": 0.1})
    np.testing.assert_array_equal(again.stars(*pairs), whole)


def test_on_100k_each_errs_as_is_known_of_it(shared_data, tmp_path):
    """A random 80/20 split; the constant errs by the ratings' own deviation, 1.126."""
    dataset = load_dataset(
        DataConfig(dataset="100k", archive=shared_data / "ml-100k.zip", datasets_dir=tmp_path)
    )
    split = split_ratings(dataset.ratings, SplitConfig())
    errors = [
        rmse(fit_rating_baseline(family, dataset, split), dataset, split.test) for family in RATING_BASELINES
    ]
    assert errors == pytest.approx([1.124, 0.936, 0.902], abs=0.005)
