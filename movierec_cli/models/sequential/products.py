"""Products of matrices and layers made of them, with gradients that do not depend on the number of threads.

XLA for CPUs has two libraries for products. YNNPACK reads its left factor by rows, and adds up in an order
that follows from the shapes. A left factor that is to be read by columns goes to Eigen, which cuts a long sum
into as many parts as there are threads where the result is small, as a layer's gradient is. So columns are
turned into rows before, which costs a copy and gives it back, as YNNPACK is the faster one. YNNPACK's sums
over several axes follow the number of threads as well; a product with ones does not.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.experimental.layout import Layout, with_layout_constraint

from movierec_cli.models.sequential.engine import are_products_narrow, is_accelerated


def turned(matrices: jax.Array) -> jax.Array:
    """[..., m, n] to [..., n, m], which lie in memory by rows."""
    swapped = jnp.swapaxes(matrices, -1, -2)
    if is_accelerated():
        return swapped
    # Without it, XLA turns nothing and makes the product read by columns.
    rows_first: jax.Array = with_layout_constraint(  # type: ignore[no-untyped-call]
        swapped, Layout(tuple(range(swapped.ndim)))
    )
    return rows_first


def settled(values: jax.Array) -> jax.Array:
    """As they are: what is done with them later changes nothing about how they are computed.

    Where a product is turned, XLA turns its factors otherwise.
    """
    held: jax.Array = jax.lax.optimization_barrier(values)  # type: ignore[no-untyped-call]
    return held


def narrowed(values: jax.Array) -> jax.Array:
    """float32 as factors of a product: bfloat16 if a CPU is to multiply these, and left as they are if not.

    Rounded to the nearest, ties to even, by whole numbers: XLA's own conversion takes as long on a CPU as it
    saves. Values above 3.39e38 become infinite.
    """
    if not are_products_narrow():
        return values
    bits = jax.lax.bitcast_convert_type(values, jnp.uint32)
    rounded = bits + ((bits >> 16) & np.uint32(1)) + np.uint32(0x7FFF)
    return jax.lax.bitcast_convert_type((rounded >> 16).astype(jnp.uint16), jnp.bfloat16)


def wide(left: jax.Array, right: jax.Array) -> jax.Array:
    """[m, k] and [k, n] to [m, n], summed in float32 whatever the factors are; without a gradient."""
    return jnp.matmul(left, right, preferred_element_type=jnp.float32)


@jax.custom_vjp
def product(left: jax.Array, right: jax.Array) -> jax.Array:
    """[..., m, k] and [..., k, n], with the same leading axes, to [..., m, n]."""
    return left @ right


def _product_forward(left: jax.Array, right: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return left @ right, (left, right)


def _product_backward(
    factors: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    left, right = factors
    return gradient @ jnp.swapaxes(right, -1, -2), settled(turned(left) @ gradient)


product.defvjp(_product_forward, _product_backward)


def _summed_rows(matrix: jax.Array) -> jax.Array:
    """[m, n] to [n]."""
    if is_accelerated():
        return matrix.sum(axis=0)
    return (jnp.ones((1, len(matrix)), matrix.dtype) @ matrix)[0]


@jax.custom_vjp
def plus_row(matrix: jax.Array, row: jax.Array) -> jax.Array:
    """[m, n] and [n], added to every row."""
    return matrix + row


plus_row.defvjp(
    lambda matrix, row: (matrix + row, None), lambda _, gradient: (gradient, _summed_rows(gradient))
)


@jax.custom_vjp
def times_row(matrix: jax.Array, row: jax.Array) -> jax.Array:
    """[m, n] and [n], which multiplies every row."""
    return matrix * row


def _times_backward(factors: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    matrix, row = factors
    return gradient * row, _summed_rows(gradient * matrix)


times_row.defvjp(lambda matrix, row: (matrix * row, (matrix, row)), _times_backward)


class Dense(keras.layers.Dense):
    """Keras' layer of the last axis."""

    def call(self, inputs: jax.Array, training: bool | None = None) -> jax.Array:
        """[..., n] to [..., units]."""
        outputs = product(inputs.reshape(-1, inputs.shape[-1]), jnp.asarray(self.kernel))
        if self.use_bias:
            outputs = plus_row(outputs, jnp.asarray(self.bias))
        activated: Any = outputs if self.activation is None else self.activation(outputs)
        shaped: jax.Array = activated.reshape(*inputs.shape[:-1], self.units)
        return shaped


class LayerNormalization(keras.layers.LayerNormalization):
    """Keras' layer of the last axis.

    Ba et al. 2016, "Layer normalization".
    """

    def call(self, inputs: jax.Array) -> jax.Array:
        """Of any shape, to the same."""
        rows = inputs.reshape(-1, inputs.shape[-1])
        centred = rows - rows.mean(axis=1, keepdims=True)
        scaled = centred * jax.lax.rsqrt(jnp.square(centred).mean(axis=1, keepdims=True) + self.epsilon)
        shifted = plus_row(times_row(scaled, jnp.asarray(self.gamma)), jnp.asarray(self.beta))
        return shifted.reshape(inputs.shape)
