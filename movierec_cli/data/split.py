"""Train, validation and test as index arrays into the ratings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.config import SplitConfig
from movierec_cli.data.dataset import Ratings
from movierec_cli.errors import MovierecError


@dataclass(frozen=True)
class Split:
    """Disjoint rows of `Ratings`, each part in the ratings' own order."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]

    @property
    def fit(self) -> npt.NDArray[np.int64]:
        """Train and validation together: what the final model may see once its settings are chosen."""
        return np.sort(np.concatenate([self.train, self.validation]))


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """What a split did. Times are seconds since 1970-01-01 UTC, first and last rating of each part."""

    n_train: int
    n_validation: int
    n_test: int
    train_times: tuple[int, int]
    validation_times: tuple[int, int]
    test_times: tuple[int, int]
    n_test_users: int
    n_cold_users: int  # with test ratings but none in train or validation
    n_cold_user_ratings: int  # test ratings of theirs
    n_cold_movies: int  # with test ratings but none in train or validation
    n_cold_movie_ratings: int
    n_left_out: int  # ratings that --min_rating or --k_core took away


def split_ratings(ratings: Ratings, config: SplitConfig) -> Split:
    """Draws test from all ratings, then validation from the rest, with one seeded permutation.

    Raises:
        MovierecError: a part would be empty.
    """
    n = len(ratings)
    order = np.random.default_rng(config.seed).permutation(n)
    n_test = round(n * config.test_fraction)
    n_validation = round((n - n_test) * config.validation_fraction)
    test, validation, train = np.split(order, [n_test, n_test + n_validation])
    for name, part in (("train", train), ("validation", validation), ("test", test)):
        if len(part) == 0:
            raise MovierecError(f"{n} ratings are too few: the {name} part of the split would be empty")
    return Split(np.sort(train), np.sort(validation), np.sort(test))
