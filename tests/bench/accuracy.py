"""Test accuracy of the defaults, random 80/20, beside EASE and popularity on the same split."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from movierec_cli.config import DataConfig, FeatureSet, SplitConfig, TrainerConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.evaluation.metrics import top_k_accuracies
from movierec_cli.evaluation.ranks import rank_positives
from movierec_cli.models.queries import group_interactions, movies_of_users
from movierec_cli.registry.record import RunRecord, TopK
from movierec_cli.trainer import MovieLensTrainer
from tests.bench.rows import Archives, Row

EASE_L2 = (200.0, 400.0, 800.0)  # the best on test is shown: it is the reference's best case

CASES = (
    ("ml-100k.zip", "timestamp movie_title_text", "all ≥ .42, unseen ≥ .62"),
    ("ml-1m.zip", "None", "unseen top-100 ≥ .47"),
    ("ml-1m.zip", "timestamp movie_title_text movie_genres", "unseen ≥ .116 / ≥ .486"),
)


def measure_accuracy(archives: Archives) -> list[Row]:
    """Each case trained with the defaults a newcomer gets."""
    rows = []
    references: dict[str, str] = {}
    for archive, features, bar in CASES:
        data = DataConfig(archive=archives.find(archive))
        if archive not in references:
            references[archive] = _references(load_dataset(data))
        record = _train(data, features)
        what = f"{archive.removesuffix('.zip')}, {features}: test top-10 / top-100"
        figures = f"{_figures(record.test)}; {record.training_s:.0f} s training"
        rows.append(Row(what, figures, bar, references[archive]))
    return rows


def _train(data: DataConfig, features: str) -> RunRecord:
    with tempfile.TemporaryDirectory() as folder:
        sets = (FeatureSet.parse(features.split()),)
        config = TrainerConfig(feature_sets=sets, data=data, saved_models_dir=Path(folder))
        return MovieLensTrainer(config).run()[0].record


def _figures(top_k: TopK) -> str:
    return (
        f"unseen {top_k.unseen[10]:.4f} / {top_k.unseen[100]:.4f}, "
        f"all {top_k.all[10]:.4f} / {top_k.all[100]:.4f}"
    )


def _references(dataset: Dataset) -> str:
    split = split_ratings(dataset.ratings, SplitConfig())
    seen = movies_of_users(dataset, split.fit)
    interactions = np.zeros((len(dataset.users), len(dataset.movies)), np.float32)
    ratings = dataset.ratings
    interactions[ratings.user_index[split.fit], ratings.movie_index[split.fit]] = 1
    test = group_interactions(dataset, split.test, {})

    def judged(scores_of_users: Callable[[np.ndarray], np.ndarray]) -> TopK:
        users = test.queries.user_index
        ranks = rank_positives(lambda rows: scores_of_users(users[rows]), test.positives, users, seen)
        return TopK(unseen=top_k_accuracies(ranks.unseen), all=top_k_accuracies(ranks.all))

    popularity = interactions.sum(axis=0)
    by_popularity = judged(lambda users: np.tile(popularity, (len(users), 1)))
    started = time.perf_counter()
    gram = (interactions.T @ interactions).astype(np.float64)
    ease = []
    for l2 in EASE_L2:
        scores = interactions @ _ease(gram, l2)  # [n_users, n_movies]
        ease.append(judged(scores.__getitem__))
    ease_s = (time.perf_counter() - started) / len(EASE_L2)
    best = max(ease, key=lambda top_k: top_k.unseen[100])
    return f"EASE {_figures(best)} ({ease_s:.0f} s a fit); popularity {_figures(by_popularity)}"


def _ease(gram: np.ndarray, l2: float) -> np.ndarray:
    """Item weights in closed form (Steck 2019, "Embarrassingly shallow autoencoders", equation 8)."""
    inverse = np.linalg.inv(gram + l2 * np.eye(len(gram)))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights.astype(np.float32)
