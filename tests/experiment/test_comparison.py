"""From runs to a study: who is compared with whom, on which numbers."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import FEATURES, Family, SplitConfig, TowerConfig, TrainerConfig
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.evaluation.best_lists import NO_MOVIE
from movierec_cli.evaluation.metrics import metric_values, top_k_of
from movierec_cli.experiment.comparison import compare_runs, headline_metric
from movierec_cli.experiment.selection import EvaluatedRun
from movierec_cli.experiment.study import Study
from movierec_cli.registry.record import RunConfig
from tests.cli import fake_trainer
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import small_dataset

DATASET = small_dataset()
DATA = split_data(DATASET, SplitConfig())
SPLIT = DATA.split
SMALL, LARGE = TowerConfig(embedding_size=8), TowerConfig(embedding_size=16)

Save = Callable[..., list[EvaluatedRun]]


def config(*features: str, seed: int = 42, model: TowerConfig = SMALL) -> RunConfig:
    return replace(run_config(*features, seed=seed), model=model)


@pytest.fixture
def evaluated(tmp_path: Path) -> Save:
    """judged(config(...), Family.EASE) are such runs of the small data set, with random scores."""

    def save(*wanted: RunConfig | Family) -> list[EvaluatedRun]:
        runs = []
        for number, one in enumerate(wanted):
            if isinstance(one, Family):
                asked = TrainerConfig(feature_sets=(), baselines=(one,), saved_models_dir=tmp_path)
                runs += fake_trainer.trained(asked)
            else:
                runs.append(judged_run(tmp_path, DATASET, one, seed=number))
        return [EvaluatedRun(run, run.outcome) for run in runs]

    return save


def study_of(evaluated: list[EvaluatedRun], **options: object) -> Study:
    return compare_runs(DATA, evaluated, **options)  # type: ignore[arg-type]


def mean_of(evaluated: EvaluatedRun, metric: str) -> float:
    return float(metric_values(evaluated.outcome.warm, metric).mean())


def test_the_seeds_of_a_set_are_one_contender_with_the_mean_of_their_figures(evaluated: Save) -> None:
    first, other, second = runs = evaluated(config(seed=42), config("timestamp"), config(seed=43))
    none, timestamp = study_of(runs).models
    assert [none.label, timestamp.label] == ["None", "timestamp"]
    assert none.records == (first.run.record, second.run.record)
    assert timestamp.records == (other.run.record,)
    for metric in ("recall@10", "ndcg@10", "map@10", "mrr@10", "auc"):
        expected = (mean_of(first, metric) + mean_of(second, metric)) / 2
        assert none.metrics[metric].mean == pytest.approx(expected)
        assert none.metrics[metric].low < expected < none.metrics[metric].high
        assert timestamp.metrics[metric].mean == pytest.approx(mean_of(other, metric))
    figures = [top_k_of(one.outcome) for one in (first, second)]
    for k, value in none.top_k.unseen.items():
        assert value == pytest.approx((figures[0].unseen[k] + figures[1].unseen[k]) / 2)


def test_sets_that_were_trained_otherwise_are_told_apart_by_what_differs(evaluated: Save) -> None:
    runs = evaluated(
        config("timestamp"),
        config("timestamp", model=LARGE),
        config("timestamp", model=LARGE, seed=7),
        config("timestamp", model=replace(LARGE, layer_sizes=(8, 4))),
        config("movie_genres", model=LARGE),
        Family.POPULARITY,
    )
    study = study_of(runs)
    assert [(one.label, len(one.records)) for one in study.models] == [
        ("timestamp (embedding_size 8, layer_sizes 128 64)", 1),
        ("timestamp (embedding_size 16, layer_sizes 128 64)", 2),
        ("timestamp (embedding_size 16, layer_sizes 8 4)", 1),
        ("movie_genres (embedding_size 16, layer_sizes 128 64)", 1),
        ("popularity", 1),
    ]


def test_baselines_come_last_and_are_not_compared_with_each_other(evaluated: Save) -> None:
    runs = evaluated(Family.EASE, config(), Family.POPULARITY, config("timestamp"))
    study = study_of(runs)
    assert [one.label for one in study.models] == ["None", "timestamp", "EASE", "popularity"]
    assert [one.is_baseline for one in study.models] == [False, False, True, True]
    pairs = {(one.a, one.b) for one in study.differences}
    assert pairs == {("timestamp", "None"), *product(("None", "timestamp"), ("EASE", "popularity"))}
    means = {one.label: one.metrics[study.headline].mean for one in study.models}
    for one in study.differences:
        assert one.difference.mean == pytest.approx(means[one.a] - means[one.b])
        assert one.p_holm >= one.p_value
    text = " ".join((*study.answer, *study.warnings))
    assert "popularity" in text and "ndcg@10" in text


def test_what_a_feature_adds_is_taken_from_sets_that_were_trained_alike(evaluated: Save) -> None:
    runs = evaluated(
        config(),
        config("movie_genres"),
        config("timestamp"),
        config("timestamp", "movie_genres"),
        config("movie_year", model=LARGE),
        config("movie_year", "movie_genres", model=LARGE),
    )
    (time, genres) = study_of(runs).ablation
    means = [mean_of(one, "ndcg@10") for one in runs]
    assert (time.feature, time.n_pairs) == (FEATURES["timestamp"], 2)
    assert time.difference.mean == pytest.approx((means[2] - means[0] + means[3] - means[1]) / 2)
    assert (genres.feature, genres.n_pairs) == (FEATURES["movie_genres"], 2)
    assert genres.difference.mean == pytest.approx((means[1] - means[0] + means[3] - means[2]) / 2)


def test_segments_are_judged_by_the_users_who_have_them_and_empty_ones_by_nobody(evaluated: Save) -> None:
    runs = evaluated(config(seed=1), config(seed=2), Family.POPULARITY)
    study = study_of(runs, metric="recall@10")
    segments = {(one.dimension, one.name): one for one in study.segments}
    cold = segments["cold", "cold users"]
    assert (cold.n_users, cold.n_ratings, cold.accuracy) == (0, 0, (None, None))
    drama = segments["genre", "Drama"]
    outcome = runs[0].outcome
    of_drama = DATASET.movies.genres[outcome.movie_index, 1]
    assert drama.n_ratings == of_drama.sum()
    assert drama.n_users == len(set(outcome.user_index[of_drama].tolist()))
    shares = []
    for one in runs:
        ranks = one.outcome.at_their_time.unseen
        hits = np.clip((10 - ranks.better) / ranks.tied, 0, 1)
        users = sorted(set(outcome.user_index[of_drama].tolist()))
        own = [hits[of_drama & (outcome.user_index == user)].mean() for user in users]
        shares.append(np.mean(own))
    assert drama.accuracy == pytest.approx((np.mean(shares[:2]), shares[2]))
    (warm,) = (one for one in study_of(runs).segments if one.name == "warm")
    assert warm.accuracy == pytest.approx([one.metrics["ndcg@10"].mean for one in study.models])


def test_one_model_alone_is_compared_with_nobody_and_its_recommendations_are_counted(evaluated: Save) -> None:
    (one,) = evaluated(config())
    study = study_of([one])
    assert (study.differences, study.ablation, len(study.answer) > 0) == ((), (), True)
    assert (study.data.name, study.split) == ("small", SplitConfig())
    (model,) = study.models
    shown = one.outcome.top_movies[:, :10]
    assert NO_MOVIE not in shown
    assert model.beyond["coverage@10"] == pytest.approx(len(set(shown.ravel().tolist())) / 40)
    counts = np.bincount(DATASET.ratings.movie_index[SPLIT.fit], minlength=40)
    assert model.beyond["popularity@10"] == pytest.approx(counts[shown].mean())
    assert {"gini@10", "novelty@10"} < set(model.beyond)


@pytest.mark.parametrize(
    ("n_movies", "metric", "headline"),
    [
        (3883, None, "ndcg@10"),
        (50, None, "ndcg@10"),
        (10, None, "ndcg@5"),
        (3883, "Recall@100", "recall@100"),
        (50, "map@007", "map@7"),
    ],
)
def test_ndcg_at_10_decides_unless_another_metric_is_named(
    n_movies: int, metric: str | None, headline: str
) -> None:
    assert headline_metric(n_movies, (1, 5, 10), metric=metric) == headline


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        ("auc", "takes recall@K, ndcg@K, map@K, mrr@K"),
        ("precision@10", "--metric is 'precision@10'"),
        ("ndcg", "k must be a whole number from 1"),
        ("recall@50", "the catalogue has 50 movies"),
    ],
)
def test_a_metric_that_cannot_decide_is_refused(metric: str, problem: str) -> None:
    with pytest.raises(UsageError, match=re.escape(problem)):
        headline_metric(50, metric=metric)


def test_a_k_as_large_as_the_catalogue_is_shown_but_decides_nothing(evaluated: Save) -> None:
    study = study_of(evaluated(config(), Family.EASE), ks=(5, 40, 5000))
    assert study.headline == "ndcg@10"
    for one in study.models:
        assert list(one.top_k.unseen) == [5, 40, 5000] and one.top_k.unseen[40] == 1
        assert set(one.metrics) == {"ndcg@10", "recall@5", "ndcg@5", "map@5", "mrr@5", "auc"}
    with pytest.raises(UsageError, match=r"--top_k is 40 5000, but the catalogue has 40 movies"):
        study_of(evaluated(config()), ks=(40, 5000))


def test_users_without_a_training_rating_are_nothing_to_judge_by(evaluated: Save) -> None:
    (one,) = evaluated(config())
    cold = replace(one.outcome, n_unseen=np.full_like(one.outcome.n_unseen, 40))
    with pytest.raises(MovierecError, match=r"none of the users to test has a rating in training.*--split"):
        study_of([EvaluatedRun(one.run, cold)])


def test_a_list_of_nothing_but_test_movies_has_half_an_auc(evaluated: Save) -> None:
    """It cannot be in a wrong order; without a rule it would make every mean undefined."""
    (one,) = evaluated(config())
    outcome = one.outcome
    counts = np.bincount(outcome.user_place)
    n_unseen = outcome.n_unseen.copy()
    n_unseen[3] = counts[3]
    (model,) = study_of([EvaluatedRun(one.run, replace(outcome, n_unseen=n_unseen))]).models
    others = np.delete(metric_values(outcome, "auc"), 3)
    assert model.metrics["auc"].mean == pytest.approx((others.sum() + 0.5) / len(counts))


def test_the_commands_that_trained_the_models_are_kept_each_once(evaluated: Save) -> None:
    runs = evaluated(config(), config("timestamp"), config("movie_genres"), Family.POPULARITY)
    commands = ("movierec train --seeds 2", "", "movierec train", "movierec train --seeds 2")
    trained = [
        replace(one, run=replace(one.run, record=replace(one.run.record, command=command)))
        for one, command in zip(runs, commands, strict=True)
    ]
    assert study_of(trained).commands == ("movierec train --seeds 2", "movierec train")
