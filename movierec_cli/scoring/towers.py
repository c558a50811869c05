"""The towers of a trained model as plain arrays: embeddings at any time, and features' contributions."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass
from movierec_cli.storage.constraints import Finite

HISTORY = "user_history"
"""The input that the movies of a user's history make."""
MOVIE_ID = "movie_id"
MOVIE_BIAS = "movie_bias"
"""The input of the movies' own numbers, how far each is above and below 0."""
BIASES = "biases"
"""The contribution to an embedding that comes from no input."""

_CHUNK = 4_096  # users or movies whose parts are in memory at a time

_Floats = npt.NDArray[np.float32]
_Codes = npt.NDArray[np.int32]


Dense = tuple[tuple[Annotated[_Floats, Finite()], Annotated[_Floats, Finite()]], ...]
"""Kernel [n_in, n_out] and bias [n_out] of each layer: relu between layers, none after the last."""


def check_dense(dense: Dense, n_in: int) -> int:
    """The width of the last of some layers; a `ValueError` where one does not fit the one before."""
    for kernel, bias in dense:
        if kernel.shape != (n_in, bias.size) or bias.ndim != 1:
            raise ValueError(f"a dense layer of {n_in} inputs has shapes {kernel.shape}, {bias.shape}")
        n_in = bias.size
    return n_in


@dataclass(frozen=True)
class TowerInput:
    """One feature on its way into a tower.

    Raises:
        ValueError: the table has not two dimensions.
    """

    name: str  # "user_id", "movie_id", or the feature's
    is_context: bool  # the table's rows are codes of a context, otherwise users or movies
    table: Annotated[_Floats, Finite()]  # [n_rows, width]

    def __post_init__(self) -> None:
        if self.table.ndim != 2:
            raise ValueError(f"{self.name} is of shape {self.table.shape}")


@dataclass(frozen=True)
class Tower:
    """Inputs side by side, then dense layers.

    Raises:
        ValueError: shapes do not fit together.
    """

    inputs: tuple[TowerInput, ...]
    dense: Dense

    def __post_init__(self) -> None:
        check_dense(self.dense, sum(one.table.shape[1] for one in self.inputs))
        if not self.dense or not self.inputs:
            raise ValueError("a tower needs inputs and a dense layer")
        if len({*self.names}) <= len(self.inputs):
            raise ValueError(f"the names of a tower's inputs, {', '.join(self.names[:-1])}, are not distinct")
        if len({one.table.shape[0] for one in self.inputs if not one.is_context}) != 1:
            raise ValueError("a tower's tables of users or movies differ in length, or there is none")

    @property
    def has_features(self) -> bool:
        """Whether a tower of movies sees more of them than who they are."""
        return any(one.name not in (MOVIE_ID, MOVIE_BIAS) for one in self.inputs)

    @property
    def n_rows(self) -> int:
        """Users or movies."""
        return next(len(one.table) for one in self.inputs if not one.is_context)

    @property
    def dim(self) -> int:
        """Of the embeddings."""
        return self.dense[-1][1].size

    @property
    def names(self) -> tuple[str, ...]:
        """Of what `contributions` gives, in its order."""
        return (*(one.name for one in self.inputs), BIASES)

    @property
    def contexts(self) -> tuple[TowerInput, ...]:
        """The inputs that are contexts, in the order of their codes."""
        return tuple(one for one in self.inputs if one.is_context)

    @property
    def n_contexts(self) -> int:
        return len(self.contexts)

    def embed(self, rows: npt.NDArray[np.integer], codes: _Codes | None = None) -> _Floats:
        """Embeddings.

        Args:
            rows: users or movies, [b].
            codes: of the contexts, [b, n_contexts]; None where there are none.

        Returns:
            float32 [b, dim].
        """
        return self.of_values(self.looked_up(rows, codes))

    def of_values(self, values: Sequence[_Floats]) -> _Floats:
        """Embeddings [b, dim] of what stands in the tables' rows, [b, width] an input."""
        hidden = np.concatenate(values, axis=1)
        for kernel, bias in self.dense[:-1]:
            hidden = np.maximum(hidden @ kernel + bias, 0)
        kernel, bias = self.dense[-1]
        embeddings: _Floats = hidden @ kernel + bias
        return embeddings

    def contributions(self, rows: npt.NDArray[np.integer], codes: _Codes | None = None) -> _Floats:
        """What each input and, last, the biases add to the embeddings: [b, n_inputs + 1, dim].

        Exact: with the active relus fixed, a tower is linear, and the contributions add up to `embed`.
        """
        values = self.looked_up(rows, codes)
        ends = np.cumsum([value.shape[1] for value in values])
        kernel, bias = self.dense[0]
        split = np.split(kernel, ends[:-1])
        by_input = [value @ own for value, own in zip(values, split, strict=True)]
        biases = np.broadcast_to(bias, (len(rows), bias.size))
        added = np.stack([*by_input, biases], axis=1)  # [b, n_inputs + 1, n_hidden]
        for kernel, bias in self.dense[1:]:
            added = added * (added.sum(axis=1, keepdims=True) > 0)
            added = added @ kernel
            added[:, -1] += bias
        return added

    def mean_contributions(self, codes: _Codes | None = None) -> npt.NDArray[np.float64]:
        """The mean of `contributions` over all rows, whose contexts have these codes: [n_parts, dim]."""
        total = np.zeros((len(self.names), self.dim))
        for start in range(0, self.n_rows, _CHUNK):
            rows = np.arange(start, min(start + _CHUNK, self.n_rows))
            of_rows = self.contributions(rows, None if codes is None else codes[rows])
            total += of_rows.sum(axis=0, dtype=np.float64)
        mean: npt.NDArray[np.float64] = total / self.n_rows
        return mean

    def slope(self, values: Sequence[_Floats]) -> _Floats:
        """What a change of the inputs adds to the embedding while the active relus stay: [n_in, dim].

        Args:
            values: the inputs of one query, [1, width] each.
        """
        hidden = np.concatenate(values, axis=1)
        slope: _Floats = np.eye(hidden.shape[1], dtype=np.float32)
        for kernel, bias in self.dense[:-1]:
            hidden = hidden @ kernel + bias
            slope = (slope @ kernel) * (hidden > 0).astype(np.float32)
            hidden = np.maximum(hidden, 0)
        whole: _Floats = slope @ self.dense[-1][0]
        return whole

    def looked_up(self, rows: npt.NDArray[np.integer], codes: _Codes | None) -> list[_Floats]:
        """The rows of each input's table, [b, width] each."""
        n_given = 0 if codes is None else codes.shape[1]
        if n_given != self.n_contexts:
            raise ValueError(f"{n_given} contexts are given; the tower has {self.n_contexts}")
        contexts = iter(()) if codes is None else iter(codes.T)
        return [one.table[next(contexts) if one.is_context else rows] for one in self.inputs]


@dataclass(frozen=True)
class Towers:
    """Both sides of a model whose score is the dot product of their embeddings.

    Raises:
        ValueError: there is no code for each user and context, a table has no row for one, or the two sides'
            embeddings differ in length.
    """

    query: Tower
    movie: Tower
    codes: _Codes  # [n_users, n_contexts], of each user's last training rating
    history: Annotated[_Floats, "n_movies", "n_history_numbers", Finite()] | None = None
    """What each movie of a history adds to the input `USER_HISTORY` before it is scaled; None of a model that
    knows users by their ids."""

    def __post_init__(self) -> None:
        if self.codes.shape != (self.query.n_rows, self.query.n_contexts) or self.movie.n_contexts:
            raise ValueError(f"the users' codes are of shape {self.codes.shape}")
        tables = [one.table for one in self.query.inputs if one.is_context]
        for table, codes in zip(tables, self.codes.T, strict=True):
            if ((codes < 0) | (codes >= len(table))).any():
                raise ValueError(f"a user's code of a context is none of the {len(table)} in its table")
        if self.query.dim != self.movie.dim:
            raise ValueError(f"embeddings have {self.query.dim} numbers of users, {self.movie.dim} of movies")
        widths = [one.table.shape[1] for one in self.query.inputs if one.name == HISTORY]
        if self.history is not None and [*self.history.shape] != [self.movie.n_rows, *widths]:
            raise ValueError(f"the table of histories is of shape {self.history.shape}")

    @cached_property
    def mean_of_movies(self) -> npt.NDArray[np.float64]:
        """What each input of a movie contributes on average: [n_parts, dim]."""
        return self.movie.mean_contributions()

    @cached_property
    def mean_of_users(self) -> npt.NDArray[np.float64]:
        """The same of users, each at their own time."""
        return self.query.mean_contributions(self.codes)

    @property
    def tables(self) -> dict[str, _Floats]:
        """What the inputs are looked up in, by side and place: "query 0"."""
        sides = {"query": self.query, "movie": self.movie}
        return {
            f"{side} {place}": one.table
            for side, tower in sides.items()
            for place, one in enumerate(tower.inputs)
        }

    def of_histories(self, counts: _Floats) -> _Floats:
        """The embeddings of users who are known by their histories alone.

        What else the tower sees is as it is on average over the users.

        Args:
            counts: how often each movie is in a history, [b, n_movies]; below 0 it speaks against movies
                like it.

        Returns:
            float32 [b, dim].
        """
        return self.query.of_values(self.inputs_of_histories(counts))

    def inputs_of_histories(self, counts: _Floats) -> list[_Floats]:
        """What the query tower sees of such users: [b, width] an input."""
        return [self._known_of(one, counts) for one in self.query.inputs]

    def history_parts(self, counts: _Floats, values: Sequence[_Floats] | None = None) -> _Floats:
        """What each movie of a history adds to the embedding of its user, exactly: [n_known, dim].

        Args:
            counts: how often each movie is in the history, [n_movies]; the parts are of those that are not 0.
            values: the inputs of the query, [1, width] each; None: as `of_histories` has them.
        """
        assert self.history is not None  # of a model that reads histories
        given = values or self.inputs_of_histories(counts[None])
        place = self.query.names.index(HISTORY)
        begin = sum(one.shape[1] for one in given[:place])
        slope = self.query.slope(given)[begin : begin + given[place].shape[1]]
        known = np.flatnonzero(counts)
        shares = self.scaled(counts[None])[0, known]
        parts: _Floats = np.matmul(shares[:, None] * self.history[known], slope)
        return parts

    def _known_of(self, one: TowerInput, counts: _Floats) -> _Floats:
        if one.name == HISTORY and self.history is not None:
            return self.scaled(counts) @ self.history
        contexts = [other.name for other in self.query.inputs if other.is_context]
        table = one.table[self.codes[:, contexts.index(one.name)]] if one.is_context else one.table
        return np.broadcast_to(table.mean(axis=0), (len(counts), table.shape[1]))

    @staticmethod
    def scaled(counts: _Floats) -> _Floats:
        """Histories [b, n_movies] over the roots of their lengths."""
        lengths = np.abs(counts).sum(axis=1, keepdims=True)
        scaled: _Floats = counts / np.sqrt(np.maximum(lengths, 1))
        return scaled
