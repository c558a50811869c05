"""Do own columns do what they should? Items withheld with all their ratings, and planted columns."""

import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import (
    DataConfig,
    Family,
    FeatureSet,
    SplitConfig,
    SplitKind,
    TrainerConfig,
)
from movierec_cli.data.dataset import Dataset, take
from movierec_cli.data.load import load_dataset
from movierec_cli.data.own_columns import OwnColumn
from movierec_cli.data.sample import simulate_sample
from movierec_cli.data.split_data import SplitData
from movierec_cli.evaluation.ablation import FeatureGain
from movierec_cli.experiment.comparison import compare_runs
from movierec_cli.experiment.selection import on_own_test
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.models.two_tower.cold_items import expected
from movierec_cli.registry.store import Run
from tests.bench.rows import Bench, Row

N_WITHHELD, K = 300, 10
CONTENT = FeatureSet.parse(["movie_title_text", "movie_genres", "movie_year"])
N_RESAMPLES = 1_000

_Floats = npt.NDArray[np.float64]


# --- items that nobody rated --------------------------------------------------------------------------


def measure_cold_items(bench: Bench) -> Iterator[Row]:
    """Recall among 300 withheld items of 1M, beside chance and what their genres and years let expect."""
    with tempfile.TemporaryDirectory() as folder:
        source = load_dataset(DataConfig(archive=bench.find("ml-1m.zip"), datasets_dir=Path(folder)))
        n_rated = len(np.unique(source.ratings.movie_index))
        split = SplitConfig(kind=SplitKind.COLD_ITEMS, test_fraction=N_WITHHELD / n_rated)
        config = TrainerConfig(
            feature_sets=(CONTENT,), split=split, baselines=(), saved_models_dir=Path(folder)
        )
        trainer = RunTrainer(config, source=source)
        (run,) = trainer.run()
        yield from _of_withheld(trainer.data, run)


def _of_withheld(data: SplitData, run: Run) -> Iterator[Row]:
    ratings, test = data.dataset.ratings, data.split.test
    withheld, place = np.unique(ratings.movie_index[test], return_inverse=True)
    users, row = np.unique(ratings.user_index[test], return_inverse=True)
    liked = np.zeros((len(users), len(withheld)), np.bool_)
    liked[row, place] = True
    embeddings = run.artifacts.user_embeddings[users], run.artifacts.movie_embeddings[withheld]
    own = recalls(embeddings[0].astype(np.float64) @ embeddings[1].T, liked)
    popular = recalls(np.tile(content_popularity(data)[withheld], (len(users), 1)), liked)
    chance = np.full(len(users), K / len(withheld)) * liked.sum(axis=1) / np.minimum(liked.sum(axis=1), K)
    what = f"1M, {len(withheld)} items withheld, {CONTENT.label}: recall@{K} among them"
    yield Row(what, interval(own), "")
    for name, other in (("chance", chance), ("popularity by genre and year", popular)):
        yield Row(f"{what}, less {name}", interval(own - other), "above 0", f"{name} {other.mean():.4f}")


def recalls(scores: _Floats, liked: npt.NDArray[np.bool_]) -> _Floats:
    """Of each user: how many of the K best items they like, over the most that could be: [n_users]."""
    best = np.argpartition(-scores, K, axis=1)[:, :K]
    hits = np.take_along_axis(liked, best, axis=1).sum(axis=1)
    return hits / np.minimum(liked.sum(axis=1), K)


def content_popularity(data: SplitData) -> _Floats:
    """How many training ratings an item's genres and year let expect, by ridge regression: [n_movies]."""
    movies = data.dataset.movies
    counts = np.bincount(data.dataset.ratings.movie_index[data.split.fit], minlength=len(movies))
    content = np.hstack([movies.genres, movies.year[:, None] == np.unique(movies.year)]).astype(np.float64)
    is_rated = counts > 0
    return expected(content[is_rated], counts[is_rated, None].astype(np.float64), content)[:, 0]


def interval(values: _Floats) -> str:
    """The mean over users with its 95 % interval by the bootstrap."""
    generator = np.random.default_rng(0)
    means = [values[generator.integers(len(values), size=len(values))].mean() for _ in range(N_RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{values.mean():+.4f} ({low:+.4f} … {high:+.4f})"


# --- planted columns ----------------------------------------------------------------------------------

N_TRIALS = 20
N_SEEDS = 3
N_SEEDS_OF_TASTE = 5  # with a quarter of the ratings, trainings differ more
N_MOODS = 6
KEPT = 0.1  # of the ratings of movies that are not in the user's mood
SHARE = 0.25  # of the sample's ratings: with more of each movie, its id tells all that a column could
LEVEL = 0.05


def measure_planted(bench: Bench) -> Iterator[Row]:
    """On the sample: columns that decide who watches what, and columns of noise."""
    taste = [
        _told(trial, gain(with_taste(trial), "mood", trial, N_SEEDS_OF_TASTE)) for trial in range(N_TRIALS)
    ]
    n_helping = _n_helping(taste)
    yield Row(
        f"sample, {N_TRIALS} columns that decide taste, {N_SEEDS_OF_TASTE} seeds each: how many help",
        f"{n_helping} of {N_TRIALS}; on average {_mean(taste):+.4f}",
        f"{N_TRIALS}",
        f"the first {taste[0].difference.mean:+.4f}, p {taste[0].p_holm:.2g}",
    )
    noise = [_told(trial, gain(with_noise(trial), "noise", trial)) for trial in range(N_TRIALS)]
    n_significant, n_helping = sum(one.p_holm < LEVEL for one in noise), _n_helping(noise)
    yield Row(
        f"sample, {N_TRIALS} columns of noise, {N_SEEDS} seeds each: how many are significant",
        f"{n_significant} of {N_TRIALS}, of which {n_helping} would help; on average {_mean(noise):+.4f}",
        "3 or fewer: more have a probability below 2 % at the nominal rate",
        f"nominal: {LEVEL * N_TRIALS:g} of {N_TRIALS}",
    )


def _told(trial: int, found: FeatureGain) -> FeatureGain:
    print(f"{trial}: {found.difference.mean:+.4f}, p {found.p_holm:.3f}", file=sys.stderr, flush=True)
    return found


def _n_helping(found: Iterable[FeatureGain]) -> int:
    return sum(one.p_holm < LEVEL and one.difference.low > 0 for one in found)


def _mean(found: Iterable[FeatureGain]) -> float:
    return float(np.mean([one.difference.mean for one in found]))


def with_taste(seed: int) -> Dataset:
    """A part of the sample where each movie has a mood, and users seldom watch what is not in theirs."""
    dataset, generator = part_of_sample(seed), np.random.default_rng(seed)
    moods = generator.integers(N_MOODS, size=len(dataset.movies))
    liked = generator.integers(N_MOODS, size=len(dataset.users))
    ratings = dataset.ratings
    is_liked = moods[ratings.movie_index] == liked[ratings.user_index]
    kept = np.flatnonzero(is_liked | (generator.random(len(ratings)) < KEPT))
    return with_column(replace(dataset, ratings=take(ratings, kept)), "mood", moods)


def with_noise(seed: int) -> Dataset:
    """The sample with a column that has nothing to do with it."""
    dataset = simulate_sample()
    noise = np.random.default_rng(seed).integers(N_MOODS, size=len(dataset.movies))
    return with_column(dataset, "noise", noise)


def part_of_sample(seed: int) -> Dataset:
    """The sample with some of its ratings."""
    dataset = simulate_sample()
    kept = np.flatnonzero(np.random.default_rng(seed).random(len(dataset.ratings)) < SHARE)
    return replace(dataset, ratings=take(dataset.ratings, kept))


def with_column(dataset: Dataset, name: str, codes: npt.NDArray[np.int64]) -> Dataset:
    """The data set with a category of movies."""
    texts = np.array([f"value {code}" for code in range(codes.max() + 1)], np.object_)
    column = OwnColumn(name, "category", codes.astype(np.int32), texts)
    return replace(dataset, movies=replace(dataset.movies, own=(column,)))


def gain(dataset: Dataset, feature: str, trial: int, n_seeds: int = N_SEEDS) -> FeatureGain:
    """What a feature adds to the ids alone, over some seeds of the training."""
    with tempfile.TemporaryDirectory() as folder:
        config = TrainerConfig(
            feature_sets=(FeatureSet(), FeatureSet.parse([feature])),
            baselines=(),
            training=replace(Family.TWO_TOWER.spec.training, seed=1 + n_seeds * trial),
            n_seeds=n_seeds,
            saved_models_dir=Path(folder),
        )
        trainer = RunTrainer(config, source=dataset)
        study = compare_runs(trainer.data, on_own_test(trainer.run())[0])
    (found,) = study.ablation
    return found
