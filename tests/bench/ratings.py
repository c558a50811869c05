"""Predicted ratings: one joint model against the bars, its specialists and a library's factorisation."""

import io
import json
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from movierec_cli.config import (
    DataConfig,
    Family,
    FeatureSet,
    SplitConfig,
    TaskWeights,
    TrainingConfig,
    default_settings,
)
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import Split, split_ratings
from movierec_cli.evaluation.metrics import top_k_of
from movierec_cli.evaluation.ratings import RatingOutcome, rating_errors
from movierec_cli.models.baselines.fit_baseline import fit_rating_baseline
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.models.trained import Fitting, SilentObserver
from movierec_cli.registry.record import RunConfig
from tests.bench.rows import Archives, Row, run_process

FEATURES_100K = ("timestamp", "movie_title_text")
FEATURES_1M = ("timestamp", "movie_title_text", "movie_genres")
U1_VALIDATION_SHARE = 0.05  # of u1.base, by lot
SEEDS_100K, SEEDS_1M = 3, 1


@dataclass(frozen=True)
class _Measured:
    rmse: float
    unseen: float  # top-100 accuracy, seen movies masked
    all: float
    seconds: float


def measure_ratings(archives: Archives) -> list[Row]:
    """RMSE and top-100 of the joint model with its default weights, on 100K, its official split and 1M."""
    start_tensorflow()
    with tempfile.TemporaryDirectory() as name:
        small = _dataset(archives, "ml-100k.zip", name)
        random = split_ratings(small.ratings, SplitConfig())
        official = _official_split(small, archives.find("ml-100k.zip"))
        large = _dataset(archives, "ml-1m.zip", name)
        ninety = split_ratings(large.ratings, SplitConfig(test_fraction=0.1))
    return [
        _row(
            "100K, random 80/20, timestamp + movie_title_text",
            _joint(small, random, FEATURES_100K, SEEDS_100K),
            _biased_mf(small, random),
            "RMSE ≤ .915, top-100 unseen ≥ .62, all ≥ .42",
        ),
        _row(
            "100K, official u1, the same",
            _joint(small, official, FEATURES_100K, SEEDS_100K),
            _biased_mf(small, official),
            "RMSE ≤ .900",
        ),
        _row(
            "1M, random 90/10, timestamp + movie_title_text + movie_genres",
            _joint(large, ninety, FEATURES_1M, SEEDS_1M),
            _biased_mf(large, ninety),
            "RMSE ≤ .845",
        ),
    ]


def measure_tasks(archives: Archives) -> list[Row]:
    """The joint model against its specialists, and the tutorial's experiments as one command."""
    return [*_against_specialists(archives), _experiments(archives)]


def _row(what: str, joint: list[_Measured], biased_mf: float, bar: str) -> Row:
    rmse = [one.rmse for one in joint]
    spread = f" (± {np.std(rmse, ddof=1):.4f} over {len(rmse)} seeds)" if len(rmse) > 1 else ""
    measured = (
        f"RMSE {np.mean(rmse):.4f}{spread}, top-100 unseen "
        f"{np.mean([one.unseen for one in joint]):.4f}, all {np.mean([one.all for one in joint]):.4f}, "
        f"{np.mean([one.seconds for one in joint]):.0f} s of training"
    )
    return Row(f"two tasks: {what}", measured, bar, f"biased MF (scikit-surprise): RMSE {biased_mf:.4f}")


def _dataset(archives: Archives, archive: str, folder: str) -> Dataset:
    return load_dataset(DataConfig(archive=archives.find(archive), datasets_dir=Path(folder)))


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


def _joint(dataset: Dataset, split: Split, features: tuple[str, ...], n_seeds: int) -> list[_Measured]:
    return [_joint_once(dataset, split, features, seed) for seed in range(42, 42 + n_seeds)]


def _joint_once(dataset: Dataset, split: Split, features: tuple[str, ...], seed: int) -> _Measured:
    from movierec_cli.models.two_tower.tower_training import fit_run

    config = RunConfig(
        family=Family.MULTI_TASK,
        feature_set=FeatureSet.parse(features),
        split=SplitConfig(),
        model=default_settings(rates=True).model,
        training=TrainingConfig(seed=seed),
        tasks=TaskWeights(),
    )
    trained = fit_run(Fitting(dataset, split, config, SilentObserver(), Path())).parts
    assert trained.rating_outcome is not None  # the family predicts ratings
    accuracy = top_k_of(trained.outcome)
    return _Measured(
        rmse=rating_errors(trained.rating_outcome).rmse,
        unseen=accuracy.unseen[100],
        all=accuracy.all[100],
        seconds=trained.fit.training_s + trained.refit_s,
    )


def _biased_mf(dataset: Dataset, split: Split) -> float:
    baseline = fit_rating_baseline(Family.BIASED_MF, dataset, split)
    ratings, rows = dataset.ratings, split.test
    stars = baseline.model.predict(dataset, rows)
    return rating_errors(RatingOutcome(rows, ratings.user_index[rows], ratings.rating[rows], stars)).rmse


def _against_specialists(archives: Archives) -> list[Row]:
    study, _ = _train(archives, FEATURES_100K, "--rating_weight", "0", "0.3", "--seeds", "3")
    labels = {
        name: next(one["label"] for one in study["models"] if wanted in one["label"])
        for name, wanted in (
            ("joint", "retrieval × 1, rating × 0.3"),
            ("retrieval", "retrieval × 1, rating × 0)"),
            ("rating", "retrieval × 0, rating × 0.3"),
        )
    }
    rows = []
    for specialist, differences, unit in (
        ("rating", study["ratings"]["differences"], "stars of RMSE"),
        ("retrieval", study["differences"], f"of {study['headline']}"),
    ):
        low, mean, high = _difference(differences, labels["joint"], labels[specialist])
        measured = f"{mean:+.4f} {unit} (95 % CI {low:+.4f} … {high:+.4f})"
        rows.append(Row(f"100K, joint − {specialist} alone, three seeds", measured, "within .01, or better"))
    return rows


def _difference(differences: list[dict[str, Any]], a: str, b: str) -> tuple[float, float, float]:
    for pair in differences:
        interval = pair["difference"]
        bounds = interval["low"], interval["mean"], interval["high"]
        if (pair["a"], pair["b"]) == (a, b):
            return bounds
        if (pair["a"], pair["b"]) == (b, a):
            return -bounds[2], -bounds[1], -bounds[0]
    sys.exit(f"no difference between {a} and {b} among {[(pair['a'], pair['b']) for pair in differences]}")


def _experiments(archives: Archives) -> Row:
    study, seconds = _train(archives, ("None",), "--rating_weight", "0", "1", "--num_epochs", "30")
    figures = "; ".join(
        f"{one['label'].partition('(')[2].rstrip(')')}: {one['rmse']['mean']:.3f} / "
        f"{_top_100(study, one['label']):.3f}"
        for one in study["ratings"]["models"]
        if "×" in one["label"]
    )
    return Row(
        "100K, the tutorial's three experiments, one command, whole process",
        f"{seconds:.0f} s; RMSE / top-100 over all movies: {figures}",
        "≤ 60 s",
        "TFRS tutorial (published): 1.110 / .235 joint, 1.113 / .060, 3.688 / .233",
    )


def _top_100(study: dict[str, Any], label: str) -> float:
    return float(next(one["top_k"]["all"]["100"] for one in study["models"] if one["label"] == label))


def _train(archives: Archives, features: tuple[str, ...], *options: str) -> tuple[dict[str, Any], float]:
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "movierec_cli", "train", "--json", "--quiet"]
        command += ["--archive", str(archives.find("ml-100k.zip")), "--additional_feature_sets", *features]
        command += ["--tasks", "retrieval", "rating", "--retrieval_weight", "0", "1", *options]
        finished = run_process(command, Path(name))
    return json.loads(finished.stdout)["study"], finished.wall_s
