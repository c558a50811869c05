"""One epoch of 1M: ours, and the TFRS tutorial's way, in turn in one process."""

import statistics
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from movierec_cli.config import (
    FEATURES,
    DataConfig,
    Family,
    FeatureSet,
    SplitConfig,
    TowerConfig,
    TrainingConfig,
)
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import Split, split_ratings
from tests.bench.rows import Bench, Row, seconds_of, times

EPOCHS = 7
MODEL = TowerConfig(embedding_size=32, layer_sizes=(64, 32))
LARGEST = FeatureSet(
    (FEATURES["timestamp"], FEATURES["movie_title_text"], FEATURES["movie_genres"], FEATURES["movie_length"])
)


def measure_epoch(bench: Bench) -> Iterator[Row]:
    """All 800,167 training interactions; the first epoch of each, which compiles, is not counted."""
    dataset = load_dataset(DataConfig(archive=bench.find("ml-1m.zip")))
    # Any lengths do: their values do not change the time.
    minutes = np.random.default_rng(0).normal(105, 20, len(dataset.movies)).astype(np.float32)
    dataset = replace(dataset, movies=replace(dataset.movies, length_minutes=minutes))
    split = split_ratings(dataset.ratings, SplitConfig())
    largest, ids = _our_epoch(dataset, split, LARGEST), _our_epoch(dataset, split, FeatureSet())
    tutorial = _tutorial_epoch(dataset, split)
    reference = f"the tutorial's way {tutorial:.1f} s"
    what = f"one 1M epoch, {len(split.fit):,} interactions, {LARGEST.label}, d 32, layers 64 32"
    yield Row(what, f"{largest:.2f} s", "≤ 0.5 s", reference, times(tutorial, largest))
    yield Row("one 1M epoch, ids only", f"{ids:.2f} s", "", reference, times(tutorial, ids))


def _our_epoch(dataset: Dataset, split: Split, feature_set: FeatureSet) -> float:
    from movierec_cli.models.feature_encodings import fit_features
    from movierec_cli.models.two_tower.tower_fitting import Fit
    from movierec_cli.models.two_tower.tower_training import prepare
    from movierec_cli.registry.record import RunConfig

    training = TrainingConfig()
    config = RunConfig(
        family=Family.TWO_TOWER, split=SplitConfig(), feature_set=feature_set, model=MODEL, training=training
    )
    vocabularies = fit_features(dataset, split.fit, feature_set)
    fit = Fit(prepare(dataset, split.fit, config, vocabularies).model, training)
    fit.epoch()
    return statistics.median(seconds_of(fit.epoch, EPOCHS))


def _tutorial_epoch(dataset: Dataset, split: Split) -> float:
    from tests.bench.tutorial_way import TutorialWay

    way = TutorialWay(dataset, split)
    way.epoch(n_batches=20)
    return seconds_of(way.epoch)[0]
