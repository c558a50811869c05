"""Softmax over the whole catalogue, interactions grouped by unique query.

For a query q with positives P(q), the sum over its interactions of −log softmax(s(q))[p] is

    |P(q)| · logsumexp_m s(q, m)  −  sum over p in P(q) of s(q, p)

so a query costs one row of scores however many positives it has. Its gradient with respect to the scores
is |P(q)| · softmax(s(q)) − 1[m in P(q)], which needs the same row once more. The score matrix is the
largest array of a training step and every trip through it counts, so

- the factor |P(q)| / Z(q) is applied to the small embedding matrices instead of the scores;
- the largest score is looked for and subtracted only where exp could overflow;
- loss and gradient are one XLA computation: XLA takes the positives off in place, several times faster
  than TensorFlow's own scatter. It compiles once for each shape, so batches keep to a few shapes.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# float32 exp overflows at 88; below this a sum over a billion movies does not, and none underflows.
SAFE_SCORE = 60.0

Gradients = tuple[tf.Tensor, tf.Tensor, None, None]


@tf.custom_gradient  # type: ignore[untyped-decorator]
def catalogue_softmax(
    queries: tf.Tensor, movies: tf.Tensor, positives: tf.Tensor, weights: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], Gradients]]:
    """The summed cross-entropy of a batch's interactions, in nats.

    Args:
        queries: query embeddings, float32 [b, d]. A query without a positive does not count.
        movies: embeddings of every movie, float32 [n_movies, d].
        positives: int32 [p], each interaction's place in the flattened scores: row * n_movies + movie.
        weights: float32 [p], 1 for an interaction and 0 for padding.

    Returns:
        A float32 scalar, differentiable with respect to `queries` and `movies`.
    """
    loss, queries_gradient, movies_gradient = _loss_and_gradients(queries, movies, positives, weights)

    def gradient(upstream: tf.Tensor) -> Gradients:
        return upstream * queries_gradient, upstream * movies_gradient, None, None

    return loss, gradient


@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
def _loss_and_gradients(
    queries: tf.Tensor, movies: tf.Tensor, positives: tf.Tensor, weights: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    n_queries, n_movies = tf.shape(queries)[0], tf.shape(movies)[0]
    row_of_positive = positives // n_movies  # [p]
    n_positives = tf.math.unsorted_segment_sum(weights, row_of_positive, n_queries)  # [b]

    scores = tf.matmul(queries, movies, transpose_b=True)  # [b, n_movies]
    positive_scores = tf.gather(tf.reshape(scores, [-1]), positives)  # [p]
    exponentials, shift = _exponentials(queries, movies, scores)  # [b, n_movies], [b]
    partition = tf.reduce_sum(exponentials, axis=1)  # [b]
    loss = tf.reduce_sum(n_positives * (tf.math.log(partition) + shift))
    loss -= tf.reduce_sum(weights * positive_scores)

    factor = n_positives / partition  # [b]
    # Each row below is the gradient divided by its factor, so a positive weighs 1 / factor in it.
    taken_off = tf.math.divide_no_nan(weights, tf.gather(factor, row_of_positive))  # [p]
    residual = tf.tensor_scatter_nd_sub(tf.reshape(exponentials, [-1]), positives[:, None], taken_off)
    residual = tf.reshape(residual, [n_queries, n_movies])
    queries_gradient = factor[:, None] * tf.matmul(residual, movies)  # [b, d]
    movies_gradient = tf.matmul(residual, factor[:, None] * queries, transpose_a=True)  # [n_movies, d]
    return loss, queries_gradient, movies_gradient


def _exponentials(queries: tf.Tensor, movies: tf.Tensor, scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """exp(scores − shift) and the shift of each row: 0 where no score of the batch can overflow."""
    bound = _largest_norm(queries) * _largest_norm(movies)  # |q·m| <= |q| |m|

    def plain() -> tuple[tf.Tensor, tf.Tensor]:
        return tf.exp(scores), tf.zeros_like(scores[:, 0])

    def shifted() -> tuple[tf.Tensor, tf.Tensor]:
        largest = tf.reduce_max(scores, axis=1)
        return tf.exp(scores - largest[:, None]), largest

    exponentials, shift = tf.cond(bound < SAFE_SCORE, plain, shifted)
    return exponentials, shift


def _largest_norm(rows: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_max(tf.reduce_sum(tf.square(rows), axis=1)))
