"""Weights from movie to movie, of EASE and item-kNN: a score is their sum over a user's training movies."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import IO, Annotated, Any, Protocol

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass
from movierec_cli.storage.constraints import AtLeast, Below, Finite
from movierec_cli.storage.npz import read_blocks, read_slices

_BLOCK_BYTES = 1 << 20  # of weights in one product: they stay in the processor's cache

_Floats = npt.NDArray[np.float32]
_Rows = npt.NDArray[np.int32]


@dataclass(frozen=True)
class WeightsOf:
    """What one movie in a user's history adds to scores: `values` to those of the movies at `columns`."""

    columns: _Rows | slice  # [n], each once; a slice of all movies
    values: _Floats  # [n]

    @property
    def checksum(self) -> int:
        """CRC-32 of its numbers, however narrow they are kept."""
        of_columns = b"" if isinstance(self.columns, slice) else self.columns.data
        return zlib.crc32(self.values.data, zlib.crc32(of_columns))


@dataclass(frozen=True)
class ItemWeights:
    """The weights of every movie, one after the other; `Histories` says where each movie's begin."""

    values: Annotated[_Floats, "n_weights", np.float16, Finite()]
    columns: Annotated[_Rows, "n_weights", np.uint16, AtLeast(0), Below("n_movies")] | None = None
    """None: those of each movie are to all movies, in their order."""

    def at(self, one: slice) -> WeightsOf:
        """Those of one movie."""
        return WeightsOf(slice(None) if self.columns is None else self.columns[one], self.values[one])


@dataclass(frozen=True)
class Histories:
    """Each user's training movies, and where the weights of each movie are.

    A few movies' weights can be read without all others; the checksums tell whether these were read.

    Raises:
        ValueError: lengths do not fit together.
    """

    starts: Annotated[npt.NDArray[np.int64], "n_users + 1"]  # where each user's movies begin
    movie: Annotated[_Rows, "n_history", np.uint16, AtLeast(0), Below("n_movies")]
    """Each user's ascending: in this order weights are added up; twice what was rated twice."""
    checksums: Annotated[npt.NDArray[np.uint32], "n_movies"]  # of each movie's weights
    average_scores: Annotated[_Floats, "n_movies", Finite()]
    """The product of the average history and all weights."""
    weight_starts: Annotated[npt.NDArray[np.int64], "n_movies + 1"] | None = None
    """None: each movie has a weight to every movie."""

    def __post_init__(self) -> None:
        for starts, n in ((self.starts, len(self.movie)), (self.weight_starts, None)):
            if starts is None:
                continue
            if len(starts) == 0 or starts[0] != 0 or n not in (None, starts[-1]):
                raise ValueError("lists of movies do not begin or end where the movies do")
            if (starts[1:] < starts[:-1]).any():
                raise ValueError("a list of movies ends before it begins")

    @classmethod
    def of(
        cls, starts: npt.NDArray[np.int64], movie: _Rows, weights: ItemWeights, rows: npt.NDArray[np.int64]
    ) -> Histories:
        """For weights whose rows begin at `rows`, [n_movies + 1]."""
        bounds = zip(rows[:-1].tolist(), rows[1:].tolist(), strict=True)
        checksums = [weights.at(slice(*pair)).checksum for pair in bounds]
        is_dense, n_movies = weights.columns is None, len(rows) - 1
        scores = np.zeros(n_movies, np.float32)
        known = cls(starts, movie, np.array(checksums, np.uint32), scores, None if is_dense else rows)
        scores[:] = WeightsInMemory(known, weights).product(known.average[None])[0]
        return known

    @cached_property
    def average(self) -> _Floats:
        """The fraction of all entries that are of each movie: [n_movies]."""
        counts = np.bincount(self.movie, minlength=self.n_movies)
        return (counts / max(len(self.movie), 1)).astype(np.float32)

    @property
    def n_movies(self) -> int:
        return len(self.checksums)

    @property
    def n_weights(self) -> int:
        return self.n_movies**2 if self.weight_starts is None else int(self.weight_starts[-1])

    def place_of(self, movie: int) -> slice:
        """Where the weights of a movie are."""
        if self.weight_starts is None:
            return slice(movie * self.n_movies, (movie + 1) * self.n_movies)
        return slice(int(self.weight_starts[movie]), int(self.weight_starts[movie + 1]))

    def users(self, rows: npt.NDArray[np.integer[Any]]) -> _Floats:
        """How often each movie is in the histories of users: [b, n_movies]."""
        counts = np.zeros((len(rows), self.n_movies), np.float32)
        for own, row in zip(counts, rows.tolist(), strict=True):
            np.add.at(own, self.movie[self.starts[row] : self.starts[row + 1]], 1)
        return counts

    def read(self, file: IO[bytes], movies: Sequence[int]) -> list[WeightsOf]:
        """The weights of some movies, from a file that holds the `ItemWeights`.

        Raises:
            ValueError: they are not what was written.
        """
        places = [self.place_of(movie) for movie in movies]
        values = [one.astype(np.float32, copy=False) for one in read_slices(file, "values", places)]
        columns: Sequence[_Rows | slice] = [slice(None)] * len(places)
        if self.weight_starts is not None:
            columns = [one.astype(np.int32, copy=False) for one in read_slices(file, "columns", places)]
        found = [WeightsOf(*pair) for pair in zip(columns, values, strict=True)]
        for movie, one in zip(movies, found, strict=True):
            if one.checksum != self.checksums[movie]:
                raise ValueError(f"the weights of the movie at row {movie} are not those that were written")
        return found

    @property
    def rows_of_block(self) -> int:
        """How many movies' weights are multiplied at once."""
        return max(_BLOCK_BYTES // (4 * max(self.n_movies, 1)), 1)


class Weights(Protocol):
    """Where the weights of a model are."""

    def of(self, movies: Sequence[int]) -> Sequence[WeightsOf]:
        """Those of some movies, by their rows."""

    def product(self, users: _Floats) -> _Floats:
        """Of how often each movie counts, [b, n_movies], and all weights: [b, n_movies]."""


@dataclass(frozen=True)
class WeightsInMemory:
    """All weights, read before."""

    histories: Histories
    weights: ItemWeights

    def of(self, movies: Sequence[int]) -> list[WeightsOf]:
        """As `Weights`."""
        return [self.weights.at(self.histories.place_of(movie)) for movie in movies]

    def product(self, users: _Floats) -> _Floats:
        """As `Weights`."""
        known = self.histories
        if self.weights.columns is not None:
            return _sparse_product(users, self.of(range(known.n_movies)), known.rows_of_block)
        size = known.rows_of_block * known.n_movies
        values = self.weights.values
        return _dense_product(
            users, (values[at : at + size] for at in range(0, len(values), size)), known.n_movies
        )


@dataclass(frozen=True)
class WeightsInFile:
    """Weights that are read when they are needed.

    Raises:
        ValueError: (of all) they are not what was written.
    """

    histories: Histories
    file: IO[bytes]
    """Holds the `ItemWeights`."""

    def of(self, movies: Sequence[int]) -> list[WeightsOf]:
        """As `Weights`."""
        return self.histories.read(self.file, movies)

    def product(self, users: _Floats) -> _Floats:
        """As `Weights`."""
        known = self.histories
        if known.weight_starts is not None:
            return _sparse_product(users, self.of(range(known.n_movies)), known.rows_of_block)
        size = known.rows_of_block * known.n_movies
        return _dense_product(users, read_blocks(self.file, "values", size), known.n_movies)


def _dense_product(users: _Floats, blocks: Iterable[npt.NDArray[Any]], n_movies: int) -> _Floats:
    """Of users, [b, n], and n rows of weights in blocks of any shape: [b, n_movies]."""
    from threadpoolctl import threadpool_limits

    row, total = 0, np.zeros((len(users), n_movies), np.float32)
    with threadpool_limits(1, user_api="blas"):  # on busy cores its threads waited for three times as long
        for block in blocks:
            weights = block.reshape(-1, n_movies).astype(np.float32, copy=False)
            total += users[:, row : row + len(weights)] @ weights
            row += len(weights)
    return total


def _sparse_product(users: _Floats, weights: Sequence[WeightsOf], size: int) -> _Floats:
    """Of users, [b, n_movies], and the weights from every movie, so many rows at once: [b, n_movies]."""
    weighted = np.flatnonzero([len(one.values) for one in weights])  # the movies that have any
    blocks = (
        _dense(weights, weighted[at : at + size], users.shape[1]) for at in range(0, len(weighted), size)
    )
    return _dense_product(users[:, weighted], blocks, users.shape[1])


def _dense(weights: Sequence[WeightsOf], movies: npt.NDArray[np.int64], n_movies: int) -> _Floats:
    """The weights from some movies to all: [n, n_movies]."""
    block = np.zeros((len(movies), n_movies), np.float32)
    for own, movie in zip(block, movies.tolist(), strict=True):
        own[weights[movie].columns] = weights[movie].values
    return block
