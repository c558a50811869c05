"""Small data sets with planted tastes, for baselines to find, and what each baseline makes of them."""

import functools
from dataclasses import replace

import numpy as np

from movierec_cli.config import Family, SplitConfig
from movierec_cli.data.dataset import Dataset, Movies, Ratings, Users
from movierec_cli.data.split import Split, split_ratings
from movierec_cli.models.baselines.fit_baseline import FittedBaseline, fit_baseline, fit_rating_baseline

DAY_S = 24 * 60 * 60
N_RATERS, N_RATED = 150, 90


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


def planted_ratings() -> Dataset:
    """Mean + biases + two tastes + a little chance, on a scale of 1 … 5.

    The last user and the last movie have one rating each, which goes to the test set.
    """
    generator = np.random.default_rng(3)
    pairs = generator.choice((N_RATERS - 1) * (N_RATED - 1), 5400, replace=False)
    user = np.append(pairs // (N_RATED - 1), [N_RATERS - 1, 0])
    movie = np.append(pairs % (N_RATED - 1), [0, N_RATED - 1])
    of_user, of_movie = generator.normal(0, 0.4, N_RATERS), generator.normal(0, 0.5, N_RATED)
    tastes, traits = generator.normal(0, 0.75, (N_RATERS, 2)), generator.normal(0, 0.75, (N_RATED, 2))
    stars = 3.3 + of_user[user] + of_movie[movie] + (tastes[user] * traits[movie]).sum(axis=1)
    stars = np.clip(stars + generator.normal(0, 0.2, len(user)), 1, 5).astype(np.float32)
    dataset = dataset_of(user, movie, np.arange(len(user)), N_RATERS, N_RATED)
    return replace(dataset, ratings=replace(dataset.ratings, rating=stars))


@functools.cache
def planted(*, rates: bool) -> tuple[Dataset, Split]:
    """The data of the baselines that predict ratings, and of those that rank."""
    if not rates:
        return two_tastes(), split_of(two_tastes())
    dataset = planted_ratings()
    order = np.random.default_rng(8).permutation(len(dataset.ratings) - 2)
    last = np.arange(len(dataset.ratings) - 2, len(dataset.ratings))
    test, validation, train = np.split(order, [1000, 1400])
    return dataset, Split(np.sort(train), np.sort(validation), np.sort(np.append(test, last)))


def fit_to(family: Family, dataset: Dataset, split: Split) -> FittedBaseline:
    return (fit_rating_baseline if family.rates else fit_baseline)(family, dataset, split)


@functools.cache
def fitted_of(family: Family) -> FittedBaseline:
    """Each family's baseline, fitted once for all tests that do not change the data."""
    return fit_to(family, *planted(rates=family.rates))
