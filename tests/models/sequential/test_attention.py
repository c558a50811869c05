"""HSTU's attention against loops, and what is added to its scores against the seconds themselves."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from movierec_cli.config import NO_FEATURES, Family, FeatureSet
from movierec_cli.models.sequential.attention import RelativeBias, exact_buckets
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.packed_batches import Columns
from movierec_cli.scoring.sequence_network import GAP_BUCKETS, GAP_SECONDS, gap_buckets
from tests.models.sequential.rings import SIZES
from tests.models.sequential.test_network import LENGTH, N_MOVIES, TIMES, Network, normalised, rows_of

HSTU = replace(SIZES, num_layers=2)
SECONDS = GAP_SECONDS.astype(np.int64)


def test_buckets_in_whole_numbers_are_numpy_s_at_every_edge_and_between() -> None:
    drawn = 2 ** np.random.default_rng(0).uniform(0, 31.9, 1000)
    seconds = np.concatenate([SECONDS, SECONDS + 1, SECONDS[3:] - 1, drawn.astype(np.int64), [2**32 - 2]])
    found = np.asarray(exact_buckets(jnp.asarray(seconds.astype(np.uint32))))
    np.testing.assert_array_equal(found, gap_buckets(seconds))


def test_every_bucket_begins_with_its_least_seconds() -> None:
    buckets = np.arange(1, GAP_BUCKETS + 1)
    filled = buckets[buckets != 2]  # between no second and one there is none
    np.testing.assert_array_equal(gap_buckets(SECONDS[filled]), filled)
    assert (gap_buckets(SECONDS[filled[1:]] - 1) < filled[1:]).all()


def silu(values: np.ndarray) -> np.ndarray:
    return values / (1 + np.exp(-values))


def of(layer: object) -> list[np.ndarray]:
    return [np.asarray(one.value, np.float64) for one in layer.trainable_variables]  # type: ignore[attr-defined]


def attended(inputs: np.ndarray, projection: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """One segment's attention without a softmax, times what gates it is not, [n, dim], a place at a time."""
    _, value, query, key = np.split(silu(inputs @ projection), 4, axis=1)
    width = inputs.shape[1] // HSTU.num_heads
    mixed = np.zeros_like(inputs)
    for place in range(len(inputs)):
        for earlier in range(place + 1):
            for first in range(0, inputs.shape[1], width):
                part = slice(first, first + width)
                score = query[place, part] @ key[earlier, part] + bias[place, earlier]
                mixed[place, part] += silu(score) / HSTU.max_length * value[earlier, part]
    return mixed


@pytest.mark.parametrize("features", [[], ["time_gap"], ["query_time"], ["time_gap", "query_time"]])
def test_hstu_is_positions_blocks_with_distances_and_times_and_a_normalisation(features: list[str]) -> None:
    network = Network(Family.HSTU, FeatureSet.parse(features), HSTU)
    movies, gaps, gaps_to_next = [3, 1, 7, 7], np.array([0, 20, 5, 31]), np.array([20, 5, 31, 40])
    rows = rows_of(([movies], 1))
    rows["gap"][0, 1:5], rows["gap_to_next"][0, 1:5] = gaps, gaps_to_next
    rated_s = np.cumsum(SECONDS[gaps]) if "time_gap" in features else np.zeros(4, np.int64)
    asked_s = rated_s + (SECONDS[gaps_to_next] if "query_time" in features else 0)
    body = network.model.network.body
    states = np.asarray(network.table, np.float64)[movies] * np.sqrt(HSTU.embedding_size)
    states += of(body.positions)[0][LENGTH - len(movies) :]
    for block, layer in zip(body.blocks, body.biases, strict=True):
        weights = of(layer)
        bias = np.zeros((4, 4))
        for place in range(4):
            for earlier in range(place + 1):
                bias[place, earlier] = weights[0][place - earlier]
                if features:
                    between = gap_buckets(np.array([asked_s[place] - rated_s[earlier]]))[0]
                    bias[place, earlier] += weights[1][between]
        (projection,), (output, output_bias) = of(block.projection), of(block.output_layer)
        inputs = normalised(states, *of(block.norms[0]))
        mixed = normalised(attended(inputs, projection, bias), *of(block.norms[1]))
        gate = silu(inputs @ projection)[:, : HSTU.embedding_size]
        states = states + (mixed * gate) @ output + output_bias
    expected = normalised(states, *of(body.norm))
    np.testing.assert_allclose(network.states(rows)[0, 1:5], expected, rtol=1e-3, atol=1e-3)


def test_times_count_only_as_they_are_features_and_by_their_sum() -> None:
    movies = rows_of(([[1, 2, 3, 4]], 0))

    def bias(features: list[str], gap: list[int], gap_to_next: int = 0) -> np.ndarray:
        layer = RelativeBias(HSTU, FeatureSet.parse(features))
        generator = np.random.default_rng(4)
        for variable in layer.trainable_variables:
            variable.assign(generator.normal(size=variable.shape))
        rows: Columns = {name: one.copy() for name, one in movies.items()}
        rows["gap"][0, 1:4], rows["gap_to_next"][0, 3] = gap, gap_to_next
        return np.tril(np.asarray(layer(rows))[0, 0])[:4, :4]

    plain = bias([], [1, 1, 1])
    np.testing.assert_array_equal(bias([], [9, 9, 9], 9), plain)
    gapped = bias(["time_gap"], [20, 9, 31], 40)
    np.testing.assert_array_equal(gapped, bias(["time_gap"], [20, 9, 31]))
    asked = bias(["time_gap", "query_time"], [20, 9, 31], 40)
    assert (asked[3] != gapped[3]).all()
    swapped = bias(["time_gap"], [20, 31, 9])
    assert swapped[3, 1] == gapped[3, 1] and swapped[3, 0] == gapped[3, 0]  # as much time lies between
    assert swapped[2, 1] != gapped[2, 1]


def test_the_gradient_is_the_slope_of_every_kind_of_weight() -> None:
    model = SequenceModel(Family.HSTU, replace(HSTU, temperature=0.5), TIMES, N_MOVIES, seed=1)
    generator = np.random.default_rng(2)
    model.assign([generator.normal(0, 0.6, one.shape) for one in model.variables])
    rows = rows_of(([[1, 2, 3], [4, 5, 6]], 0), ([[7, 8]], 2))
    wanted = jnp.asarray(generator.normal(size=(2, LENGTH, HSTU.embedding_size)), jnp.float32)

    def loss(weights: list[jax.Array]) -> jax.Array:
        history, candidates = model.tables(weights)
        return (model.states(weights, history, rows) * wanted).sum() + candidates.sum()

    weights, step = model.weights(), 1e-3
    gradients, loss_of = jax.jit(jax.grad(loss))(weights), jax.jit(loss)
    for place, gradient in enumerate(gradients):
        towards = jnp.asarray(generator.choice([-step, step], gradient.shape), jnp.float32)
        moved = [
            [*weights[:place], weights[place] + sign * towards, *weights[place + 1 :]] for sign in (1, -1)
        ]
        change = float(loss_of(moved[0]) - loss_of(moved[1])) / 2
        assert float((gradient * towards).sum()) == pytest.approx(change, rel=0.05, abs=1e-4), place


def test_with_a_temperature_directions_are_compared() -> None:
    sizes = replace(SIZES, temperature=0.1)
    scaled, plain = (Network(Family.SASREC, NO_FEATURES, one) for one in (sizes, SIZES))
    rows = rows_of(([[1, 2, 3]], 0))
    states = scaled.states(rows)[0, :3]
    np.testing.assert_allclose(np.linalg.norm(states, axis=1), 10, rtol=1e-4)
    unit = plain.states(rows)[0, :3]
    expected = 10 * unit / np.linalg.norm(unit, axis=1)[:, None]
    np.testing.assert_allclose(states, expected, rtol=1e-3, atol=1e-4)
    history, candidates = (np.asarray(one) for one in scaled.model.tables(scaled.model.weights()))
    np.testing.assert_array_equal(history, plain.table)
    expected = history / np.linalg.norm(history, axis=1)[:, None]
    np.testing.assert_allclose(candidates, expected, rtol=1e-5, atol=1e-6)
