"""The layers that turn a query and a movie into stars."""

from collections.abc import Sequence
from dataclasses import replace

import tensorflow as tf
import tf_keras

from movierec_cli.config import TowerConfig
from movierec_cli.models.rating.evidence import (
    DENSE_SIZES,
    N_NUMBERS,
    N_SESSION_NUMBERS,
    POOL_SIZE,
    SESSION_SIZES,
)
from movierec_cli.models.two_tower.keras_towers import ByteDropout, DenseTop, built

# Chosen on validation parts of 100K's random and u1 splits and of 1M.
TOWER_DROPOUT = 0.6  # of the embeddings; far more than retrieval wants
PAIR_DROPOUT = 0.2
BIAS_L2 = 6.0  # against the summed loss, as `TowerConfig.l2`
FIRST_SCALE = 0.3
POOL_L2 = 0.4
MOVIE_POOL_L2 = 4.0
# A user's pool moves by as much as all its vectors together, so steps of the usual size made training leap.
POOL_SCALE = 0.1


class RatingLayers(tf_keras.layers.Layer):
    """Stars above the mean from the towers' embedded inputs, which it shares with retrieval.

    bias of user + bias of movie + scale · (u · m) + linear · x + dense([u, m, u ∘ m, x])

    where the first parts of u and m are the towers' inputs through dense layers of its own, and x is the
    evidence of the pair. The second part of u is a pool of what the user made of other movies: the sum of
    their vectors, weighted by the residuals, over the root of their number (Koren 2008, "Factorization Meets
    the Neighborhood"). That of m is a pool of what other users made of the movie. A pair's own rating is
    taken off both.
    """

    def __init__(
        self,
        n_users: int,
        n_movies: int,
        query_widths: Sequence[int],
        movie_widths: Sequence[int],
        config: TowerConfig,
        n_pairs: int,
        seed: int,
    ):
        super().__init__(name="rating")
        own = replace(config, dropout=TOWER_DROPOUT)
        self.query_top = DenseTop(query_widths, own, seed)
        self.movie_top = DenseTop(movie_widths, own, seed + 1)
        self.user_bias = self._biases("user_bias", n_users, n_pairs)
        self.movie_bias = self._biases("movie_bias", n_movies, n_pairs)
        self.user_pool = self._vectors("user_pool", n_movies, POOL_L2 / n_pairs)
        self.movie_pool = self._vectors("movie_pool", n_users, MOVIE_POOL_L2 / n_pairs)
        self.user_pool_top, self.movie_pool_top = (
            tf_keras.layers.Dense(config.layer_sizes[-1], use_bias=False) for _ in range(2)
        )
        self.user_pool_top.build((None, POOL_SIZE))
        self.movie_pool_top.build((None, POOL_SIZE))
        self.linear = self.add_weight(name="linear", shape=(N_NUMBERS, 1), initializer="zeros")
        scale = tf_keras.initializers.Constant(FIRST_SCALE)
        self.scale = self.add_weight(name="scale", shape=(), initializer=scale)
        self.dropout = ByteDropout(PAIR_DROPOUT, seed + 2)
        dense = [tf_keras.layers.Dense(size, activation="relu") for size in DENSE_SIZES]
        width = 3 * config.layer_sizes[-1] + N_NUMBERS
        self.dense = built([*dense, tf_keras.layers.Dense(1)], width)
        session = [tf_keras.layers.Dense(size, activation="relu") for size in SESSION_SIZES]
        last = tf_keras.layers.Dense(1, kernel_initializer="zeros")
        self.session = built([*session, last], N_SESSION_NUMBERS + N_NUMBERS)

    def _biases(self, name: str, size: int, n_pairs: int) -> tf.Variable:
        penalty = tf_keras.regularizers.L2(BIAS_L2 / n_pairs)
        return self.add_weight(name=name, shape=(size,), initializer="zeros", regularizer=penalty)

    def _vectors(self, name: str, size: int, penalty: float) -> tf.Variable:
        """What pools are sums of: [size, POOL_SIZE]."""
        return self.add_weight(
            name=name,
            shape=(size, POOL_SIZE),
            initializer=tf_keras.initializers.RandomNormal(stddev=0.2),
            regularizer=tf_keras.regularizers.L2(penalty),
        )

    def of_user_pool(self, sums: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """The second part of users' vectors, [p, width], from sums [p, POOL_SIZE] over counts [p]."""
        return self.user_pool_top(_scaled(sums, counts))

    def of_movie_pool(self, sums: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """The second part of movies' vectors, likewise."""
        return self.movie_pool_top(_scaled(sums, counts))

    def call(
        self,
        users: tf.Tensor,
        movies: tf.Tensor,
        of_users: tf.Tensor,
        of_movies: tf.Tensor,
        numbers: tf.Tensor,
        training: bool = False,
    ) -> tf.Tensor:
        """Stars above the mean [p].

        Args:
            users: rows, int32 [p].
            movies: rows, int32 [p].
            of_users: each pair's user, both parts, [p, width].
            of_movies: each pair's movie, both parts, [p, width].
            numbers: the pairs' evidence, [p, n_numbers].
            training: whether to drop out.
        """
        product = of_users * of_movies
        hidden = tf.concat([of_users, of_movies, product, numbers], axis=1)
        hidden = self.dropout(hidden, training=training)
        for layer in self.dense:
            hidden = layer(hidden)
        direct = self.scale * tf.reduce_sum(product, axis=1) + tf.matmul(numbers, self.linear)[:, 0]
        return hidden[:, 0] + direct + tf.gather(self.user_bias, users) + tf.gather(self.movie_bias, movies)

    def of_session(self, session: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        """What the session adds to the stars of each pair: [p].

        Args:
            session: [p, N_SESSION_NUMBERS].
            numbers: the rest of the pairs' evidence, [p, n_numbers].
        """
        hidden = tf.concat([session, numbers], axis=1)
        for layer in self.session:
            hidden = layer(hidden)
        return hidden[:, 0]


def _scaled(sums: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """Sums over the roots of their numbers."""
    return POOL_SCALE * sums / tf.sqrt(tf.maximum(counts, 1.0))[:, None]
