"""A saved model of simulated data of any size, whose embeddings are random."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from movierec_cli.data.dataset import Dataset, Movies, Ratings, Users
from movierec_cli.registry.record import DataIdentity, run_name
from movierec_cli.registry.store import Run
from tests.saved_runs import run_artifacts, run_record, save_run

N_MOVIES = 5_000
RATINGS_OF_USER = 60
DIM = 64


def simulated_run(directory: Path, n_users: int) -> Run:
    """Saves it. Every user has rated some movies, popular ones more often."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(n_users, dtype=np.int32), RATINGS_OF_USER)
    movie = (N_MOVIES * rng.random(len(user)) ** 2).astype(np.int32)
    _, once = np.unique(user.astype(np.int64) * N_MOVIES + movie, return_index=True)
    ratings = Ratings(
        user_index=user[once],
        movie_index=movie[once],
        rating=rng.integers(1, 6, len(once)).astype(np.float32),
        timestamp=rng.integers(9e8, 1e9, len(once)),
    )
    artifacts = run_artifacts(n_users=n_users, n_movies=N_MOVIES, dim=DIM)
    movies = Movies(
        movie_id=artifacts.movie_ids,
        title=np.array([f"Movie {one} (2001)" for one in artifacts.movie_ids], np.object_),
        year=np.full(N_MOVIES, 2001, np.int16),
        genres=np.ones((N_MOVIES, 1), bool),
        genre_names=("Drama",),
    )
    source = Dataset(
        name="sample",
        description="simulated",
        fingerprint="0" * 64,
        ratings=ratings,
        movies=movies,
        users=Users(artifacts.user_ids),
    )
    record = run_record()
    data = DataIdentity.of(source)
    named = replace(record, data=data, name=run_name(record.config, data))
    return save_run(directory, named, artifacts, source)
