"""Test accuracy of the defaults beside the baselines: random 80/20, the future, and predicted ratings."""

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from movierec_cli.config import (
    BASELINES,
    DataConfig,
    Family,
    FeatureSet,
    SplitConfig,
    SplitKind,
    TaskWeights,
    TrainerConfig,
    default_settings,
)
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import Split, split_ratings
from movierec_cli.evaluation.metrics import TopK, top_k_of
from movierec_cli.evaluation.ratings import RatingOutcome, rating_errors
from movierec_cli.evaluation.significance import by_pair
from movierec_cli.experiment.comparison import compare_runs
from movierec_cli.experiment.selection import on_own_test
from movierec_cli.experiment.study import Study
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.models.baselines.fit_baseline import fit_baseline, fit_rating_baseline
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.models.trained import Fitting
from movierec_cli.registry.record import RunConfig, RunRecord
from tests.bench.baselines import divided, evaluated
from tests.bench.rows import Bench, Row, run_process

CASES = (
    ("ml-100k.zip", "timestamp movie_title_text", "all ≥ .42, unseen ≥ .62"),
    ("ml-1m.zip", "None", "unseen top-100 ≥ .47"),
    ("ml-1m.zip", "timestamp movie_title_text movie_genres", "unseen ≥ .116 / ≥ .486"),
)


def measure_accuracy(bench: Bench) -> Iterator[Row]:
    """Each case trained with the defaults a newcomer gets."""
    references: dict[str, str] = {}
    for archive, features, bar in CASES:
        data = DataConfig(archive=bench.find(archive))
        if archive not in references:
            references[archive] = _references(data)
        record = _train(data, features)
        what = f"{archive.removesuffix('.zip')}, {features}: test top-10 / top-100"
        figures = f"{_figures(record.test)}; {record.training_s:.0f} s training"
        yield Row(what, figures, bar, references[archive])


def _train(data: DataConfig, features: str) -> RunRecord:
    with tempfile.TemporaryDirectory() as folder:
        sets = (FeatureSet.parse(features.split()),)
        config = TrainerConfig(feature_sets=sets, data=data, baselines=(), saved_models_dir=Path(folder))
        return RunTrainer(config).run()[0].record


def _figures(top_k: TopK) -> str:
    return (
        f"unseen {top_k.unseen[10]:.4f} / {top_k.unseen[100]:.4f}, "
        f"all {top_k.all[10]:.4f} / {top_k.all[100]:.4f}"
    )


def _references(data: DataConfig) -> str:
    dataset, split = divided(data, SplitConfig())
    ease, popularity = (fit_baseline(family, dataset, split) for family in (Family.EASE, Family.POPULARITY))
    return (
        f"EASE {_figures(evaluated(dataset, split, ease.model))} ({ease.training_s:.0f} s with the choice of"
        f" its penalty, {ease.settings['l2']:g});"
        f" popularity {_figures(evaluated(dataset, split, popularity.model))}"
    )


SEEDS = 3
TO_BEAT = (Family.POPULARITY, Family.RECENT_POPULARITY, Family.IALS, Family.EASE)


def measure_temporal(bench: Bench) -> Iterator[Row]:
    """A row a baseline and k: the best set against it, mean of the seeds, with the 95 % interval."""
    with tempfile.TemporaryDirectory() as folder:
        config = TrainerConfig(
            data=DataConfig(archive=bench.find("ml-1m.zip")),
            split=SplitConfig(kind=SplitKind.TEMPORAL),
            baselines=BASELINES,
            n_seeds=SEEDS,
            saved_models_dir=Path(folder),
        )
        trainer = RunTrainer(config)
        evaluated, _ = on_own_test(trainer.run())
        studies = [compare_runs(trainer.data, evaluated, ks=(k,)) for k in (10, 100)]
    best = max(
        (one for one in studies[-1].models if not one.is_baseline),
        key=lambda model: model.metrics[studies[-1].headline].mean,
    )
    for study in studies:
        yield from (_against(study, one.label, "") for one in study.models)
        yield from (_against(study, best.label, family.label) for family in TO_BEAT)


def _against(study: Study, label: str, baseline: str) -> Row:
    means = {one.label: one.metrics[study.headline] for one in study.models}
    own = means[label]
    what = f"1M temporal, {label}: {study.headline}"
    measured = f"{own.mean:.4f} ({own.low:.4f} … {own.high:.4f})"
    if not baseline:
        return Row(what, measured, "")
    difference = by_pair(study.differences)[label, baseline].difference
    return Row(
        what,
        f"{difference.mean:+.4f} ({difference.low:+.4f} … {difference.high:+.4f})",
        "above, interval without 0",
        f"{baseline} {means[baseline].mean:.4f}",
    )


FEATURES_100K = ("timestamp", "movie_title_text")
FEATURES_1M = ("timestamp", "movie_title_text", "movie_genres")
MYFM_ITERATIONS = 512
U1_VALIDATION_SHARE = 0.05  # of u1.base, at random


@dataclass(frozen=True)
class _Measured:
    rmse: float
    unseen: float  # top-100 accuracy, seen movies masked
    all: float
    seconds: float


def measure_ratings(bench: Bench) -> Iterator[Row]:
    """RMSE and top-100 of the joint model with its default weights, on 100K, its official split and 1M."""
    start_tensorflow()
    with tempfile.TemporaryDirectory() as name:
        small = _dataset(bench, "ml-100k.zip", name)
        random = split_ratings(small.ratings, SplitConfig())
        official = _official_split(small, bench.find("ml-100k.zip"))
        large = _dataset(bench, "ml-1m.zip", name)
        ninety = split_ratings(large.ratings, SplitConfig(test_fraction=0.1))
    for what, dataset, split, features, n_seeds, bar in (
        ("100K, random 80/20", small, random, FEATURES_100K, 3, "RMSE ≤ .868, top-100 ≥ .62 / .42"),
        ("100K, official u1", small, official, FEATURES_100K, 3, "RMSE ≤ .888"),
        ("1M, random 90/10", large, ninety, FEATURES_1M, 3, "RMSE ≤ .830"),
    ):
        joint = [_joint(dataset, split, features, seed) for seed in range(42, 42 + n_seeds)]
        others = f"biased MF (scikit-surprise): RMSE {_biased_mf(dataset, split):.4f}"
        if dataset is large:
            others += f"; {_myfm(dataset, split)}"
        yield _row(f"{what}, {' + '.join(features)}", joint, others, bar)


def _row(what: str, joint: list[_Measured], others: str, bar: str) -> Row:
    rmse = [one.rmse for one in joint]
    spread = f" (± {np.std(rmse, ddof=1):.4f} over {len(rmse)} seeds)" if len(rmse) > 1 else ""
    measured = (
        f"RMSE {np.mean(rmse):.4f}{spread}, top-100 unseen "
        f"{np.mean([one.unseen for one in joint]):.4f}, all {np.mean([one.all for one in joint]):.4f}, "
        f"{np.mean([one.seconds for one in joint]):.0f} s of training"
    )
    return Row(f"two tasks: {what}", measured, bar, others)


def _dataset(bench: Bench, archive: str, folder: str) -> Dataset:
    return load_dataset(DataConfig(archive=bench.find(archive), datasets_dir=Path(folder)))


def _official_split(dataset: Dataset, archive: Path) -> Split:
    train, test = (_official_rows(dataset, archive, part) for part in ("base", "test"))
    drawn = np.random.default_rng(0).permutation(train)
    n_validation = round(len(train) * U1_VALIDATION_SHARE)
    return Split(
        train=np.sort(drawn[n_validation:]), validation=np.sort(drawn[:n_validation]), test=np.sort(test)
    )


def _official_rows(dataset: Dataset, archive: Path, part: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The data set's rows of GroupLens' u1.base or u1.test."""
    with zipfile.ZipFile(archive) as file:
        pairs = np.loadtxt(io.BytesIO(file.read(f"ml-100k/u1.{part}")), dtype=np.int64)[:, :2]
    ratings = dataset.ratings
    users, movies = dataset.users.user_id[ratings.user_index], dataset.movies.movie_id[ratings.movie_index]
    keys = users * 10_000 + movies
    order = np.argsort(keys)
    return order[np.searchsorted(keys[order], pairs[:, 0] * 10_000 + pairs[:, 1])]


def _joint(dataset: Dataset, split: Split, features: tuple[str, ...], seed: int) -> _Measured:
    from movierec_cli.models.two_tower.tower_training import fit_run

    common = default_settings(rates=True)
    config = RunConfig(
        family=Family.MULTI_TASK,
        feature_set=FeatureSet.parse(features),
        split=SplitConfig(),
        model=common.model,
        training=replace(common.training, seed=seed),
        tasks=TaskWeights(),
    )
    fitted = fit_run(Fitting(dataset, split, config, TrainingObserver(), Path()))
    trained = fitted.parts
    assert trained.outcome is not None and trained.rating_outcome is not None  # the family does both
    accuracy = top_k_of(trained.outcome)
    return _Measured(
        rmse=rating_errors(trained.rating_outcome).rmse,
        unseen=accuracy.unseen[100],
        all=accuracy.all[100],
        seconds=fitted.results["training_s"],
    )


def _biased_mf(dataset: Dataset, split: Split) -> float:
    baseline = fit_rating_baseline(Family.BIASED_MF, dataset, split)
    ratings, rows = dataset.ratings, split.test
    stars = baseline.model.predict(dataset, rows)
    return rating_errors(RatingOutcome(rows, ratings.user_index[rows], ratings.rating[rows], stars)).rmse


def _myfm(dataset: Dataset, split: Split) -> str:
    """RMSE of myFM, which learns from the validation part, too; by an interpreter of its own."""
    interpreter = os.environ.get("MYFM_PYTHON")
    if not interpreter:
        return "myFM not measured: MYFM_PYTHON names no interpreter that has it"
    ratings, script = dataset.ratings, Path(__file__).with_name("myfm_rmse.py")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ratings.npz"
        np.savez(
            path,
            user=ratings.user_index.astype(np.int64),
            movie=ratings.movie_index.astype(np.int64),
            stars=ratings.rating,
            seconds=ratings.timestamp,
            known=split.fit,
            asked=split.test,
        )
        finished = run_process([interpreter, str(script), str(path), str(MYFM_ITERATIONS)], Path(folder))
    measured = json.loads(finished.stdout.splitlines()[-1])
    return f"myFM (ordered probit): RMSE {measured['rmse']:.4f}, {measured['seconds'] / 60:.0f} min"
