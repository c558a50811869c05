"""Users' histories, the segments of them that a model learns from, and rows of one length for these."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Family, SequenceConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import ordered_by_user
from movierec_cli.models.prefetch import made_ahead
from movierec_cli.records import dataclass
from movierec_cli.scoring.sequence_network import gap_buckets

Rows = npt.NDArray[np.int64]  # of Ratings
Places = npt.NDArray[np.int64]  # in a history's columns


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


Columns = dict[str, Any]
"""By name, int32 [b, length]; inside a compiled step they are JAX's."""

NO_SEGMENT = 0
"""`segment` of a place that holds no movie."""


@dataclass(frozen=True)
class RowMaker:
    """Writes segments into rows of `length` places.

    A row's columns, each [length]: `movie` (row of the catalogue), `segment` (its number in the row, from 1;
    NO_SEGMENT), `position` (from a segment's end, so that its newest movie has the highest), `gap` and
    `gap_to_next` (buckets of seconds), `target` (the next movie), `weight` (1 where that is to be learned).
    """

    histories: Histories
    is_target: npt.NDArray[np.bool_]  # [n], whether the movie at a place may be learned
    length: int

    def rows(
        self,
        segments: Segments,
        row: npt.NDArray[np.integer[Any]],
        first: npt.NDArray[np.integer[Any]],
        *,
        n_rows: int,
        is_own: npt.NDArray[np.bool_] | None = None,
    ) -> Columns:
        """The segments, each in a row from a place on.

        Args:
            segments: n of them.
            row: [n], from 0; segments of one row stand in ascending places.
            first: [n], place in the row of a segment's first movie.
            n_rows: how many rows there are; some can be empty.
            is_own: [n], which of the segments are written, each as if the others were; None: all.
        """
        order = np.lexsort((first, row))
        in_row = np.empty(len(row), np.int64)
        in_row[order] = np.arange(len(row)) - np.searchsorted(row[order], row[order])
        if is_own is not None:
            segments = Segments(segments.start[is_own], segments.length[is_own])
            row, first, in_row = row[is_own], first[is_own], in_row[is_own]
        owner, within = _spread(segments.length)
        source = segments.start[owner] + within
        flat = row[owner] * self.length + first[owner] + within
        following = np.minimum(source + 1, len(self.is_target) - 1)
        learned = self.is_target[following]
        values = {
            "movie": self.histories.movies[source],
            "segment": 1 + in_row[owner],
            "position": self.length - segments.length[owner] + within,
            "gap": self.histories.gap[source],
            "gap_to_next": self.histories.gap_to_next[source],
            "target": np.where(learned, self.histories.movies[following], 0),
            "weight": learned,
        }
        columns: Columns = {}
        for name, value in values.items():
            column = np.zeros(n_rows * self.length, np.int32)
            column[flat] = value
            columns[name] = column.reshape(n_rows, self.length)
        return columns


MICRO_BATCH_TOKENS = {Family.SASREC: 800, Family.GRU4REC: 6_400, Family.HSTU: 800}
"""That are computed at a time, to stay in the cache: attention's scores grow with the row, and a recurrent
step wants many rows at once."""


def rows_of_scores(n_movies: int) -> int:
    """How many states a softmax compares with all of so many movies at a time.

    Some megabytes, which stay in the cache; below 200 rows the movies are read too often. Of 62,000 movies,
    200 rows take three quarters of the time of 800; of 3,706, 400 are the fastest.
    """
    return max(200, 1_500_000 // n_movies)


def default_tokens(config: SequenceConfig, n_learned: int) -> int:
    """Of a step where nobody says: 40 steps an epoch, of a size that was tried.

    Args:
        config: of the model.
        n_learned: movies that an epoch learns from, all in all.
    """
    return 1_280 if config.windows else min(max(n_learned // 40, 6_400), 25_600)


def _spread(lengths: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For every place of every segment: the segment, and which of its places it is."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def packed(
    lengths: npt.NDArray[np.int64], length: int, generator: np.random.Generator
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Puts segments, the longest first, each into the fullest row it fits in; equal ones in random order.

    Returns:
        Each segment's row and the place of its first movie there: int32 [n] and [n].
    """
    order = generator.permutation(len(lengths)).astype(np.int32)
    empty = (length - lengths[order]).astype(np.min_scalar_type(length))
    order = order[np.argsort(empty, kind="stable")]
    by_free = [array("i") for _ in range(length + 1)]  # rows with so many empty places
    row, first = np.empty(len(lengths), np.int32), np.empty(len(lengths), np.int32)
    n_rows = 0
    for start in range(0, len(order), _AT_A_TIME):
        segments = order[start : start + _AT_A_TIME]
        for segment, size in zip(segments.tolist(), lengths[segments].tolist(), strict=True):
            free = next((free for free in range(size, length + 1) if by_free[free]), None)
            if free is None:
                free, taken = length, n_rows
                n_rows += 1
            else:
                taken = by_free[free].pop()
            row[segment], first[segment] = taken, length - free
            if free > size:
                by_free[free - size].append(taken)
    return row, first


_AT_A_TIME = 1 << 12  # segments that are Python's numbers while they are put into rows


def _whole(rows: Columns) -> Columns:
    return rows


@dataclass(frozen=True)
class Batches:
    """What an epoch steps through.

    Attributes:
        maker: writes the rows.
        segments: what is learned from.
        rows_per_step: how many rows a step has; an epoch's last step is filled up with empty ones.
        pack: whether segments share rows; otherwise each has one, and ends where it ends.
        is_own: which segments `maker` can write, [n_segments]; None: all. Of the others the length counts.
        exchange: from a step's rows with this process' segments alone to those rows that it computes.
    """

    maker: RowMaker
    segments: Segments
    rows_per_step: int
    pack: bool
    is_own: npt.NDArray[np.bool_] | None = None
    exchange: Callable[[Columns], Columns] = _whole

    def epoch(self, generator: np.random.Generator) -> Iterator[Columns]:
        """The steps' rows, [rows_a_step, length] each before they are exchanged, in an order at random.

        The next step's are made in a thread while one is used, and no more are there at a time: what an epoch
        takes beside them is a few numbers a segment. Processes exchange in the caller's thread, all in the
        same order.
        """
        for rows in made_ahead(self._made(generator)):
            yield self.exchange(rows)

    def _made(self, generator: np.random.Generator) -> Iterator[Columns]:
        row, first = self._places(generator)
        order = np.argsort(row, kind="stable").astype(np.int32)
        row = row[order]  # ascending
        for start in range(0, int(row[-1]) + 1, self.rows_per_step):
            of_step = slice(*np.searchsorted(row, (start, start + self.rows_per_step)))
            taken = order[of_step]
            yield self.maker.rows(
                Segments(self.segments.start[taken], self.segments.length[taken]),
                row[of_step] - start,
                first[taken],
                n_rows=self.rows_per_step,
                is_own=None if self.is_own is None else self.is_own[taken],
            )

    def _places(self, generator: np.random.Generator) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Each segment's row among those of all steps and its place there, as those of `packed`."""
        if self.pack:
            row, first = packed(self.segments.length, self.maker.length, generator)
            return generator.permutation(int(row.max()) + 1).astype(np.int32)[row], first
        row = generator.permutation(len(self.segments.length)).astype(np.int32)
        return row, (self.maker.length - self.segments.length).astype(np.int32)

    @cached_property
    def steps_per_epoch(self) -> int:
        """How many steps an epoch has, give or take one: which segments share rows differs between epochs."""
        n_rows = len(self.segments.length)
        if self.pack:
            rows, _ = packed(self.segments.length, self.maker.length, np.random.default_rng(0))
            n_rows = int(rows.max()) + 1
        return -(-n_rows // self.rows_per_step)
