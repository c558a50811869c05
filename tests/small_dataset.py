"""A data set that can be split by default, in any way, and is still quick to judge."""

from dataclasses import replace

import numpy as np

from movierec_cli.data.dataset import Dataset, Movies, Ratings, Users
from tests.tiny_dataset import tiny_dataset

N_USERS, N_MOVIES = 20, 40
FIRST_MOVIE_ID = 100
DAY_S = 86_400


def with_duplicates() -> Dataset:
    """The same, where one movie has the rows 3, 17 and 24, and another the rows 5 and 12."""
    source = small_dataset()
    title = source.movies.title.copy()
    title[[17, 24]], title[12] = title[3], title[5]
    return replace(source, movies=replace(source.movies, title=title))


def with_text_ids(dataset: Dataset) -> Dataset:
    """Users "u1", "u2", … and movies "tt100", "tt101", … instead of numbers."""
    users, movies = (
        np.array([f"{letters}{one}" for one in ids.tolist()], object)
        for letters, ids in (("u", dataset.users.user_id), ("tt", dataset.movies.movie_id))
    )
    return replace(
        dataset,
        users=replace(dataset.users, user_id=users),
        movies=replace(dataset.movies, movie_id=movies),
    )


def small_dataset(name: str = "small") -> Dataset:
    """User u (id u + 1) rates 6 + u different movies of 40, one a day, one to five stars, no two at once.

    Every column that a data set can have is there.
    """
    generator = np.random.default_rng(7)
    counts = 6 + np.arange(N_USERS)
    user = np.repeat(np.arange(N_USERS, dtype=np.int32), counts)
    movie = np.concatenate([generator.permutation(N_MOVIES)[:count] for count in counts])
    day = np.concatenate([np.arange(count) for count in counts])
    movie_id = np.arange(FIRST_MOVIE_ID, FIRST_MOVIE_ID + N_MOVIES, dtype=np.int64)
    years = 1980 + np.arange(N_MOVIES) % 7
    return replace(
        tiny_dataset(),
        name=name,
        description="a small simulated data set",
        fingerprint="5" * 64,
        ratings=Ratings(
            user_index=user,
            movie_index=movie.astype(np.int32),
            rating=(1 + (user + movie) % 5).astype(np.float32),
            timestamp=(1_000_000_000 + day * DAY_S + user).astype(np.int64),
        ),
        movies=Movies(
            movie_id=movie_id,
            title=np.array([f"Film {i} ({year})" for i, year in zip(movie_id, years, strict=True)], object),
            year=years.astype(np.int16),
            genres=np.arange(N_MOVIES)[:, None] % 3 == np.arange(3),
            genre_names=("Comedy", "Drama", "War"),
            length_minutes=(80 + np.arange(N_MOVIES)).astype(np.float32),
        ),
        users=Users(
            user_id=np.arange(1, N_USERS + 1, dtype=np.int64),
            bucketized_age=np.array([18, 25, 35, 45], np.float32)[np.arange(N_USERS) % 4],
            is_male=(np.arange(N_USERS) % 2).astype(np.float32),
            occupation=(np.arange(N_USERS) % 3).astype(np.int32),
            occupation_names=("artist", "doctor", "farmer"),
        ),
    )
