"""A user at any time as TensorFlow operations: what `feature_encodings` and `scoring.towers` do in NumPy."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from movierec_cli.config import Feature
from movierec_cli.export.model_arrays import ContextTower
from movierec_cli.models.feature_encodings import EPOCH_WEEKDAY, SECONDS_A_DAY, SECONDS_A_WEEK, Vocabulary

Tensor: TypeAlias = Any  # TensorFlow has no types
Hold: TypeAlias = Callable[[Any], Tensor]  # from an array to a variable, which is saved with the model
OfTimes: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # of rows of users and seconds, both int64 [b]


def embedder(context_tower: ContextTower, hold: Hold) -> OfTimes:
    """Embeddings, float32 [b, dim]; computed in double precision and rounded once."""
    import tensorflow as tf

    tower = context_tower.tower
    tables = [hold(one.table) for one in tower.inputs]
    dense = [(hold(kernel.astype(np.float64)), hold(bias.astype(np.float64))) for kernel, bias in tower.dense]
    coders = (coder(feature, vocabulary, hold) for feature, vocabulary in context_tower.contexts)
    codes = [next(coders) if one.is_context else _row for one in tower.inputs]

    def embed(rows: Tensor, seconds: Tensor) -> Tensor:
        values = [tf.gather(table, code(rows, seconds)) for table, code in zip(tables, codes, strict=True)]
        hidden = tf.cast(tf.concat(values, axis=1), tf.float64)
        for place, (kernel, bias) in enumerate(dense):
            hidden = tf.matmul(hidden if place == 0 else tf.nn.relu(hidden), kernel) + bias
        return tf.cast(hidden, tf.float32)

    return embed


def coder(feature: Feature, vocabulary: Vocabulary, hold: Hold) -> OfTimes:
    """Codes of a context, whole numbers [b]."""
    return _CODERS[feature](vocabulary, hold)


def _row(rows: Tensor, seconds: Tensor) -> Tensor:
    return rows


def _timestamp(vocabulary: Vocabulary, hold: Hold) -> OfTimes:
    import tensorflow as tf

    edges = hold(np.asarray(vocabulary["edges"], np.float64))
    return lambda rows, seconds: _bucket(edges, tf.cast(seconds, tf.float64))


def _week(vocabulary: Vocabulary, hold: Hold) -> OfTimes:
    import tensorflow as tf

    def code(rows: Tensor, seconds: Tensor) -> Tensor:
        ago = tf.maximum(vocabulary["last"] - seconds, 0) // SECONDS_A_WEEK
        return tf.minimum(ago, vocabulary["weeks"] - 1)

    return code


def _day_of_week(vocabulary: Vocabulary, hold: Hold) -> OfTimes:
    return lambda rows, seconds: (seconds // SECONDS_A_DAY + EPOCH_WEEKDAY) % 7


def _tenure(vocabulary: Vocabulary, hold: Hold) -> OfTimes:
    import tensorflow as tf

    first_of = hold(np.asarray(vocabulary["first"], np.int64))
    edges = hold(np.asarray(vocabulary["edges_days"], np.float64))

    def code(rows: Tensor, seconds: Tensor) -> Tensor:
        first = tf.minimum(tf.gather(first_of, rows), seconds)
        since = tf.cast(tf.maximum(seconds - first, 0), tf.float64)
        return _bucket(edges, since / SECONDS_A_DAY)

    return code


def _bucket(edges: Tensor, values: Tensor) -> Tensor:
    """How many edges are at or below each value."""
    import tensorflow as tf

    return tf.math.count_nonzero(tf.convert_to_tensor(edges)[None, :] <= values[:, None], axis=1)


_CODERS: dict[str, Callable[[Vocabulary, Hold], OfTimes]] = {
    "timestamp": _timestamp,
    "week": _week,
    "day_of_week": _day_of_week,
    "user_tenure": _tenure,
}
