"""Train, validation and test as index arrays into the ratings."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from movierec_cli.config import GIVEN_SPLITS, SplitConfig, SplitKind
from movierec_cli.data.dataset import TEST, TRAIN, VALIDATION, Dataset, Ratings
from movierec_cli.data.ragged import ordered_by_user
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.records import dataclass
from movierec_cli.text import counted

_Rows = npt.NDArray[np.int64]

LEAVE_LAST_FROM = 3
"""Ratings a user must have for leave-last to take two: one stays to learn from."""

WINDOWS_FROM = 3
"""Ratings a user must have for windows to take any, as in the sequential tutorials."""


@dataclass(frozen=True)
class Split:
    """Disjoint rows of `Ratings`, each part in the ratings' own order."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]
    is_successive: bool = False  # see `config.TargetKind`

    @cached_property
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

    def sentence(self, split: SplitConfig, noun: str = "movie", row: str = "rating") -> str:
        """One line for people. Dates are UTC; one range for all parts where the kind mixes them in time.

        Where all have one time, no date is told. The noun is what an item is called, the row
        what a rating is.
        """
        times = (self.train_times, self.validation_times, self.test_times)
        first, last = min(part[0] for part in times), max(part[1] for part in times)
        apart = split.kind in (SplitKind.TEMPORAL, SplitKind.GIVEN)
        dates = [f" ({_date_range(*part)})" if apart and first < last else "" for part in times]
        overall = f", {_date_range(first, last)}" if not apart and first < last else ""
        name = f"{split.kind} split"
        if split.folds:
            name = (
                f"{split.folds}-fold cross-validation, every {row} is tested once; fold {split.fold + 1} of"
                f" {split.folds}"
            )
        if split.is_successive:
            name += " with successive targets"
        left_out = f"; {counted(self.n_left_out, row)} left out by --min_rating or --k_core"
        return (
            f"{name}: train {self.n_train:,}{dates[0]}, validation {self.n_validation:,}{dates[1]},"
            f" test {self.n_test:,}{dates[2]} of {counted(self.n_test_users, 'user')}{overall};"
            f" {_cold('user', self.n_cold_users, self.n_cold_user_ratings, row)},"
            f" {_cold(noun, self.n_cold_movies, self.n_cold_movie_ratings, row)}"
            f"{left_out if self.n_left_out else ''}"
        )


def _date_range(first_s: int, last_s: int) -> str:
    first, last = (datetime.datetime.fromtimestamp(s, datetime.UTC).date() for s in (first_s, last_s))
    return f"{first}" if first == last else f"{first} … {last}"


def _cold(noun: str, n: int, n_ratings: int, row: str) -> str:
    if n == 0:
        return f"no cold {noun}s"
    return f"{counted(n, f'cold {noun}')} ({counted(n_ratings, f'test {row}')})"


def split_ratings(ratings: Ratings, config: SplitConfig) -> Split:
    """Divides all ratings the way `config.kind` says; the same ratings and configuration, the same split.

    Raises:
        MovierecError: a part would be empty.
    """
    divided, why_empty = _KINDS[config.kind]
    split = replace(divided(ratings, config), is_successive=config.is_successive)
    for name, part in (("train", split.train), ("validation", split.validation), ("test", split.test)):
        if len(part) == 0:
            raise MovierecError(why_empty(ratings, name))
    return split


def _random(ratings: Ratings, config: SplitConfig) -> Split:
    """Draws test from all ratings, or takes a fold of them, then validation from the rest."""
    n, rows = len(ratings), np.arange(len(ratings))
    if not config.folds:
        return Split(*_drawn(rows, round(n * config.test_fraction), config))
    first, end = (n * fold // config.folds for fold in (config.fold, config.fold + 1))
    return Split(*_drawn(rows, end - first, config, first))


def _drawn(rows: _Rows, n_test: int, config: SplitConfig, first: int = 0) -> tuple[_Rows, _Rows, _Rows]:
    """What stays, what goes to validation and what goes to test, with one seeded permutation.

    Test begins at its place `first`, validation follows, and what follows the last place is the first.
    """
    n = len(rows)
    order = np.roll(rows[np.random.default_rng(config.seed).permutation(n)], -first)
    n_validation = round((n - n_test) * config.validation_fraction)
    test, validation, rest = np.split(order, [n_test, n_test + n_validation])
    return np.sort(rest), np.sort(validation), np.sort(test)


def _cold_items(ratings: Ratings, config: SplitConfig) -> Split:
    """Draws items, whose ratings go to test, then validation from the other ratings."""
    rated = np.unique(ratings.movie_index)
    n_test = round(len(rated) * config.test_fraction)
    withheld = np.random.default_rng(config.seed).permutation(rated)[:n_test]
    is_test = np.isin(ratings.movie_index, withheld)
    train, validation, _ = _drawn(np.flatnonzero(~is_test), 0, config)
    return Split(train, validation, np.flatnonzero(is_test))


def _given(ratings: Ratings, config: SplitConfig) -> Split:
    """The parts that came with the data; a validation part that is not there is drawn from train."""
    if ratings.part is None:
        raise MovierecError(
            f"--split {SplitKind.GIVEN} needs data that come with a split: train and test files in the"
            f" folder, or --test FILE beside the training ratings; else use --split {SplitKind.RANDOM}"
        )
    train, validation, test = (np.flatnonzero(ratings.part == one) for one in (TRAIN, VALIDATION, TEST))
    if len(validation) == 0:
        train, validation, _ = _drawn(train, 0, config)
    elif config.validation_fraction != SplitConfig.validation_fraction:
        raise UsageError(
            "--validation_fraction has no effect here: the data have a validation part; leave it out, or use"
            f" --split {SplitKind.RANDOM}"
        )
    return Split(train, validation, test)


def _temporal(ratings: Ratings, config: SplitConfig) -> Split:
    """The last ratings to test, the last of the rest to validation; no time is in two parts."""
    earlier, test = _cut(ratings, np.arange(len(ratings)), config.test_fraction)
    train, validation = _cut(ratings, earlier, config.validation_fraction)
    return Split(train, validation, test)


def _cut(ratings: Ratings, rows: _Rows, later_fraction: float) -> tuple[_Rows, _Rows]:
    """Earlier and later rows: `later_fraction` of them is later, and what happened at the cut's time."""
    n_later = round(len(rows) * later_fraction)
    if n_later == 0:
        return rows, rows[:0]
    timestamp = ratings.timestamp[rows]
    place = len(rows) - n_later
    is_later = timestamp >= np.partition(timestamp, place)[place]
    return rows[~is_later], rows[is_later]


def _leave_last(ratings: Ratings, config: SplitConfig) -> Split:
    """Each user's last rating to test, the second-last to validation; users with fewer than three: train."""
    can_spare = np.bincount(ratings.user_index)[ratings.user_index] >= LEAVE_LAST_FROM
    remaining = np.flatnonzero(can_spare)
    test = _last_of_each_user(ratings, remaining)
    remaining = np.setdiff1d(remaining, test, assume_unique=True)
    validation = _last_of_each_user(ratings, remaining)
    return _with_the_rest(ratings, validation, test)


def _with_the_rest(ratings: Ratings, validation: _Rows, test: _Rows) -> Split:
    is_train = np.ones(len(ratings), dtype=np.bool_)
    is_train[test] = is_train[validation] = False
    return Split(np.flatnonzero(is_train), validation, test)


def _last_of_each_user(ratings: Ratings, rows: _Rows) -> _Rows:
    """Of `rows`, each user's latest, the file's last where several are; ascending."""
    # Five times as fast on 32 million ratings as sorting them by user and time.
    user, timestamp = ratings.user_index[rows], ratings.timestamp[rows]
    n_users = int(user.max(initial=-1)) + 1
    latest = np.full(n_users, np.iinfo(np.int64).min)  # [n_users], seconds
    np.maximum.at(latest, user, timestamp)
    is_latest = timestamp == latest[user]
    last = np.full(n_users, -1)  # [n_users], rows of Ratings; -1 for a user who has none in `rows`
    np.maximum.at(last, user[is_latest], rows[is_latest])
    return np.sort(last[last >= 0])


def _windows(ratings: Ratings, config: SplitConfig) -> Split:
    """Draws test and validation from the ratings that have a window before them."""
    rows = _with_window(ratings)
    _, validation, test = _drawn(rows, round(len(rows) * config.test_fraction), config)
    return _with_the_rest(ratings, validation, test)


def _with_window(ratings: Ratings) -> _Rows:
    """All but users' first ratings, of users with `WINDOWS_FROM` or more; ascending."""
    rows, starts = ordered_by_user(ratings, np.arange(len(ratings)))
    lengths = np.diff(starts)
    has_window = (lengths >= WINDOWS_FROM)[ratings.user_index]
    has_window[rows[starts[:-1][lengths > 0]]] = False
    return np.flatnonzero(has_window)


def _too_few(ratings: Ratings, part: str) -> str:
    return (
        f"{len(ratings):,} {ratings.called}s are too few: the {part} part of the split would be empty;"
        f" change --test_fraction or --validation_fraction, or use more {ratings.called}s"
    )


def _too_few_given(ratings: Ratings, part: str) -> str:
    return (
        f"the {part} part of the split that the data come with is empty, of"
        f" {counted(len(ratings), ratings.called)} that count; use --split {SplitKind.RANDOM}"
    )


def _too_few_items(ratings: Ratings, part: str) -> str:
    n_items = counted(len(np.unique(ratings.movie_index)), "item that is", "items that are")
    return (
        f"--split {SplitKind.COLD_ITEMS}: the {part} part would be empty, of {n_items} rated; change"
        f" --test_fraction or --validation_fraction, or use --split {SplitKind.RANDOM}"
    )


def _too_few_moments(ratings: Ratings, part: str) -> str:
    n_moments = len(np.unique(ratings.timestamp))
    empty = f"--split {SplitKind.TEMPORAL}: the {part} part would be empty"
    if n_moments == 1:
        return (
            f"{empty}: every rating has the same timestamp, {ratings.timestamp[0]}; use --split"
            f" {SplitKind.RANDOM}"
        )
    return (
        f"{empty} of {len(ratings):,} ratings at {n_moments:,} different times; change --test_fraction or"
        f" --validation_fraction, or use --split {SplitKind.RANDOM}"
    )


def _too_few_each(ratings: Ratings, part: str) -> str:
    most = np.bincount(ratings.user_index).max(initial=0)
    return (
        f"--split {SplitKind.LEAVE_LAST}: the {part} part would be empty: it takes users with"
        f" {LEAVE_LAST_FROM} ratings or more, and no user has more than {most}; use --split"
        f" {SplitKind.RANDOM} or {SplitKind.TEMPORAL}"
    )


def _too_few_windows(ratings: Ratings, part: str) -> str:
    return (
        f"--split {SplitKind.WINDOWS}: the {part} part would be empty: of {len(ratings):,} ratings"
        f" {len(_with_window(ratings)):,} can be held out, as users' first ones and those of users with fewer"
        f" than {WINDOWS_FROM} stay in train; change --test_fraction or --validation_fraction, or use more"
        " ratings"
    )


_KINDS: Mapping[SplitKind, tuple[Callable[[Ratings, SplitConfig], Split], Callable[[Ratings, str], str]]] = {
    SplitKind.RANDOM: (_random, _too_few),
    SplitKind.TEMPORAL: (_temporal, _too_few_moments),
    SplitKind.LEAVE_LAST: (_leave_last, _too_few_each),
    SplitKind.WINDOWS: (_windows, _too_few_windows),
    SplitKind.COLD_ITEMS: (_cold_items, _too_few_items),
    **dict.fromkeys(GIVEN_SPLITS, (_given, _too_few_given)),
}


def summarize_split(dataset: Dataset, split: Split, n_left_out: int) -> SplitSummary:
    """Counts what a split of the data set did; `n_left_out` ratings were dropped before it was made."""
    ratings = dataset.ratings
    cold_users = _cold_counts(ratings.user_index, split)
    cold_movies = _cold_counts(ratings.movie_index, split)
    return SplitSummary(
        n_train=len(split.train),
        n_validation=len(split.validation),
        n_test=len(split.test),
        train_times=_times(ratings, split.train),
        validation_times=_times(ratings, split.validation),
        test_times=_times(ratings, split.test),
        n_test_users=len(np.unique(ratings.user_index[split.test])),
        n_cold_users=int(np.count_nonzero(cold_users)),
        n_cold_user_ratings=int(cold_users.sum()),
        n_cold_movies=int(np.count_nonzero(cold_movies)),
        n_cold_movie_ratings=int(cold_movies.sum()),
        n_left_out=n_left_out,
    )


def _cold_counts(index: npt.NDArray[np.int32], split: Split) -> npt.NDArray[np.int64]:
    """How many test ratings each user or movie has that is in no other part; 0 for the others."""
    n = int(index.max()) + 1
    train, validation, test = (
        np.bincount(index[rows], minlength=n) for rows in (split.train, split.validation, split.test)
    )
    return np.where(train + validation > 0, 0, test)


def _times(ratings: Ratings, rows: _Rows) -> tuple[int, int]:
    timestamp = ratings.timestamp[rows]
    return int(timestamp.min()), int(timestamp.max())
