"""One epoch of 1M: ours, and the TFRS tutorial's way, in turn in one process."""

import statistics
import time

import numpy as np

from movierec_cli.config import (
    FEATURES,
    DataConfig,
    FeatureSet,
    SplitConfig,
    TowerConfig,
    TrainingConfig,
)
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import Split, split_ratings
from tests.bench.rows import Archives, Row

EPOCHS = 7
MODEL = TowerConfig(embedding_size=32, layer_sizes=(64, 32))
LARGEST = FeatureSet(
    (FEATURES["timestamp"], FEATURES["movie_title_text"], FEATURES["movie_genres"], FEATURES["movie_length"])
)


def measure_epoch(archives: Archives) -> list[Row]:
    """All 800,167 training interactions; the first epoch of each, which compiles, is not counted."""
    dataset = _with_some_lengths(load_dataset(DataConfig(archive=archives.find("ml-1m.zip"))))
    split = split_ratings(dataset.ratings, SplitConfig())
    largest, ids = _our_epoch(dataset, split, LARGEST), _our_epoch(dataset, split, FeatureSet())
    tutorial = _tutorial_epoch(dataset, split)
    reference = f"the tutorial's way {tutorial:.1f} s"
    return [
        Row(
            f"one 1M epoch, {len(split.fit):,} interactions, {LARGEST.label}, d 32, layers 64 32",
            f"{largest:.2f} s",
            "≤ 0.5 s",
            reference,
            f"{tutorial / largest:.0f} ×",
        ),
        Row("one 1M epoch, ids only", f"{ids:.2f} s", "", reference, f"{tutorial / ids:.0f} ×"),
    ]


def _with_some_lengths(dataset: Dataset) -> Dataset:
    """Any lengths do: their values do not change the time."""
    from dataclasses import replace

    minutes = np.random.default_rng(0).normal(105, 20, len(dataset.movies)).astype(np.float32)
    return replace(dataset, movies=replace(dataset.movies, length_minutes=minutes))


def _our_epoch(dataset: Dataset, split: Split, feature_set: FeatureSet) -> float:
    from movierec_cli.models.feature_encodings import fit_features
    from movierec_cli.models.two_tower.tower_fitting import Fit
    from movierec_cli.models.two_tower.tower_training import prepare
    from movierec_cli.registry.record import RunConfig

    config = RunConfig(
        family="two-tower",
        feature_set=feature_set,
        split=SplitConfig(),
        model=MODEL,
        training=TrainingConfig(),
    )
    vocabularies = fit_features(dataset, split.fit, feature_set)
    fit = Fit(prepare(dataset, split.fit, config, vocabularies).model, config.training)
    fit.epoch()
    return statistics.median(_timed(fit.epoch) for _ in range(EPOCHS))


def _timed(epoch: object) -> float:
    started = time.perf_counter()
    epoch()  # type: ignore[operator]
    return time.perf_counter() - started


def _tutorial_epoch(dataset: Dataset, split: Split) -> float:
    from tests.bench.tutorial_way import TutorialWay

    way = TutorialWay(dataset, split)
    way.epoch(n_batches=20)
    return _timed(way.epoch)
