"""Users' ratings in the order they were made, and the segments of them that a model learns from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.user_sequences import ordered_by_user

Rows = npt.NDArray[np.int64]  # of Ratings
Places = npt.NDArray[np.int64]  # in a history's columns

_GAP_STEPS = 2.0  # buckets for each doubling of a gap
GAP_BUCKETS = 62
"""The last is a gap of about 50 years."""


@dataclass(frozen=True)
class Histories:
    """The known ratings, by user, then by time, then by their order in the file.

    User u's are at the places starts[u] … starts[u + 1].
    """

    rows: Rows  # [n], of Ratings
    starts: npt.NDArray[np.int64]  # [n_users + 1]
    movies: npt.NDArray[np.int32]  # [n]
    seconds: npt.NDArray[np.int64]  # [n], since 1970-01-01 UTC

    @classmethod
    def of(cls, dataset: Dataset, known: Rows) -> Histories:
        """Those of the ratings at `known`."""
        rows, starts = ordered_by_user(dataset.ratings, known, n_users=len(dataset.users))
        return cls(rows, starts, dataset.ratings.movie_index[rows], dataset.ratings.timestamp[rows])

    @cached_property
    def gap(self) -> npt.NDArray[np.int32]:
        """How long after the movie before it each was rated, as a bucket; 0 for a user's first: [n]."""
        buckets = gap_buckets(np.diff(self.seconds, prepend=0))
        buckets[self.starts[:-1][np.diff(self.starts) > 0]] = 0
        return buckets

    @cached_property
    def gap_to_next(self) -> npt.NDArray[np.int32]:
        """How long after each the next movie of its user was rated, as a bucket; 0 for a user's last: [n]."""
        return np.concatenate([self.gap[1:], np.zeros(1, np.int32)])[: len(self.rows)]


def gap_buckets(seconds: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Buckets 1 … `GAP_BUCKETS` of gaps in seconds, two for each doubling; a negative gap counts as none."""
    exact = _GAP_STEPS * np.log2(1.0 + np.maximum(seconds, 0))
    return np.minimum(1 + exact.astype(np.int32), GAP_BUCKETS).astype(np.int32)


@dataclass(frozen=True)
class Segments:
    """Stretches of histories: the movies that are read, each followed by the movie it is to predict."""

    start: Places  # [n_segments]
    length: npt.NDArray[np.int64]  # [n_segments], movies that are read, 1 or more


def newest_segments(histories: Histories, max_length: int) -> Segments:
    """Every user's newest `max_length` movies that have a next one. A user with a single movie has none."""
    ends = histories.starts[1:] - 1
    length = np.minimum(ends - histories.starts[:-1], max_length)
    return Segments((ends - length)[length > 0], length[length > 0])


def all_segments(histories: Histories, max_length: int) -> Segments:
    """Every movie that has a next one, in segments of `max_length` cut from the newest backwards."""
    readable = np.maximum(np.diff(histories.starts) - 1, 0)  # [n_users]
    n_segments = -(-readable // max_length)
    owner = np.repeat(np.arange(len(readable)), n_segments)
    back = np.arange(len(owner)) - np.repeat(np.cumsum(n_segments) - n_segments, n_segments)
    end = histories.starts[owner + 1] - 1 - back * max_length
    length = np.minimum(end - histories.starts[owner], max_length)
    return Segments(end - length, length)


def windows(histories: Histories, targets: Places, max_length: int) -> Segments:
    """For each target the `max_length` movies before it. Targets are no user's first movie."""
    first = histories.starts[np.searchsorted(histories.starts, targets, side="right") - 1]
    length = np.minimum(targets - first, max_length)
    return Segments(targets - length, length)
