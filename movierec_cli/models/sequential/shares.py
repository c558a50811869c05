"""What each process of a training has: all movies, its own users, and their ratings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Feature
from movierec_cli.data.dataset import Dataset, take
from movierec_cli.data.split import Split
from movierec_cli.models.feature_encodings import Vocabulary
from movierec_cli.models.sequential.checkpoint import Weights
from movierec_cli.records import dataclass
from movierec_cli.registry.record import RunConfig

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Share:
    """The part of one process in a training; of a process alone, all of it."""

    dataset: Dataset  # with its own users and their ratings alone
    split: Split  # rows of these ratings
    users: Rows  # [n_users], where its users stand among all, ascending
    ratings: Rows  # [n_ratings], where its ratings stand among all, ascending
    config: RunConfig
    vocabularies: dict[Feature, Vocabulary]  # fitted to all training ratings
    checkpoint: Path  # the folder from which an interrupted training can be resumed
    start: Weights | None = None  # of another model that is trained on
    epochs_on_all: int = 0  # for how many epochs a judged one is, with all ratings; 0: it is no judged one

    def of_process(self, rank: int, size: int) -> Share:
        """Every `size`-th user, the first of them at `rank`, of a share that is all."""
        if size == 1:
            return self
        whole, users = self.dataset, np.arange(rank, len(self.users), size)
        ratings = np.flatnonzero(whole.ratings.user_index % size == rank)
        own = take(whole.ratings, ratings)
        own = replace(own, user_index=(own.user_index // size).astype(np.int32))
        return replace(
            self,
            dataset=replace(whole, ratings=own, users=take(whole.users, users)),
            split=replace(
                self.split,
                train=_places(self.split.train, ratings),
                validation=_places(self.split.validation, ratings),
                test=_places(self.split.test, ratings),
            ),
            users=users,
            ratings=ratings,
        )

    def require_own(self, rank: int, size: int) -> None:
        """Asserts that nothing is here of users of other processes."""
        user_index = self.dataset.ratings.user_index
        assert (self.users % size == rank).all(), "a user of another process is here"
        assert len(user_index) == len(self.ratings) and user_index.max(initial=-1) < len(self.users)


def _places(rows: Rows, among: Rows) -> Rows:
    """Where those of some rows that are among others, both ascending, stand there."""
    return np.flatnonzero(np.isin(among, rows, assume_unique=True))
