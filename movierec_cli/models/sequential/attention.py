"""Blocks of attention to what came before, which keep the shape of states, and what their scores get."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from movierec_cli.config import QUERY_TIME, TIME_GAP, Activation, DropoutPlaces, FeatureSet, SequenceConfig
from movierec_cli.models.sequential.dropout import HashedDropout
from movierec_cli.models.sequential.packed_batches import NO_SEGMENT, Columns
from movierec_cli.models.sequential.products import Dense, LayerNormalization, plus_row, product
from movierec_cli.scoring.sequence_network import EPSILON, GAP_BUCKETS, GAP_SECONDS

_INITIAL = 0.02  # standard deviation
_ACTIVATIONS = {Activation.RELU: jax.nn.relu, Activation.GELU: partial(jax.nn.gelu, approximate=True)}


def small_values() -> keras.Initializer:
    """What embeddings begin with, each time with another seed of Keras' generator."""
    return keras.initializers.RandomNormal(stddev=_INITIAL)


class AttentionBlock(keras.layers.Layer):
    """Attention to what came before, then a feed-forward layer; each normalised first and added.

    Kang & McAuley 2018, "Self-attentive sequential recommendation"; normalisation first as in Xiong et al.
    2020, "On layer normalization in the transformer architecture".
    """

    def __init__(self, config: SequenceConfig, number: int, **kwargs: Any):
        super().__init__(**kwargs)
        size = config.embedding_size
        self.num_heads = config.num_heads
        self.norms = [LayerNormalization(epsilon=EPSILON) for _ in range(2)]
        inside = config.dropout if config.dropout_places is DropoutPlaces.EVERYWHERE else 0.0
        rates = (inside, config.dropout, inside, config.dropout)
        self.dropouts = [HashedDropout(rate, 4 * number + index) for index, rate in enumerate(rates)]
        self.projection = Dense(3 * size, use_bias=False)
        self.output_layer = Dense(size, use_bias=False)
        self.inner = Dense(config.hidden_size, activation=_ACTIVATIONS[config.activation])
        self.outer = Dense(size)

    def call(self, states: jax.Array, added: jax.Array, seed: jax.Array | None = None) -> jax.Array:
        """States [b, length, dim] and added scores [b, 1, length, length] to states of the same shape."""
        of_attention, of_outputs, of_inner, of_outer = self.dropouts
        attended = self._attend(self.norms[0](states), added, of_attention, seed)
        states = states + of_outputs(attended, seed)
        inner = of_inner(self.inner(self.norms[1](states)), seed)
        after: jax.Array = states + of_outer(self.outer(inner), seed)
        return after

    def _attend(
        self, states: jax.Array, added: jax.Array, dropout: HashedDropout, seed: jax.Array | None
    ) -> jax.Array:
        query, key, value = _parts(self.projection(states), 3, self.num_heads)
        scores = product(query, jnp.swapaxes(key, -1, -2)) / math.sqrt(query.shape[-1])
        weights = dropout(jax.nn.softmax(scores + added, axis=-1), seed)
        mixed = jnp.swapaxes(product(weights, value), 1, 2)
        attended: jax.Array = self.output_layer(mixed.reshape(states.shape))
        return attended


class PointwiseBlock(keras.layers.Layer):
    """Attention whose weights need not sum to one, normalised, gated and added.

    Zhai et al. 2024, "Actions speak louder than words: trillion-parameter sequential transducers for
    generative recommendations", equations 1 to 3.
    """

    def __init__(self, config: SequenceConfig, number: int, **kwargs: Any):
        super().__init__(**kwargs)
        size = config.embedding_size
        self.num_heads, self.max_length = config.num_heads, config.max_length
        self.norms = [LayerNormalization(epsilon=EPSILON) for _ in range(2)]
        self.dropout = HashedDropout(config.dropout, number)
        self.projection = Dense(4 * size, jax.nn.silu, use_bias=False, kernel_initializer=small_values())
        self.output_layer = Dense(size)

    def call(self, states: jax.Array, added: jax.Array, seed: jax.Array | None = None) -> jax.Array:
        """As of `AttentionBlock`."""
        gate, value, query, key = _parts(self.projection(self.norms[0](states)), 4, self.num_heads)
        scores = product(query, jnp.swapaxes(key, -1, -2)) + added
        mixed = jnp.swapaxes(product(jax.nn.silu(scores) / self.max_length, value), 1, 2)
        gate = jnp.swapaxes(gate, 1, 2)
        gated = self.norms[1](mixed.reshape(states.shape)) * gate.reshape(states.shape)
        after: jax.Array = states + self.output_layer(self.dropout(gated, seed))
        return after


def _parts(projected: jax.Array, number: int, num_heads: int) -> list[jax.Array]:
    """What was projected at once: `number` arrays [b, num_heads, length, width of a head]."""
    rows, length, _ = projected.shape
    parts = projected.reshape(rows, length, number, num_heads, -1)
    return [jnp.swapaxes(parts[:, :, index], 1, 2) for index in range(number)]


class RelativeBias(keras.layers.Layer):
    """What is added to a score for how many movies and, if times are seen, how much time lie between.

    Zhai et al. 2024, section 3.2. The time is that from the rating of the movie attended to until the one
    that attends; with the time of the query, until the movie after that, which is the one to predict.
    """

    def __init__(self, config: SequenceConfig, feature_set: FeatureSet, **kwargs: Any):
        super().__init__(**kwargs)
        self.sees_gaps, self.sees_query = TIME_GAP in feature_set, QUERY_TIME in feature_set
        self.of_distance = self.add_weight(
            shape=(config.max_length,), initializer=small_values(), name="of_distance"
        )
        self.of_time = (
            self.add_weight(shape=(GAP_BUCKETS + 1,), initializer=small_values(), name="of_time")
            if self.sees_gaps or self.sees_query
            else None
        )
        self.built = True

    def call(self, row: Columns) -> jax.Array:
        """[b, 1, length, length], of rows' columns; any number where the other movie is a later one."""
        n_rows, length = row["movie"].shape
        places = np.arange(length)
        distance = np.maximum(places[:, None] - places, 0).reshape(-1)
        every = plus_row(jnp.zeros((n_rows, length**2)), jnp.asarray(self.of_distance)[distance])
        bias = every.reshape(n_rows, length, length)
        if self.of_time is not None:
            bias = bias + jnp.asarray(self.of_time)[self._elapsed(row)]
        return bias[:, None]

    def _elapsed(self, row: Columns) -> jax.Array:
        """Buckets [b, length, length] of the time between, which is that of the gaps in between."""
        least = jnp.asarray(GAP_SECONDS)

        def seconds(column: str, is_seen: bool) -> jax.Array:
            return least[jnp.where((row["segment"] != NO_SEGMENT) & is_seen, row[column], 0)]

        at = jnp.cumsum(seconds("gap", self.sees_gaps), axis=1, dtype=jnp.uint32)
        asked = at + seconds("gap_to_next", self.sees_query)
        return exact_buckets(asked[:, :, None] - at[:, None, :])


def exact_buckets(seconds: jax.Array) -> jax.Array:
    """`scoring.sequence_network.gap_buckets` of uint32 seconds, in whole numbers: int32 of the same shape."""
    n = seconds + np.uint32(1)
    doublings = 31 - jax.lax.clz(n).astype(jnp.int32)
    is_upper_half = (n << jax.lax.clz(n)) >= np.uint32(math.ceil(math.sqrt(2) * 2**31))
    return jnp.minimum(1 + 2 * doublings + is_upper_half, GAP_BUCKETS)
