"""The layers of the two towers: embed each input, concatenate, dense layers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf
import tf_keras

from movierec_cli.config import USER_HISTORY, Feature, TowerConfig
from movierec_cli.models.freed_memory import LARGE_TABLE
from movierec_cli.models.two_tower.inputs import BagInput, CategoryInput, Input, NumberInput

DENSE_BAG_SIZE = 64


class SquaresPenalty(tf_keras.regularizers.Regularizer):
    """The sum of squares times a weight, as `tf_keras.regularizers.L2`, which copies the table thrice.

    Args:
        weight: of the squares.
    """

    def __init__(self, weight: float):
        self.weight = weight

    def __call__(self, table: tf.Tensor) -> tf.Tensor:
        return 2 * self.weight * tf.nn.l2_loss(table)

    def get_config(self) -> dict[str, float]:
        return {"weight": self.weight}


def embedding_table(
    layer: tf_keras.layers.Layer, size: int, config: TowerConfig, penalised: bool = True
) -> tf.Variable:
    """A trained table [size, embedding_size], under the configuration's L2 if it is `penalised`."""
    return layer.add_weight(
        name="embeddings",
        shape=(size, config.embedding_size),
        initializer=tf_keras.initializers.RandomUniform(-0.05, 0.05, seed=None),
        regularizer=SquaresPenalty(config.l2) if config.l2 and penalised else None,
    )


def penalised_rows(table: tf.Variable, rows: tf.Tensor | None, penalty: float) -> tf.Tensor:
    """Rows of a table, whose gradient is that of what is made of them and of the whole table's L2.

    Where Keras adds a regularizer's gradient to that of some rows, it reads and writes a large table three
    times more.

    Args:
        table: float32 [n, d].
        rows: int32 [b]; None: all.
        penalty: of the sum of squares.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def taken(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            of_penalty = 2 * penalty * values
            if rows is None:
                return of_penalty + upstream
            # Nothing else refers to what is added to; a scatter would copy it first.
            return tf.raw_ops.InplaceAdd(x=of_penalty, i=rows, v=upstream)

        return tf.identity(values) if rows is None else tf.gather(values, rows), gradient

    return taken(tf.convert_to_tensor(table))


class IdEmbedding(tf_keras.layers.Layer):
    """One vector a row: a user or a movie by itself."""

    def __init__(self, n_rows: int, config: TowerConfig, name: str):
        super().__init__(name=name)
        self.is_large = 4 * n_rows * config.embedding_size > LARGE_TABLE
        self.penalty_of_large = config.l2 if self.is_large else 0.0
        self.is_penalised_by_rows = False  # set where an optimizer does it
        self.table = embedding_table(self, n_rows, config, penalised=not self.is_large)
        self.width = config.embedding_size

    def every(self) -> tf.Tensor:
        """[n_rows, d]."""
        if self.penalty_of_large:
            return penalised_rows(self.table, None, self.penalty_of_large)
        return tf.convert_to_tensor(self.table)

    def at(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows int32 [b] to [b, d]."""
        if self.penalty_of_large and not self.is_penalised_by_rows:
            return penalised_rows(self.table, rows, self.penalty_of_large)
        return tf.gather(self.table, rows)


class CategoryEmbedding(tf_keras.layers.Layer):
    """One vector a category."""

    def __init__(self, column: CategoryInput, config: TowerConfig, name: str):
        super().__init__(name=name)
        self.codes = tf.constant(column.codes)
        self.table = embedding_table(self, column.size, config)
        self.width = config.embedding_size

    def every(self) -> tf.Tensor:
        """[n_rows, d]."""
        return tf.gather(self.table, self.codes)

    def at(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows int32 [b] to [b, d]."""
        return tf.gather(self.table, tf.gather(self.codes, rows))


class BagEmbedding(tf_keras.layers.Layer):
    """The mean of a row's embeddings; zero for an empty bag."""

    def __init__(self, column: BagInput, config: TowerConfig, name: str):
        super().__init__(name=name)
        share = (1.0 / np.bincount(column.rows, minlength=column.n_rows)[column.rows]).astype(np.float32)
        self.sparse_shares, self.dense_shares = None, None
        # A few genres multiply faster as a dense matrix, thousands of words as a sparse one.
        if column.size > DENSE_BAG_SIZE:
            places = np.stack([column.rows, column.codes], axis=1)
            self.sparse_shares = tf.SparseTensor(places, share, (column.n_rows, column.size))
        else:
            shares = np.zeros((column.n_rows, column.size), np.float32)
            np.add.at(shares, (column.rows, column.codes), share)
            self.dense_shares = tf.constant(shares)
        self.table = embedding_table(self, column.size, config)
        self.width = config.embedding_size

    def every(self) -> tf.Tensor:
        """[n_rows, d]."""
        if self.sparse_shares is None:
            return tf.matmul(self.dense_shares, self.table)
        return tf.sparse.sparse_dense_matmul(self.sparse_shares, self.table)

    def at(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows int32 [b] to [b, d]."""
        return tf.gather(self.every(), rows)


class Numbers(tf_keras.layers.Layer):
    """Numbers passed on as they are."""

    def __init__(self, column: NumberInput, config: TowerConfig, name: str):
        super().__init__(name=name)
        self.values = tf.constant(column.values)
        self.width = column.size

    def every(self) -> tf.Tensor:
        """[n_rows, n_numbers]."""
        return self.values

    def at(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows int32 [b] to [b, n_numbers]."""
        return tf.gather(self.values, rows)


_LAYERS: dict[type[Input], Callable[..., tf_keras.layers.Layer]] = {
    CategoryInput: CategoryEmbedding,
    BagInput: BagEmbedding,
    NumberInput: Numbers,
}


class FeatureEmbedding(tf_keras.layers.Layer):
    """The columns of one feature, side by side."""

    def __init__(self, feature: Feature, columns: tuple[Input, ...], config: TowerConfig):
        super().__init__(name=str(feature))
        self.columns = [
            _LAYERS[type(column)](column, config, name=f"column_{i}") for i, column in enumerate(columns)
        ]
        self.width = sum(column.width for column in self.columns)

    def every(self) -> tf.Tensor:
        """[n_rows, width]."""
        return tf.concat([column.every() for column in self.columns], axis=1)

    def at(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows int32 [b] to [b, width]."""
        return tf.concat([column.at(rows) for column in self.columns], axis=1)


class HistoryEmbedding(tf_keras.layers.Layer):
    """The bag of a user's movies: their summed vectors over the root of their number."""

    def __init__(self, n_movies: int, config: TowerConfig):
        super().__init__(name=str(USER_HISTORY))
        self.table = embedding_table(self, n_movies, config)
        self.width = config.embedding_size

    def call(self, history: tf.Tensor) -> tf.Tensor:
        """History float32 [b, n_movies] of zeros and ones to [b, d]."""
        size = tf.reduce_sum(history, axis=1, keepdims=True)  # [b, 1]
        return tf.matmul(history, self.table) / tf.sqrt(tf.maximum(size, 1.0))


class ByteDropout(tf_keras.layers.Layer):
    """Inverted dropout that spends one random byte an element.

    Drawing random numbers is most of what dropout costs on a processor, and a byte is a quarter of a
    float. The rate is rounded to a 256th.
    """

    def __init__(self, rate: float, seed: int):
        super().__init__(name="dropout")
        self._dropped_of_256 = round(rate * 256)
        self._generator = tf.random.Generator.from_seed(seed)

    def call(self, values: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Float32 of any shape; while training some are zero and the rest scaled up."""
        if not training or not self._dropped_of_256:
            return values
        kept = tf.cast(self._bytes(tf.shape(values)) >= self._dropped_of_256, values.dtype)
        return values * (kept * (256 / (256 - self._dropped_of_256)))

    def _bytes(self, shape: tf.Tensor) -> tf.Tensor:
        n = tf.reduce_prod(shape)
        words = self._generator.uniform_full_int([(n + 3) // 4], tf.uint32)
        return tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:n], shape)


def _of_each_part(widths: Sequence[int]) -> Callable[..., tf.Tensor]:
    """Begins each part's weights as those of a layer of its own (Glorot & Bengio 2010).

    Begun as one, ids would begin smaller the more features stand beside them, which is a gain of its own:
    columns of noise seemed to help.
    """

    def begun(shape: tuple[int, int], dtype: tf.DType | None = None, **_: object) -> tf.Tensor:
        of_parts = [tf_keras.initializers.GlorotUniform()((width, shape[1]), dtype) for width in widths]
        return tf.concat(of_parts, axis=0)

    return begun


class DenseOfParts(tf_keras.layers.Layer):
    """A dense layer on the concatenation of its inputs, which is never made.

    The sum of each part's product is the product of the whole, and the widest array of the tower is
    neither copied together nor, for the gradient, apart.

    Args:
        widths: of the parts.
        size: of the output.
        relu: whether it ends in one.
        penalties: of each part, on its squared products, their mean over rows, while training; none: 0 each.
            With any, each part's weights begin as those of a layer of its own.
    """

    def __init__(self, widths: Sequence[int], size: int, relu: bool, penalties: Sequence[float] = ()):
        super().__init__(name="dense_of_parts")
        self._penalties = tuple(penalties) or (0.0,) * len(widths)
        self._ends = [int(end) for end in np.cumsum(widths)]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self._ends[-1], size),
            initializer=_of_each_part(widths) if any(penalties) else tf_keras.initializers.GlorotUniform(),
        )
        self.bias = self.add_weight(name="bias", shape=(size,), initializer="zeros")
        self._relu = relu

    def call(self, parts: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Parts float32 [b, width], one a width, to [b, size]."""
        starts = [0, *self._ends[:-1]]
        products = [
            tf.matmul(part, self.kernel[start:end])
            for part, start, end in zip(parts, starts, self._ends, strict=True)
        ]
        if training:
            self._penalise(products)
        total = tf.add_n(products) + self.bias  # [b, size]
        return tf.nn.relu(total) if self._relu else total

    def _penalise(self, products: Sequence[tf.Tensor]) -> None:
        for penalty, product in zip(self._penalties, products, strict=True):
            if penalty:
                self.add_loss(penalty * tf.reduce_mean(tf.reduce_sum(tf.square(product), axis=1)))


def built(layers: Sequence[tf_keras.layers.Dense], width: int) -> list[tf_keras.layers.Dense]:
    """Layers one after the other from a width on; every weight is there before the first step."""
    for layer in layers:
        layer.build((None, width))
        width = layer.units
    return list(layers)


class DenseTop(tf_keras.layers.Layer):
    """Dropout on the embeddings, then dense layers, if there are any: relu between, linear last."""

    def __init__(
        self, widths: Sequence[int], config: TowerConfig, seed: int, penalties: Sequence[float] = ()
    ):
        super().__init__(name="dense")
        self.dropout = ByteDropout(config.dropout, seed)
        self.first, self.rest = None, []
        if not config.layer_sizes:
            return
        first, *rest = config.layer_sizes
        self.first = DenseOfParts(widths, first, bool(rest), penalties)
        layers = [tf_keras.layers.Dense(size, activation="relu") for size in rest[:-1]]
        self.rest = built([*layers, *(tf_keras.layers.Dense(size) for size in rest[-1:])], first)

    def call(self, parts: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Parts float32 [b, width], one a width, to [b, layer_sizes[-1]]; without layers, side by side."""
        dropped = [self.dropout(part, training=training) for part in parts]
        if self.first is None:
            return tf.concat(dropped, axis=1)
        hidden = self.first(dropped, training=training)
        for layer in self.rest:
            hidden = layer(hidden)
        return hidden


class QueryTower(tf_keras.layers.Layer):
    """User id, user features, contexts and history to a query embedding."""

    def __init__(
        self,
        n_users: int,
        n_movies: int,
        user_features: Mapping[Feature, tuple[Input, ...]],
        context_features: Mapping[Feature, tuple[Input, ...]],
        with_history: bool,
        config: TowerConfig,
        seed: int,
    ):
        super().__init__(name="query_tower")
        self.ids = IdEmbedding(n_users, config, name="user_id") if config.user_ids else None
        self.users = [FeatureEmbedding(f, columns, config) for f, columns in user_features.items()]
        self.contexts = [FeatureEmbedding(f, columns, config) for f, columns in context_features.items()]
        self.history = HistoryEmbedding(n_movies, config) if with_history else None
        layers = [self.ids, *self.users, *self.contexts, self.history]
        self.widths = [layer.width for layer in layers if layer is not None]
        self.top = DenseTop(self.widths, replace(config, layer_sizes=config.query_sizes), seed)

    def parts(self, user_index: tf.Tensor, contexts: tf.Tensor, history: tf.Tensor | None) -> list[tf.Tensor]:
        """The embedded inputs, one [b, width] a width of `widths`, for `top`.

        Args:
            user_index: rows of users, int32 [b].
            contexts: codes, int32 [b, n_contexts].
            history: zeros and ones, float32 [b, n_movies].
        """
        parts = [] if self.ids is None else [self.ids.at(user_index)]
        parts += [users.at(user_index) for users in self.users]
        parts += [context.at(contexts[:, i]) for i, context in enumerate(self.contexts)]
        if self.history is not None:
            parts.append(self.history(history))
        return parts


class MovieTower(tf_keras.layers.Layer):
    """Movie id and movie features to the embeddings of the whole catalogue."""

    def __init__(
        self, n_movies: int, features: Mapping[Feature, tuple[Input, ...]], config: TowerConfig, seed: int
    ):
        super().__init__(name="movie_tower")
        self.ids = IdEmbedding(n_movies, config, name="movie_id")
        self.features = [FeatureEmbedding(f, columns, config) for f, columns in features.items()]
        self.widths = [self.ids.width, *(feature.width for feature in self.features)]
        self.top = DenseTop(self.widths, config, seed, (0.0, *[config.feature_l2] * len(self.features)))
        self.bias = self.add_weight(name="bias", shape=(n_movies,)) if config.item_bias else None

    def embeddings(self, rows: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """Embeddings of the movies at these rows, by default of all: [n_movies, dim]; their biases come last.

        Args:
            rows: int32 [n_movies].
            training: whether embeddings are dropped, and features penalised.
        """
        return self.with_bias(self.top(self.parts(rows), training=training), rows)

    def with_bias(self, embeddings: tf.Tensor, rows: tf.Tensor | None = None) -> tf.Tensor:
        """[n_movies, dim] to [n_movies, dim + 1], where there are biases."""
        if self.bias is None:
            return embeddings
        bias = self.bias if rows is None else tf.gather(self.bias, rows)
        return tf.concat([embeddings, bias[:, None]], axis=1)

    def with_one(self, queries: tf.Tensor) -> tf.Tensor:
        """Query embeddings [b, dim] with the number that the biases are multiplied by."""
        return queries if self.bias is None else tf.pad(queries, [[0, 0], [0, 1]], constant_values=1.0)

    def parts(self, rows: tf.Tensor | None = None) -> list[tf.Tensor]:
        """The embedded inputs of these movies, or of all: one [n_movies, width] a width of `widths`."""
        if rows is None:
            return [self.ids.every(), *(feature.every() for feature in self.features)]
        return [self.ids.at(rows), *(feature.at(rows) for feature in self.features)]
