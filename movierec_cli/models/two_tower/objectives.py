"""What a retrieval model can be trained on: a loss over a batch, and the batches it wants."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs

from movierec_cli.config import LossKind, TrainingConfig, Weighting
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.models.two_tower.query_batches import (
    IN_BATCH_INTERACTIONS,
    QUERY_PARTS,
    CatalogueBatches,
    GroupedInteractions,
    InteractionBatches,
    SampledClasses,
    catalogue_batch_size,
    positive_weights,
)

# float32 exp overflows at 88; below this a sum over a billion movies does not, and none underflows.
SAFE_SCORE = 60.0

ABSENT = -1e4
"""The bias of a movie that is no class: its exponential is 0."""

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
    columns = tf.transpose(queries)  # turned outside of XLA, which would turn the product instead
    loss, queries_gradient, of_movies = _loss_and_gradients(queries, columns, movies, positives, weights)
    movies_gradient = tf.transpose(of_movies)

    def gradient(upstream: tf.Tensor) -> Gradients:
        return upstream * queries_gradient, upstream * movies_gradient, None, None

    return loss, gradient


@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
def _loss_and_gradients(
    queries: tf.Tensor, columns: tf.Tensor, movies: tf.Tensor, positives: tf.Tensor, weights: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The loss, and its gradients by the queries [b, d] and by the movies, these in columns: [d, n_movies].

    XLA adds up a product of rows and columns in an order that does not depend on the number of threads. One
    whose left side is turned, it does not: that is why the queries come in columns, [d, b], too.
    """
    n_queries, n_movies = tf.shape(queries)[0], tf.shape(movies)[0]
    row_of_positive = positives // n_movies  # [p]
    n_positives = tf.math.unsorted_segment_sum(weights, row_of_positive, n_queries)  # [b]

    scores = tf.matmul(queries, movies, transpose_b=True)  # [b, n_movies]
    positive_scores = tf.gather(tf.reshape(scores, [-1]), positives)  # [p]
    exponentials, shift = _exponentials(scores, _bound(queries, movies))  # [b, n_movies], [b]
    partition = tf.reduce_sum(exponentials, axis=1)  # [b]
    loss = tf.reduce_sum(n_positives * (tf.math.log(partition) + shift))
    loss -= tf.reduce_sum(weights * positive_scores)

    factor = n_positives / partition  # [b]
    # Each row below is the gradient divided by its factor, so a positive weighs 1 / factor in it.
    taken_off = tf.math.divide_no_nan(weights, tf.gather(factor, row_of_positive))  # [p]
    residual = tf.tensor_scatter_nd_sub(tf.reshape(exponentials, [-1]), positives[:, None], taken_off)
    residual = tf.reshape(residual, [n_queries, n_movies])
    queries_gradient = factor[:, None] * tf.matmul(residual, movies)  # [b, d]
    movies_gradient = tf.matmul(factor * columns, residual)  # [d, n_movies]
    return loss, queries_gradient, movies_gradient


def _bound(queries: tf.Tensor, movies: tf.Tensor) -> tf.Tensor:
    """Of the scores, as |q·m| <= |q| |m|."""
    return _largest_norm(queries) * _largest_norm(movies)


def _largest_norm(rows: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_max(tf.reduce_sum(tf.square(rows), axis=1)))


def _exponentials(scores: tf.Tensor, bound: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """exp(scores − shift) and the shift of each row: 0 where no score of the batch can overflow."""

    def plain() -> tuple[tf.Tensor, tf.Tensor]:
        return tf.exp(scores), tf.zeros_like(scores[:, 0])

    def shifted() -> tuple[tf.Tensor, tf.Tensor]:
        largest = tf.reduce_max(scores, axis=1)
        return tf.exp(scores - largest[:, None]), largest

    exponentials, shift = tf.cond(bound < SAFE_SCORE, plain, shifted)
    return exponentials, shift


class CatalogueObjective:
    """Softmax over every movie, interactions grouped by query."""

    signature: ClassVar[dict[str, tf.TensorSpec]] = {
        "positives": tf.TensorSpec([None], tf.int32),
        "weights": tf.TensorSpec([None], tf.float32),
    }

    def __init__(self, batches: CatalogueBatches, summed: bool = False):
        self.batches = batches
        self._divisor = 1.0 if summed else batches.mean_positives

    def loss(self, queries: tf.Tensor, movies: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The batch's sum over the interactions of an average batch, so every interaction weighs alike."""
        return catalogue_softmax(queries, movies, batch["positives"], batch["weights"]) / self._divisor


@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
def _partitions(scores: tf.Tensor, bound: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Exponentials as `_exponentials`, their sums, and the logarithms of the softmax's denominators, [b]."""
    exponentials, shift = _exponentials(scores, bound)
    partition = tf.reduce_sum(exponentials, axis=1)
    return exponentials, partition, tf.math.log(partition) + shift


@tf.custom_gradient  # type: ignore[untyped-decorator]
def sampled_softmax(
    queries: tf.Tensor,
    movies: tf.Tensor,
    log_weights: tf.Tensor,
    positives: tf.Tensor,
    owners: tf.Tensor,
    weights: tf.Tensor,
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor | None, ...]]]:
    """The summed cross-entropy of a batch's interactions against movies that stand for all, in nats.

    Args:
        queries: query embeddings, float32 [b, d]. A query without a positive does not count.
        movies: embeddings of those that a step needs, float32 [n, d]: first what is compared with.
        log_weights: of the latter, the logarithm of how many movies each stands for, float32 [c].
        positives: int32 [p], each interaction's movie, a row of `movies`.
        owners: int32 [p], each interaction's query, ascending; where the weight is 0, any.
        weights: float32 [p], above 0 for an interaction and 0 for padding, which comes last.

    Returns:
        A float32 scalar, differentiable with respect to `queries` and `movies`.
    """
    n_queries, n_movies, n_classes = tf.shape(queries)[0], tf.shape(movies)[0], tf.shape(log_weights)[0]
    size = (n_queries + QUERY_PARTS - 1) // QUERY_PARTS
    ends = [tf.minimum(size * (part + 1), n_queries) for part in range(QUERY_PARTS)]
    # A column more adds the weights within the product.
    classes = tf.concat([movies[:n_classes], log_weights[:, None]], axis=1)
    with_one = tf.pad(queries, [[0, 0], [0, 1]], constant_values=1.0)
    bound = _bound(with_one, classes)
    loss, of_queries = tf.constant(0.0), []
    of_classes, of_positives = tf.zeros_like(classes), tf.zeros_like(movies)
    start, first = tf.constant(0), tf.constant(0)
    for end in ends:
        last = tf.math.count_nonzero((owners < end) & (weights > 0), dtype=tf.int32)
        rows, places, weight = queries[start:end], positives[first:last], weights[first:last, None]
        owner = owners[first:last] - start
        n_positives = tf.math.unsorted_segment_sum(weight[:, 0], owner, end - start)  # [b / parts]
        taken = tf.math.unsorted_segment_sum(weight * tf.gather(movies, places), owner, end - start)
        # [b / parts, c]; in XLA products are slower.
        scores = tf.matmul(with_one[start:end], classes, transpose_b=True)
        exponentials, partition, logarithm = _partitions(scores, bound)
        loss += tf.reduce_sum(n_positives * logarithm) - tf.reduce_sum(rows * taken)
        factor = (n_positives / partition)[:, None]
        of_queries.append(factor * tf.matmul(exponentials, classes)[:, :-1] - taken)
        of_classes += tf.matmul(exponentials, factor * with_one[start:end], transpose_a=True)
        of_positives += tf.math.unsorted_segment_sum(weight * tf.gather(rows, owner), places, n_movies)
        start, first = end, last
    of_movies = tf.pad(of_classes[:, :-1], [[0, n_movies - n_classes], [0, 0]]) - of_positives
    of_all_queries = tf.concat(of_queries, axis=0)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        return upstream * of_all_queries, upstream * of_movies, None, None, None, None

    return loss, gradient


class SampledCatalogueObjective:
    """Softmax over a catalogue that is too large for a step, against movies that stand for all of it.

    On a tenth of simulated data of MovieLens 32M's shape NDCG@10 is within 1 % of that of the softmax over
    all (`tests/bench/large.py`).
    """

    signature: ClassVar[dict[str, tf.TensorSpec]] = CatalogueObjective.signature | {
        "movies": tf.TensorSpec([None], tf.int32)
    }

    def __init__(self, batches: CatalogueBatches, classes: SampledClasses, summed: bool = False):
        self.batches = batches
        self._n_classes = classes.n_classes
        self._log_weights = tf.constant(classes.log_weights)
        self._divisor = 1.0 if summed else batches.mean_positives

    def loss(self, queries: tf.Tensor, movies: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """As `CatalogueObjective.loss`, of the embeddings of the batch's movies, its classes first."""
        n_movies = self.batches.n_movies
        summed = sampled_softmax(
            queries,
            movies,
            tf.gather(self._log_weights, batch["movies"][: self._n_classes]),
            batch["positives"] % n_movies,
            batch["positives"] // n_movies,
            batch["weights"],
        )
        return summed / self._divisor


class InBatchObjective:
    """`tfrs.tasks.Retrieval`: softmax over the movies of the batch.

    Args:
        batches: interactions.
        sampling_probability: each movie's chance of being a negative, float32 [n_movies], to correct for
            popular movies being negatives more often; None leaves that bias in.
        summed: whether the loss is the task's sum, which grows with the batch, not its mean.
    """

    signature: ClassVar[dict[str, tf.TensorSpec]] = {"movie_index": tf.TensorSpec([None], tf.int32)}

    def __init__(
        self,
        batches: InteractionBatches,
        sampling_probability: npt.NDArray[np.float32] | None,
        summed: bool = False,
    ):
        self.batches = batches
        self._summed = summed
        self._task = tfrs.tasks.Retrieval()
        self._probability = None if sampling_probability is None else tf.constant(sampling_probability)

    def loss(self, queries: tf.Tensor, movies: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The task's sum, or the mean."""
        # A movie that is in the batch n times is one class with n times the weight: the same sum over fewer.
        by_movie = self.batches.n_movies <= self.batches.batch_size
        summed = (self._over_movies if by_movie else self._over_batch)(queries, movies, batch["movie_index"])
        return summed if self._summed else summed / tf.cast(tf.shape(queries)[0], tf.float32)

    def _over_batch(self, queries: tf.Tensor, movies: tf.Tensor, movie_index: tf.Tensor) -> tf.Tensor:
        return self._task(
            queries,
            tf.gather(movies, movie_index),  # [b, d]
            candidate_sampling_probability=tf.gather(self._probability, movie_index)
            if self._probability is not None
            else None,
            compute_metrics=False,
            compute_batch_metrics=False,
        )

    def _over_movies(self, queries: tf.Tensor, movies: tf.Tensor, movie_index: tf.Tensor) -> tf.Tensor:
        n_movies, ones = self.batches.n_movies, tf.ones_like(movie_index, tf.float32)
        counts = tf.math.unsorted_segment_sum(ones, movie_index, n_movies)  # [n_movies]
        bias = tf.where(counts > 0, tf.math.log(counts), ABSENT)
        if self._probability is not None:
            bias -= tf.math.log(self._probability)
        with_bias = tf.concat([movies, bias[:, None]], axis=1)  # [n_movies, d + 1]
        with_one = tf.concat([queries, ones[:, None]], axis=1)  # [b, d + 1]
        places = tf.range(tf.shape(queries)[0]) * n_movies + movie_index
        # As a positive a movie counts once.
        twice = tf.reduce_sum(tf.math.log(tf.gather(counts, movie_index)))
        return catalogue_softmax(with_one, with_bias, places, ones) + twice


_WEIGHT_EXPONENTS = {Weighting.RATINGS: 0.0, Weighting.ROOT: 0.5, Weighting.QUERIES: 1.0}


def catalogue_batches(
    interactions: GroupedInteractions,
    n_movies: int,
    config: TrainingConfig,
    history: RaggedRows | None,
    completes: bool = False,
) -> CatalogueBatches:
    """Batches of queries as the configuration has them."""
    size = config.batch_size or catalogue_batch_size(len(interactions.queries), n_movies)
    weights = positive_weights(interactions, _WEIGHT_EXPONENTS[config.weighting or Weighting.RATINGS])
    return CatalogueBatches(interactions, n_movies, size, weights, history, completes)


Objective = CatalogueObjective | SampledCatalogueObjective | InBatchObjective
"""A loss with its batches. `signature` is what `loss` reads from a batch besides the query; the loss is the
mean or the sum over interactions, nats, from query [b, d] and movie [n_movies, d] embeddings."""


def objective_of(
    interactions: GroupedInteractions,
    n_movies: int,
    config: TrainingConfig,
    history: RaggedRows | None,
    stars: npt.NDArray[np.float32] | None = None,
    completes: bool = False,
) -> Objective:
    """The objective of the configuration's loss.

    Args:
        interactions: of the training set.
        n_movies: of the catalogue.
        config: the loss, and its batches' size and weighting.
        history: each user's training movies, where the feature set has the history.
        stars: of each interaction, which batches of an in-batch loss have then; [n_interactions].
        completes: see `CatalogueBatches`.
    """
    counts = np.bincount(interactions.positives.values, minlength=n_movies)
    if config.loss is LossKind.CATALOGUE:
        batches = catalogue_batches(interactions, n_movies, config, history, completes)
        if (classes := SampledClasses.of(counts)) is not None:
            sampled = replace(batches, classes=classes)
            return SampledCatalogueObjective(sampled, classes, config.summed_loss)
        return CatalogueObjective(batches, config.summed_loss)
    # A movie without ratings is never a negative; 1 keeps its logarithm finite.
    share = (np.maximum(counts, 1) / interactions.n_interactions).astype(np.float32)
    size = config.batch_size or IN_BATCH_INTERACTIONS
    probability = share if config.loss is LossKind.IN_BATCH_CORRECTED else None
    in_batches = InteractionBatches(interactions, n_movies, size, history, stars)
    return InBatchObjective(in_batches, probability, config.summed_loss)
