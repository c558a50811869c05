"""Every baseline: the contract they share, then what each must find in planted data."""

import functools
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.config import BASELINES, RATING_BASELINES, Family
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.data.split import Split
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.evaluate import rank_ratings
from movierec_cli.evaluation.metrics import top_k, top_k_accuracy
from movierec_cli.evaluation.queries import Scorer, Targets
from movierec_cli.models.baselines.baseline import Baseline
from movierec_cli.models.baselines.fit_baseline import FittedBaseline, fit_baseline
from movierec_cli.models.baselines.training_ratings import TrainingRatings
from tests.models.baseline_data import DAY_S, dataset_of, split_of, two_tastes

PERSONAL = (Family.ITEM_KNN, Family.IALS, Family.EASE)
every_baseline = pytest.mark.parametrize("family", BASELINES)


@pytest.fixture(scope="module")
def planted() -> Dataset:
    return two_tastes()


@pytest.fixture(scope="module")
def split(planted: Dataset) -> Split:
    return split_of(planted)


@pytest.fixture(scope="module")
def fitted_of(planted: Dataset, split: Split) -> Callable[[Family], FittedBaseline]:
    """Each family's baseline, fitted once for all tests that do not change the data."""
    return functools.cache(lambda family: fit_baseline(family, planted, split))


def scores_of(model: Scorer, users: np.ndarray) -> np.ndarray:
    nowhen = np.zeros(len(users), np.int64)
    questions = model.group_queries(Targets(nowhen, users.astype(np.int32), nowhen))
    return questions.score_block(questions.query_of)


def all_scores(model: Scorer, dataset: Dataset) -> np.ndarray:
    return scores_of(model, np.arange(len(dataset.users)))


def test_every_family_of_baselines_is_in_the_table():
    families = (*BASELINES, *RATING_BASELINES)
    assert {type(pkgutil.resolve_name(family.spec.baseline)) for family in families} == {Baseline}


@every_baseline
def test_scores_are_finite_float32_for_every_user_and_movie(family, planted, fitted_of):
    fitted = fitted_of(family)
    scores = all_scores(fitted.model, planted)
    assert scores.dtype == np.float32 and scores.shape == (len(planted.users), len(planted.movies))
    assert np.isfinite(scores).all()
    assert fitted.model.n_parameters > 0 and fitted.training_s > 0


@every_baseline
def test_fitting_twice_gives_the_same_numbers(family, planted, split, fitted_of):
    first, second = fitted_of(family), fit_baseline(family, planted, split)
    assert first.settings == second.settings and first.model.n_parameters == second.model.n_parameters
    np.testing.assert_array_equal(all_scores(first.model, planted), all_scores(second.model, planted))


@every_baseline
def test_several_threads_get_what_one_gets(family, planted, fitted_of):
    model = fitted_of(family).model
    blocks = np.array_split(np.arange(len(planted.users)), 16) * 4
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda users: scores_of(model, users), blocks))
    for users, scores in zip(blocks, together, strict=True):
        np.testing.assert_array_equal(scores, scores_of(model, users))


@every_baseline
def test_a_changed_test_part_changes_nothing(family, planted, split, fitted_of):
    ratings = planted.ratings
    movies, times = ratings.movie_index.copy(), ratings.timestamp.copy()
    movies[split.test] = 7
    times[split.test] += 1000 * DAY_S
    changed = replace(planted, ratings=replace(ratings, movie_index=movies, timestamp=times))
    before, after = fitted_of(family), fit_baseline(family, changed, split)
    assert before.settings == after.settings
    np.testing.assert_array_equal(all_scores(before.model, planted), all_scores(after.model, planted))


@every_baseline
def test_settings_are_those_of_the_grid_with_the_best_recall_on_validation(family, planted, split, fitted_of):
    baseline, users = pkgutil.resolve_name(family.spec.baseline), planted.ratings.user_index
    fit = (baseline.draft or baseline.prepare)(TrainingRatings.of(planted, split.train))
    seen = movies_of_users(planted, split.train)
    rows = split.validation[np.isin(users[split.validation], users[split.train])]
    recalls = [
        top_k(rank_ratings(planted, rows, fit(settings), seen), users[rows]).recall[100]
        for settings in baseline.grid
    ]
    place = baseline.grid.index(fitted_of(family).settings)
    tried = recalls if baseline.climbs_from is None else recalls[max(place - 1, 0) : place + 2]
    assert recalls[place] == max(tried)


@pytest.mark.parametrize("family", PERSONAL)
def test_personal_baselines_find_two_tastes(family, planted, split, fitted_of):
    seen = movies_of_users(planted, split.fit)
    found = top_k_accuracy(rank_ratings(planted, split.test, fitted_of(family).model, seen).unseen, 100)
    popular = fitted_of(Family.POPULARITY).model
    by_popularity = top_k_accuracy(rank_ratings(planted, split.test, popular, seen).unseen, 100)
    # About 88 of a user's own movies are unseen, of about 208: chance is .48.
    assert found > 0.95 and by_popularity < 0.6


@pytest.mark.parametrize("family", PERSONAL)
def test_a_user_without_a_training_rating_gets_popularity(family, planted, split, fitted_of):
    cold = len(planted.users) - 1
    popularity = np.bincount(planted.ratings.movie_index[split.fit], minlength=len(planted.movies))
    scores = scores_of(fitted_of(family).model, np.array([0, cold]))
    np.testing.assert_array_equal(scores[1], popularity)
    assert (scores[0] != popularity).any()


def test_popularity_counts_the_ratings_of_train_and_validation(planted, split, fitted_of):
    fitted = fitted_of(Family.POPULARITY)
    expected = [
        sum(planted.ratings.movie_index[row] == movie for row in split.fit)
        for movie in range(len(planted.movies))
    ]
    assert all_scores(fitted.model, planted)[3].tolist() == expected
    assert fitted.model.n_parameters == len(planted.movies)


def a_new_fashion_for_a_month() -> tuple[Dataset, Split]:
    """200 movies loved until day 29, then 100 others a little, in the last 30 days of train and after it."""
    generator = np.random.default_rng(1)
    old = generator.choice(100 * 200, 4000, replace=False)  # user and movie in one number
    new = generator.choice(100 * 100, 600, replace=False)
    user = np.concatenate([old // 200, new // 100])
    movie = np.concatenate([old % 200, 200 + new % 100])
    days = np.concatenate([np.linspace(0, 29, 4000), np.linspace(30, 60, 300), np.linspace(60, 62, 300)])
    dataset = dataset_of(user, movie, days * DAY_S, 100, 300)
    train, validation, test = np.split(np.arange(4600), [4300, 4500])
    return dataset, Split(train, validation, test)


def test_recent_popularity_finds_the_window_of_the_present_fashion():
    dataset, split = a_new_fashion_for_a_month()
    fitted = fit_baseline(Family.RECENT_POPULARITY, dataset, split)
    assert fitted.settings == {"days": 30.0}
    ratings = dataset.ratings
    end_s = ratings.timestamp[split.fit].max()
    recent = [row for row in split.fit if ratings.timestamp[row] > end_s - 30 * DAY_S]
    expected = np.bincount(ratings.movie_index[recent], minlength=len(dataset.movies))
    np.testing.assert_array_equal(all_scores(fitted.model, dataset)[0], expected)


def test_without_a_warm_validation_rating_nothing_can_be_chosen(planted):
    user = planted.ratings.user_index
    split = Split(np.flatnonzero(user < 40), np.flatnonzero(user == 50), np.flatnonzero(user == 60))
    with pytest.raises(MovierecError, match=r"none of 40 validation ratings .* --validation_fraction"):
        fit_baseline(Family.EASE, planted, split)
    assert fit_baseline(Family.POPULARITY, planted, split).settings == {}


def test_baselines_run_without_tensorflow():
    code = (
        "import sys; sys.modules.update(tensorflow=None, tf_keras=None, tensorflow_recommenders=None)\n"
        "from tests.models.baseline_data import two_tastes, split_of\n"
        "from movierec_cli.config import BASELINES\n"
        "from movierec_cli.models.baselines.fit_baseline import fit_baseline\n"
        "assert not {'scipy', 'implicit', 'threadpoolctl'} & set(sys.modules)\n"
        "data = two_tastes(n_users=20, n_movies=60, each=15)\n"
        "print(*(fit_baseline(family, data, split_of(data)).model.n_parameters for family in BASELINES))\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and len(done.stdout.split()) == len(BASELINES)
