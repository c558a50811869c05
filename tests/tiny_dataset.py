"""A data set small enough to check by eye, and data sets of nothing but ratings."""

from collections.abc import Sequence

import numpy as np

from movierec_cli.data.dataset import Dataset, Movies, Ratings, Users

# (user id, movie id, stars, timestamp)
ROWS = ((1, 10, 5, 100), (1, 11, 3, 300), (2, 10, 1, 100), (2, 12, 4, 200), (1, 13, 5, 200), (3, 12, 2, 900))
TITLES = {10: "Alien (1979)", 11: "Brazil (1985)", 12: "Clue (1985)", 13: "Dune [1] (1984)"}
GENRES = ("Comedy", "Drama", "Sci-Fi")


def tiny_dataset() -> Dataset:
    users, movies = (1, 2, 3), tuple(TITLES)
    columns = list(zip(*ROWS, strict=True))
    return Dataset(
        name="tiny",
        description="a tiny simulated data set",
        fingerprint="f" * 64,
        ratings=Ratings(
            user_index=np.array([users.index(user) for user in columns[0]], np.int32),
            movie_index=np.array([movies.index(movie) for movie in columns[1]], np.int32),
            rating=np.array(columns[2], np.float32),
            timestamp=np.array(columns[3], np.int64),
        ),
        movies=Movies(
            movie_id=np.array(movies, np.int64),
            title=np.array(list(TITLES.values()), object),
            year=np.array([1979, 1985, 1985, 1984], np.int16),
            genres=np.array([[0, 1, 1], [1, 0, 1], [1, 0, 0], [0, 0, 0]], bool),
            genre_names=GENRES,
        ),
        users=Users(user_id=np.array(users, np.int64)),
    )


def dataset_of(
    user: Sequence[int], movie: Sequence[int], seconds: Sequence[int], n_users: int = 0, n_movies: int = 0
) -> Dataset:
    """Ratings by rows of users and movies, four stars each; ids are 100 and 1000 above the rows.

    There are as many users and movies as there are rows of them, or more.
    """
    n_users, n_movies = max(n_users, max(user) + 1), max(n_movies, max(movie) + 1)
    return Dataset(
        name="planted",
        description="planted",
        fingerprint="f" * 64,
        ratings=Ratings(
            user_index=np.array(user, np.int32),
            movie_index=np.array(movie, np.int32),
            rating=np.full(len(user), 4, np.float32),
            timestamp=np.array(seconds, np.int64),
        ),
        movies=Movies(
            movie_id=np.arange(n_movies) + 1000,
            title=np.array([f"Film {m} ({1950 + m % 60})" for m in range(n_movies)], object),
            year=np.full(n_movies, 1950, np.int16),
            genres=np.ones((n_movies, 1), bool),
            genre_names=("Drama",),
        ),
        users=Users(user_id=np.arange(n_users) + 100),
    )
