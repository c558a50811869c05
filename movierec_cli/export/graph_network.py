"""The layers of `scoring.sequence_network`, which reads one history in NumPy, in a graph for many at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from movierec_cli.config import Activation, Family
from movierec_cli.export.graph import Graph, Value
from movierec_cli.scoring.sequence_network import (
    EPSILON,
    GAP_BUCKETS,
    GAP_SECONDS,
    GAP_STEPS,
    GELU_CUBE,
    GELU_SCALE,
    HIDDEN,
    HISTORY_TABLE,
    SequenceNetwork,
)


def up_to(graph: Graph, n: Value) -> Value:
    """0 … n - 1, of n [1]."""
    return graph.node("Range", graph.scalar(0), graph.node("Squeeze", n), graph.scalar(1))


def taken(graph: Graph, values: Value, places: Value) -> Value:
    """Of each row of values, [b, n] or [b, n, d], what stands at its places, [b, m]: [b, m] or [b, m, d]."""
    b, n = (graph.node("Shape", values, start=axis, end=axis + 1) for axis in (0, 1))
    begins = graph.column(graph.node("Mul", up_to(graph, b), n))
    rest = graph.node("Shape", values, start=2)
    flat = graph.node("Reshape", values, graph.node("Concat", graph.whole(-1), rest, axis=0))
    return graph.node("Gather", flat, graph.node("Add", begins, places), axis=0)


_MORE = 1e-3
"""Of a second. Where a bucket begins at a whole second, a logarithm may be rounded to either side; that of a
bit more is surely beyond. Other buckets begin .019 or more after a whole second, which is more than this."""


def buckets_of(graph: Graph, seconds: Value) -> Value:
    """`gap_buckets` of int64 values of any shape."""
    counted = graph.cast(graph.larger(seconds, graph.scalar(0)), np.float64)
    log = graph.node("Log", graph.node("Add", counted, graph.scalar(1 + _MORE)))
    steps = graph.cast(graph.node("Mul", log, graph.scalar(GAP_STEPS / math.log(2))), np.int64)
    return graph.smaller(graph.node("Add", steps, graph.scalar(1)), graph.scalar(GAP_BUCKETS))


def _elapsed(graph: Graph, gaps: Value | None, gaps_to_next: Value | None) -> Value:
    """Seconds from each movie until that which follows another, int64 [b, length, length], modulo 2 ** 32."""
    least = graph.constant(GAP_SECONDS.astype(np.int64))
    seconds = [None if one is None else graph.node("Gather", least, one) for one in (gaps, gaps_to_next)]
    between, until_next = seconds
    at = graph.scalar(0) if between is None else graph.node("CumSum", between, graph.scalar(1))
    asked = at if until_next is None else graph.node("Add", at, until_next)
    if between is None:
        at = graph.node("Sub", asked, asked)
    later, earlier = (graph.node("Unsqueeze", one, graph.whole(axis)) for one, axis in ((asked, 2), (at, 1)))
    return graph.node("Mod", graph.node("Sub", later, earlier), graph.scalar(2**32))


_Layer: TypeAlias = Callable[[Value], Value]
"""From the states of all places, float32 [b, length, width], to other states of them."""
_Block: TypeAlias = Callable[[Value, Value], Value]
"""The same, also from what is added to the scores, float32 [b or 1, 1, length, length]."""


class GraphNetwork(SequenceNetwork):
    """The layers of a `SequenceNetwork`, with its weights, as nodes of a graph."""

    def __init__(self, graph: Graph, *args: object):
        super().__init__(*args)  # type: ignore[arg-type]
        self._graph = graph

    def states_after(
        self, family: Family, movies: Value, lengths: Value, gaps: Value | None, gaps_to_next: Value | None
    ) -> Value:
        """The states after the last movies, float32 [b, dim].

        Args:
            family: a sequential one.
            movies: rows of the catalogue, int64 [b, length].
            lengths: how many of them there are, int64 [b].
            gaps: how long after the movie before it each came, as buckets, int64 [b, length]; None where that
                is not seen.
            gaps_to_next: how long before what comes next, likewise.

        Raises:
            KeyError: there is no table of the history's movies.
            ValueError: a weight is missing, too many, or of another shape.
        """
        graph, size = self._graph, self._config.embedding_size
        body = self._body_of(family, movies, lengths, gaps, gaps_to_next)
        times = [
            graph.node("Gather", graph.constant(self._weight(GAP_BUCKETS + 1, size)), buckets)
            for buckets in (gaps, gaps_to_next)
            if buckets is not None and family is not Family.HSTU
        ]
        if next(self._left, None) is not None:
            raise ValueError(f"weights are too many: {sorted(self._named)}")
        table = self._named[HISTORY_TABLE]
        if table.shape != (self._n_movies, size):
            raise ValueError(f"{HISTORY_TABLE} is of shape {table.shape}, not {(self._n_movies, size)}")
        states = graph.node("Gather", graph.constant(table), movies)
        states = graph.node("Mul", states, graph.constant(np.float32(math.sqrt(size))))
        for embedded in times:
            states = graph.node("Add", states, embedded)
        last = graph.larger(graph.node("Sub", lengths, graph.scalar(1)), graph.scalar(0))
        after = taken(graph, body(states), graph.column(last))  # [b, 1, dim]
        return self._scaled(graph.node("Gather", after, graph.scalar(0), axis=1))

    def _scaled(self, states: Value) -> Value:
        """As they are compared: with a temperature, scaled to the length of its inverse."""
        graph, temperature = self._graph, self._config.temperature
        if not temperature:
            return states
        square = graph.node("ReduceSum", graph.node("Mul", states, states), graph.whole(-1), keepdims=1)
        length = graph.node("Sqrt", graph.node("Add", square, graph.constant(np.float32(EPSILON))))
        return graph.node("Div", states, graph.node("Mul", length, graph.constant(np.float32(temperature))))

    def _body_of(
        self, family: Family, movies: Value, lengths: Value, gaps: Value | None, gaps_to_next: Value | None
    ) -> _Layer:
        if family is Family.GRU4REC:
            return self._recurrence()
        places = up_to(self._graph, self._graph.node("Shape", movies, start=1, end=2))
        if family is Family.SASREC:
            return self._attention_of(places, lengths, self._block, lambda: None)
        bias = self._relative_bias_of
        return self._attention_of(
            places, lengths, self._pointwise_block, lambda: bias(places, gaps, gaps_to_next)
        )

    def _norm(self) -> _Layer:
        graph, size = self._graph, self._config.embedding_size
        gamma, beta = (graph.constant(self._weight(size)) for _ in range(2))
        width = graph.whole(-1)

        def norm(states: Value) -> Value:
            mean = graph.node("ReduceMean", states, width, keepdims=1)
            centred = graph.node("Sub", states, mean)
            variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), width, keepdims=1)
            spread = graph.node("Sqrt", graph.node("Add", variance, graph.constant(np.float32(EPSILON))))
            return graph.node("Add", graph.node("Mul", graph.node("Div", centred, spread), gamma), beta)

        return norm

    def _attention_of(
        self, places: Value, lengths: Value, block: Callable[[], _Block], bias: Callable[[], Value | None]
    ) -> _Layer:
        """Of the places in a row, int64 [length]; `bias` makes each block's, or None where there is none."""
        graph, config = self._graph, self._config
        positions = graph.constant(self._weight(config.max_length, config.embedding_size))
        blocks = [block() for _ in range(config.num_layers)]
        biases = [bias() for _ in blocks]
        norm = self._norm()
        is_later = graph.node("Less", graph.column(places), graph.row(places))  # [length, length]
        hidden = graph.node("Where", is_later, graph.constant(HIDDEN), graph.constant(np.float32(0)))

        def read(states: Value) -> Value:
            # The newest movie has the highest position; what is behind it has any.
            first = graph.column(graph.node("Sub", graph.scalar(config.max_length), lengths))
            own = graph.node("Add", first, graph.row(places))
            own = graph.smaller(own, graph.scalar(config.max_length - 1))
            states = graph.node("Add", states, graph.node("Gather", positions, own))
            for block, added in zip(blocks, biases, strict=True):
                states = block(states, hidden if added is None else graph.node("Add", hidden, added))
            return norm(states)

        return read

    def _block(self) -> _Block:
        graph, config, size = self._graph, self._config, self._config.embedding_size
        of_attention, of_inner = self._norm(), self._norm()
        projection, output = (graph.constant(self._weight(size, n * size)) for n in (3, 1))
        inner, outer = self._dense(size, config.hidden_size), self._dense(config.hidden_size, size)
        activation, scale = (
            self._activation(),
            graph.constant(np.float32(math.sqrt(size // config.num_heads))),
        )

        def attend(states: Value, added: Value) -> Value:
            query, key, value = self._parts_of(graph.node("MatMul", states, projection), 3)
            scores = graph.node("Add", graph.node("Div", self._products(query, key), scale), added)
            mixed = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
            return graph.node("MatMul", self._together(mixed), output)

        def read(states: Value, added: Value) -> Value:
            states = graph.node("Add", states, attend(of_attention(states), added))
            return graph.node("Add", states, outer(activation(inner(of_inner(states)))))

        return read

    def _parts_of(self, projected: Value, number: int) -> list[Value]:
        """What was projected at once: `number` values [b, heads, length, width of a head]."""
        graph = self._graph
        rows = graph.node("Shape", projected, start=0, end=2)
        parts = graph.node("Concat", rows, graph.whole(number, self._config.num_heads, -1), axis=0)
        by_part = graph.node("Transpose", graph.node("Reshape", projected, parts), perm=[2, 0, 3, 1, 4])
        return [graph.node("Gather", by_part, graph.scalar(part), axis=0) for part in range(number)]

    def _products(self, query: Value, key: Value) -> Value:
        """[b, heads, length, length]."""
        return self._graph.node("MatMul", query, self._graph.node("Transpose", key, perm=[0, 1, 3, 2]))

    def _together(self, by_head: Value) -> Value:
        """[b, heads, length, width] side by side, [b, length, dim]."""
        by_place = self._graph.node("Transpose", by_head, perm=[0, 2, 1, 3])
        rows = self._graph.node("Shape", by_place, start=0, end=2)
        shape = self._graph.node("Concat", rows, self._graph.whole(self._config.embedding_size), axis=0)
        return self._graph.node("Reshape", by_place, shape)

    def _pointwise_block(self) -> _Block:
        graph, size = self._graph, self._config.embedding_size
        of_inputs, of_mixed = self._norm(), self._norm()
        projection, output = graph.constant(self._weight(size, 4 * size)), self._dense(size, size)
        scale = graph.constant(np.float32(self._config.max_length))

        def read(states: Value, added: Value) -> Value:
            projected = self._silu(graph.node("MatMul", of_inputs(states), projection))
            gate, value, query, key = self._parts_of(projected, 4)
            scores = graph.node("Add", self._products(query, key), added)
            weights = graph.node("Div", self._silu(scores), scale)
            mixed = of_mixed(self._together(graph.node("MatMul", weights, value)))
            return graph.node("Add", states, output(graph.node("Mul", mixed, self._together(gate))))

        return read

    def _silu(self, values: Value) -> Value:
        return self._graph.node("Mul", values, self._graph.node("Sigmoid", values))

    def _relative_bias_of(self, places: Value, gaps: Value | None, gaps_to_next: Value | None) -> Value:
        """[b or 1, 1, length, length]; of `_relative_bias`."""
        graph = self._graph
        before = graph.node("Sub", graph.column(places), graph.row(places))
        distance = graph.larger(before, graph.scalar(0))
        bias = graph.node("Gather", graph.constant(self._weight(self._config.max_length)), distance)
        if gaps is not None or gaps_to_next is not None:
            of_time = graph.constant(self._weight(GAP_BUCKETS + 1))
            between = buckets_of(graph, _elapsed(graph, gaps, gaps_to_next))  # [b, length, length]
            bias = graph.node("Add", bias, graph.node("Gather", of_time, between))
            return graph.node("Unsqueeze", bias, graph.whole(1))
        return bias

    def _activation(self) -> _Layer:
        graph = self._graph
        if self._config.activation is Activation.RELU:
            return lambda values: graph.node("Relu", values)
        half, one, scale, cube = (
            graph.constant(np.float32(value)) for value in (0.5, 1.0, GELU_SCALE, GELU_CUBE)
        )

        def gelu(values: Value) -> Value:
            square = graph.node("Mul", values, values)
            cubed = graph.node("Mul", graph.node("Mul", square, values), cube)
            inner = graph.node("Tanh", graph.node("Mul", graph.node("Add", values, cubed), scale))
            return graph.node("Mul", graph.node("Mul", values, half), graph.node("Add", inner, one))

        return gelu

    def _dense(self, n_in: int, n_out: int) -> _Layer:
        graph = self._graph
        kernel, bias = graph.constant(self._weight(n_in, n_out)), graph.constant(self._weight(n_out))
        return lambda states: graph.node("Add", graph.node("MatMul", states, kernel), bias)

    def _recurrent(self, width: int) -> _Layer:
        """ONNX's GRU has its gates in the same order, and the reset gate after the product, too."""
        graph, units = self._graph, self._config.hidden_size
        recurrent, recurrent_bias = self._weight(units, 3 * units), self._weight(3 * units)
        kernel, bias = self._weight(width, 3 * units), self._weight(3 * units)
        weights = [
            graph.constant(one[None])
            for one in (kernel.T.copy(), recurrent.T.copy(), np.concatenate([bias, recurrent_bias]))
        ]

        def read(states: Value) -> Value:
            in_time = graph.node("Transpose", states, perm=[1, 0, 2])  # [length, b, width]
            outputs = graph.node("GRU", in_time, *weights, hidden_size=units, linear_before_reset=1)
            return graph.node(
                "Transpose", graph.node("Gather", outputs, graph.scalar(0), axis=1), perm=[1, 0, 2]
            )

        return read
