"""The movies' embeddings: one of its own for each, and what its features add."""

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from movierec_cli.models.two_tower.inputs import BagInput, CategoryInput, Input, NumberInput

_INITIAL = 0.02  # standard deviation


def small_embeddings() -> keras.Initializer:
    """What embeddings begin with, each time with another seed of Keras' generator."""
    return keras.initializers.RandomNormal(stddev=_INITIAL)


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
        self.own = self.add_weight(shape=(n_movies, size), initializer=small_embeddings(), name="own")
        self.added = [
            self.add_weight(
                shape=(column.shape[1], size),
                initializer=small_embeddings(),
                name=f"feature_{number}",
            )
            for number, column in enumerate(self.columns)
        ]
        self.built = True

    def vectors(self) -> jax.Array:
        """float32 [n_movies, size]."""
        table = jnp.asarray(self.own)
        for column, weights in zip(self.columns, self.added, strict=True):
            table = table + column @ jnp.asarray(weights)
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
