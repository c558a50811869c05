"""Every baseline: the contract they share, then what each must find in planted data."""

import pkgutil
import subprocess
import sys
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
from movierec_cli.models.baselines.baseline import Baseline, RatingPredictor, TrainingRatings
from movierec_cli.models.baselines.fit_baseline import FittedBaseline, fit_baseline
from tests.models.baseline_data import DAY_S, N_RATED, N_RATERS, dataset_of, fit_to, fitted_of, planted

PERSONAL = (Family.ITEM_KNN, Family.IALS, Family.EASE)
EVERY_FAMILY = (*BASELINES, *RATING_BASELINES)
every_baseline = pytest.mark.parametrize("family", EVERY_FAMILY)
every_ranking_baseline = pytest.mark.parametrize("family", BASELINES)
DATASET, SPLIT = planted(rates=False)


def scores_of(model: Scorer, users: np.ndarray) -> np.ndarray:
    nowhen = np.zeros(len(users), np.int64)
    questions = model.group_queries(Targets(nowhen, users.astype(np.int32), nowhen))
    return questions.score_block(questions.query_of)


def all_scores(model: Scorer, dataset: Dataset) -> np.ndarray:
    return scores_of(model, np.arange(len(dataset.users)))


def predictions(fitted: FittedBaseline) -> np.ndarray:
    """Of a ranking baseline for every user and movie, of another for every rating."""
    if not isinstance(fitted.model, RatingPredictor):
        return all_scores(fitted.model, DATASET)
    dataset, _ = planted(rates=True)
    return fitted.model.predict(dataset, np.arange(len(dataset.ratings)))


@every_baseline
def test_predictions_are_finite_float32_for_every_user_and_movie_or_rating(family):
    assert type(pkgutil.resolve_name(family.spec.baseline)) is Baseline
    fitted, dataset = fitted_of(family), planted(rates=True)[0]
    found = predictions(fitted)
    expected = (len(dataset.ratings),) if family.rates else (len(DATASET.users), len(DATASET.movies))
    assert found.dtype == np.float32 and found.shape == expected and np.isfinite(found).all()
    assert fitted.model.n_parameters > 0 and fitted.training_s > 0


@every_baseline
def test_fitting_again_on_another_test_part_gives_the_same_numbers(family):
    dataset, split = planted(rates=family.rates)
    changed = {name: getattr(dataset.ratings, name).copy() for name in ("movie_index", "timestamp", "rating")}
    changed["movie_index"][split.test] = 7
    changed["timestamp"][split.test] += 1000 * DAY_S
    changed["rating"][split.test] = 1 + np.arange(len(split.test)) % 5
    other = replace(dataset, ratings=replace(dataset.ratings, **changed))
    first, second = fitted_of(family), fit_to(family, other, split)
    assert first.settings == second.settings and first.model.n_parameters == second.model.n_parameters
    np.testing.assert_array_equal(predictions(first), predictions(second))


@every_ranking_baseline
def test_several_threads_get_what_one_gets(family):
    model = fitted_of(family).model
    blocks = np.array_split(np.arange(len(DATASET.users)), 16) * 4
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda users: scores_of(model, users), blocks))
    for users, scores in zip(blocks, together, strict=True):
        np.testing.assert_array_equal(scores, scores_of(model, users))


@every_ranking_baseline
def test_settings_are_those_of_the_grid_with_the_best_recall_on_validation(family):
    baseline, users = pkgutil.resolve_name(family.spec.baseline), DATASET.ratings.user_index
    fit = (baseline.draft or baseline.prepare)(TrainingRatings.of(DATASET, SPLIT.train))
    seen = movies_of_users(DATASET, SPLIT.train)
    rows = SPLIT.validation[np.isin(users[SPLIT.validation], users[SPLIT.train])]
    ranks = [rank_ratings(DATASET, rows, fit(settings), seen) for settings in baseline.grid]
    recalls = [top_k(one, users[rows]).recall[100] for one in ranks]
    place, validation = baseline.grid.index(fitted_of(family).settings), fitted_of(family).validation
    assert validation.score == validation.top_k.recall[100] == recalls[place]
    unseen, gains = ranks[place].unseen, 1 / np.log2(np.arange(2, 12))
    of_users = []
    for user in np.unique(users[rows]):
        own = np.flatnonzero(users[rows] == user)
        places = [range(unseen.better[one], unseen.better[one] + unseen.tied[one]) for one in own]
        found = sum(np.mean([gains[i] if i < 10 else 0.0 for i in several]) for several in places)
        of_users.append(found / gains[: len(own)].sum())
    assert validation.ndcg == pytest.approx(np.mean(of_users)) and validation.ndcg > 0
    tried = recalls if baseline.climbs_from is None else recalls[max(place - 1, 0) : place + 2]
    assert recalls[place] == max(tried)


@pytest.mark.parametrize("family", PERSONAL)
def test_personal_baselines_find_two_tastes(family):
    seen = movies_of_users(DATASET, SPLIT.fit)
    found = top_k_accuracy(rank_ratings(DATASET, SPLIT.test, fitted_of(family).model, seen).unseen, 100)
    popular = fitted_of(Family.POPULARITY).model
    by_popularity = top_k_accuracy(rank_ratings(DATASET, SPLIT.test, popular, seen).unseen, 100)
    # About 88 of a user's own movies are unseen, of about 208: chance is .48.
    assert found > 0.95 and by_popularity < 0.6


@pytest.mark.parametrize("family", PERSONAL)
def test_a_user_without_a_training_rating_gets_popularity(family):
    cold = len(DATASET.users) - 1
    popularity = np.bincount(DATASET.ratings.movie_index[SPLIT.fit], minlength=len(DATASET.movies))
    scores = scores_of(fitted_of(family).model, np.array([0, cold]))
    np.testing.assert_array_equal(scores[1], popularity)
    assert (scores[0] != popularity).any()


def test_popularity_counts_the_ratings_of_train_and_validation():
    fitted = fitted_of(Family.POPULARITY)
    expected = [
        sum(DATASET.ratings.movie_index[row] == movie for row in SPLIT.fit)
        for movie in range(len(DATASET.movies))
    ]
    assert all_scores(fitted.model, DATASET)[3].tolist() == expected
    assert fitted.model.n_parameters == len(DATASET.movies)


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


def test_without_a_warm_validation_rating_nothing_can_be_chosen():
    user = DATASET.ratings.user_index
    split = Split(np.flatnonzero(user < 40), np.flatnonzero(user == 50), np.flatnonzero(user == 60))
    with pytest.raises(MovierecError, match=r"none of 40 validation ratings .* --validation_fraction"):
        fit_baseline(Family.EASE, DATASET, split)
    assert fit_baseline(Family.POPULARITY, DATASET, split).settings == {}


def test_baselines_run_without_tensorflow_and_load_nothing_early():
    code = (
        "import sys; sys.modules.update(tensorflow=None, tf_keras=None, tensorflow_recommenders=None)\n"
        "from tests.models.baseline_data import fit_to, planted_ratings, split_of, two_tastes\n"
        "from movierec_cli.config import BASELINES, RATING_BASELINES\n"
        "assert not {'scipy', 'implicit', 'surprise', 'pandas', 'threadpoolctl'} & set(sys.modules)\n"
        "tastes, stars = two_tastes(n_users=20, n_movies=60, each=15), planted_ratings()\n"
        "for data, families in ((tastes, BASELINES), (stars, RATING_BASELINES)):\n"
        "    print(*(fit_to(one, data, split_of(data)).model.n_parameters for one in families))\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and len(done.stdout.split()) == len(EVERY_FAMILY)
    n_ids = N_RATERS + N_RATED
    assert done.stdout.splitlines()[1] == f"1 {1 + n_ids} {1 + n_ids + 100 * n_ids}"


def with_events(dataset, events):
    return replace(dataset, ratings=replace(dataset.ratings, n_events=events.astype(np.float32)))


def test_events_count_for_popularity_and_for_the_confidence_of_ials():
    dataset, split = planted(rates=False)
    events = np.random.default_rng(2).integers(1, 9, len(dataset.ratings))
    counted = with_events(dataset, events)
    slow = np.zeros(len(dataset.movies))
    for row in split.fit:
        slow[dataset.ratings.movie_index[row]] += events[row]
    np.testing.assert_array_equal(
        scores_of(fit_to(Family.POPULARITY, counted, split).model, np.array([0]))[0], slow
    )
    once = with_events(dataset, np.ones(len(events)))
    plain, of_ones, of_events = (
        scores_of(fit_to(Family.IALS, one, split).model, np.array([0, 1])) for one in (dataset, once, counted)
    )
    np.testing.assert_array_equal(plain, of_ones)
    assert np.abs(plain - of_events).max() > 0.01
    matrix = TrainingRatings.of(counted, split.fit).events.toarray()
    users, movies = (
        column[split.fit] for column in (dataset.ratings.user_index, dataset.ratings.movie_index)
    )
    np.testing.assert_array_equal(matrix[users, movies], events[split.fit])
    assert matrix.sum() == events[split.fit].sum()


def test_recent_popularity_of_data_without_times_is_popularity():
    dataset, split = planted(rates=False)
    equal = replace(dataset, ratings=replace(dataset.ratings, timestamp=np.full(len(dataset.ratings), 5)))
    recent, whole = (
        fit_to(family, equal, split).model for family in (Family.RECENT_POPULARITY, Family.POPULARITY)
    )
    np.testing.assert_array_equal(all_scores(recent, equal), all_scores(whole, equal))
