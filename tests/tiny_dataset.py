"""A data set small enough to check by eye."""

import numpy as np

from movierec_cli.data.dataset import Dataset, Movies, Ratings, Users

# (user id, movie id, stars, timestamp)
ROWS = (
    (1, 10, 5, 100),
    (1, 11, 3, 300),
    (2, 10, 1, 100),
    (2, 12, 4, 200),
    (1, 13, 5, 200),
    (3, 12, 2, 900),
)
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
