"""Layers of TensorFlow Recommenders that find the best movies.

An index takes a query and the number of movies. A query is the users' `embedding` float32
[b, dim], which of them are `known` bool [b], and which movies are `hidden` from each bool [b, n_movies]. The
index gives scores float32 and rows of movies, both [b, at most k], best first; minus infinity is the score of
what is hidden.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from movierec_cli.errors import MovierecError
from movierec_cli.export.kinds import IndexKind
from movierec_cli.export.model_arrays import ModelArrays
from movierec_cli.export.tensorflow_contexts import Hold, Tensor

Index: TypeAlias = Callable[[dict[str, Tensor], Tensor], tuple[Tensor, Tensor]]

_SCANN_MOVIES = 500  # its quantization learns from the movies; with few of them it gains nothing
_SEARCHED = 0.25  # of its leaves, for each query
_FITTING_SCANN = "pip install 'scann==1.4.*' 'tensorflow==2.20.*' 'tf-keras==2.20.*'"


def make_index(kind: IndexKind, arrays: ModelArrays, hold: Hold) -> Index:
    """The index of a kind; what it is made of is held.

    Raises:
        MovierecError: ScaNN is not installed, does not fit TensorFlow, or the movies are too few for it.
    """
    return _KINDS[kind](arrays, hold)


def _brute_force(arrays: ModelArrays, hold: Hold) -> Index:
    """TFRS' layer with another score, which also handles hidden movies and unknown users.

    Its own `query_with_exclusions` takes 100,000 off a score and fetches a fixed number more than k.
    """
    import tensorflow as tf

    popularity = hold(arrays.popularity)

    class ExactBruteForce(_layers().BruteForce):  # type: ignore[misc]
        def _compute_score(self, queries: dict[str, Tensor], candidates: Tensor) -> Tensor:
            embedding = tf.cast(queries["embedding"], tf.float64)
            dot = tf.cast(tf.matmul(embedding, candidates, transpose_b=True), tf.float32)
            score = tf.where(queries["known"][:, None], dot, tf.convert_to_tensor(popularity)[None, :])
            return tf.where(queries["hidden"], -np.inf, score)

    layer = ExactBruteForce().index(tf.constant(arrays.movie_embeddings, tf.float64))
    hold(layer.variables)
    return lambda query, k: layer(query, k=tf.minimum(k, arrays.n_movies))


def _scann(arrays: ModelArrays, hold: Hold) -> Index:
    """Approximate: a leaf that is not searched may hold one of the best. Scores are exact."""
    import tensorflow as tf

    layer = _scann_layer(arrays)
    hold(layer._serialized_searcher)
    embeddings, popularity = hold(arrays.movie_embeddings), hold(arrays.popularity)

    def found(query: dict[str, Tensor], k: Tensor) -> tuple[Tensor, Tensor]:
        """Rows in the order of the catalogue, so that the best of equal score come in it."""
        most_hidden = tf.reduce_max(tf.math.count_nonzero(query["hidden"], axis=1, dtype=tf.int32))
        distance, rows = layer(
            query["embedding"], k=tf.minimum(k + tf.maximum(most_hidden, 0), arrays.n_movies)
        )
        order = tf.argsort(rows, axis=1)
        rows, is_none = (tf.gather(one, order, batch_dims=1) for one in (rows, tf.math.is_nan(distance)))
        double = (
            tf.cast(one, tf.float64) for one in (query["embedding"][:, None, :], tf.gather(embeddings, rows))
        )
        score = tf.cast(tf.reduce_sum(tf.multiply(*double), axis=2), tf.float32)
        hidden = is_none | tf.gather(query["hidden"], rows, batch_dims=1)
        return _best(tf.where(hidden, -np.inf, score), rows, k)

    def index(query: dict[str, Tensor], k: Tensor) -> tuple[Tensor, Tensor]:
        every = tf.where(query["hidden"], -np.inf, tf.convert_to_tensor(popularity)[None, :])
        rows = tf.broadcast_to(tf.range(arrays.n_movies)[None, :], tf.shape(every))
        known = query["known"][:, None]
        lists = found(query, k), _best(every, rows, k)
        pairs = zip(*(padded(*one, k, arrays.n_movies) for one in lists), strict=True)
        score, place = (tf.where(known, own, popular) for own, popular in pairs)
        return score, place

    return index


def _best(score: Tensor, rows: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    import tensorflow as tf

    values, places = tf.math.top_k(score, k=tf.minimum(k, tf.shape(score)[1]))
    return values, tf.gather(rows, places, batch_dims=1)


def padded(score: Tensor, place: Tensor, k: Tensor, n_movies: int) -> tuple[Tensor, Tensor]:
    """Both [b, k], with minus infinity and the place after the last movie where none is left."""
    import tensorflow as tf

    place = tf.where(score == -np.inf, n_movies, place)
    missing = [[0, 0], [0, tf.maximum(k - tf.shape(score)[1], 0)]]
    return tf.pad(score, missing, constant_values=-np.inf), tf.pad(place, missing, constant_values=n_movies)


def _scann_layer(arrays: ModelArrays) -> Any:
    import tensorflow as tf

    if arrays.n_movies < _SCANN_MOVIES:
        raise MovierecError(
            f"--index scann is for large catalogues, {_SCANN_MOVIES} movies or more; this one has"
            f" {arrays.n_movies}. Leave it out: brute force is exact"
        )
    n_leaves = round(arrays.n_movies**0.5)
    try:
        layer = _layers().ScaNN(num_leaves=n_leaves, num_leaves_to_search=round(_SEARCHED * n_leaves))
    except ImportError as error:
        raise MovierecError(f"--index scann needs the package scann: {_FITTING_SCANN}") from error
    return layer.index(tf.constant(arrays.movie_embeddings))


def _layers() -> Any:
    """TFRS' module, which loads ScaNN's operations where that is installed."""
    import tensorflow as tf

    try:
        from tensorflow_recommenders.layers import factorized_top_k
    except tf.errors.NotFoundError as error:
        raise MovierecError(
            f"the installed scann does not fit TensorFlow {tf.__version__}: pip uninstall scann, or"
            f" {_FITTING_SCANN}"
        ) from error
    return factorized_top_k


_KINDS: dict[IndexKind, Callable[[ModelArrays, Hold], Index]] = {
    IndexKind.BRUTE_FORCE: _brute_force,
    IndexKind.SCANN: _scann,
}
