"""The operators of ONNX that a model is made of, as TensorFlow carries them out."""

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.export.graph import Graph, Value

_SMALL = 1000  # values of a constant that stands in the graph; larger ones are variables beside it


class TensorFlowGraph(Graph):
    """Computes at once, or while a function is traced."""

    def __init__(self) -> None:
        self.held: list[Any] = []  # what has to be saved with the function
        self._variables: dict[bytes, Any] = {}

    def node(self, operator: str, *inputs: Value, **attributes: Any) -> Value:
        return _operators()[operator](*inputs, **attributes)

    def constant(self, values: npt.ArrayLike) -> Value:
        import tensorflow as tf

        array = np.asarray(values)
        if array.size < _SMALL:
            return tf.constant(array)
        content = array.tobytes() if array.dtype != object else repr(array.tolist()).encode()
        key = hashlib.sha256(f"{array.dtype} {array.shape}".encode() + content).digest()
        if key not in self._variables:
            with tf.init_scope():  # out of a function that is traced
                self._variables[key] = tf.Variable(array, trainable=False)
            self.held.append(self._variables[key])
        return self._variables[key]

    def cast(self, value: Value, dtype: npt.DTypeLike) -> Value:
        import tensorflow as tf

        return tf.cast(value, dtype)

    def find(self, ids: Value, known: npt.NDArray[np.int64], missing: int) -> Value:
        import tensorflow as tf

        order = np.argsort(known)
        rows, ordered = self.constant(order), self.constant(known[order])
        place = tf.minimum(tf.searchsorted(ordered, ids), len(known) - 1)
        return tf.where(tf.gather(ordered, place) == ids, tf.gather(rows, place), missing)

    def top_k(self, scores: Value, k: Value) -> tuple[Value, Value]:
        import tensorflow as tf

        values, places = tf.math.top_k(scores, k=tf.cast(k[0], tf.int32))
        return values, tf.cast(places, tf.int64)


@cache
def _operators() -> dict[str, Callable[..., Value]]:
    """By name, with the inputs and attributes that are used here."""
    import tensorflow as tf

    def scattered(data: Value, indices: Value, updates: Value, axis: int, reduction: str) -> Value:
        if (axis, reduction) != (0, "add"):
            raise NotImplementedError(f"ScatterElements, axis {axis}, reduction {reduction!r}")
        return tf.tensor_scatter_nd_add(data, indices[:, None], updates)

    def sliced(data: Value, start: Value, end: Value, axis: Value = (0,)) -> Value:
        return tf.gather(data, tf.range(start[0], end[0]), axis=axis[0])

    return {
        "Add": tf.add,
        "And": tf.logical_and,
        "Concat": lambda *values, axis: tf.concat(values, axis),
        "CumSum": tf.cumsum,
        "Div": lambda value, by: value // by if value.dtype.is_integer else value / by,
        "Equal": tf.equal,
        "Expand": tf.broadcast_to,
        "Gather": tf.gather,
        "GreaterOrEqual": tf.greater_equal,
        "Less": tf.less,
        "LessOrEqual": tf.less_equal,
        "MatMul": tf.matmul,
        "Mod": tf.math.floormod,
        "Not": tf.logical_not,
        "Pad": lambda data, pads, fill: tf.pad(
            data, tf.transpose(tf.reshape(pads, [2, -1])), constant_values=fill
        ),
        "Range": tf.range,
        "ReduceSum": lambda data, axes, keepdims: tf.reduce_sum(data, axes, keepdims=bool(keepdims)),
        "Relu": tf.nn.relu,
        "Reshape": tf.reshape,
        "ScatterElements": scattered,
        "ScatterND": tf.tensor_scatter_nd_update,
        "Shape": lambda data, start=0, end=None: tf.shape(data, tf.int64)[start:end],
        "Slice": sliced,
        "Squeeze": tf.squeeze,
        "Sub": tf.subtract,
        "Transpose": tf.transpose,
        "Unsqueeze": lambda data, axes: tf.expand_dims(data, axes[0]),
        "Where": tf.where,
    }
