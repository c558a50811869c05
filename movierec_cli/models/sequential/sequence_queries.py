"""The queries of a model of sequences: histories up to a time, and the state after each."""

from functools import cached_property

import jax
import numpy as np
import numpy.typing as npt

from movierec_cli.config import QUERY_TIME, FeatureSet
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import ordered_by_user
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.queries import GroupedQueries, Targets
from movierec_cli.models.sequential.engine import OverDevices, is_accelerated, usable_devices
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.packed_batches import Columns, Histories, RowMaker, Segments
from movierec_cli.records import dataclass
from movierec_cli.scoring.sequence_network import gap_buckets

MICRO_BATCHES = 4  # of a block of queries, one after the other
_ACCELERATOR_TOKENS = 25_600  # of a micro-batch there, where calls cost more than what they compute
_LENGTH_STEP = 40  # rows are cut to a multiple of it: every length is compiled once


@dataclass(frozen=True)
class SequenceQueries:
    """Histories up to a time, each once.

    Several queries can be of one user: they end at different movies or, where the model sees the query's
    time, come after different gaps.
    """

    user_index: npt.NDArray[np.int32]  # [n]
    end: npt.NDArray[np.int64]  # [n], place after the newest movie
    query_gap: npt.NDArray[np.int32]  # [n], bucket of the time from the newest movie to the query


class Reader:
    """Turns queries into states.

    Args:
        model: gives the shapes; its weights are handed over with each call.
        histories: the known ratings.
        feature_set: what the model sees.
    """

    def __init__(self, model: SequenceModel, histories: Histories, feature_set: FeatureSet):
        self.model = model
        self.histories = histories
        self.sees_query_time = QUERY_TIME in feature_set
        tokens = _ACCELERATOR_TOKENS if is_accelerated() else model.micro_batch_tokens
        self._rows_per_micro_batch = max(1, tokens // model.config.max_length)
        self._rows_per_block = self._rows_per_micro_batch * MICRO_BATCHES
        self._devices = usable_devices()
        self._at_ends = OverDevices(self._states_at_ends, self._devices)
        self._tables = jax.jit(model.tables)

    def states(
        self, weights: list[jax.Array], queries: SequenceQueries
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The state after each query, [n, dim], and the movies' embeddings, [n_movies, dim].

        Every device takes a block of queries at a time, of one compiled length; which queries are a block's
        does not depend on the number of devices.
        """
        history, movies = self._tables(weights)
        of_model = self._at_ends.shared((weights, history))
        starts = self.histories.starts[queries.user_index]
        lengths = np.minimum(queries.end - starts, self.model.config.max_length)
        states = np.zeros((len(lengths), self.model.config.embedding_size), np.float32)
        by_length = np.argsort(lengths, kind="stable")
        ends = np.minimum(
            np.arange(0, len(lengths), self._rows_per_block) + self._rows_per_block, len(lengths)
        )
        longest_of = self._compiled_length(lengths[by_length[ends - 1]])  # [n_blocks], ascending
        for longest in np.unique(longest_of).tolist():
            of_length = np.flatnonzero(longest_of == longest)
            first, last = of_length[0] * self._rows_per_block, ends[of_length[-1]]
            at_a_time = self._rows_per_block * self._devices
            for start in range(first, last, at_a_time):
                taken = by_length[start : min(start + at_a_time, last)]
                row = self._rows(queries, taken, lengths[taken], longest)
                is_busy = np.arange(self._devices) * self._rows_per_block < len(taken)
                states[taken] = np.asarray(self._at_ends(of_model, row, is_busy))[: len(taken)]
        return states, np.asarray(movies)

    def _states_at_ends(self, of_model: tuple[list[jax.Array], jax.Array], rows: Columns) -> jax.Array:
        """One device's block, in micro-batches as in training."""
        shape = (MICRO_BATCHES, self._rows_per_micro_batch, -1)
        micro_batches = {name: one.reshape(shape) for name, one in rows.items()}
        weights, history = of_model
        with jax.default_matmul_precision("float32"):  # accelerators would take less
            states = jax.lax.map(lambda one: self.model.states(weights, history, one)[:, -1], micro_batches)
        of_rows: jax.Array = states.reshape(-1, states.shape[-1])
        return of_rows

    def _compiled_length(self, lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        steps = -(-np.maximum(lengths, 1) // _LENGTH_STEP)
        rounded: npt.NDArray[np.int64] = np.minimum(steps * _LENGTH_STEP, self.model.config.max_length)
        return rounded

    def _rows(
        self,
        queries: SequenceQueries,
        taken: npt.NDArray[np.int64],
        lengths: npt.NDArray[np.int64],
        longest: int,
    ) -> Columns:
        nothing = np.zeros(len(self.histories.rows), np.bool_)
        segments = Segments(queries.end[taken] - lengths, lengths)
        maker = RowMaker(self.histories, nothing, longest)
        columns = maker.rows(
            segments, np.arange(len(taken)), longest - lengths, n_rows=self._rows_per_block * self._devices
        )
        columns["gap_to_next"][: len(taken), -1] = queries.query_gap[taken]
        return {name: columns[name] for name in ("movie", "segment", "position", "gap", "gap_to_next")}

    def queries_of(self, dataset: Dataset, targets: Targets) -> tuple[SequenceQueries, npt.NDArray[np.int64]]:
        """The different queries behind some targets: each user's known ratings before them.

        Returns:
            The queries, and the query of each target: [n_targets].
        """
        end = self._places(dataset)[targets.rows]
        query_gap = self._query_gaps(targets, end)
        keys = np.stack([targets.user_index, end, query_gap])
        different, query_of = np.unique(keys, axis=1, return_inverse=True)
        user_index, ends, query_gaps = different
        return (
            SequenceQueries(user_index.astype(np.int32), ends, query_gaps.astype(np.int32)),
            query_of.reshape(-1),
        )

    def last(self) -> SequenceQueries:
        """The whole known history of each user, queried right after their newest movie."""
        starts = self.histories.starts
        n_users = len(starts) - 1
        query_gap = np.full(n_users, gap_buckets(np.zeros(1, np.int64))[0], np.int32)
        return SequenceQueries(np.arange(n_users, dtype=np.int32), starts[1:], query_gap)

    def _query_gaps(self, targets: Targets, end: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
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
    """A model with its weights: a `Scorer`."""

    dataset: Dataset
    reader: Reader
    weights: list[jax.Array]

    def group_queries(self, targets: Targets) -> GroupedQueries:
        """The different queries behind some targets.

        Raises:
            MovierecError: the scores would be no numbers.
        """
        queries, query_of = self.reader.queries_of(self.dataset, targets)
        states, movies = self.reader.states(self.weights, queries)
        _require_numbers(states, movies)
        return GroupedQueries(queries.user_index, query_of, lambda rows: states[rows] @ movies.T)

    @cached_property
    def last(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Every user's state after all that is known, and the movies' embeddings."""
        return self.reader.states(self.weights, self.reader.last())


def _require_numbers(states: npt.NDArray[np.float32], movies: npt.NDArray[np.float32]) -> None:
    """An epoch's last step can spoil the weights after its loss was taken."""
    highest = np.abs(states).max(initial=0).item() * np.abs(movies).max().item() * movies.shape[1]
    if not highest < np.finfo(np.float32).max:
        raise MovierecError("training diverged: its scores are no numbers; lower --learning_rate")
