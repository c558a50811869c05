"""What a retrieval model can be trained on: a loss over a batch, and the batches it wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs

from movierec_cli.config import LossKind
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.models.batches import Batch, CatalogueBatches, InteractionBatches
from movierec_cli.models.catalogue_softmax import catalogue_softmax
from movierec_cli.models.queries import GroupedInteractions


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
        "n_positives": tf.TensorSpec([None], tf.float32),
    }

    def __init__(self, batches: CatalogueBatches):
        self.batches = batches
        self._mean_positives = batches.mean_positives

    def loss(self, queries: tf.Tensor, movies: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The batch's sum over the interactions of an average batch, so every interaction weighs alike."""
        summed = catalogue_softmax(queries, movies, batch["positives"], batch["n_positives"])
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


def _catalogue(
    interactions: GroupedInteractions, n_movies: int, batch_size: int, history: RaggedRows | None
) -> Objective:
    return CatalogueObjective(CatalogueBatches(interactions, n_movies, batch_size, history))


def _in_batch(
    interactions: GroupedInteractions, n_movies: int, batch_size: int, history: RaggedRows | None
) -> Objective:
    return InBatchObjective(InteractionBatches(interactions, n_movies, batch_size, history), None)


def _in_batch_corrected(
    interactions: GroupedInteractions, n_movies: int, batch_size: int, history: RaggedRows | None
) -> Objective:
    counts = np.bincount(interactions.positives.values, minlength=n_movies)
    share = np.maximum(counts, 1) / interactions.n_interactions
    batches = InteractionBatches(interactions, n_movies, batch_size, history)
    return InBatchObjective(batches, share.astype(np.float32))


OBJECTIVES: dict[LossKind, Callable[[GroupedInteractions, int, int, RaggedRows | None], Objective]] = {
    LossKind.CATALOGUE: _catalogue,
    LossKind.IN_BATCH: _in_batch,
    LossKind.IN_BATCH_CORRECTED: _in_batch_corrected,
}
"""From grouped interactions, the number of movies, the batch size and each user's training movies (where
the feature set has the history) to an objective."""
