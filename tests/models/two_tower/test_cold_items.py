"""Movies that nobody rated in training: told from their content, in every part of what a run keeps."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from movierec_cli.config import Family, FeatureSet, SplitConfig, SplitKind, TowerConfig, TrainingConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.own_columns import OwnColumn, OwnColumns
from movierec_cli.data.split import split_ratings
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.models.trained import Fitted, Fitting
from movierec_cli.registry.record import RunConfig
from tests.small_dataset import small_dataset


def with_columns(dataset: Dataset) -> Dataset:
    """A column of each table, and a vector; an even id is of mood "even", seen by even users above all."""

    def halves(name: str, n: int) -> OwnColumn:
        return OwnColumn(
            name, "category", np.arange(n, dtype=np.int32) % 2, np.array(["even", "odd"], object)
        )

    n_movies, n_users, ratings = len(dataset.movies), len(dataset.users), dataset.ratings
    vectors = np.random.default_rng(0).normal(size=(n_movies, 3))
    poster = OwnColumn("poster", "vector", np.arange(n_movies, dtype=np.int32), numbers=vectors)
    own: dict[str, OwnColumns] = {
        "movies": (halves("mood", n_movies), poster),
        "users": (halves("country", n_users),),
        "ratings": (halves("device", len(ratings)),),
    }
    tables = {name: replace(getattr(dataset, name), own=columns) for name, columns in own.items()}
    return replace(dataset, **tables)


DATASET = with_columns(small_dataset())
SPLIT = SplitConfig(kind=SplitKind.COLD_ITEMS)
PARTS = split_ratings(DATASET.ratings, SPLIT)
COLD = np.flatnonzero(np.bincount(DATASET.ratings.movie_index[PARTS.fit], minlength=40) == 0)
FEATURES = FeatureSet.parse(["mood", "poster", "country", "device", "movie_genres"])


def fitted(features: FeatureSet, path: Path) -> Fitted:
    start_tensorflow()
    from movierec_cli.models.two_tower.tower_training import fit_run

    config = RunConfig(
        family=Family.TWO_TOWER,
        feature_set=features,
        split=SPLIT,
        model=TowerConfig(embedding_size=4, layer_sizes=(5, 3)),
        training=TrainingConfig(num_epochs=2, refit=False).resolved(SPLIT.kind),
    )
    return fit_run(Fitting(DATASET, PARTS, config, TrainingObserver(), path))


def test_cold_items_are_withheld_with_all_their_ratings() -> None:
    ratings = DATASET.ratings
    tested = set(ratings.movie_index[PARTS.test].tolist())
    assert len(tested) == round(0.2 * len(np.unique(ratings.movie_index)))
    assert not tested & set(ratings.movie_index[PARTS.fit].tolist())
    assert len(PARTS.fit) + len(PARTS.test) == len(ratings)


def test_own_columns_are_trained_and_new_movies_are_scored_by_what_the_towers_see(tmp_path: Path) -> None:
    parts = fitted(FEATURES, tmp_path).parts
    towers, artifacts = parts.towers, parts.artifacts
    assert towers is not None and artifacts is not None
    assert [one.name for one in towers.query.inputs] == ["user_id", "country", "device"]
    assert [one.name for one in towers.movie.inputs] == ["movie_id", "movie_genres", "mood", "poster"]
    rows = np.arange(len(DATASET.movies))
    np.testing.assert_allclose(towers.movie.embed(rows), artifacts.movie_embeddings, atol=1e-5)
    users = np.arange(len(DATASET.users))
    np.testing.assert_allclose(towers.query.embed(users, towers.codes), artifacts.user_embeddings, atol=1e-5)
    ids = towers.movie.inputs[0].table
    content = np.concatenate([one.table for one in towers.movie.inputs[1:]], axis=1)
    warm = np.setdiff1d(rows, COLD)
    assert ids[COLD].std(axis=0).max() < ids[warm].std(axis=0).max()  # not what they began with, but expected
    np.testing.assert_allclose(ids[COLD], ridge(content[warm], ids[warm], content[COLD]), atol=1e-4)


def test_without_content_the_mean_is_expected(tmp_path: Path) -> None:
    towers = fitted(FeatureSet(), tmp_path).parts.towers
    assert towers is not None
    (ids,) = (one.table for one in towers.movie.inputs)
    mean = np.delete(ids, COLD, axis=0).mean(axis=0)
    np.testing.assert_allclose(ids[COLD], np.tile(mean, (len(COLD), 1)), atol=1e-6)


def ridge(content: np.ndarray, known: np.ndarray, others: np.ndarray) -> np.ndarray:
    """By the normal equations, leaving out one row after the other to choose the penalty."""
    from movierec_cli.models.two_tower.cold_items import RIDGES

    def solved(rows: np.ndarray, penalty: float, asked: np.ndarray) -> np.ndarray:
        mean, offset = content[rows].mean(axis=0), known[rows].mean(axis=0)
        centred = (content[rows] - mean).astype(np.float64)
        unit = (content - content.mean(axis=0)).var(axis=0).sum() * len(content) / content.shape[1]
        gram = centred.T @ centred + penalty * unit * np.eye(content.shape[1])
        return offset + (asked - mean) @ np.linalg.solve(gram, centred.T @ (known[rows] - offset))

    everything = np.arange(len(content))
    errors = [
        sum(
            ((solved(np.delete(everything, row), penalty, content[[row]]) - known[row]) ** 2).sum()
            for row in everything
        )
        for penalty in RIDGES
    ]
    return solved(everything, RIDGES[int(np.argmin(errors))], others)
