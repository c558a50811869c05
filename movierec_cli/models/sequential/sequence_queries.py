"""What a model of sequences is asked: the state after a stretch of history, for many stretches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import jax
import numpy as np
import numpy.typing as npt

from movierec_cli.config import QUERY_TIME, FeatureSet
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.user_sequences import ordered_by_user
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.queries import GroupedQueries, Targets
from movierec_cli.models.sequential.devices import over_devices, usable_devices
from movierec_cli.models.sequential.histories import Histories, Pieces, gap_buckets
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.packed_batches import Columns, RowMaker

PARTS = 8  # that a device takes one after the other
_LENGTH_STEP = 40  # rows are cut to a multiple of it: every length is compiled once


@dataclass(frozen=True)
class Stretches:
    """Histories up to a moment, each asked about once.

    Several stretches can be of one user: they end at another film or, where the model sees the query's time,
    another while before the query.
    """

    user_index: npt.NDArray[np.int32]  # [n]
    end: npt.NDArray[np.int64]  # [n], place after the newest film
    wait: npt.NDArray[np.int32]  # [n], bucket of the time from the newest film to the query


class Reader:
    """Turns stretches of some histories into states.

    Args:
        model: gives the shapes; its weights are handed over with each call.
        histories: the known ratings.
        feature_set: what the model sees.
    """

    def __init__(self, model: SequenceModel, histories: Histories, feature_set: FeatureSet):
        self.model = model
        self.histories = histories
        self.sees_query_time = QUERY_TIME in feature_set
        self._rows_a_part = max(1, model.part_positions // model.config.max_length)
        self._rows_at_a_time = self._rows_a_part * PARTS * usable_devices()
        self._last = over_devices(self._states_at_ends, usable_devices(), split=(False, False, True))
        self._tables = jax.jit(model.tables)

    def states(
        self, weights: list[jax.Array], stretches: Stretches
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The state after each stretch, [n, dim], and the films' embeddings, [n_movies, dim]."""
        history, films = self._tables(weights)
        starts = self.histories.starts[stretches.user_index]
        lengths = np.minimum(stretches.end - starts, self.model.config.max_length)
        states = np.zeros((len(lengths), self.model.config.embedding_size), np.float32)
        by_length = np.argsort(lengths, kind="stable")
        for first in range(0, len(by_length), self._rows_at_a_time):
            taken = by_length[first : first + self._rows_at_a_time]
            longest = self._compiled_length(int(lengths[taken[-1]]))
            row = self._rows(stretches, taken, lengths[taken], longest)
            states[taken] = np.asarray(self._last(weights, history, row))[: len(taken)]
        return states, np.asarray(films)

    def _states_at_ends(self, weights: list[jax.Array], history: jax.Array, rows: Columns) -> jax.Array:
        """One device's rows, in small parts as in training."""
        parts = {name: one.reshape(PARTS, self._rows_a_part, -1) for name, one in rows.items()}
        states = jax.lax.map(lambda part: self.model.states(weights, history, part)[:, -1], parts)
        of_rows: jax.Array = states.reshape(-1, states.shape[-1])
        return of_rows

    def _compiled_length(self, length: int) -> int:
        rounded = -(-max(length, 1) // _LENGTH_STEP) * _LENGTH_STEP
        return min(rounded, self.model.config.max_length)

    def _rows(
        self, stretches: Stretches, taken: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], longest: int
    ) -> Columns:
        nothing = np.zeros(len(self.histories.rows), np.bool_)
        pieces = Pieces(stretches.end[taken] - lengths, lengths)
        maker = RowMaker(self.histories, nothing, longest)
        columns = maker.rows(pieces, np.arange(len(taken)), longest - lengths, n_rows=self._rows_at_a_time)
        columns["gap_to_next"][: len(taken), -1] = stretches.wait[taken]
        return {name: columns[name] for name in ("movie", "segment", "position", "gap", "gap_to_next")}

    def queried(self, dataset: Dataset, targets: Targets) -> tuple[Stretches, npt.NDArray[np.int64]]:
        """The different stretches behind some ratings: what each user's known ratings before it are.

        Returns:
            The stretches, and which is whose: [n_asked].
        """
        end = self._places(dataset)[targets.rows]
        wait = self._waits(targets, end)
        keys = np.stack([targets.user_index, end, wait])
        different, query_of = np.unique(keys, axis=1, return_inverse=True)
        user_index, ends, waits = different
        return (
            Stretches(user_index.astype(np.int32), ends, waits.astype(np.int32)),
            query_of.reshape(-1),
        )

    def last(self) -> Stretches:
        """All that is known of each user, asked about right after their newest film."""
        starts = self.histories.starts
        n_users = len(starts) - 1
        wait = np.full(n_users, gap_buckets(np.zeros(1, np.int64))[0], np.int32)
        return Stretches(np.arange(n_users, dtype=np.int32), starts[1:], wait)

    def _waits(self, targets: Targets, end: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        if not self.sees_query_time or len(self.histories.rows) == 0:
            return np.zeros(len(end), np.int32)
        buckets = gap_buckets(targets.seconds - self.histories.seconds[np.maximum(end - 1, 0)])
        return np.where(end > self.histories.starts[targets.user_index], buckets, 0).astype(np.int32)

    def _places(self, dataset: Dataset) -> npt.NDArray[np.int64]:
        """For every rating of the data set, how many known ones come before it by user, time and row."""
        every, _ = ordered_by_user(
            dataset.ratings, np.arange(len(dataset.ratings)), n_users=len(dataset.users)
        )
        is_known = np.zeros(len(every), np.int64)
        is_known[self.histories.rows] = 1
        in_order = is_known[every]
        places = np.empty(len(every), np.int64)
        places[every] = np.cumsum(in_order) - in_order
        return places


@dataclass(frozen=True)
class FittedSequences:
    """A model with its weights, as evaluation asks it."""

    dataset: Dataset
    reader: Reader
    weights: list[jax.Array]

    def group_queries(self, targets: Targets) -> GroupedQueries:
        """The different stretches behind the ratings that are asked about.

        Raises:
            MovierecError: the scores would be no numbers.
        """
        stretches, query_of = self.reader.queried(self.dataset, targets)
        states, films = self.reader.states(self.weights, stretches)
        _require_numbers(states, films)
        return GroupedQueries(stretches.user_index, query_of, lambda rows: states[rows] @ films.T)

    @cached_property
    def last(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Every user's state after all that is known, and the films' embeddings."""
        return self.reader.states(self.weights, self.reader.last())


def _require_numbers(states: npt.NDArray[np.float32], films: npt.NDArray[np.float32]) -> None:
    """An epoch's last step can spoil the weights after its loss was taken."""
    highest = np.abs(states).max(initial=0).item() * np.abs(films).max().item() * films.shape[1]
    if not highest < np.finfo(np.float32).max:
        raise MovierecError("training diverged: its scores are no numbers; lower --learning_rate")
