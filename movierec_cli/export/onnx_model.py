"""Recommending as an ONNX model."""

from typing import Any

import numpy as np

from movierec_cli.errors import MovierecError
from movierec_cli.export.model_arrays import ModelArrays
from movierec_cli.export.onnx_contexts import embed
from movierec_cli.export.onnx_graph import IR_VERSION, ML_OPSET, OPSET, Graph

AS_STORED = -1
"""The `seconds` of a query as of the last training rating, when users have seen all that they ever rated."""
_END_OF_TIME = int(np.iinfo(np.int64).max)
_LARGEST_BYTES = 2**31 - 1  # of a protocol buffer


def to_onnx(arrays: ModelArrays, description: str) -> bytes:
    """The content of the file.

    Inputs and outputs are described in `model_arrays`: int64, but `include_seen` and `known` bool, `title`
    string and `score` float32. `seconds` is there where the model sees time, and may be `AS_STORED`.

    Raises:
        MovierecError: the package onnx is not installed, or the model is larger than ONNX can hold.
    """
    try:
        import onnx
        from onnx import helper
    except ImportError as error:
        raise MovierecError(
            "--format onnx needs the package onnx: pip install 'movierec[onnx]', or pip install onnx"
        ) from error
    graph = Graph()
    _recommend(graph, arrays)
    held = helper.make_graph(graph.nodes, "recommend", _inputs(arrays), _outputs(), graph.constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(held, opset_imports=opsets, ir_version=IR_VERSION, doc_string=description)
    if model.ByteSize() > _LARGEST_BYTES:
        raise MovierecError("the model is larger than the 2 GiB of an ONNX file; use --format savedmodel")
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _inputs(arrays: ModelArrays) -> list[Any]:
    """No input has a default: runtimes warn of inputs that are constants too."""
    from onnx import TensorProto, helper

    inputs: dict[str, tuple[int, list[str]]] = {
        "user_id": (TensorProto.INT64, ["users"]),
        "k": (TensorProto.INT64, []),
        "exclude": (TensorProto.INT64, ["users_or_1", "excluded"]),
        "include_seen": (TensorProto.BOOL, []),
    }
    if arrays.context_tower is not None:
        inputs["seconds"] = (TensorProto.INT64, ["users_or_one"])
    return [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]


def _outputs() -> list[Any]:
    from onnx import TensorProto, helper

    lists = {"movie_id": TensorProto.INT64, "title": TensorProto.STRING, "score": TensorProto.FLOAT}
    return [
        *(helper.make_tensor_value_info(name, kind, ["users", "places"]) for name, kind in lists.items()),
        helper.make_tensor_value_info("known", TensorProto.BOOL, ["users"]),
    ]


def _recommend(graph: Graph, arrays: ModelArrays) -> None:
    found = graph.find("user_id", arrays.user_ids, -1)
    known = graph.node("GreaterOrEqual", found, graph.scalar(0), name="known")
    rows = graph.larger(found, graph.scalar(0))
    n_queries = graph.node("Shape", "user_id")
    seconds = None if arrays.context_tower is None else _times(graph, n_queries)
    scores = _scores(graph, arrays, rows, known, seconds)
    hidden = _hidden(graph, arrays, rows, known, seconds, n_queries)
    _best(graph, arrays, graph.node("Where", hidden, _minus_infinity(graph), scores))


def _times(graph: Graph, n_queries: str) -> str:
    """One for each query, the end of time instead of `AS_STORED`."""
    each = graph.node("Expand", "seconds", n_queries)
    stored = graph.node("Equal", each, graph.scalar(AS_STORED))
    return graph.node("Where", stored, graph.scalar(_END_OF_TIME), each)


def _scores(graph: Graph, arrays: ModelArrays, rows: str, known: str, seconds: str | None) -> str:
    """Of all movies, float32 [b, n_movies]."""
    embedding = graph.node("Gather", graph.constant(arrays.user_embeddings), rows)
    if seconds is not None and arrays.context_tower is not None:
        at_time = embed(graph, arrays.context_tower, rows, seconds)
        stored = graph.node("Equal", seconds, graph.scalar(_END_OF_TIME))
        embedding = graph.node("Where", graph.column(stored), embedding, at_time)
    movies = graph.cast(graph.constant(np.ascontiguousarray(arrays.movie_embeddings.T)), np.float64)
    dot = graph.node("MatMul", graph.cast(embedding, np.float64), movies)
    popularity = graph.constant(arrays.popularity[None, :])
    return graph.node("Where", graph.column(known), graph.cast(dot, np.float32), popularity)


def _hidden(
    graph: Graph, arrays: ModelArrays, rows: str, known: str, seconds: str | None, n_queries: str
) -> str:
    """Which movies are left out, bool [b, n_movies]; a column behind them takes what is no movie."""
    seen = _seen(graph, arrays, rows, known, seconds)
    width = graph.node("Shape", "exclude", start=1, end=2)
    shape = graph.node("Concat", n_queries, width, axis=0)
    each = graph.node("Reshape", graph.node("Expand", "exclude", shape), graph.whole(-1))
    numbers = graph.node("Range", graph.scalar(0), graph.node("Squeeze", n_queries), graph.scalar(1))
    owner = graph.node("Reshape", graph.node("Expand", graph.column(numbers), shape), graph.whole(-1))
    excluded = graph.pairs(owner, graph.find(each, arrays.movie_ids, arrays.n_movies))
    pairs = graph.node("Concat", seen, excluded, axis=0)
    columns = graph.node("Concat", n_queries, graph.whole(arrays.n_movies + 1), axis=0)
    nothing = graph.node("Expand", graph.scalar(False), columns)
    marks = graph.node("Expand", graph.scalar(True), graph.node("Shape", pairs, start=0, end=1))
    hidden = graph.node("ScatterND", nothing, pairs, marks)
    return graph.node("Slice", hidden, graph.whole(0), graph.whole(arrays.n_movies), graph.whole(1))


def _seen(graph: Graph, arrays: ModelArrays, rows: str, known: str, seconds: str | None) -> str:
    """Pairs of a query and a movie they rated before it, int64 [n, 2]."""
    starts = graph.constant(arrays.seen_starts)
    first = graph.node("Gather", starts, rows)
    last = graph.node("Gather", starts, graph.node("Add", rows, graph.scalar(1)))
    masked = graph.node("And", known, graph.node("Not", "include_seen"))
    lengths = graph.node("Where", masked, graph.node("Sub", last, first), graph.scalar(0))
    owner, place = _spread(graph, lengths)
    places = graph.node("Add", place, graph.node("Gather", first, owner))
    movies = graph.cast(graph.node("Gather", graph.constant(arrays.seen_movies), places), np.int64)
    if seconds is not None:
        rated_at = graph.node("Gather", graph.constant(arrays.seen_seconds), places)
        before = graph.node("Less", rated_at, graph.node("Gather", seconds, owner))
        movies = graph.node("Where", before, movies, graph.scalar(arrays.n_movies))
    return graph.pairs(owner, movies)


def _spread(graph: Graph, lengths: str) -> tuple[str, str]:
    """For lists of these lengths one after the other, each element's list and its place there: both [n].

    An element's list is the number of lists that end before it.
    """
    ends = graph.node("CumSum", lengths, graph.scalar(0))
    total = graph.node("ReduceSum", lengths, keepdims=1)
    room = graph.node("Expand", graph.scalar(0), graph.node("Add", total, graph.whole(1)))
    ones = graph.node("Expand", graph.scalar(1), graph.node("Shape", lengths))
    marks = graph.node("ScatterElements", room, ends, ones, axis=0, reduction="add")
    passed = graph.node("CumSum", marks, graph.scalar(0))
    owner = graph.node("Slice", passed, graph.whole(0), total)
    begins = graph.node("Gather", graph.node("Sub", ends, lengths), owner)
    every = graph.node("Range", graph.scalar(0), graph.node("Squeeze", total), graph.scalar(1))
    return owner, graph.node("Sub", every, begins)


def _best(graph: Graph, arrays: ModelArrays, scores: str) -> None:
    """The outputs, with the row behind the last movie where none is left."""
    n_requested = graph.larger(graph.node("Reshape", "k", graph.whole(1)), graph.whole(0))
    n_taken = graph.smaller(n_requested, graph.whole(arrays.n_movies))
    best, places = graph.nodes_of("TopK", [scores, n_taken], 2)
    nowhere = graph.scalar(arrays.n_movies)
    places = graph.node("Where", graph.node("IsInf", best, detect_positive=0), nowhere, places)
    missing = graph.node("Concat", graph.whole(0, 0, 0), graph.node("Sub", n_requested, n_taken), axis=0)
    graph.node("Pad", best, missing, _minus_infinity(graph), name="score")
    places = graph.node("Pad", places, missing, nowhere)
    graph.node("Gather", graph.constant(arrays.output_ids), places, name="movie_id")
    graph.node("Gather", graph.constant(arrays.output_titles), places, name="title")


def _minus_infinity(graph: Graph) -> str:
    return graph.constant(np.array(-np.inf, np.float32))
