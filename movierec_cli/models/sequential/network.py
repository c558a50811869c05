"""The movies' embeddings, and the three networks: rows of movies in, a state after each movie out.

A state is compared with every movie's embedding. Nothing in a state comes from a later movie or from another
segment of the same row; places without a movie have a state that nobody uses.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from movierec_cli.config import QUERY_TIME, TIME_GAP, Family, FeatureSet, SequenceConfig
from movierec_cli.models.sequential.attention import (
    AttentionBlock,
    PointwiseBlock,
    RelativeBias,
    small_values,
)
from movierec_cli.models.sequential.dropout import HashedDropout
from movierec_cli.models.sequential.packed_batches import NO_SEGMENT, Columns
from movierec_cli.models.sequential.products import Dense, LayerNormalization, plus_row, product
from movierec_cli.models.two_tower.inputs import BagInput, CategoryInput, Input, NumberInput
from movierec_cli.scoring.sequence_network import EPSILON, GAP_BUCKETS, HIDDEN


class MovieEmbeddings(keras.layers.Layer):
    """Embeddings of all movies.

    Args:
        n_movies: rows of the catalogue.
        size: width of an embedding.
        inputs: the movies' encoded features.
    """

    def __init__(self, n_movies: int, size: int, inputs: tuple[Input, ...] = (), **kwargs: Any):
        super().__init__(**kwargs)
        self.columns = [_matrix(column, n_movies) for column in inputs]
        self.own = self.add_weight(shape=(n_movies, size), initializer=small_values(), name="own")
        self.added = [
            self.add_weight(
                shape=(column.shape[1], size), initializer=small_values(), name=f"feature_{number}"
            )
            for number, column in enumerate(self.columns)
        ]
        self.built = True

    def vectors(self) -> jax.Array:
        """float32 [n_movies, size]."""
        table = jnp.asarray(self.own)
        for column, weights in zip(self.columns, self.added, strict=True):
            table = table + product(column, jnp.asarray(weights))
        return table


def _matrix(column: Input, n_movies: int) -> npt.NDArray[np.float32]:
    """What multiplies a feature's weights, [n_movies, n_weights]: one-hot, shares of a bag, or numbers."""
    if isinstance(column, NumberInput):
        return column.values
    matrix = np.zeros((n_movies, column.size), np.float32)
    if isinstance(column, CategoryInput):
        matrix[np.arange(n_movies), column.codes] = 1.0
    else:
        assert isinstance(column, BagInput)
        np.add.at(matrix, (column.rows, column.codes), 1.0)
        matrix /= np.maximum(matrix.sum(axis=1, keepdims=True), 1.0)
    return matrix


_TIMES = {TIME_GAP: "gap", QUERY_TIME: "gap_to_next"}


class RecurrentLayer(keras.layers.Layer):
    """A gated recurrent unit whose memory is cleared where a new segment begins.

    Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", with the reset gate after
    the matrix product, as cuDNN and Keras have it.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.projection = Dense(3 * units)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes the weights."""
        self.recurrent = self.add_weight(
            shape=(self.units, 3 * self.units), initializer="orthogonal", name="recurrent"
        )
        self.recurrent_bias = self.add_weight(
            shape=(3 * self.units,), initializer="zeros", name="recurrent_bias"
        )
        self.projection.build(shape)

    def call(self, states: jax.Array, continues: jax.Array) -> jax.Array:
        """[b, length, dim] to [b, length, units]; clears the memory where `continues` [b, length] is 0."""
        recurrent, bias = jnp.asarray(self.recurrent), jnp.asarray(self.recurrent_bias)
        projected = jnp.swapaxes(self.projection(states), 0, 1)  # [length, b, 3 · units]

        def step(memory: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            inputs, kept = now
            memory = memory * kept[:, None]
            gates = plus_row(product(memory, recurrent), bias)
            update_in, reset_in, candidate_in = jnp.split(inputs, 3, axis=1)
            update_of, reset_of, candidate_of = jnp.split(gates, 3, axis=1)
            update = jax.nn.sigmoid(update_in + update_of)
            candidate = jnp.tanh(candidate_in + jax.nn.sigmoid(reset_in + reset_of) * candidate_of)
            memory = update * memory + (1 - update) * candidate
            return memory, memory

        empty = jnp.zeros((states.shape[0], self.units), states.dtype)
        _, outputs = jax.lax.scan(step, empty, (projected, jnp.swapaxes(continues, 0, 1)))
        return jnp.swapaxes(outputs, 0, 1)


class _Attention(keras.layers.Layer):
    """SASRec's body and HSTU's: positions, blocks, a last normalisation.

    Args:
        config: sizes.
        block: what makes a block, of the sizes and its number, from 1.
        biases: what is added to each block's scores; none: nothing.
    """

    def __init__(
        self,
        config: SequenceConfig,
        block: Callable[[SequenceConfig, int], keras.layers.Layer],
        biases: Sequence[RelativeBias] = (),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.positions = keras.layers.Embedding(config.max_length, config.embedding_size, small_values())
        self.dropout = HashedDropout(config.dropout, 0)
        self.blocks = [block(config, 1 + layer) for layer in range(config.num_layers)]
        self.biases = list(biases)
        self.norm = LayerNormalization(epsilon=EPSILON)
        self.max_length = config.max_length

    def call(self, embedded: jax.Array, row: Columns, seed: jax.Array | None = None) -> jax.Array:
        length = embedded.shape[1]
        # A shorter row ends where a long one would: the newest movie has the highest position.
        position = row["position"] + (self.max_length - length)
        states = self.dropout(embedded + self.positions(position), seed)
        segment = row["segment"]
        same = segment[:, :, None] == segment[:, None, :]
        visible = same & jnp.tril(jnp.ones((length, length), bool))
        hidden = jnp.where(visible, 0.0, HIDDEN)[:, None]
        added = [hidden + bias(row) for bias in self.biases] or [hidden] * len(self.blocks)
        for block, scores in zip(self.blocks, added, strict=True):
            states = block(states, scores, seed)
        normalised: jax.Array = self.norm(states)
        return normalised


class _Recurrence(keras.layers.Layer):
    """GRU4Rec's body: recurrent layers, a layer that brings their memory to the movies' size, normalisation.

    Hidasi et al. 2016, "Session-based recommendations with recurrent neural networks".
    """

    def __init__(self, config: SequenceConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.layers = [RecurrentLayer(config.hidden_size) for _ in range(config.num_layers)]
        self.dropouts = [HashedDropout(config.dropout, layer) for layer in range(config.num_layers + 1)]
        fits = config.hidden_size == config.embedding_size
        self.output_layer = None if fits else Dense(config.embedding_size)
        self.norm = LayerNormalization(epsilon=EPSILON)

    def call(self, embedded: jax.Array, row: Columns, seed: jax.Array | None = None) -> jax.Array:
        segment = row["segment"]
        before = jnp.pad(segment[:, :-1], ((0, 0), (1, 0)))
        continues = (segment == before).astype(embedded.dtype)
        states = embedded
        for layer, dropout in zip(self.layers, self.dropouts, strict=False):
            states = layer(dropout(states, seed), continues)
        states = self.dropouts[-1](states, seed)
        sized = states if self.output_layer is None else self.output_layer(states)
        normalised: jax.Array = self.norm(sized)
        return normalised


def _pointwise(config: SequenceConfig, feature_set: FeatureSet) -> _Attention:
    biases = [RelativeBias(config, feature_set) for _ in range(config.num_layers)]
    return _Attention(config, PointwiseBlock, biases)


_BODIES: dict[Family, Callable[[SequenceConfig, FeatureSet], keras.layers.Layer]] = {
    Family.SASREC: lambda config, feature_set: _Attention(config, AttentionBlock),
    Family.GRU4REC: lambda config, feature_set: _Recurrence(config),
    Family.HSTU: _pointwise,
}


def directions(vectors: jax.Array) -> jax.Array:
    """Vectors [..., dim] scaled to length 1."""
    return vectors / jnp.sqrt(jnp.square(vectors).sum(axis=-1, keepdims=True) + EPSILON)


class SequenceNetwork(keras.Model):
    """Movies of a row to states.

    Args:
        family: a sequential one.
        config: sizes.
        feature_set: of which the times count here; what movies are made of is `MovieEmbeddings`'.
    """

    def __init__(self, family: Family, config: SequenceConfig, feature_set: FeatureSet, **kwargs: Any):
        super().__init__(**kwargs)
        self.body = _BODIES[family](config, feature_set)
        self.temperature = config.temperature
        # Movies are compared with states, so their embeddings begin small; as inputs they have to be heard.
        self.scale = math.sqrt(config.embedding_size)
        self.times = {
            column: keras.layers.Embedding(GAP_BUCKETS + 1, config.embedding_size, small_values())
            for feature, column in _TIMES.items()
            if feature in feature_set and family is not Family.HSTU  # whose scores see them
        }

    def call(self, table: jax.Array, row: Columns, seed: jax.Array | None = None) -> jax.Array:
        """States after each movie.

        Args:
            table: the movies' embeddings as history, [n_movies, dim].
            row: the columns of `batches.RowMaker`, [b, length] each.
            seed: uint32 scalar for dropout in training; None elsewhere.

        Returns:
            float32 [b, length, dim].
        """
        embedded = table[row["movie"]] * self.scale
        for column, embedding in self.times.items():
            embedded = embedded + embedding(row[column])
        embedded = jnp.where((row["segment"] == NO_SEGMENT)[:, :, None], 0.0, embedded)
        states: jax.Array = self.body(embedded, row, seed)
        return directions(states) / self.temperature if self.temperature else states
