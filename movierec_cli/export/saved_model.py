"""Recommending as a SavedModel that TensorFlow alone can load."""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Ids, are_texts
from movierec_cli.errors import MovierecError
from movierec_cli.export.graph import Graph, Value
from movierec_cli.export.kinds import IndexKind
from movierec_cli.export.model_arrays import SECONDS, WATCHED, WATCHED_AT, ModelArrays, encoded
from movierec_cli.export.recommending import Index, Query, exact, once, padded, recommend

AT_TIME = "at_time"
"""The signature with a time, of a model that sees time; the other one is TensorFlow's default."""
AFTER_HISTORY = "after_history"
"""The signature with what new users watched, of a model of sequences."""
ABOUT = Path("assets.extra") / "movierec.json"
"""What the model is; a folder with this file is one of ours. TensorFlow leaves `assets.extra` alone."""
_SCANN_MOVIES = 500  # its quantization learns from the movies; with few of them it gains nothing
_SEARCHED = 0.25  # of its leaves, for each query
_FITTING_SCANN = "pip install 'scann==1.4.*' 'tensorflow==2.20.*' 'tf-keras==2.20.*'"
_SMALL = 1000  # values of a constant that stands in the graph; larger ones are variables beside it


class TensorFlowGraph(Graph):
    """The operators as TensorFlow carries them out, at once or while a function is traced."""

    def __init__(self) -> None:
        self.held: list[Any] = []  # what has to be saved with the function
        self._variables: dict[bytes, Any] = {}

    def node(self, operator: str, *inputs: Value, **attributes: Any) -> Value:
        return _operators()[operator](*inputs, **attributes)

    def constant(self, values: npt.ArrayLike) -> Value:
        import tensorflow as tf

        array = np.asarray(values)
        if array.size < _SMALL:
            return tf.constant(array)
        content = array.tobytes() if array.dtype != object else repr(array.tolist()).encode()
        key = hashlib.sha256(f"{array.dtype} {array.shape}".encode() + content).digest()
        if key not in self._variables:
            with tf.init_scope():  # out of a function that is traced
                self._variables[key] = tf.Variable(array, trainable=False)
            self.held.append(self._variables[key])
        return self._variables[key]

    def cast(self, value: Value, dtype: npt.DTypeLike) -> Value:
        import tensorflow as tf

        return tf.cast(value, dtype)

    def find(self, ids: Value, known: Ids, missing: int) -> Value:
        import tensorflow as tf

        if are_texts(known):
            return self._table(known, missing).lookup(ids)
        order = np.argsort(known)
        rows, ordered = self.constant(order), self.constant(known[order])
        place = tf.minimum(tf.searchsorted(ordered, ids), len(known) - 1)
        return tf.where(tf.gather(ordered, place) == ids, tf.gather(rows, place), missing)

    def _table(self, known: Ids, missing: int) -> Any:
        """From texts to their places; one for both signatures."""
        import tensorflow as tf

        key = hashlib.sha256(repr((missing, known.tolist())).encode()).digest()
        if key not in self._variables:
            with tf.init_scope():
                places = np.arange(len(known), dtype=np.int64)
                rows = tf.lookup.KeyValueTensorInitializer(encoded(known), places)
                self._variables[key] = tf.lookup.StaticHashTable(rows, missing)
            self.held.append(self._variables[key])
        return self._variables[key]

    def top_k(self, scores: Value, k: Value) -> tuple[Value, Value]:
        import tensorflow as tf

        values, places = tf.math.top_k(scores, k=tf.cast(k[0], tf.int32))
        return values, tf.cast(places, tf.int64)


@cache
def _operators() -> dict[str, Callable[..., Value]]:
    """By name, with the inputs and attributes that are used here."""
    import tensorflow as tf

    def scattered(data: Value, indices: Value, updates: Value, axis: int, reduction: str) -> Value:
        if (axis, reduction) != (0, "add"):
            raise NotImplementedError(f"ScatterElements, axis {axis}, reduction {reduction!r}")
        return tf.tensor_scatter_nd_add(data, indices[:, None], updates)

    def gru(
        inputs: Value,
        kernel: Value,
        recurrent: Value,
        bias: Value,
        hidden_size: int,
        linear_before_reset: int,
    ) -> Value:
        if linear_before_reset != 1:
            raise NotImplementedError("GRU with its reset gate before the product")
        bias_in, bias_of = tf.split(bias[0], 2)
        projected = tf.matmul(inputs, kernel[0], transpose_b=True) + bias_in  # [n, b, 3 · units]

        def step(memory: Value, now: Value) -> Value:
            update_in, reset_in, candidate_in = tf.split(now, 3, axis=1)
            of_memory = tf.matmul(memory, recurrent[0], transpose_b=True) + bias_of
            update_of, reset_of, candidate_of = tf.split(of_memory, 3, axis=1)
            update = tf.sigmoid(update_in + update_of)
            candidate = tf.tanh(candidate_in + tf.sigmoid(reset_in + reset_of) * candidate_of)
            return update * memory + (1 - update) * candidate

        empty = tf.zeros([tf.shape(inputs)[1], hidden_size])
        return tf.scan(step, projected, initializer=empty)[:, None]

    def sliced(data: Value, start: Value, end: Value, axis: Value = (0,)) -> Value:
        return tf.gather(data, tf.range(start[0], end[0]), axis=axis[0])

    return {
        "Add": tf.add,
        "And": tf.logical_and,
        "ArgMax": lambda data, axis, keepdims: tf.expand_dims(tf.argmax(data, axis, tf.int64), axis),
        "Concat": lambda *values, axis: tf.concat(values, axis),
        "CumSum": tf.cumsum,
        "Div": lambda value, by: value // by if value.dtype.is_integer else value / by,
        "Equal": tf.equal,
        "Expand": tf.broadcast_to,
        "GRU": gru,
        "Gather": tf.gather,
        "GreaterOrEqual": tf.greater_equal,
        "Less": tf.less,
        "LessOrEqual": tf.less_equal,
        "Log": tf.math.log,
        "MatMul": tf.matmul,
        "Mod": tf.math.floormod,
        "Mul": tf.multiply,
        "Not": tf.logical_not,
        "Or": tf.logical_or,
        "Pad": lambda data, pads, fill: tf.pad(
            data, tf.transpose(tf.reshape(pads, [2, -1])), constant_values=fill
        ),
        "Range": tf.range,
        "ReduceMean": lambda data, axes, keepdims: tf.reduce_mean(data, axes, keepdims=bool(keepdims)),
        "ReduceSum": lambda data, axes, keepdims: tf.reduce_sum(data, axes, keepdims=bool(keepdims)),
        "Relu": tf.nn.relu,
        "Reshape": tf.reshape,
        "ScatterElements": scattered,
        "ScatterND": tf.tensor_scatter_nd_update,
        "Shape": lambda data, start=0, end=None: tf.shape(data, tf.int64)[start:end],
        "Sigmoid": tf.sigmoid,
        "Slice": sliced,
        "Softmax": tf.nn.softmax,
        "Sqrt": tf.sqrt,
        "Squeeze": tf.squeeze,
        "Sub": tf.subtract,
        "Tanh": tf.tanh,
        "Transpose": tf.transpose,
        "Unsqueeze": lambda data, axes: tf.expand_dims(data, axes[0]),
        "Where": tf.where,
    }


def write_saved_model(arrays: ModelArrays, kind: IndexKind, about: dict[str, Any], folder: Path) -> None:
    """Writes into a folder that is not there yet.

    Raises:
        OSError: it cannot be written.
        MovierecError: the index cannot be made.
    """
    from movierec_cli.models.tensorflow_start import start_tensorflow

    start_tensorflow()
    import tensorflow as tf

    module, signatures = _built(arrays, kind)
    options = tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
    try:
        tf.saved_model.save(module, str(folder), signatures=signatures, options=options)
    except tf.errors.OpError as error:
        raise OSError(_reason(error.message)) from error
    place = folder / ABOUT
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _reason(message: str) -> str:
    """What the system said, of a message such as "{{node}} /a/path; No space left on device [Op:SaveV2]"."""
    return message.rpartition("; ")[2].partition(" [Op:")[0]


def is_saved_model(folder: Path) -> bool:
    """Whether a folder is what `write_saved_model` wrote."""
    return (folder / "saved_model.pb").is_file() and (folder / ABOUT).is_file()


def _built(arrays: ModelArrays, kind: IndexKind) -> tuple[Any, dict[str, Any]]:
    """The module to save, and its signatures by name, which take keyword arguments and give a dictionary.

    Inputs and outputs are described in `model_arrays`: `k` int32, `include_seen` and `known` bool, `title`
    and ids that are texts string, `score` float32, all others int64. `seconds` is an input of the signature
    `AT_TIME` only, and what a model of sequences is told of histories of `AFTER_HISTORY`.

    Raises:
        MovierecError: as `_scann_index`.
    """
    import tensorflow as tf

    module, graph = tf.Module(), TensorFlowGraph()
    index = _scann_index(arrays, graph) if kind is IndexKind.SCANN else exact
    module.recommend = _function(graph, arrays, index, {})
    signatures = {"serving_default": module.recommend}
    if arrays.context_tower is not None:
        module.recommend_at = _function(graph, arrays, index, {"seconds": tf.TensorSpec([None], tf.int64)})
        signatures[AT_TIME] = module.recommend_at
    if arrays.history_inputs:
        movies = tf.string if are_texts(arrays.run.artifacts.movie_ids) else tf.int64
        every = {
            WATCHED: tf.TensorSpec([None, None], movies),
            WATCHED_AT: tf.TensorSpec([None, None], tf.int64),
            SECONDS: tf.TensorSpec([None], tf.int64),
        }
        told = {name: every[name] for name in arrays.history_inputs}
        module.recommend_after = _function(graph, arrays, index, told)
        signatures[AFTER_HISTORY] = module.recommend_after
    module.held = graph.held
    return module, signatures


def _function(graph: TensorFlowGraph, arrays: ModelArrays, index: Index, more: dict[str, Any]) -> Any:
    """The traced function with named inputs."""
    import tensorflow as tf

    users, movies = (
        tf.string if are_texts(ids) else tf.int64
        for ids in (arrays.run.artifacts.user_ids, arrays.run.artifacts.movie_ids)
    )
    specs = {
        "user_id": tf.TensorSpec([None], users),
        "k": tf.TensorSpec([], tf.int32),
        "exclude": tf.TensorSpec([None, None], movies),
        "include_seen": tf.TensorSpec([], tf.bool),
        **more,
    }
    named = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()}

    def recommended(**inputs: Value) -> dict[str, Value]:
        return recommend(graph, arrays, inputs | {"k": tf.cast(inputs["k"], tf.int64)}, index)

    return tf.function(recommended).get_concrete_function(**named)


def _scann_index(arrays: ModelArrays, graph: TensorFlowGraph) -> Index:
    """By ScaNN's layer of TensorFlow Recommenders: a leaf that is not searched may hold one of the best.

    Scores are exact.

    Raises:
        MovierecError: ScaNN is not installed, does not fit TensorFlow, or the movies are too few for it.
    """
    import tensorflow as tf

    layer = _scann_layer(arrays)
    graph.held.append(layer._serialized_searcher)
    n_duplicates = len(arrays.run.duplicates.groups.values) - len(arrays.run.duplicates.groups)

    def best(scores: Value, k: Value) -> tuple[Value, Value]:
        return graph.top_k(once(graph, arrays, scores), tf.minimum(k, arrays.n_movies))

    def found(query: Query, k: Value) -> tuple[Value, Value]:
        """Of enough movies for those that are hidden, or have other ids; the rest has minus infinity."""
        most_hidden = tf.reduce_max(tf.math.count_nonzero(query.hidden, axis=1, dtype=tf.int32))
        n_wanted = tf.cast(k[0], tf.int32) + tf.maximum(most_hidden, 0) + n_duplicates
        distance, rows = layer(query.embedding, k=tf.minimum(n_wanted, arrays.n_movies))
        is_none = tf.math.is_nan(distance)
        nearest = tf.gather(graph.constant(arrays.embeddings[1]), rows)
        double = (tf.cast(one, tf.float64) for one in (query.embedding[:, None, :], nearest))
        score = tf.cast(tf.reduce_sum(tf.multiply(*double), axis=2), tf.float32)
        hidden = is_none | tf.gather(query.hidden, rows, batch_dims=1)
        owner = tf.broadcast_to(tf.range(tf.shape(rows)[0])[:, None], tf.shape(rows))
        nothing = tf.fill(tf.shape(query.hidden), np.float32(-np.inf))
        places = tf.stack([owner, tf.cast(rows, tf.int32)], axis=2)
        return best(tf.tensor_scatter_nd_max(nothing, places, tf.where(hidden, -np.inf, score)), k)

    def index(graph: Graph, arrays: ModelArrays, query: Query, k: Value) -> tuple[Value, Value]:
        every = tf.where(
            query.hidden, -np.inf, tf.convert_to_tensor(graph.constant(arrays.popularity))[None, :]
        )
        lists = found(query, k), best(every, k)
        pairs = zip(*(padded(graph, arrays, *one, k) for one in lists), strict=True)
        score, place = (tf.where(query.known[:, None], own, popular) for own, popular in pairs)
        return score, place

    return index


def _scann_layer(arrays: ModelArrays) -> Any:
    import tensorflow as tf

    if arrays.n_movies < _SCANN_MOVIES:
        raise MovierecError(
            f"--index scann is for large catalogues, {_SCANN_MOVIES} or more; this one has"
            f" {arrays.n_movies}. Leave it out: brute force is exact"
        )
    try:
        # TFRS' module loads ScaNN's operations where that is installed.
        from tensorflow_recommenders.layers.factorized_top_k import ScaNN
    except tf.errors.NotFoundError as error:
        raise MovierecError(
            f"the installed scann does not fit TensorFlow {tf.__version__}: pip uninstall scann, or"
            f" {_FITTING_SCANN}"
        ) from error
    n_leaves = round(arrays.n_movies**0.5)
    try:
        layer = ScaNN(num_leaves=n_leaves, num_leaves_to_search=round(_SEARCHED * n_leaves))
    except ImportError as error:
        raise MovierecError(f"--index scann needs the package scann: {_FITTING_SCANN}") from error
    return layer.index(tf.constant(arrays.embeddings[1]))
