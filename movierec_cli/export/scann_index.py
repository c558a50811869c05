"""ScaNN's layer of TensorFlow Recommenders, which finds the best movies of large catalogues approximately."""

from typing import Any

import numpy as np

from movierec_cli.errors import MovierecError
from movierec_cli.export.graph import Graph, Value
from movierec_cli.export.model_arrays import ModelArrays
from movierec_cli.export.recommending import Index, Query, padded
from movierec_cli.export.tensorflow_graph import TensorFlowGraph

_SCANN_MOVIES = 500  # its quantization learns from the movies; with few of them it gains nothing
_SEARCHED = 0.25  # of its leaves, for each query
_FITTING_SCANN = "pip install 'scann==1.4.*' 'tensorflow==2.20.*' 'tf-keras==2.20.*'"


def scann_index(arrays: ModelArrays, graph: TensorFlowGraph) -> Index:
    """A leaf that is not searched may hold one of the best. Scores are exact.

    Raises:
        MovierecError: ScaNN is not installed, does not fit TensorFlow, or the movies are too few for it.
    """
    import tensorflow as tf

    layer = _scann_layer(arrays)
    graph.held.append(layer._serialized_searcher)

    def found(query: Query, k: Value) -> tuple[Value, Value]:
        """Rows in the order of the catalogue, so that the best of equal score come in it."""
        most_hidden = tf.reduce_max(tf.math.count_nonzero(query.hidden, axis=1, dtype=tf.int32))
        n_wanted = tf.cast(k[0], tf.int32) + tf.maximum(most_hidden, 0)
        distance, rows = layer(query.embedding, k=tf.minimum(n_wanted, arrays.n_movies))
        order = tf.argsort(rows, axis=1)
        rows, is_none = (tf.gather(one, order, batch_dims=1) for one in (rows, tf.math.is_nan(distance)))
        nearest = tf.gather(graph.constant(arrays.run.artifacts.movie_embeddings), rows)
        double = (tf.cast(one, tf.float64) for one in (query.embedding[:, None, :], nearest))
        score = tf.cast(tf.reduce_sum(tf.multiply(*double), axis=2), tf.float32)
        hidden = is_none | tf.gather(query.hidden, rows, batch_dims=1)
        return _best(graph, tf.where(hidden, -np.inf, score), tf.cast(rows, tf.int64), k)

    def index(graph: Graph, arrays: ModelArrays, query: Query, k: Value) -> tuple[Value, Value]:
        every = tf.where(
            query.hidden, -np.inf, tf.convert_to_tensor(graph.constant(arrays.popularity))[None, :]
        )
        rows = tf.broadcast_to(tf.range(arrays.n_movies, dtype=tf.int64)[None, :], tf.shape(every))
        lists = found(query, k), _best(graph, every, rows, k)
        pairs = zip(*(padded(graph, arrays, *one, k) for one in lists), strict=True)
        score, place = (tf.where(query.known[:, None], own, popular) for own, popular in pairs)
        return score, place

    return index


def _best(graph: Graph, score: Value, rows: Value, k: Value) -> tuple[Value, Value]:
    import tensorflow as tf

    values, places = graph.top_k(score, tf.minimum(k, tf.shape(score, tf.int64)[1]))
    return values, tf.gather(rows, places, batch_dims=1)


def _scann_layer(arrays: ModelArrays) -> Any:
    import tensorflow as tf

    if arrays.n_movies < _SCANN_MOVIES:
        raise MovierecError(
            f"--index scann is for large catalogues, {_SCANN_MOVIES} movies or more; this one has"
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
    return layer.index(tf.constant(arrays.run.artifacts.movie_embeddings))
