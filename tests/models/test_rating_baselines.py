"""Every rating baseline: the contract they share, then each against an independent computation."""

import functools
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.config import RATING_BASELINES, DataConfig, Family, SplitConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import Split, split_ratings
from movierec_cli.models.baselines import rating_baselines
from movierec_cli.models.baselines.baseline import Baseline
from movierec_cli.models.baselines.fit_baseline import FittedBaseline, fit_rating_baseline
from movierec_cli.models.baselines.rating_baselines import L2_MOVIE, L2_USER, fit_biases
from movierec_cli.models.baselines.training_ratings import TrainingRatings
from tests.models.baseline_data import dataset_of

every_baseline = pytest.mark.parametrize("family", RATING_BASELINES)
N_USERS, N_MOVIES = 150, 90
COLD_USER, COLD_MOVIE = N_USERS - 1, N_MOVIES - 1


def planted_ratings() -> Dataset:
    """Mean + biases + two tastes + a little chance, on a scale of 1 … 5.

    The last user and the last movie have one rating each, which goes to the test set.
    """
    generator = np.random.default_rng(3)
    pairs = generator.choice((N_USERS - 1) * (N_MOVIES - 1), 5400, replace=False)
    user = np.append(pairs // (N_MOVIES - 1), [COLD_USER, 0])
    movie = np.append(pairs % (N_MOVIES - 1), [0, COLD_MOVIE])
    of_user, of_movie = generator.normal(0, 0.4, N_USERS), generator.normal(0, 0.5, N_MOVIES)
    tastes, traits = generator.normal(0, 0.75, (N_USERS, 2)), generator.normal(0, 0.75, (N_MOVIES, 2))
    stars = 3.3 + of_user[user] + of_movie[movie] + (tastes[user] * traits[movie]).sum(axis=1)
    stars = np.clip(stars + generator.normal(0, 0.2, len(user)), 1, 5).astype(np.float32)
    dataset = dataset_of(user, movie, np.arange(len(user)), N_USERS, N_MOVIES)
    return replace(dataset, ratings=replace(dataset.ratings, rating=stars))


@pytest.fixture(scope="module")
def planted() -> Dataset:
    return planted_ratings()


@pytest.fixture(scope="module")
def split(planted: Dataset) -> Split:
    order = np.random.default_rng(8).permutation(len(planted.ratings) - 2)
    last = np.arange(len(planted.ratings) - 2, len(planted.ratings))
    test, validation, train = np.split(order, [1000, 1400])
    return Split(np.sort(train), np.sort(validation), np.sort(np.append(test, last)))


@pytest.fixture(scope="module")
def fitted_of(planted: Dataset, split: Split) -> Callable[[Family], FittedBaseline]:
    """Each family's baseline, fitted once for all tests that do not change the data."""
    return functools.cache(lambda family: fit_rating_baseline(family, planted, split))


def rmse(fitted: FittedBaseline, dataset: Dataset, rows: np.ndarray) -> float:
    errors = fitted.model.predict(dataset, rows).astype(float) - dataset.ratings.rating[rows]
    return float(np.sqrt((errors**2).mean()))


@every_baseline
def test_stars_are_finite_float32_on_the_scale_for_every_rating(family, planted, fitted_of):
    fitted = fitted_of(family)
    stars = fitted.model.predict(planted, np.arange(len(planted.ratings)))
    assert stars.dtype == np.float32 and stars.shape == (len(planted.ratings),)
    low, high = planted.ratings.rating.min(), planted.ratings.rating.max()
    assert ((stars >= low) & (stars <= high)).all()
    assert fitted.model.n_parameters > 0 and fitted.training_s > 0
    assert fitted.model.predict(planted, np.zeros(0, np.int64)).shape == (0,)


@every_baseline
def test_fitting_twice_gives_the_same_stars(family, planted, split, fitted_of):
    first, second = fitted_of(family), fit_rating_baseline(family, planted, split)
    assert first.settings == second.settings and first.model.n_parameters == second.model.n_parameters
    np.testing.assert_array_equal(
        first.model.predict(planted, split.test), second.model.predict(planted, split.test)
    )


@every_baseline
def test_changed_stars_of_the_test_part_change_nothing(family, planted, split, fitted_of):
    rating = planted.ratings.rating.copy()
    rating[split.test] = 1 + np.arange(len(split.test)) % 5
    changed = replace(planted, ratings=replace(planted.ratings, rating=rating))
    before, after = fitted_of(family), fit_rating_baseline(family, changed, split)
    assert before.settings == after.settings
    np.testing.assert_array_equal(
        before.model.predict(planted, split.test), after.model.predict(planted, split.test)
    )


@every_baseline
def test_the_order_of_the_rows_does_not_matter(family, planted, split, fitted_of):
    fitted, order = fitted_of(family), np.random.default_rng(0).permutation(len(split.test))
    np.testing.assert_array_equal(
        fitted.model.predict(planted, split.test)[order], fitted.model.predict(planted, split.test[order])
    )


def test_each_baseline_beats_the_one_before_and_factors_find_the_planted_tastes(planted, split, fitted_of):
    mean, bias, tastes = (rmse(fitted_of(family), planted, split.test) for family in RATING_BASELINES)
    assert mean > bias + 0.2
    assert bias > tastes + 0.2
    assert tastes < 0.45  # chance is 0.2


def test_the_global_mean_is_that_of_train_and_validation(planted, split, fitted_of):
    fitted = fitted_of(Family.GLOBAL_MEAN)
    expected = sum(float(planted.ratings.rating[row]) for row in split.fit) / len(split.fit)
    assert set(fitted.model.predict(planted, split.test).tolist()) == {np.float32(expected)}
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


def best_by_hand(baseline: Baseline, dataset: Dataset, split: Split) -> dict[str, float]:
    ratings, rows = dataset.ratings, split.validation
    known = TrainingRatings.of(dataset, split.train)
    errors = []
    for settings in baseline.grid:
        stars = baseline.prepare(known)(settings).stars(ratings.user_index[rows], ratings.movie_index[rows])
        errors.append(np.abs(np.clip(stars, 1, 5) - ratings.rating[rows]) ** 2)
    return baseline.grid[int(np.argmin(np.mean(errors, axis=1)))]


def test_penalties_of_biases_are_those_that_err_least_on_validation(planted, split, fitted_of):
    settings = fitted_of(Family.RATING_BIAS).settings
    assert settings == best_by_hand(pkgutil.resolve_name(Family.RATING_BIAS.spec.baseline), planted, split)


def test_noise_asks_for_high_penalties_and_biases_for_low_ones(planted, split, fitted_of):
    noise = np.random.default_rng(0).permutation(planted.ratings.rating)
    shuffled = replace(planted, ratings=replace(planted.ratings, rating=noise))
    of_noise = fit_rating_baseline(Family.RATING_BIAS, shuffled, split).settings
    assert of_noise == {"l2_user": max(L2_USER), "l2_movie": max(L2_MOVIE)}
    of_factors = fit_rating_baseline(Family.BIASED_MF, shuffled, split).settings["l2"]
    assert of_factors > fitted_of(Family.BIASED_MF).settings["l2"]


@pytest.mark.parametrize("family", [Family.RATING_BIAS, Family.BIASED_MF])
def test_who_has_no_rating_counts_as_average(family, planted, split, fitted_of):
    known = replace(TrainingRatings.of(planted, split.fit), n_users=N_USERS + 1, n_movies=N_MOVIES + 1)
    predictor = pkgutil.resolve_name(family.spec.baseline).prepare(known)(fitted_of(family).settings)
    every_user, every_movie = np.arange(N_USERS + 1), np.arange(N_MOVIES + 1)
    of_users = [predictor.stars(np.full(N_MOVIES + 1, user), every_movie) for user in (COLD_USER, N_USERS)]
    of_movies = [predictor.stars(every_user, np.full(N_USERS + 1, movie)) for movie in (COLD_MOVIE, N_MOVIES)]
    for one, other in (of_users, of_movies):
        np.testing.assert_array_equal(one, other)  # nothing is made up for who is not known
        assert one[-1] == one[-2] == pytest.approx(known.stars.mean())  # neither user nor movie is
    own_mean = [known.stars[known.movie_index == movie].mean() for movie in range(N_MOVIES - 1)]
    assert np.corrcoef(of_users[0][:-2], own_mean)[0, 1] > 0.9
    own_mean = [known.stars[known.user_index == user].mean() for user in range(N_USERS - 1)]
    assert np.corrcoef(of_movies[0][:-2], own_mean)[0, 1] > 0.9


def test_each_epoch_sees_every_rating_once_in_an_order_of_its_own(planted, split, monkeypatch):
    monkeypatch.setattr(rating_baselines, "_AT_ONCE", 1000)
    known = TrainingRatings.of(planted, split.fit)
    epochs = rating_baselines._Reshuffled(known)
    first, second = list(epochs.all_ratings()), list(epochs.all_ratings())
    columns = (known.user_index.tolist(), known.movie_index.tolist(), known.stars.tolist())
    assert sorted(first) == sorted(second) == sorted(zip(*columns, strict=True))
    assert first != second and list(rating_baselines._Reshuffled(known).all_ratings()) == first


def test_factors_are_what_they_are_in_many_blocks(planted, split, monkeypatch):
    known, pairs = TrainingRatings.of(planted, split.fit), (np.arange(80), np.arange(80))
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


def test_rating_baselines_run_without_tensorflow_and_load_nothing_early():
    code = (
        "import sys; sys.modules.update(tensorflow=None, tf_keras=None, tensorflow_recommenders=None)\n"
        "from tests.models.test_rating_baselines import planted_ratings\n"
        "from movierec_cli.config import RATING_BASELINES, SplitConfig\n"
        "from movierec_cli.data.split import split_ratings\n"
        "from movierec_cli.models.baselines.fit_baseline import fit_rating_baseline\n"
        "assert not {'scipy', 'surprise', 'pandas', 'threadpoolctl'} & set(sys.modules)\n"
        "data = planted_ratings()\n"
        "split = split_ratings(data.ratings, SplitConfig())\n"
        "print(*(fit_rating_baseline(one, data, split).model.n_parameters for one in RATING_BASELINES))\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    n_biases = 1 + N_USERS + N_MOVIES
    assert done.stderr == ""
    assert done.stdout.split() == ["1", str(n_biases), str(n_biases + 100 * (N_USERS + N_MOVIES))]
