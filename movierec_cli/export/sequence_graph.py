"""Histories in a graph: which movies and times of each query a model of sequences sees.

A row of movies begins at its first place, and what stands behind its last movie is seen by nothing before it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from movierec_cli.config import QUERY_TIME, TIME_GAP, SequenceConfig
from movierec_cli.errors import SavedModelError
from movierec_cli.export.graph import Graph, Value
from movierec_cli.export.graph_network import GraphNetwork, buckets_of, taken, up_to
from movierec_cli.export.model_arrays import SECONDS, WATCHED, WATCHED_AT, ModelArrays
from movierec_cli.records import dataclass

RIGHT_AFTER = -1
"""The `SECONDS` of a query that comes right after the last movie that was watched."""


@dataclass(frozen=True)
class Watched:
    """What new users watched, of b queries with n places each; int64 but where another type is named."""

    movies: Value  # [b · n], rows of the catalogue, the one behind the last where there is no movie
    owners: Value  # [b · n], the query of each
    lengths: Value  # [b], how many movies each query has
    embedding: Value  # float32 [b, dim], the state after them; of a query without movies any


def read_watched(graph: Graph, arrays: ModelArrays, inputs: Mapping[str, Value], n_queries: Value) -> Watched:
    """Reads what stands in the inputs of a model of sequences: `WATCHED`, and the times that it sees.

    Raises:
        SavedModelError: the run is damaged.
    """
    config = arrays.run.record.config
    assert isinstance(config.model, SequenceConfig)  # such inputs are those of a sequential family
    watched = inputs[WATCHED]
    n = graph.node("Shape", watched, start=1, end=2)
    shape = graph.node("Concat", n_queries, n, axis=0)
    flat = graph.node("Reshape", watched, graph.whole(-1))
    movies = graph.find(flat, arrays.run.artifacts.movie_ids, arrays.n_movies)
    is_movie = graph.node("Less", movies, graph.scalar(arrays.n_movies))
    counted = graph.node("Reshape", graph.cast(is_movie, np.int64), shape)
    lengths = graph.node("ReduceSum", counted, graph.whole(1), keepdims=0)  # [b]
    number = graph.node("Sub", graph.node("CumSum", counted, graph.scalar(1)), graph.scalar(1))
    # Behind the last place is one more, for what is no movie.
    place = graph.node("Where", is_movie, graph.node("Reshape", number, graph.whole(-1)), n)
    owners = graph.node(
        "Reshape", graph.node("Expand", graph.column(up_to(graph, n_queries)), shape), graph.whole(-1)
    )
    rows = _Rows(graph, n_queries, n, graph.pairs(owners, place), lengths, config.model.max_length)
    sees_gaps, sees_query = TIME_GAP in config.feature_set, QUERY_TIME in config.feature_set
    gaps = gaps_to_next = None
    if sees_gaps or sees_query:
        gaps, gaps_to_next = _gaps(graph, rows, inputs, n_queries)
    network = GraphNetwork(graph, dict(arrays.run.artifacts.weights), config.model, arrays.n_movies)
    try:
        embedding = network.states_after(
            config.family,
            rows.newest(rows.of(graph.smaller(movies, graph.scalar(arrays.n_movies - 1)))),
            rows.newest_lengths,
            gaps if sees_gaps else None,
            gaps_to_next if sees_query else None,
        )
    except (KeyError, ValueError) as error:
        raise SavedModelError(
            f"{arrays.run.folder}: artifacts.npz is damaged: it is not of this model: {error}"
        ) from error
    return Watched(movies, owners, lengths, embedding)


@dataclass(frozen=True)
class _Rows:
    """Where the movies of each query stand, one after the other."""

    graph: Graph
    n_queries: Value  # [1]
    n: Value  # [1], places in a row
    places: Value  # [b · n, 2], the query and the place of each; the place `n` of what is no movie
    lengths: Value  # [b]
    max_length: int  # what the model sees

    def of(self, values: Value) -> Value:
        """Values [b · n] by query and place, [b, n + 1], 0 behind the last movie but in the last column."""
        graph = self.graph
        shape = graph.node("Concat", self.n_queries, self.width, axis=0)
        return graph.node("ScatterND", graph.node("Expand", graph.scalar(0), shape), self.places, values)

    @property
    def width(self) -> Value:
        return self.graph.node("Add", self.n, self.graph.whole(1))

    @property
    def newest_lengths(self) -> Value:
        """How many movies of each query the model sees, [b]."""
        return self.graph.smaller(self.lengths, self.graph.scalar(self.max_length))

    def newest(self, values: Value) -> Value:
        """The newest of values by query and place, which the model sees: [b, length]."""
        graph = self.graph
        length = graph.smaller(self.width, graph.whole(self.max_length))
        left_out = graph.node("Sub", self.lengths, self.newest_lengths)
        place = graph.node("Add", graph.column(left_out), graph.row(up_to(graph, length)))  # [b, length]
        return taken(graph, values, graph.smaller(place, self.n))


def _gaps(graph: Graph, rows: _Rows, inputs: Mapping[str, Value], n_queries: Value) -> tuple[Value, Value]:
    """The buckets of the gap before each movie that the model sees, and of the one after it: [b, length]."""
    seconds = rows.of(graph.node("Reshape", inputs[WATCHED_AT], graph.whole(-1)))  # [b, n + 1]
    one, axis = graph.whole(1), graph.whole(1)
    later = graph.node("Slice", seconds, one, rows.width, axis)
    earlier = graph.node("Slice", seconds, graph.whole(0), rows.n, axis)
    between = buckets_of(graph, graph.node("Sub", later, earlier))  # [b, n]
    none = graph.node("Expand", graph.scalar(0), graph.node("Concat", n_queries, one, axis=0))
    before = graph.node("Concat", none, between, axis=1)  # [b, n + 1]; a first movie has no gap
    last = graph.column(graph.larger(graph.node("Sub", rows.lengths, graph.scalar(1)), graph.scalar(0)))
    query = buckets_of(graph, _since_last(graph, taken(graph, seconds, last), inputs, n_queries))  # [b, 1]
    is_last = graph.node("Equal", graph.row(up_to(graph, rows.width)), last)
    after = graph.node("Where", is_last, query, graph.node("Concat", between, none, axis=1))
    return rows.newest(before), rows.newest(after)


def _since_last(graph: Graph, newest: Value, inputs: Mapping[str, Value], n_queries: Value) -> Value:
    """From the newest movie to the query, [b, 1]; 0 where the query comes right after it."""
    if SECONDS not in inputs:
        return graph.node("Sub", newest, newest)
    seconds = graph.column(graph.node("Expand", inputs[SECONDS], n_queries))
    is_right_after = graph.node("Equal", seconds, graph.scalar(RIGHT_AFTER))
    return graph.node("Where", is_right_after, graph.scalar(0), graph.node("Sub", seconds, newest))
