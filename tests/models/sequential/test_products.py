"""Products, and layers made of them, against Keras' and NumPy's; the same sums on any number of threads."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from movierec_cli.config import Precision
from movierec_cli.models.sequential import engine
from movierec_cli.models.sequential.losses import catalogue_softmax, sampled_softmax
from movierec_cli.models.sequential.products import (
    Dense,
    LayerNormalization,
    narrowed,
    plus_row,
    product,
    times_row,
    turned,
)

GENERATOR = np.random.default_rng(4)


def values(*shape: int) -> jax.Array:
    return jnp.asarray(GENERATOR.normal(size=shape), jnp.float32)


def test_a_step_learns_the_same_bits_on_two_threads_and_on_eight() -> None:
    """Two processes, as XLA makes its threads once. It ran other sums before they were written for this."""
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    asked = [sys.executable, "-m", "tests.models.sequential.step_bits"]

    def hashes(threads: str) -> dict[str, str]:
        given = {**environment, "NPROC": threads}
        finished = subprocess.run(asked, env=given, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        found: dict[str, str] = json.loads(finished.stdout.splitlines()[-1])
        return found

    with ThreadPoolExecutor() as pool:
        two, eight = pool.map(hashes, ("2", "8"))
    assert list(two) == ["sasrec", "gru4rec", "hstu"] and len(set(two.values())) == 3
    assert two == eight


@pytest.mark.parametrize("shapes", [((6, 5), (5, 3)), ((2, 4, 6, 5), (2, 4, 5, 3))])
def test_a_product_and_its_gradients_are_the_plain_ones(shapes: tuple[tuple[int, ...], ...]) -> None:
    left, right = (values(*shape) for shape in shapes)
    weights = values(*shapes[0][:-1], 3)
    ours, plain = (
        jax.jit(jax.value_and_grad(lambda *given, of=of: (of(*given) * weights).sum(), argnums=(0, 1)))(
            left, right
        )
        for of in (product, jnp.matmul)
    )
    jax.tree.map(
        lambda mine, theirs: np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5), ours, plain
    )
    assert np.array_equal(turned(left), np.swapaxes(left, -1, -2))


@pytest.mark.parametrize(("ours", "plain"), [(plus_row, jnp.add), (times_row, jnp.multiply)])
def test_a_row_for_all_rows_and_its_gradient_are_the_plain_ones(ours, plain) -> None:
    matrix, row, weights = values(9, 4), values(4), values(9, 4)
    mine, theirs = (
        jax.value_and_grad(lambda *given, of=of: (of(*given) * weights).sum(), argnums=(0, 1))(matrix, row)
        for of in (ours, plain)
    )
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5), mine, theirs
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Dense(6, activation=jax.nn.silu), keras.layers.Dense(6, activation=jax.nn.silu)),
        (Dense(6, use_bias=False), keras.layers.Dense(6, use_bias=False)),
        (LayerNormalization(epsilon=1e-6), keras.layers.LayerNormalization(epsilon=1e-6)),
    ],
)
def test_layers_are_keras_own(ours: keras.Layer, theirs: keras.Layer) -> None:
    inputs = values(2, 7, 5)
    for layer in (ours, theirs):
        layer.build(inputs.shape)
    weights = [np.asarray(values(*one.shape)) for one in theirs.weights]
    for layer in (ours, theirs):
        layer.set_weights(weights)

    def both(layer: keras.Layer) -> tuple[jax.Array, list[jax.Array]]:
        def total(given: list[jax.Array], inputs: jax.Array) -> jax.Array:
            mapping = list(zip(layer.trainable_variables, given, strict=True))
            with keras.StatelessScope(state_mapping=mapping):
                return jnp.sin(layer(inputs)).sum()

        return jax.value_and_grad(total, argnums=(0, 1))([jnp.asarray(one) for one in weights], inputs)

    jax.tree.map(
        lambda mine, keras_s: np.testing.assert_allclose(mine, keras_s, rtol=1e-4, atol=1e-5),
        both(ours),
        both(theirs),
    )


@pytest.fixture
def with_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU multiplies bfloat16, or XLA does as if it did."""
    monkeypatch.setattr(engine, "has_bfloat16", lambda: True)


@pytest.mark.usefixtures("with_bfloat16")
def test_factors_are_rounded_to_the_nearest_as_jax_does() -> None:
    given = jnp.concatenate(
        [
            values(4000) * 10.0 ** values(4000),
            jnp.asarray([0.0, -0.0, jnp.inf, -jnp.inf, 1 + 2**-8, 1 + 3 * 2**-8]),
        ]
    )
    assert narrowed(given) is given
    with engine.products_of(Precision.FLOAT32):
        assert narrowed(given) is given
    with engine.products_of(Precision.BFLOAT16):
        rounded = narrowed(given)
    assert rounded.dtype == jnp.bfloat16 and narrowed(given) is given
    assert np.array_equal(rounded, given.astype(jnp.bfloat16))


@pytest.mark.usefixtures("with_bfloat16")
@pytest.mark.parametrize("number", [None, 30])
def test_a_softmax_with_narrow_products_is_near_the_wide_one(number: int | None) -> None:
    states, movies = values(70, 16), values(90, 16)
    targets, weights = jnp.arange(70) % 90, jnp.ones(70)

    def loss(states: jax.Array, movies: jax.Array) -> jax.Array:
        if number is None:
            return catalogue_softmax(states, movies, targets, weights)
        return sampled_softmax(states, movies, targets, weights, jnp.uint32(1), number)

    exact = jax.value_and_grad(loss, argnums=(0, 1))(states, movies)
    with engine.products_of(Precision.BFLOAT16):
        narrow = jax.value_and_grad(loss, argnums=(0, 1))(states, movies)
    assert float(narrow[0]) != float(exact[0])
    assert float(narrow[0]) == pytest.approx(float(exact[0]), rel=5e-3)
    for mine, plain in zip(narrow[1], exact[1], strict=True):
        assert np.abs(mine - plain).max() < 0.02 * np.abs(plain).max()
