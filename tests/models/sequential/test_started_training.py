"""Models of sequences that go on from saved ones, on the same ring of movies and on one that has grown."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.config import Family
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.models.sequential.sequence_training import fit_run
from movierec_cli.models.trained import Fitted, Fitting
from movierec_cli.registry.store import Run
from tests.models.heard import Heard
from tests.models.sequential.rings import Trained
from tests.models.sequential.test_sequence_states import FAMILIES, saved

N_NEW = 3


def fitted(
    ring: Trained, dataset: Dataset, folder: Path, parent: Run | None, **training: Any
) -> tuple[Fitted, Heard]:
    """After one epoch."""
    assert ring.config.training is not None
    once = replace(ring.config.training, num_epochs=1, validation_freq=1, **training)
    config = replace(ring.config, training=once, parent=parent.record.name if parent else "")
    heard, split = Heard(), split_ratings(dataset.ratings, config.split)
    return fit_run(Fitting(dataset, split, config, heard, folder, parent=parent)), heard


def with_new_rows(dataset: Dataset) -> Dataset:
    """New movies and users stand first; the new users rate all new movies, the others what they rated."""
    ratings, movies, users = dataset.ratings, dataset.movies, dataset.users
    new_user, new_movie = np.divmod(np.arange(N_NEW * N_NEW), N_NEW)
    columns = {
        "user_index": np.append(new_user, ratings.user_index + N_NEW).astype(np.int32),
        "movie_index": np.append(new_movie, ratings.movie_index + N_NEW).astype(np.int32),
        "rating": np.append(np.full(len(new_user), 5), ratings.rating).astype(np.float32),
        "timestamp": np.append(10**9 + new_movie, ratings.timestamp),
    }
    first = slice(N_NEW)
    return replace(
        dataset,
        ratings=replace(ratings, **columns),
        movies=replace(
            movies,
            movie_id=np.append(1000 + np.arange(N_NEW), movies.movie_id),
            title=np.append([f"New {row}" for row in range(N_NEW)], movies.title).astype(object),
            year=np.append(movies.year[first], movies.year),
            genres=np.concatenate([movies.genres[first], movies.genres]),
        ),
        users=replace(users, user_id=np.append(1000 + np.arange(N_NEW), users.user_id)),
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_changes_before_the_first_step(family: Family, trained_ring: Any, tmp_path: Path) -> None:
    ring: Trained = trained_ring(family)
    parent = saved(ring, tmp_path / "saved")
    still, _ = fitted(ring, ring.dataset, tmp_path / "still", parent, learning_rate=1e-12)
    own, same = parent.artifacts, still.parts.artifacts
    assert same is not None
    np.testing.assert_allclose(
        same.user_embeddings @ same.movie_embeddings.T,
        own.user_embeddings @ own.movie_embeddings.T,
        rtol=1e-5,
        atol=1e-5,
    )


def test_what_is_known_is_an_advantage_after_one_epoch_though_there_are_new_rows(
    trained_ring: Any, tmp_path: Path
) -> None:
    ring: Trained = trained_ring(Family.GRU4REC)
    parent, larger = saved(ring, tmp_path / "saved"), with_new_rows(ring.dataset)
    grown, heard = fitted(ring, larger, tmp_path / "grown", parent)
    _, anew = fitted(ring, larger, tmp_path / "anew", None)
    assert heard.losses[0] < 0.7 * anew.losses[0]
    arrays = grown.parts.artifacts
    assert arrays is not None
    assert (len(arrays.user_embeddings), len(arrays.movie_embeddings)) == (
        len(larger.users),
        len(larger.movies),
    )
