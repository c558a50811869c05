"""A data set made ready: which ratings count, and their division into train, validation and test."""

from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from movierec_cli.config import PUBLISHED_SPLITS, SplitConfig, SplitKind
from movierec_cli.data.dataset import Dataset, IdIndex, Ratings, take
from movierec_cli.data.given_splits import with_published_split
from movierec_cli.data.split import Split, SplitSummary, split_ratings, summarize_split
from movierec_cli.errors import MovierecError
from movierec_cli.records import dataclass

_Rows = npt.NDArray[np.int64]


def restrict(dataset: Dataset, *, min_rating: float | None, k_core: int) -> Dataset:
    """The data set without ratings that do not count, in the file's order.

    `k_core` looks at what `min_rating` leaves, and takes movies and users without ratings out of the
    catalogue, so that models rank over the movies that are left. `min_rating` alone leaves the catalogue and
    the users as they are. What names the data (fingerprint, description, warnings) stays that of the file.

    Args:
        dataset: left as it is, and returned itself where there is nothing to do.
        min_rating: on the data's scale; ratings below are dropped. None: no rating is.
        k_core: ratings that each user and each movie must have among those kept; 0 for any number.

    Raises:
        MovierecError: no rating is left, or there are none that could be low.
    """
    if min_rating is not None and dataset.ratings.scale is None:
        raise MovierecError(
            f"--min_rating {min_rating:g} needs ratings, and the data have none: every row is a positive;"
            " leave it out"
        )
    if min_rating is None and k_core <= 0:
        return dataset
    rows = _with_stars(dataset.ratings, min_rating)
    if k_core <= 0:
        return replace(dataset, ratings=take(dataset.ratings, rows))
    return _compact(dataset, _core(dataset.ratings, rows, min_rating, k_core))


def _with_stars(ratings: Ratings, min_rating: float | None) -> _Rows:
    if min_rating is None:
        return np.arange(len(ratings))
    rows = np.flatnonzero(ratings.rating >= min_rating)
    if len(rows) == 0:
        highest = f"; the highest is {ratings.rating.max():g}" if len(ratings) else ""
        raise MovierecError(
            f"--min_rating {min_rating:g} leaves none of {len(ratings):,} ratings{highest}; lower it"
        )
    return rows


def _core(ratings: Ratings, rows: _Rows, min_rating: float | None, k_core: int) -> _Rows:
    """Those of `rows` that are left once no user and no movie has fewer than `k_core` of them."""
    n_before = len(rows)
    while True:
        enough = _often(ratings.user_index[rows], k_core) & _often(ratings.movie_index[rows], k_core)
        if enough.all():
            break
        rows = rows[enough]
    if len(rows) == 0:
        asked = "" if min_rating is None else f" with --min_rating {min_rating:g}"
        lower = "--k_core" if min_rating is None else "--k_core or --min_rating"
        none_left = f"--k_core {k_core:,} leaves none of the {n_before:,} ratings{asked}"
        raise MovierecError(f"{none_left}; lower {lower}")
    return rows


def _often(index: npt.NDArray[np.int32], at_least: int) -> npt.NDArray[np.bool_]:
    """Whether each entry's value occurs so often: [n], as `index`."""
    return (np.bincount(index) >= at_least)[index]


def _compact(dataset: Dataset, rows: _Rows) -> Dataset:
    ratings = take(dataset.ratings, rows)
    users = np.flatnonzero(np.bincount(ratings.user_index))
    movies = np.flatnonzero(np.bincount(ratings.movie_index))
    return replace(
        dataset,
        ratings=replace(
            ratings,
            user_index=IdIndex(users).rows(ratings.user_index),
            movie_index=IdIndex(movies).rows(ratings.movie_index),
        ),
        movies=take(dataset.movies, movies),
        users=take(dataset.users, users),
    )


@dataclass(frozen=True)
class SplitData:
    """A data set and its split."""

    source: Dataset  # the whole data set
    dataset: Dataset  # what min_rating and k_core leave of it: models are trained and evaluated on this
    config: SplitConfig
    split: Split

    @cached_property
    def summary(self) -> SplitSummary:
        """What the split did."""
        n_left_out = len(self.source.ratings) - len(self.dataset.ratings)
        return summarize_split(self.dataset, self.split, n_left_out)

    @cached_property
    def folds(self) -> tuple[Split, ...]:
        """The split of every fold of a cross-validation; else the split alone."""
        if not self.config.folds:
            return (self.split,)
        configs = (replace(self.config, fold=fold) for fold in range(self.config.folds))
        return tuple(split_ratings(self.dataset.ratings, config) for config in configs)

    def of_fold(self, fold: int) -> "SplitData":
        """The same data with the split of another fold."""
        return replace(self, config=replace(self.config, fold=fold), split=self.folds[fold])


def split_data(source: Dataset, config: SplitConfig) -> SplitData:
    """Leaves out the ratings that do not count, and divides the others.

    Raises:
        MovierecError: no rating is left, they cannot be split so, or the data have no such split.
    """
    if config.kind.needs_times and not source.ratings.has_times:
        raise MovierecError(
            f"--split {config.kind} needs times, and the data have none ({source.ratings.why_no_times}); use"
            f" --split {SplitKind.RANDOM}"
        )
    if config.kind in PUBLISHED_SPLITS:
        source = with_published_split(source, config.kind)
    dataset = restrict(source, min_rating=config.min_rating, k_core=config.k_core)
    return SplitData(source, dataset, config, split_ratings(dataset.ratings, config))
