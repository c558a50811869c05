"""What an exported model computes, written once for every library: see `model_arrays`."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Feature
from movierec_cli.export.graph import Graph, Value
from movierec_cli.export.model_arrays import LAST_CODES, SECONDS, WATCHED, ContextTower, ModelArrays
from movierec_cli.export.sequence_graph import Watched, read_watched
from movierec_cli.models.feature_encodings import EPOCH_WEEKDAY, SECONDS_A_DAY, SECONDS_A_WEEK, Vocabulary
from movierec_cli.records import dataclass

AS_STORED = -1
"""The `seconds` of a query as of the last training rating, when users have seen all that they ever rated."""
_END_OF_TIME = int(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class Query:
    """What the best movies are found by."""

    embedding: Value  # float32 [b, dim], of the users
    known: Value  # bool [b], whether the model knows the user
    hidden: Value  # bool [b, n_movies], the movies that are left out
    added: Value | None = None  # double [b, n_movies], to the products of embeddings


Index: TypeAlias = Callable[[Graph, ModelArrays, Query, Value], tuple[Value, Value]]
"""From queries and k [1] to scores float32 and rows of movies, int64, both [b, at most k], best first."""


def recommend(
    graph: Graph, arrays: ModelArrays, inputs: Mapping[str, Value], index: Index | None = None
) -> dict[str, Value]:
    """The outputs by name, of inputs by name: whole numbers int64, `seconds` where the model sees time.

    The index finds the best movies; by default exactly.
    """
    found = graph.find(inputs["user_id"], arrays.run.artifacts.user_ids, -1)
    known = graph.node("GreaterOrEqual", found, graph.scalar(0))
    rows = graph.larger(found, graph.scalar(0))
    n_queries = graph.node("Shape", inputs["user_id"])
    is_timed = arrays.context_tower is not None and SECONDS in inputs
    seconds = _times(graph, inputs[SECONDS], n_queries) if is_timed else None
    embedding = _embedding(graph, arrays, rows, seconds)
    masked = graph.node("And", known, graph.node("Not", inputs["include_seen"]))
    if WATCHED in inputs:
        watched = read_watched(graph, arrays, inputs, n_queries)
        is_new = graph.node("Less", graph.scalar(0), watched.lengths)
        embedding = graph.node("Where", graph.column(is_new), watched.embedding, embedding)
        masked = graph.node("And", masked, graph.node("Not", is_new))
        known = graph.node("Or", known, is_new)
    seen = _seen(graph, arrays, rows, masked, seconds)
    if WATCHED in inputs:
        seen = graph.node("Concat", seen, _just_watched(graph, arrays, watched, inputs), axis=0)
    query = Query(
        embedding=embedding,
        known=known,
        hidden=_hidden(graph, arrays, seen, inputs["exclude"], n_queries),
        added=_sums(graph, arrays, rows, n_queries),
    )
    k = graph.larger(graph.node("Reshape", inputs["k"], graph.whole(1)), graph.scalar(0))
    scores, places = padded(graph, arrays, *(index or exact)(graph, arrays, query, k), k)
    return {
        "movie_id": graph.node("Gather", graph.constant(arrays.output_ids), places),
        "title": graph.node("Gather", graph.constant(arrays.output_titles), places),
        "score": scores,
        "known": known,
    }


def exact(graph: Graph, arrays: ModelArrays, query: Query, k: Value) -> tuple[Value, Value]:
    """The index that scores every movie."""
    embeddings = graph.cast(graph.constant(arrays.embeddings[1]), np.float64)
    movies = graph.node("Transpose", embeddings, perm=[1, 0])
    dot = graph.node("MatMul", graph.cast(query.embedding, np.float64), movies)
    if query.added is not None:
        dot = graph.node("Add", dot, query.added)
    popular = graph.row(graph.constant(arrays.popularity))
    scores = graph.node("Where", graph.column(query.known), graph.cast(dot, np.float32), popular)
    shown = graph.node("Where", query.hidden, minus_infinity(graph), scores)
    return graph.top_k(once(graph, arrays, shown), graph.smaller(k, graph.whole(arrays.n_movies)))


def once(graph: Graph, arrays: ModelArrays, scores: Value) -> Value:
    """Scores, float32 [b, n_movies], where a movie with several ids keeps that of the first of the best."""
    groups = arrays.run.duplicates.groups
    if not len(groups):
        return scores
    owner, place = groups.places(np.arange(len(groups)))
    width = int(groups.lengths.max())
    last = np.minimum(np.arange(width), groups.lengths[:, None] - 1)  # the last id of a shorter group again
    rows = groups.values[groups.starts[:-1, None] + last].astype(np.int64)  # [n_groups, width]
    own = graph.node("Gather", scores, graph.constant(rows), axis=1)  # [b, n_groups, width]
    best = graph.node("ArgMax", own, axis=2, keepdims=1)
    is_best = graph.node("Equal", best, graph.constant(np.arange(width)))
    own = graph.node("Where", is_best, own, minus_infinity(graph))
    shape = graph.node("Concat", graph.node("Shape", scores, start=0, end=1), graph.whole(rows.size), axis=0)
    every = graph.node("Concat", scores, graph.node("Reshape", own, shape), axis=1)
    columns = np.arange(arrays.n_movies)
    columns[groups.values] = arrays.n_movies + owner * width + place - groups.starts[owner]
    return graph.node("Gather", every, graph.constant(columns), axis=1)


def padded(graph: Graph, arrays: ModelArrays, scores: Value, places: Value, k: Value) -> tuple[Value, Value]:
    """Both [b, k], with minus infinity and the row behind the last movie where none is left."""
    nowhere = graph.scalar(arrays.n_movies)
    is_none = graph.node("Equal", scores, minus_infinity(graph))
    places = graph.node("Where", is_none, nowhere, places)
    n_missing = graph.node("Sub", k, graph.node("Shape", scores, start=1, end=2))
    missing = graph.node("Concat", graph.whole(0, 0, 0), n_missing, axis=0)
    scores = graph.node("Pad", scores, missing, minus_infinity(graph))
    return scores, graph.node("Pad", places, missing, nowhere)


def minus_infinity(graph: Graph) -> Value:
    """The score of what is no movie or left out, float32."""
    return graph.constant(np.array(-np.inf, np.float32))


def _times(graph: Graph, seconds: Value, n_queries: Value) -> Value:
    """One for each query, the end of time instead of `AS_STORED`."""
    each = graph.node("Expand", seconds, n_queries)
    stored = graph.node("Equal", each, graph.scalar(AS_STORED))
    return graph.node("Where", stored, graph.scalar(_END_OF_TIME), each)


def _embedding(graph: Graph, arrays: ModelArrays, rows: Value, seconds: Value | None) -> Value:
    stored = graph.node("Gather", graph.constant(arrays.embeddings[0]), rows)
    if seconds is None or arrays.context_tower is None:
        return stored
    at_time = embed(graph, arrays.context_tower, rows, seconds)
    is_stored = graph.node("Equal", seconds, graph.scalar(_END_OF_TIME))
    return graph.node("Where", graph.column(is_stored), stored, at_time)


def _sums(graph: Graph, arrays: ModelArrays, rows: Value, n_queries: Value) -> Value | None:
    """Of the weights from each user's history to all movies, double [b, n_movies]; None of other models."""
    if arrays.weights is None:
        return None
    known = arrays.run.histories
    owner, places = _entries(graph, known.starts, rows)
    movies = graph.cast(graph.node("Gather", graph.constant(known.movie), places), np.int64)
    cells = graph.node("Add", graph.node("Mul", owner, graph.scalar(arrays.n_movies)), movies)
    n_cells = graph.node("Mul", n_queries, graph.whole(arrays.n_movies))
    room = graph.node("Expand", graph.scalar(0.0), n_cells)
    ones = graph.node("Expand", graph.scalar(1.0), graph.node("Shape", cells))
    counts = graph.node("ScatterElements", room, cells, ones, axis=0, reduction="add")
    shape = graph.node("Concat", n_queries, graph.whole(arrays.n_movies), axis=0)
    weights = graph.cast(graph.constant(arrays.weights), np.float64)
    return graph.node("MatMul", graph.node("Reshape", counts, shape), weights)


def _entries(
    graph: Graph, starts: npt.NDArray[np.int64], rows: Value, masked: Value | None = None
) -> tuple[Value, Value]:
    """The entries of some users' lists: the query of each, and where it stands; all, or of those masked."""
    held = graph.constant(starts)
    first = graph.node("Gather", held, rows)
    last = graph.node("Gather", held, graph.node("Add", rows, graph.scalar(1)))
    lengths = graph.node("Sub", last, first)
    if masked is not None:
        lengths = graph.node("Where", masked, lengths, graph.scalar(0))
    owner, place = _spread(graph, lengths)
    return owner, graph.node("Add", place, graph.node("Gather", first, owner))


def _hidden(graph: Graph, arrays: ModelArrays, seen: Value, exclude: Value, n_queries: Value) -> Value:
    """Which movies are left out, bool [b, n_movies], each with its duplicates; pairs have the first of these.

    A column behind them takes what is no movie.
    """
    width = graph.node("Shape", exclude, start=1, end=2)
    shape = graph.node("Concat", n_queries, width, axis=0)
    each = graph.node("Reshape", graph.node("Expand", exclude, shape), graph.whole(-1))
    numbers = graph.node("Range", graph.scalar(0), graph.node("Squeeze", n_queries), graph.scalar(1))
    owner = graph.node("Reshape", graph.node("Expand", graph.column(numbers), shape), graph.whole(-1))
    first = arrays.run.duplicates.first
    found = graph.find(each, arrays.run.artifacts.movie_ids, arrays.n_movies)
    firsts = graph.node("Gather", graph.constant(np.append(first, arrays.n_movies)), found)
    pairs = graph.node("Concat", seen, graph.pairs(owner, firsts), axis=0)
    columns = graph.node("Concat", n_queries, graph.whole(arrays.n_movies + 1), axis=0)
    nothing = graph.node("Expand", graph.scalar(False), columns)
    marks = graph.node("Expand", graph.scalar(True), graph.node("Shape", pairs, start=0, end=1))
    hidden = graph.node("ScatterND", nothing, pairs, marks)
    return graph.node("Gather", hidden, graph.constant(first), axis=1)


def _seen(graph: Graph, arrays: ModelArrays, rows: Value, masked: Value, seconds: Value | None) -> Value:
    """Pairs of a query and the first id of a movie they rated before it, int64 [n, 2]."""
    owner, places = _entries(graph, arrays.run.user_ratings.starts, rows, masked)
    rated = arrays.run.duplicates.first[arrays.run.user_ratings.movie].astype(np.int32)
    movies = graph.cast(graph.node("Gather", graph.constant(rated), places), np.int64)
    if seconds is not None:
        rated_at = graph.node("Gather", graph.constant(arrays.run.user_ratings.seconds), places)
        before = graph.node("Less", rated_at, graph.node("Gather", seconds, owner))
        movies = graph.node("Where", before, movies, graph.scalar(arrays.n_movies))
    return graph.pairs(owner, movies)


def _just_watched(graph: Graph, arrays: ModelArrays, watched: Watched, inputs: Mapping[str, Value]) -> Value:
    """The same pairs of what new users watched."""
    first = graph.constant(np.append(arrays.run.duplicates.first, arrays.n_movies))
    rows = graph.node("Where", inputs["include_seen"], graph.scalar(arrays.n_movies), watched.movies)
    return graph.pairs(watched.owners, graph.node("Gather", first, rows))


def _spread(graph: Graph, lengths: Value) -> tuple[Value, Value]:
    """For lists of these lengths one after the other, each element's list and its place there: both [n].

    An element's list is the number of lists that end before it.
    """
    ends = graph.node("CumSum", lengths, graph.scalar(0))
    total = graph.node("ReduceSum", lengths, graph.whole(0), keepdims=1)
    room = graph.node("Expand", graph.scalar(0), graph.node("Add", total, graph.whole(1)))
    ones = graph.node("Expand", graph.scalar(1), graph.node("Shape", lengths))
    marks = graph.node("ScatterElements", room, ends, ones, axis=0, reduction="add")
    passed = graph.node("CumSum", marks, graph.scalar(0))
    owner = graph.node("Slice", passed, graph.whole(0), total)
    begins = graph.node("Gather", graph.node("Sub", ends, lengths), owner)
    every = graph.node("Range", graph.scalar(0), graph.node("Squeeze", total), graph.scalar(1))
    return owner, graph.node("Sub", every, begins)


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
    """Codes of a context, int64 [b], which `models.feature_encodings` and `scoring.towers` find in NumPy."""
    return _CODES.get(feature, _last)(graph, vocabulary, rows, seconds)


def _last(graph: Graph, vocabulary: Vocabulary, rows: Value, seconds: Value) -> Value:
    """Of a column of ratings: nobody can tell its value at another time."""
    return graph.node("Gather", graph.constant(vocabulary[LAST_CODES].astype(np.int64)), rows)


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
