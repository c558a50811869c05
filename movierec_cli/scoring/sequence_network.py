"""Reads a history with the weights of a model of sequences.

The networks of `models.sequential.network`, which learn on JAX, as NumPy: one history is a few small
products, and starting an engine for them would take some seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Activation, Family, SequenceConfig

HISTORY_TABLE = "history_table"
"""Among a model's named weights: its movies' embeddings as history, whatever features they were made of."""
NETWORK = "network/"
"""How the names of the network's weights begin, which are in the order of its layers."""
EPSILON = 1e-6
"""Added to the variance where a layer normalises."""

GAP_STEPS = 2.0  # buckets for each doubling of a gap
GAP_BUCKETS = 62
"""The last is a gap of about 50 years."""
GAP_SECONDS = np.concatenate([[0], np.ceil(2 ** (np.arange(GAP_BUCKETS) / GAP_STEPS)) - 1]).astype(np.uint32)
"""The least seconds of each bucket; bucket 0 is of no gap."""

_Floats = npt.NDArray[np.float32]
_Seconds = npt.NDArray[np.int64]
_Layer = Callable[[_Floats], _Floats]
"""From the states of all movies, [n, width], to other states of them."""
_Block = Callable[[_Floats, _Floats], _Floats]
"""The same, also from what is added to the scores, [n, n]."""
_Buckets = npt.NDArray[np.integer]
HIDDEN = np.float32(-1e9)  # a score that no attention is left of


def gap_buckets(seconds: _Seconds) -> npt.NDArray[np.int32]:
    """Buckets 1 … `GAP_BUCKETS` of gaps in seconds, two for each doubling; a negative gap counts as none."""
    exact = GAP_STEPS * np.log2(1.0 + np.maximum(seconds, 0))
    return np.minimum(1 + exact.astype(np.int32), GAP_BUCKETS).astype(np.int32)


class SequenceNetwork:
    """Reads one history; its weights are taken one after the other, as the layers come.

    Args:
        named: the model's weights.
        config: sizes.
        n_movies: rows of the catalogue.
    """

    def __init__(self, named: dict[str, npt.NDArray[Any]], config: SequenceConfig, n_movies: int):
        self._named = named
        self._config = config
        self._n_movies = n_movies
        names = sorted(name for name in named if name.startswith(NETWORK))
        self._left: Iterator[npt.NDArray[Any]] = iter([named[name] for name in names])

    def read(
        self,
        family: Family,
        movies: npt.NDArray[np.int64],
        gaps: _Buckets | None,
        gaps_to_next: _Buckets | None,
    ) -> _Floats:
        """The state after the last movie, [dim].

        Args:
            family: a sequential one.
            movies: rows of the catalogue, [n].
            gaps: how long after the movie before it each came, as buckets, [n]; None where that is not seen.
            gaps_to_next: how long before what comes next, likewise.

        Raises:
            KeyError: there is no table of the history's movies.
            ValueError: a weight is missing, too many, or of another shape.
        """
        size = self._config.embedding_size
        body = self._body(family, len(movies), gaps, gaps_to_next)
        times = [
            (buckets, self._weight(GAP_BUCKETS + 1, size))
            for buckets in (gaps, gaps_to_next)
            if buckets is not None and family is not Family.HSTU
        ]
        if (n_left := len(list(self._left))) > 0:
            raise ValueError(f"{n_left} weights are too many: {sorted(self._named)}")
        table = _of_shape(self._named[HISTORY_TABLE], (self._n_movies, size))
        states = table[movies] * np.float32(math.sqrt(size))  # [n, size]
        for buckets, embeddings in times:
            states = states + embeddings[buckets]
        state: _Floats = body(states)[-1]
        if self._config.temperature:
            length = np.sqrt(np.square(state).sum() + np.float32(EPSILON))
            state = state / (length * np.float32(self._config.temperature))
        return state

    def _body(self, family: Family, n: int, gaps: _Buckets | None, gaps_to_next: _Buckets | None) -> _Layer:
        if family is Family.GRU4REC:
            return self._recurrence()
        if family is Family.SASREC:
            return self._attention(self._block, lambda: np.zeros((n, n), np.float32))
        return self._attention(self._pointwise_block, lambda: self._relative_bias(n, gaps, gaps_to_next))

    def _weight(self, *shape: int) -> _Floats:
        weight = next(self._left, None)
        if weight is None:
            raise ValueError(f"a weight of shape {shape} is missing: {sorted(self._named)}")
        return _of_shape(weight, shape)

    def _norm(self) -> _Layer:
        """Layer normalisation: Ba, Kiros & Hinton 2016."""
        size = self._config.embedding_size
        gamma, beta = self._weight(size), self._weight(size)

        def norm(states: _Floats) -> _Floats:
            centred = states - states.mean(axis=-1, keepdims=True)
            variance = np.square(centred).mean(axis=-1, keepdims=True)
            normed: _Floats = centred / np.sqrt(variance + np.float32(EPSILON)) * gamma + beta
            return normed

        return norm

    def _attention(self, block: Callable[[], _Block], bias: Callable[[], _Floats]) -> _Layer:
        config = self._config
        positions = self._weight(config.max_length, config.embedding_size)
        blocks = [block() for _ in range(config.num_layers)]
        biases = [bias() for _ in blocks]
        norm = self._norm()

        def read(states: _Floats) -> _Floats:
            n = len(states)
            states = states + positions[config.max_length - n :]  # the newest has the highest
            hidden = np.triu(np.full((n, n), HIDDEN), 1)  # what is later
            for block, added in zip(blocks, biases, strict=True):
                states = block(states, hidden + added)
            return norm(states)

        return read

    def _block(self) -> _Block:
        """One of `models.sequential.attention.AttentionBlock`."""
        config, size = self._config, self._config.embedding_size
        of_attention, of_inner = self._norm(), self._norm()
        projection, output = self._weight(size, 3 * size), self._weight(size, size)
        inner, outer = self._dense(size, config.hidden_size), self._dense(config.hidden_size, size)
        head_size = size // config.num_heads
        activation = _ACTIVATIONS[config.activation]

        def attend(states: _Floats, added: _Floats) -> _Floats:
            query, key, value = self._parts(states @ projection, 3)
            scores = query @ key.swapaxes(1, 2) / np.float32(math.sqrt(head_size)) + added  # [heads, n, n]
            weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
            weights /= weights.sum(axis=-1, keepdims=True)
            mixed: _Floats = (weights @ value).swapaxes(0, 1).reshape(states.shape)
            return mixed @ output

        def read(states: _Floats, added: _Floats) -> _Floats:
            states = states + attend(of_attention(states), added)
            after: _Floats = states + outer(activation(inner(of_inner(states))))
            return after

        return read

    def _parts(self, projected: _Floats, number: int) -> _Floats:
        """What was projected at once: [number, heads, n, width of a head]."""
        parts = projected.reshape(len(projected), number, self._config.num_heads, -1)
        return parts.transpose(1, 2, 0, 3)

    def _pointwise_block(self) -> _Block:
        """One of `models.sequential.attention.PointwiseBlock`."""
        size, scale = self._config.embedding_size, np.float32(self._config.max_length)
        of_inputs, of_mixed = self._norm(), self._norm()
        projection, output = self._weight(size, 4 * size), self._dense(size, size)

        def read(states: _Floats, added: _Floats) -> _Floats:
            gate, value, query, key = self._parts(_silu(of_inputs(states) @ projection), 4)
            mixed = _silu(query @ key.swapaxes(1, 2) + added) / scale @ value  # [heads, n, width]
            together, gates = (one.swapaxes(0, 1).reshape(states.shape) for one in (mixed, gate))
            after: _Floats = states + output(of_mixed(together) * gates)
            return after

        return read

    def _relative_bias(self, n: int, gaps: _Buckets | None, gaps_to_next: _Buckets | None) -> _Floats:
        """One of `models.sequential.attention.RelativeBias`, [n, n]."""
        places = np.arange(n)
        bias: _Floats = self._weight(self._config.max_length)[np.maximum(places[:, None] - places, 0)]
        if gaps is None and gaps_to_next is None:
            return bias
        of_time, none = self._weight(GAP_BUCKETS + 1), np.zeros(n, np.int64)
        at = np.cumsum(GAP_SECONDS[none if gaps is None else gaps], dtype=np.uint32)
        asked = at + GAP_SECONDS[none if gaps_to_next is None else gaps_to_next]
        return bias + of_time[gap_buckets((asked[:, None] - at).astype(np.int64))]

    def _recurrence(self) -> _Layer:
        config, size = self._config, self._config.embedding_size
        widths = [size, *[config.hidden_size] * config.num_layers]
        layers = [self._recurrent(width) for width in widths[:-1]]
        if config.hidden_size != size:
            layers.append(self._dense(config.hidden_size, size))
        layers.append(self._norm())

        def read(states: _Floats) -> _Floats:
            for layer in layers:
                states = layer(states)
            return states

        return read

    def _dense(self, n_in: int, n_out: int) -> _Layer:
        kernel, bias = self._weight(n_in, n_out), self._weight(n_out)
        return lambda states: states @ kernel + bias

    def _recurrent(self, width: int) -> _Layer:
        """One of `models.sequential.network.RecurrentLayer`."""
        units = self._config.hidden_size
        recurrent, recurrent_bias = self._weight(units, 3 * units), self._weight(3 * units)
        projection = self._dense(width, 3 * units)

        def read(states: _Floats) -> _Floats:
            memory, outputs = np.zeros(units, np.float32), np.empty((len(states), units), np.float32)
            for place, inputs in enumerate(projection(states)):
                update_in, reset_in, candidate_in = np.split(inputs, 3)
                update_of, reset_of, candidate_of = np.split(memory @ recurrent + recurrent_bias, 3)
                update = _sigmoid(update_in + update_of)
                candidate = np.tanh(candidate_in + _sigmoid(reset_in + reset_of) * candidate_of)
                memory = outputs[place] = update * memory + (1 - update) * candidate
            return outputs

        return read


GELU_SCALE, GELU_CUBE = math.sqrt(2 / math.pi), 0.044715
"""Of the approximation x / 2 · (1 + tanh(scale · (x + cube · x³)))."""


def _relu(values: _Floats) -> _Floats:
    return np.maximum(values, 0)


def _gelu(values: _Floats) -> _Floats:
    inner = np.float32(GELU_SCALE) * (values + np.float32(GELU_CUBE) * values**3)
    gelu: _Floats = np.float32(0.5) * values * (1 + np.tanh(inner))
    return gelu


_ACTIVATIONS: Mapping[Activation, _Layer] = {Activation.RELU: _relu, Activation.GELU: _gelu}


def _silu(values: _Floats) -> _Floats:
    return values * _sigmoid(values)


def _sigmoid(values: _Floats) -> _Floats:
    sigmoid: _Floats = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * values))
    return sigmoid


def _of_shape(weight: npt.NDArray[Any], shape: tuple[int, ...]) -> _Floats:
    if weight.shape != shape:
        raise ValueError(f"a weight is of shape {weight.shape}, not {shape}")
    return weight.astype(np.float32, copy=False)
