"""A study of realistic size for tests of what is made from one; its numbers are invented, not measured."""

import itertools
import math
from dataclasses import replace

import numpy as np

from movierec_cli.config import FEATURES, Family, FeatureSet, SplitConfig, TaskWeights
from movierec_cli.evaluation.ablation import FeatureGain
from movierec_cli.evaluation.metrics import NO_TOP_K
from movierec_cli.evaluation.ratings import RatingErrors
from movierec_cli.evaluation.significance import Interval, PairedDifference
from movierec_cli.experiment.sentences import verdict
from movierec_cli.experiment.study import (
    ComparedModel,
    ComparedRatingModel,
    MetricFindings,
    RatingStudy,
    Segment,
    Study,
    UserLists,
)
from movierec_cli.leakage.finding import Finding, Severity
from movierec_cli.recommend.recommend import Recommendations, RecommendedMovie
from movierec_cli.recommend.users import RatedMovie
from movierec_cli.registry.record import DataIdentity, RunConfig, RunRecord
from tests.saved_runs import SPLIT_SUMMARY, data_identity, run_record, top_k

SETS = (
    ("None",),
    ("timestamp",),
    ("timestamp", "movie_genres"),
    ("timestamp", "movie_title_text", "movie_genres"),
)
LEVELS = (0.431, 0.4685, 0.4702, 0.4851)
BASELINES = {Family.POPULARITY: 0.268, Family.IALS: 0.456, Family.EASE: 0.4745}
METRICS = {"recall@100": 1.0, "recall@10": 0.23, "ndcg@10": 0.27, "map@10": 0.15, "mrr@10": 0.41, "auc": 1.8}
SEGMENTS = {
    "user activity": ("light: up to 40 ratings", "medium: 41 to 150 ratings", "heavy: more than 150 ratings"),
    "movie popularity": ("head: a third of the ratings", "torso: the next third", "tail: the last third"),
    "age": ("under 18", "18 to 24", "25 to 34", "35 to 44", "45 to 49", "50 to 55", "56 and older"),
    "genre": (
        *("Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Film-Noir"),
    ),
    "cold": ("movies without a training rating", "users without a training rating"),
}
TITLES = (
    *("Toy Story (1995)", "Heat (1995)", "Se7en (1995)", "Fargo (1996)", "Alien (1979)", "Aliens (1986)"),
    *("Léon: The Professional (1994)", "One Flew Over the Cuckoo's Nest (1975)", "Braveheart (1995)"),
    "Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb (1963)",
    *("Casablanca (1942)", "Vertigo (1958)", "The Sting (1973)", "Jaws (1975)", "Big (1988)", "Clue (1985)"),
)
GENRES = (("Comedy",), ("Drama", "War"), ("Action", "Adventure", "Sci-Fi"), ("Crime", "Thriller"), ())
COMMAND = (
    "movierec report --dataset 1m --seeds 3 --baselines popularity ials ease "
    "--additional_feature_sets None --additional_feature_sets timestamp "
    "--additional_feature_sets timestamp movie_genres "
    "--additional_feature_sets timestamp movie_title_text movie_genres"
)


def study(*, n_seeds: int = 3, baselines: bool = True) -> Study:
    rng = np.random.default_rng(7)
    trained = [_trained(names, level, n_seeds) for names, level in zip(SETS, LEVELS, strict=True)]
    beaten = [_baseline(family, level) for family, level in BASELINES.items()] if baselines else []
    models = (*trained, *beaten)
    return Study(
        data=_data(),
        split=SplitConfig(),
        split_summary=replace(SPLIT_SUMMARY, n_train=760_158, n_validation=40_009, n_test=200_042),
        headline="recall@100",
        answer=(
            "movie_title_text helps: it adds +1.5 points of recall@100 (95 % CI 1.1 … 1.9) to timestamp + "
            "movie_genres.",
            "timestamp adds +3.8 points to no feature at all; movie_genres adds nothing significant to it.",
            "The best set is .0106 above EASE, the best baseline.",
        ),
        warnings=("None does not beat EASE or iALS in recall@100; more training of it is of no use.",),
        models=models,
        differences=tuple(_differences(models)),
        ablation=_ablation(),
        segments=tuple(_segments(rng, models)),
        findings=_findings(),
        user_lists=tuple(_user_lists(user_id, rng, trained) for user_id in (1, 4169)),
        commands=(COMMAND,),
        verdict=verdict(models, _differences(models), "recall@100"),
        by_other_metrics={name: _found_by(name, models) for name in METRICS if name != "recall@100"},
    )


def _found_by(metric: str, models: tuple[ComparedModel, ...]) -> MetricFindings:
    return MetricFindings(
        verdict=f"Another verdict, by {metric}",
        differences=tuple(_differences(models))[::-1],
        ablation=_ablation()[:2],
        segments=tuple(_segments(np.random.default_rng(8), models)),
    )


def _data() -> DataIdentity:
    return data_identity(n_ratings=1_000_209, n_movies=3883, n_users=6040)


def _interval(mean: float, half: float) -> Interval:
    return Interval(mean, mean - half, mean + 0.9 * half)


def _model(family: Family, features: FeatureSet, level: float, *records: RunRecord) -> ComparedModel:
    return ComparedModel(
        label=family.label if family in BASELINES else features.label,
        family=family,
        feature_set=features,
        records=records,
        top_k=top_k(level),
        metrics={name: _interval(level * scale, 0.006 * scale) for name, scale in METRICS.items()},
        beyond={"coverage@10": level * 0.9, "novelty@10": 9.5 + level, "gini@10": 1 - level},
    )


def _trained(names: tuple[str, ...], level: float, n_seeds: int) -> ComparedModel:
    records = (_seed_record(names, level, seed) for seed in range(42, 42 + n_seeds))
    return _model(Family.TWO_TOWER, FeatureSet.parse(names), level, *records)


def _seed_record(names: tuple[str, ...], level: float, seed: int) -> RunRecord:
    record = run_record(*names, level=level + 0.004 * (seed % 3 - 1), data=_data())
    assert record.config.training is not None
    training = replace(record.config.training, seed=seed)
    return replace(record, config=replace(record.config, training=training))


def _baseline(family: Family, level: float) -> ComparedModel:
    settings = {Family.EASE: {"l2": 500.0}, Family.IALS: {"factors": 64.0, "regularization": 0.05}}
    record = replace(
        run_record(data=_data()),
        name=f"1m-{family}",
        config=RunConfig(family=family, split=SplitConfig()),
        settings=settings.get(family, {}),
        history=(),
        n_parameters=0,
        best_epoch=0,
        epochs_run=0,
    )
    return _model(family, FeatureSet(), level, record)


def _differences(models: tuple[ComparedModel, ...]) -> list[PairedDifference]:
    pairs = [(a, b) for a, b in itertools.combinations(models, 2) if not a.is_baseline]
    return [_difference(a, b) if b.is_baseline else _difference(b, a) for a, b in pairs]


def _difference(a: ComparedModel, b: ComparedModel) -> PairedDifference:
    mean = a.metrics["recall@100"].mean - b.metrics["recall@100"].mean
    p_value = math.exp(-abs(mean) * 1000)
    return PairedDifference(a.label, b.label, _interval(mean, 0.004), p_value, min(1.0, 6 * p_value))


def _ablation() -> tuple[FeatureGain, ...]:
    gains = {
        FEATURES["timestamp"]: (0.0375, 0.004),
        FEATURES["movie_genres"]: (0.0017, 0.003),
        FEATURES["movie_title_text"]: (0.0149, 0.004),
    }
    return tuple(
        FeatureGain(feature=feature, difference=_interval(*values), p_value=p, p_holm=6 * p, n_pairs=1)
        for (feature, values), p in zip(gains.items(), (1e-4, 0.1, 1e-4), strict=True)
    )


def _segments(rng: np.random.Generator, models: tuple[ComparedModel, ...]) -> list[Segment]:
    return [
        Segment(
            dimension=dimension,
            name=name,
            n_users=0 if dimension == "cold" else int(rng.integers(80, 3000)),
            n_ratings=0 if dimension == "cold" else int(rng.integers(1000, 70_000)),
            accuracy=_accuracy(rng, models, is_empty=dimension == "cold"),
        )
        for dimension, names in SEGMENTS.items()
        for name in names
    ]


def _accuracy(
    rng: np.random.Generator, models: tuple[ComparedModel, ...], *, is_empty: bool
) -> tuple[float | None, ...]:
    if is_empty:
        return (None,) * len(models)
    ease = rng.uniform(0.5, 1.3)
    return tuple(model.metrics["recall@100"].mean * ease * rng.uniform(0.85, 1.1) for model in models)


def _findings() -> tuple[Finding, ...]:
    return (
        Finding(
            "time-travel",
            Severity.LEAK,
            "The split is random and timestamp is a feature: 98.2 % of the test ratings are older than a "
            "training rating of the same user, so the model has learned from their future.",
            "--split temporal",
        ),
        Finding(
            "equal-titles",
            Severity.CAUTION,
            "4 movies share their title with another; movie_title_text cannot tell them apart.",
            "",
        ),
    )


def _user_lists(user_id: int, rng: np.random.Generator, trained: list[ComparedModel]) -> UserLists:
    rated = tuple(
        RatedMovie(movie, title, GENRES[movie % 5], 5 - movie // 3 / 2, 978_300_000 + movie)
        for movie, title in enumerate(TITLES)
    )
    recommended = tuple(
        Recommendations(model.records[0].name, model.records[0].config, user_id, _picks(rng))
        for model in trained
    )
    return UserLists(user_id=user_id, rated=rated, recommended=recommended)


def _picks(rng: np.random.Generator) -> tuple[RecommendedMovie, ...]:
    picked = rng.choice(len(TITLES), size=10, replace=False).tolist()
    return tuple(RecommendedMovie(movie, TITLES[movie], GENRES[movie % 5], 1.0 - movie) for movie in picked)


WEIGHTS = (0.0, 0.1, 0.3, 1.0)
RATING_LEVELS = ((1.1254, 0.4712), (0.9125, 0.4744), (0.9062, 0.4702), (0.9068, 0.4633))
RATING_ERRORS = {Family.GLOBAL_MEAN: 1.1263, Family.RATING_BIAS: 0.9431, Family.BIASED_MF: 0.9214}


def joint_study(*, n_seeds: int = 1, rating_baselines: bool = True) -> Study:
    """A sweep over four weights of rating, with baselines of either task."""
    pairs = zip(WEIGHTS, RATING_LEVELS, strict=True)
    trained = [_joint(weight, rmse, recall, n_seeds) for weight, (rmse, recall) in pairs]
    baselines = [_baseline(family, level) for family, level in BASELINES.items()]
    rated = [_rated(one, rmse) for one, (rmse, _) in zip(trained, RATING_LEVELS, strict=True)]
    rated += [_rating_baseline(*one) for one in RATING_ERRORS.items()] if rating_baselines else []
    models = (*trained, *baselines)
    return replace(
        study(),
        models=models,
        differences=tuple(_differences(models)),
        segments=(),
        user_lists=(),
        ratings=RatingStudy(
            answer=(
                "Ratings are predicted best by timestamp (retrieval × 1, rating × 0.3): it is off by 0.906 "
                "stars (RMSE, 95 % CI 0.900 … 0.912; MAE 0.707), 0.015 stars (95 % CI 0.012 … 0.018) less "
                "than biased MF.",
                "Both tasks in one model, timestamp (retrieval × 1, rating × 0.3): its recall@100 does "
                "not differ significantly from that of retrieval alone (−0.1 points, 95 % CI −0.5 … +0.3, "
                "p = 0.41).",
            ),
            models=tuple(rated),
            differences=tuple(_rating_differences(rated)),
        ),
    )


def _joint(weight: float, rmse: float, recall: float, n_seeds: int) -> ComparedModel:
    plain = _trained(("timestamp",), recall, n_seeds)
    records = tuple(_with_tasks(record, weight, rmse) for record in plain.records)
    return replace(plain, label=records[0].config.label, family=Family.MULTI_TASK, records=records)


def _with_tasks(record: RunRecord, weight: float, rmse: float) -> RunRecord:
    config = replace(record.config, family=Family.MULTI_TASK, tasks=TaskWeights(rating=weight))
    errors = RatingErrors(rmse=rmse, mae=0.78 * rmse)
    history = tuple(replace(epoch, ratings=errors) for epoch in record.history)
    return replace(record, name=f"{record.name}-{weight}", config=config, ratings=errors, history=history)


def _rated(model: ComparedModel, rmse: float) -> ComparedRatingModel:
    return ComparedRatingModel(
        label=model.family.label if model.family in RATING_ERRORS else model.label,
        family=model.family,
        records=model.records,
        rmse=_interval(rmse, 0.006),
        mae=_interval(0.78 * rmse, 0.005),
        is_on_front=rmse in (0.9125, 0.9062),
    )


def _rating_baseline(family: Family, rmse: float) -> ComparedRatingModel:
    model = _baseline(family, 0.0)
    errors = RatingErrors(rmse=rmse, mae=0.78 * rmse)
    return _rated(replace(model, records=(replace(model.records[0], test=NO_TOP_K, ratings=errors),)), rmse)


def _rating_differences(models: list[ComparedRatingModel]) -> list[PairedDifference]:
    return [
        PairedDifference(b.label, a.label, _interval(b.rmse.mean - a.rmse.mean, 0.002), 1e-4, 6e-4)
        for a, b in itertools.combinations(models, 2)
        if not b.is_baseline
    ]
