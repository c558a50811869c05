"""What a state may depend on, and the layers and the movies' embeddings against NumPy and Keras' own."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from movierec_cli.config import (
    NO_FEATURES,
    Activation,
    DropoutPlaces,
    Family,
    FeatureSet,
    SequenceConfig,
)
from movierec_cli.models.sequential.dropout import HashedDropout
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.network import MovieEmbeddings, RecurrentLayer, SequenceNetwork
from movierec_cli.models.sequential.packed_batches import NO_SEGMENT
from movierec_cli.models.two_tower.inputs import BagInput, CategoryInput, NumberInput
from tests.models.sequential.rings import SIZES

N_MOVIES = 12
LENGTH = SIZES.max_length
TIMES = FeatureSet.parse(["time_gap", "query_time"])


class Network:
    """A model with weights that are not small, and its states as a compiled function."""

    def __init__(self, family: Family, features: FeatureSet = TIMES, sizes: SequenceConfig = SIZES):
        self.model = SequenceModel(family, sizes, features, N_MOVIES, seed=1)
        generator = np.random.default_rng(2)
        self.model.assign([generator.normal(0, 0.6, one.shape) for one in self.model.variables])
        self.table = self.model.tables(self.model.weights())[0]
        self._states = jax.jit(self.model.states)

    def states(self, rows: dict[str, np.ndarray], seed: int | None = None) -> np.ndarray:
        given = None if seed is None else jnp.uint32(seed)
        return np.asarray(self._states(self.model.weights(), self.table, rows, given))


@pytest.fixture(scope="module", params=[Family.SASREC, Family.GRU4REC, Family.HSTU])
def network(request) -> Network:
    return Network(request.param)


def rows_of(*rows: tuple[list[list[int]], int]) -> dict[str, np.ndarray]:
    """Rows of segments of movies, each row from a place on; the gaps follow from the movies."""
    names = ("movie", "segment", "position", "gap", "gap_to_next")
    columns = {name: np.zeros((len(rows), LENGTH), np.int32) for name in names}
    for row, (segments, place) in enumerate(rows):
        for number, movies in enumerate(segments):
            at = np.arange(place, place + len(movies))
            columns["movie"][row, at] = movies
            columns["segment"][row, at] = 1 + number
            columns["position"][row, at] = np.arange(LENGTH - len(movies), LENGTH)
            columns["gap"][row, at] = 1 + np.array(movies) * 3
            columns["gap_to_next"][row, at] = 1 + np.array(movies) * 2
            place += len(movies)
    return columns


def close(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.allclose(one, other, rtol=1e-4, atol=1e-5))


def test_a_state_knows_nothing_of_later_films_but_every_earlier_one_and_their_order(network):
    states = network.states(rows_of(([[1, 2, 3, 4, 5, 6]], 0), ([[1, 2, 3, 9, 8, 7]], 0)))
    assert close(states[0, :3], states[1, :3])
    assert not any(close(states[0, place], states[1, place]) for place in (3, 4, 5))
    states = network.states(rows_of(([[1, 2, 3, 4]], 0), ([[9, 2, 3, 4]], 0), ([[2, 1, 3, 4]], 0)))
    assert not close(states[0, 3], states[1, 3])
    assert not close(states[0, 3], states[2, 3])


def test_a_state_knows_nothing_of_other_pieces_of_its_row_nor_where_its_own_stands(network):
    states = network.states(rows_of(([[1, 2, 3], [4, 5, 6]], 0), ([[7, 8, 9], [4, 5, 6]], 0)))
    assert close(states[0, 3:], states[1, 3:])
    states = network.states(rows_of(([[1, 2, 3], [4, 5, 6]], 0), ([[1, 2, 3], [7, 8]], 0)))
    assert close(states[0, :3], states[1, :3])
    movies = [4, 5, 6]
    states = network.states(rows_of(([movies], 0), ([movies], 3), ([[1, 2], movies], 0)))
    assert close(states[0, :3], states[1, 3:])
    assert close(states[0, :3], states[2, 2:5])


def test_what_stands_where_no_film_is_does_not_matter(network):
    plain, other = rows_of(([[4, 5, 6]], 3)), rows_of(([[4, 5, 6]], 3))
    for name, column in other.items():
        if name != "segment":
            column[plain["segment"] == NO_SEGMENT] = 2
    assert close(network.states(plain)[0, 3:], network.states(other)[0, 3:])
    empty, filled = rows_of(([], 0)), rows_of(([], 0))
    for name in ("movie", "gap", "gap_to_next"):
        filled[name][:] = 2
    np.testing.assert_array_equal(network.states(empty), network.states(filled))


@pytest.mark.parametrize("column", ["gap", "gap_to_next"])
def test_times_are_seen(network, column):
    rows = rows_of(([[1, 2, 3]], 0))
    later = rows | {column: rows[column] + 5 * (rows["movie"] == 2)}
    one, other = network.states(rows)[0], network.states(later)[0]
    assert close(one[0], other[0])
    assert not close(one[1], other[1])


def test_a_shorter_row_gives_the_states_of_a_longer_one(network):
    rows = rows_of(([[4, 5, 6]], LENGTH - 3))
    shorter = {name: column[:, 2:].copy() for name, column in rows.items()}
    shorter["position"] = np.maximum(shorter["position"] - 2, 0)
    states = network.model.states(network.model.weights(), network.table, shorter)
    assert close(network.states(rows)[0, -3:], np.asarray(states)[0, -3:])


def normalised(states: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    mean, variance = states.mean(-1, keepdims=True), states.var(-1, keepdims=True)
    return (states - mean) / np.sqrt(variance + 1e-6) * scale + shift


def attended(inputs: np.ndarray, projection: np.ndarray, heads: int) -> np.ndarray:
    """One segment's causal attention, [n, dim], position by position and head by head."""
    query, key, value = np.split(inputs @ projection, 3, axis=1)
    width = inputs.shape[1] // heads
    mixed = np.zeros_like(inputs)
    for place in range(len(inputs)):
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            scores = key[: place + 1, part] @ query[place, part] / np.sqrt(width)
            chances = np.exp(scores - scores.max())
            mixed[place, part] = chances / chances.sum() @ value[: place + 1, part]
    return mixed


def gelu(values: np.ndarray) -> np.ndarray:
    return values / 2 * (1 + np.vectorize(math.erf)(values / np.sqrt(2)))


@pytest.mark.parametrize(
    ("activation", "activated", "atol"),
    [(Activation.RELU, lambda values: np.maximum(values, 0), 1e-4), (Activation.GELU, gelu, 5e-3)],
)
def test_sasrec_is_positions_a_block_and_a_normalisation(activation, activated, atol):
    """Of GELU the network has an approximation, which is off by up to .0005 each time."""
    network = Network(Family.SASREC, NO_FEATURES, replace(SIZES, activation=activation))
    movies = [3, 1, 7, 7]
    body = network.model.network.body
    block = body.blocks[0]

    def of(layer: keras.layers.Layer) -> list[np.ndarray]:
        return [np.asarray(variable.value, np.float64) for variable in layer.trainable_variables]

    states = np.asarray(network.table, np.float64)[movies] * np.sqrt(SIZES.embedding_size)
    states += of(body.positions)[0][LENGTH - len(movies) :]
    (projection,), (output,) = of(block.projection), of(block.output_layer)
    (inner, inner_bias), (outer, outer_bias) = of(block.inner), of(block.outer)
    states = states + attended(normalised(states, *of(block.norms[0])), projection, SIZES.num_heads) @ output
    hidden = activated(normalised(states, *of(block.norms[1])) @ inner + inner_bias)
    states = states + hidden @ outer + outer_bias
    expected = normalised(states, *of(body.norm))
    np.testing.assert_allclose(network.states(rows_of(([movies], 1)))[0, 1:5], expected, rtol=1e-3, atol=atol)


def test_the_recurrent_layer_is_keras_own_begun_anew_for_each_piece():
    units, size, generator = 5, 4, np.random.default_rng(3)
    ours, keras_own = RecurrentLayer(units), keras.layers.GRU(units, reset_after=True, return_sequences=True)
    movies = generator.normal(size=(2, LENGTH, size)).astype(np.float32)
    continues = np.ones((2, LENGTH), np.float32)
    continues[:, 0] = continues[0, 4] = 0
    ours.build((None, None, size))
    keras_own.build((None, None, size))
    kernel, recurrent, bias = (generator.normal(size=one.shape) for one in keras_own.trainable_variables)
    keras_own.set_weights([kernel, recurrent, bias])
    ours.projection.set_weights([kernel, bias[0]])
    ours.recurrent.assign(recurrent)
    ours.recurrent_bias.assign(bias[1])
    found = np.asarray(jax.jit(ours.call)(movies, continues))
    for row, segments in ((0, (slice(0, 4), slice(4, None))), (1, (slice(0, None),))):
        for segment in segments:
            expected = np.asarray(keras_own(movies[row : row + 1, segment]))[0]
            np.testing.assert_allclose(found[row, segment], expected, rtol=1e-4, atol=1e-5)


def test_dropout_is_drawn_where_there_is_a_seed(network):
    rows = rows_of(([[1, 2, 3]], 0))
    assert SIZES.dropout > 0
    one, two, again = (network.states(rows, seed) for seed in (1, 2, 1))
    assert close(one, again)
    assert not close(one, two) and not close(one, network.states(rows))


def dropouts(network: SequenceNetwork) -> list[HashedDropout]:
    return [one for one in network._flatten_layers() if isinstance(one, HashedDropout)]


@pytest.mark.parametrize(
    ("family", "number"), [(Family.SASREC, 1 + 3 * 4), (Family.GRU4REC, 3 + 1), (Family.HSTU, 1 + 3)]
)
def test_no_two_dropouts_of_a_network_draw_alike(family, number):
    layers = dropouts(SequenceNetwork(family, replace(SIZES, num_layers=3), NO_FEATURES))
    assert [layer.rate for layer in layers] == [SIZES.dropout] * number
    assert len({layer.number for layer in layers}) == number


def test_dropout_on_outputs_alone_leaves_out_the_attention_weights_and_the_inside_of_the_feed_forward_layer():
    sizes = replace(SIZES, dropout_places=DropoutPlaces.OUTPUTS)
    rates = [layer.rate for layer in dropouts(SequenceNetwork(Family.SASREC, sizes, NO_FEATURES))]
    assert rates == [SIZES.dropout, 0, SIZES.dropout, 0, SIZES.dropout]


def test_every_dropout_counts(network):
    layers = dropouts(network.model.network)
    rows, weights = rows_of(([[1, 2, 3]], 0)), network.model.weights()
    plain = network.states(rows)
    with pytest.MonkeyPatch.context() as patch:
        for layer in layers:
            patch.setattr(layer, "rate", 0.0)
        for layer in layers:
            patch.setattr(layer, "rate", 0.5)
            states = network.model.states(weights, network.table, rows, jnp.uint32(1))
            assert not close(np.asarray(states)[0, :3], plain[0, :3])
            patch.setattr(layer, "rate", 0.0)


N_FILMS, SIZE = 5, 3
BAGS = [[0, 2], [], [1], [2, 2, 1], [0]]
INPUTS = (
    CategoryInput(np.array([2, 0, 1, 1, 3], np.int32), 4),
    BagInput.of(BAGS, 3),
    NumberInput(np.array([[0.5], [-1], [0], [1], [0.25]], np.float32)),
)


def test_a_film_is_its_own_embedding_and_what_its_features_add():
    table = MovieEmbeddings(N_FILMS, SIZE, INPUTS)
    generator = np.random.default_rng(0)
    own, category, bag, number = (
        generator.normal(size=shape).astype(np.float32)
        for shape in ((N_FILMS, SIZE), (4, SIZE), (3, SIZE), (1, SIZE))
    )
    for variable, value in zip(table.trainable_variables, (own, category, bag, number), strict=True):
        variable.assign(value)
    expected = own.copy()
    for movie in range(N_FILMS):
        expected[movie] += category[INPUTS[0].codes[movie]] + INPUTS[2].values[movie, 0] * number[0]
        if BAGS[movie]:
            expected[movie] += np.mean([bag[code] for code in BAGS[movie]], axis=0)
    np.testing.assert_allclose(np.asarray(table.vectors()), expected, rtol=1e-5, atol=1e-6)
    table = MovieEmbeddings(N_FILMS, SIZE)
    assert len(table.trainable_variables) == 1
    np.testing.assert_array_equal(np.asarray(table.vectors()), np.asarray(table.own.value))
