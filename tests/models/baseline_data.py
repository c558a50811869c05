"""Small data sets with planted tastes, for baselines to find."""

import numpy as np

from movierec_cli.config import SplitConfig
from movierec_cli.data.dataset import Dataset, Movies, Ratings, Users
from movierec_cli.data.split import Split, split_ratings

DAY_S = 24 * 60 * 60


def dataset_of(
    user: np.ndarray, movie: np.ndarray, time_s: np.ndarray, n_users: int, n_movies: int
) -> Dataset:
    return Dataset(
        name="planted",
        description="a simulated data set",
        fingerprint="0" * 64,
        ratings=Ratings(
            user_index=user.astype(np.int32),
            movie_index=movie.astype(np.int32),
            rating=np.full(len(user), 5, np.float32),
            timestamp=time_s.astype(np.int64),
        ),
        movies=Movies(
            movie_id=np.arange(n_movies, dtype=np.int64),
            title=np.array([f"Movie {row}" for row in range(n_movies)], object),
            year=np.zeros(n_movies, np.int16),
            genres=np.zeros((n_movies, 0), bool),
            genre_names=(),
        ),
        users=Users(user_id=np.arange(n_users, dtype=np.int64)),
    )


def two_tastes(n_users: int = 80, n_movies: int = 240, each: int = 40) -> Dataset:
    """Even users rate even movies, odd users odd ones; the last user and movie have no rating."""
    generator = np.random.default_rng(5)
    own = [np.arange(user % 2, n_movies - 1, 2) for user in range(n_users - 1)]
    movie = np.concatenate([generator.choice(movies, each, replace=False) for movies in own])
    user = np.repeat(np.arange(n_users - 1), each)
    return dataset_of(user, movie, generator.integers(0, 100 * DAY_S, len(user)), n_users, n_movies)


def split_of(dataset: Dataset) -> Split:
    return split_ratings(dataset.ratings, SplitConfig(validation_fraction=0.2))
