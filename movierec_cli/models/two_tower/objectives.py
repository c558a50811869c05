"""What a retrieval model can be trained on: a loss over a batch, and the batches it wants."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs

from movierec_cli.config import LossKind, TrainingConfig, Weighting
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.models.two_tower.catalogue_softmax import catalogue_softmax
from movierec_cli.models.two_tower.query_batches import (
    Batch,
    CatalogueBatches,
    InteractionBatches,
    positive_weights,
)
from movierec_cli.models.two_tower.tower_queries import GroupedInteractions


class Batches(Protocol):
    """An epoch's batches."""

    @property
    def n_batches(self) -> int: ...

    def epoch(self, generator: np.random.Generator) -> Iterator[Batch]: ...


class Objective(Protocol):
    """A loss with its batches. `signature` is what the loss reads from a batch besides the query."""

    signature: ClassVar[dict[str, tf.TensorSpec]]

    @property
    def batches(self) -> Batches: ...

    def loss(self, queries: tf.Tensor, movies: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Mean over interactions, nats, from query [b, d] and movie [n_movies, d] embeddings."""


class CatalogueObjective:
    """Softmax over every movie, interactions grouped by query."""

    signature: ClassVar[dict[str, tf.TensorSpec]] = {
        "positives": tf.TensorSpec([None], tf.int32),
        "weights": tf.TensorSpec([None], tf.float32),
    }

    def __init__(self, batches: CatalogueBatches):
        self.batches = batches
        self._mean_positives = batches.mean_positives

    def loss(self, queries: tf.Tensor, movies: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The batch's sum over the interactions of an average batch, so every interaction weighs alike."""
        summed = catalogue_softmax(queries, movies, batch["positives"], batch["weights"])
        return summed / self._mean_positives


class InBatchObjective:
    """`tfrs.tasks.Retrieval`: softmax over the movies of the batch.

    Args:
        batches: interactions.
        sampling_probability: each movie's chance of being a negative, float32 [n_movies], to correct for
            popular movies being negatives more often; None leaves that bias in.
    """

    signature: ClassVar[dict[str, tf.TensorSpec]] = {"movie_index": tf.TensorSpec([None], tf.int32)}

    def __init__(self, batches: InteractionBatches, sampling_probability: npt.NDArray[np.float32] | None):
        self.batches = batches
        self._task = tfrs.tasks.Retrieval()
        self._probability = None if sampling_probability is None else tf.constant(sampling_probability)

    def loss(self, queries: tf.Tensor, movies: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The task's sum grows with the batch; its mean does not."""
        movie_index = batch["movie_index"]
        probability = None if self._probability is None else tf.gather(self._probability, movie_index)
        summed = self._task(
            queries,
            tf.gather(movies, movie_index),  # [b, d]
            candidate_sampling_probability=probability,
            compute_metrics=False,
            compute_batch_metrics=False,
        )
        return summed / tf.cast(tf.shape(queries)[0], tf.float32)


# A step's movie tower, optimizer and averaging cost the same however many queries it has, and on
# validation an epoch in a dozen large steps taught as much as one in fifty small ones.
CATALOGUE_BATCHES_PER_EPOCH = 12
MAX_QUERIES = 2048
MAX_SCORES = 2**26  # of a batch, 256 MB
IN_BATCH_INTERACTIONS = 4096


def catalogue_batch_size(n_queries: int, n_movies: int) -> int:
    """Queries a step where the user does not say."""
    most = min(MAX_QUERIES, max(1, MAX_SCORES // n_movies))
    return min(most, -(-n_queries // CATALOGUE_BATCHES_PER_EPOCH))


_WEIGHT_EXPONENTS = {Weighting.RATINGS: 0.0, Weighting.ROOT: 0.5, Weighting.QUERIES: 1.0}


def catalogue_batches(
    interactions: GroupedInteractions, n_movies: int, config: TrainingConfig, history: RaggedRows | None
) -> CatalogueBatches:
    """Batches of queries as the configuration has them."""
    size = config.batch_size or catalogue_batch_size(len(interactions.queries), n_movies)
    weights = positive_weights(interactions, _WEIGHT_EXPONENTS[config.weighting or Weighting.RATINGS])
    return CatalogueBatches(interactions, n_movies, size, weights, history)


def _catalogue(
    interactions: GroupedInteractions, n_movies: int, config: TrainingConfig, history: RaggedRows | None
) -> Objective:
    return CatalogueObjective(catalogue_batches(interactions, n_movies, config, history))


def _in_batch(
    interactions: GroupedInteractions,
    n_movies: int,
    config: TrainingConfig,
    history: RaggedRows | None,
    *,
    corrected: bool,
) -> Objective:
    counts = np.bincount(interactions.positives.values, minlength=n_movies)
    # A movie without ratings is never a negative; 1 keeps its logarithm finite.
    share = (np.maximum(counts, 1) / interactions.n_interactions).astype(np.float32)
    size = config.batch_size or IN_BATCH_INTERACTIONS
    return InBatchObjective(
        InteractionBatches(interactions, n_movies, size, history), share if corrected else None
    )


OBJECTIVES: dict[
    LossKind, Callable[[GroupedInteractions, int, TrainingConfig, RaggedRows | None], Objective]
] = {
    LossKind.CATALOGUE: _catalogue,
    LossKind.IN_BATCH: functools.partial(_in_batch, corrected=False),
    LossKind.IN_BATCH_CORRECTED: functools.partial(_in_batch, corrected=True),
}
"""From grouped interactions, the number of movies, the configuration and each user's training movies
(where the feature set has the history) to an objective."""
