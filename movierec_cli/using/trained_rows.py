"""Where the users and movies of a data set stand in a run that was trained on it, or on a part of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.id_index import UNKNOWN_ROW, IdIndex
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.registry.store import Run


@dataclass(frozen=True)
class TrainedRows:
    """Rows of a run's arrays, by rows of its data set; `UNKNOWN_ROW` for what the training left out."""

    dataset: Dataset
    run: Run
    users: npt.NDArray[np.int32]  # [n_users]
    movies: npt.NDArray[np.int32]  # [n_movies]

    def user(self, user_index: int) -> int:
        """The run's row of a user. Raises a `MovierecError` where the training left them out."""
        row = int(self.users[user_index])
        if row == UNKNOWN_ROW:
            raise self._left_out(f"user {self.dataset.users.user_id[user_index]}")
        return row

    def movie(self, movie_index: int) -> int:
        """The run's row of a movie. Raises a `MovierecError` where the training left it out."""
        row = int(self.movies[movie_index])
        if row == UNKNOWN_ROW:
            movies = self.dataset.movies
            raise self._left_out(f"movie {movies.movie_id[movie_index]}, '{movies.title[movie_index]}',")
        return row

    def _left_out(self, what: str) -> MovierecError:
        record = self.run.record
        return MovierecError(
            f"{what} was left out when {record.name} was trained; its --k_core was"
            f" {record.config.split.k_core}"
        )


def trained_rows(dataset: Dataset, run: Run) -> TrainedRows:
    """Finds a run's rows.

    Raises:
        SavedModelError: the run was trained on other data, or is damaged.
    """
    users = _rows(dataset, run, run.artifacts.user_ids, dataset.users.user_id)
    movies = _rows(dataset, run, run.artifacts.movie_ids, dataset.movies.movie_id)
    return TrainedRows(dataset, run, users, movies)


def _rows(
    dataset: Dataset, run: Run, trained: npt.NDArray[np.int64], current: npt.NDArray[np.int64]
) -> npt.NDArray[np.int32]:
    left_some_out = run.record.config.split.k_core > 0
    if not (np.isin(trained, current).all() if left_some_out else np.array_equal(trained, current)):
        raise SavedModelError(f"{run.folder} was trained on other data than '{dataset.name}' is now")
    return IdIndex(trained).rows(current)
