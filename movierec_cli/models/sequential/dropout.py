"""Dropout with a generator that costs a few integer operations a number.

Keras' dropout draws from a cryptographic counter generator, which took a third of a training step on a CPU.
Here a number is a hash of its place and the step's seed.
"""

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np


def hashed(places: jax.Array, seed: jax.Array) -> jax.Array:
    """A random uint32 for each place: Murmur3's finalizer over place and seed.

    Args:
        places: uint32, any shape.
        seed: uint32 scalar.
    """
    mixed = places * np.uint32(0x9E3779B1) + seed
    mixed = (mixed ^ (mixed >> 16)) * np.uint32(0x85EBCA6B)
    mixed = (mixed ^ (mixed >> 13)) * np.uint32(0xC2B2AE35)
    return mixed ^ (mixed >> 16)


def reseeded(seed: jax.Array, number: jax.Array | int) -> jax.Array:
    """Another seed, for what has this number among those that share a seed."""
    return hashed(jnp.asarray(number, jnp.uint32), seed)


class HashedDropout(keras.layers.Layer):
    """Leaves out a share of its inputs in training, and scales the rest to the same expectation.

    Args:
        rate: the share.
        number: which of a network's dropouts this is, so that no two draw alike.
    """

    def __init__(self, rate: float, number: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = rate
        self.number = number

    def call(self, inputs: jax.Array, seed: jax.Array | None = None) -> jax.Array:
        """float32 of any shape; left as they are without a seed."""
        if seed is None or self.rate == 0:
            return inputs
        places = jax.lax.iota(jnp.uint32, int(np.prod(inputs.shape))).reshape(inputs.shape)
        kept = hashed(places, reseeded(seed, self.number)) >= np.uint32(self.rate * 2**32)
        return jnp.where(kept, inputs / (1.0 - self.rate), 0.0)
