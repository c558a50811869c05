"""A user at any time as a graph: what `models.feature_encodings` and `scoring.towers` do in NumPy."""

from collections.abc import Callable

import numpy as np

from movierec_cli.config import Feature
from movierec_cli.export.graph import Graph, Value
from movierec_cli.export.model_arrays import ContextTower
from movierec_cli.models.feature_encodings import EPOCH_WEEKDAY, SECONDS_A_DAY, SECONDS_A_WEEK, Vocabulary


def embed(graph: Graph, context_tower: ContextTower, rows: Value, seconds: Value) -> Value:
    """Embeddings, float32 [b, dim], of rows of users and seconds, both int64 [b].

    They are computed in double precision and rounded once.
    """
    tower = context_tower.tower
    codes = iter([code(graph, *context, rows, seconds) for context in context_tower.contexts])
    values = [
        graph.node("Gather", graph.constant(one.table), next(codes) if one.is_context else rows)
        for one in tower.inputs
    ]
    hidden = graph.cast(graph.node("Concat", *values, axis=1), np.float64)
    for place, (kernel, bias) in enumerate(tower.dense):
        hidden = hidden if place == 0 else graph.node("Relu", hidden)
        product = graph.node("MatMul", hidden, graph.constant(kernel.astype(np.float64)))
        hidden = graph.node("Add", product, graph.constant(bias.astype(np.float64)))
    return graph.cast(hidden, np.float32)


def code(graph: Graph, feature: Feature, vocabulary: Vocabulary, rows: Value, seconds: Value) -> Value:
    """Codes of a context, int64 [b]."""
    return _CODES[feature](graph, vocabulary, rows, seconds)


def _timestamp(graph: Graph, vocabulary: Vocabulary, rows: Value, seconds: Value) -> Value:
    return _bucket(graph, vocabulary["edges"], graph.cast(seconds, np.float64))


def _week(graph: Graph, vocabulary: Vocabulary, rows: Value, seconds: Value) -> Value:
    ago = graph.node("Sub", graph.scalar(vocabulary["last"]), seconds)
    weeks = _floor_divided(graph, graph.larger(ago, graph.scalar(0)), SECONDS_A_WEEK)
    return graph.smaller(weeks, graph.scalar(vocabulary["weeks"] - 1))


def _day_of_week(graph: Graph, vocabulary: Vocabulary, rows: Value, seconds: Value) -> Value:
    day = graph.node("Add", _floor_divided(graph, seconds, SECONDS_A_DAY), graph.scalar(EPOCH_WEEKDAY))
    return graph.node("Mod", day, graph.scalar(7))


def _tenure(graph: Graph, vocabulary: Vocabulary, rows: Value, seconds: Value) -> Value:
    first = graph.node("Gather", graph.constant(np.asarray(vocabulary["first"], np.int64)), rows)
    since = graph.node("Sub", seconds, graph.smaller(first, seconds))
    since = graph.cast(graph.larger(since, graph.scalar(0)), np.float64)
    days = graph.node("Div", since, graph.scalar(float(SECONDS_A_DAY)))
    return _bucket(graph, vocabulary["edges_days"], days)


def _bucket(graph: Graph, edges: list[float], values: Value) -> Value:
    """How many edges are at or below each value."""
    held = graph.constant(np.asarray(edges, np.float64))
    beyond = graph.cast(graph.node("LessOrEqual", graph.row(held), graph.column(values)), np.int64)
    return graph.node("ReduceSum", beyond, graph.whole(1), keepdims=0)


def _floor_divided(graph: Graph, value: Value, by: int) -> Value:
    """ONNX divides whole numbers towards zero, its remainder has the divisor's sign."""
    rest = graph.node("Mod", value, graph.scalar(by))
    return graph.node("Div", graph.node("Sub", value, rest), graph.scalar(by))


_CODES: dict[str, Callable[[Graph, Vocabulary, Value, Value], Value]] = {
    "timestamp": _timestamp,
    "week": _week,
    "day_of_week": _day_of_week,
    "user_tenure": _tenure,
}
