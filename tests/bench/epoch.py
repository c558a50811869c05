"""One epoch of 1M against the TFRS tutorial's way, and ranking its test ratings against `FactorizedTopK`."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from movierec_cli.config import (
    DEFAULT_TOP_K,
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
from movierec_cli.data.ragged import RaggedRows, movies_of_users
from movierec_cli.data.split import Split, split_ratings
from movierec_cli.evaluation.metrics import top_k_accuracy
from movierec_cli.evaluation.ranks import Ranks, RanksByMode, rank_positives
from movierec_cli.models.feature_encodings import fit_features
from movierec_cli.models.two_tower.query_batches import GroupedInteractions, group_interactions
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


RANKINGS = 5
WIDTH = 32
GRID = 256  # embeddings are whole numbers up to it: their products are exact, so both rank the same scores
TFRS_BATCH = 4096
TFRS_ROWS = 5 * TFRS_BATCH  # its time is in proportion to the rows, so a part is measured
TFRS_CANDIDATES = 128  # movies at a time, as in the tutorials

CASES = ((FeatureSet(), "≤ 1.0 s, ≥ 40 ×"), (FeatureSet((FEATURES["timestamp"],)), "≤ 3 s, ≥ 40 ×"))


@dataclass(frozen=True)
class _Case:
    """Untrained embeddings: the shapes decide the time."""

    test: GroupedInteractions
    queries: np.ndarray  # [n_queries, WIDTH]
    movies: np.ndarray  # [n_movies, WIDTH]
    seen: RaggedRows

    def rank(self) -> RanksByMode:
        """From embeddings to every top-k accuracy in both modes."""
        ranks = rank_positives(
            lambda rows: self.queries[rows] @ self.movies.T,
            self.test.positives,
            self.test.queries.user_index,
            self.seen,
        )
        _accuracies(ranks.all)
        _accuracies(ranks.unseen)
        return ranks


def _accuracies(ranks: Ranks) -> dict[int, float]:
    return {k: top_k_accuracy(ranks, k) for k in DEFAULT_TOP_K}


def measure_ranking(bench: Bench) -> Iterator[Row]:
    """All test ratings of the random split, ids only and with the time."""
    dataset = load_dataset(DataConfig(archive=bench.find("ml-1m.zip")))
    split = split_ratings(dataset.ratings, SplitConfig())
    for feature_set, bar in CASES:
        yield from _measure(_case(dataset, split, feature_set), feature_set, bar)


def _case(dataset: Dataset, split: Split, feature_set: FeatureSet) -> _Case:
    generator = np.random.default_rng(0)
    test = group_interactions(dataset, split.test, fit_features(dataset, split.fit, feature_set))
    queries, movies = (
        generator.integers(-GRID, GRID + 1, (n, WIDTH)).astype(np.float32)
        for n in (len(test.queries), len(dataset.movies))
    )
    return _Case(test, queries, movies, movies_of_users(dataset, split.fit))


def _measure(case: _Case, feature_set: FeatureSet, bar: str) -> Iterator[Row]:
    ranks = case.rank()
    ours = statistics.median(seconds_of(case.rank, RANKINGS))
    rows = np.flatnonzero(ranks.all.tied == 1)[:TFRS_ROWS]  # TFRS counts every tie as a hit
    batch_s, theirs = _factorized_top_k(case, rows)
    difference = max(abs(accuracy - theirs[k]) for k, accuracy in _accuracies(ranks.all.take(rows)).items())
    whole_s = batch_s * case.test.n_interactions / TFRS_BATCH
    what = (
        f"rank {case.test.n_interactions:,} test ratings of 1M, {len(case.queries):,} queries "
        f"({feature_set.label}), both modes"
    )
    reference = f"`FactorizedTopK`, mode “all” {whole_s:.0f} s ({batch_s:.1f} s for {TFRS_BATCH:,})"
    yield Row(what, f"{ours:.2f} s", bar, reference, times(whole_s, ours))
    yield Row("… the accuracies of both, where nothing ties", f"differ by {difference:.0e}", "≤ 1e-6")


def _factorized_top_k(case: _Case, rows: np.ndarray) -> tuple[float, dict[int, float]]:
    """Seconds for a batch, the median of them, and the accuracy at each k over all `rows`."""
    from movierec_cli.models.tensorflow_start import start_tensorflow

    start_tensorflow()
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    candidates = tf.data.Dataset.from_tensor_slices(case.movies).batch(TFRS_CANDIDATES)
    metric = tfrs.metrics.FactorizedTopK(candidates=candidates, ks=DEFAULT_TOP_K)

    @tf.function
    def update(queries: tf.Tensor, movies: tf.Tensor) -> None:
        metric.update_state(queries, movies)

    query_of = np.repeat(np.arange(len(case.queries)), case.test.positives.lengths)[rows]
    movie_of = case.test.positives.values[rows]
    batches = [
        (tf.constant(case.queries[query_of[part]]), tf.constant(case.movies[movie_of[part]]))
        for part in np.array_split(np.arange(len(rows)), len(rows) // TFRS_BATCH)
    ]
    update(*batches[0])  # traces the graph
    metric.reset_states()
    left = iter(batches)
    seconds = seconds_of(lambda: update(*next(left)), len(batches))
    accuracies = (float(value) for value in metric.result())
    return statistics.median(seconds), dict(zip(DEFAULT_TOP_K, accuracies, strict=True))
