"""The state after a history that need not be in the data, by a saved model of sequences.

The networks of `models.sequential.network`, which learn on JAX, as NumPy: one history is a few small
products, and starting an engine for them would take some seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import QUERY_TIME, TIME_GAP, Family, SequenceConfig
from movierec_cli.errors import SavedModelError
from movierec_cli.models.sequential.packed_batches import GAP_BUCKETS, gap_buckets

if TYPE_CHECKING:
    from movierec_cli.registry.store import Run

HISTORY_TABLE = "history_table"
"""Among a model's named weights: its movies' embeddings as history, whatever features they were made of."""
NETWORK = "network/"
"""How the names of the network's weights begin, which are in the order of its layers."""
EPSILON = 1e-6
"""Added to the variance where a layer normalises."""

_Floats = npt.NDArray[np.float32]
_Seconds = npt.NDArray[np.int64]
_Layer = Callable[[_Floats], _Floats]
"""From the states of all movies, [n, width], to other states of them."""


def state_after(
    run: Run,
    movie_rows: npt.NDArray[np.int64],
    seconds: _Seconds | None = None,
    query_s: int | None = None,
) -> _Floats:
    """What a saved model makes of some movies, watched one after the other.

    Args:
        run: of a sequential family.
        movie_rows: int [n], rows of the run's own movies, oldest first; the newest `max_length` count.
        seconds: int [n], when each was watched; None: all at once.
        query_s: when the next is asked for, for a model that sees it; None: right after the last.

    Returns:
        float32 [dim]; its dot product with a movie's embedding is the movie's score.

    Raises:
        ValueError: the history is empty.
        SavedModelError: the run's files are damaged.
    """
    if len(movie_rows) == 0:
        raise ValueError("a history needs one movie or more")
    config = run.record.config
    assert isinstance(config.model, SequenceConfig)  # the caller chose a run of a sequential family
    times = np.zeros(len(movie_rows), np.int64) if seconds is None else seconds
    since_last = np.array([0 if query_s is None else query_s - int(times[-1])], np.int64)
    gaps = np.concatenate([[0], gap_buckets(np.diff(times)), gap_buckets(since_last)])  # [n + 1]
    newest = slice(-config.model.max_length, None)
    network = _Network(run.artifacts.weights, config.model, len(run.artifacts.movie_ids))
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            state = network.read(
                config.family,
                movie_rows[newest],
                gaps[:-1][newest] if TIME_GAP in config.feature_set else None,
                gaps[1:][newest] if QUERY_TIME in config.feature_set else None,
            )
    except (KeyError, ValueError) as error:
        raise SavedModelError(
            f"{run.folder}: artifacts.npz is damaged: it is not of this model: {error}"
        ) from error
    if not np.isfinite(state).all():
        raise SavedModelError(f"{run.folder}: artifacts.npz is damaged: its weights give no finite numbers")
    return state


class _Network:
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
        gaps: npt.NDArray[np.integer] | None,
        gaps_to_next: npt.NDArray[np.integer] | None,
    ) -> _Floats:
        """The state after the last movie, [dim].

        Args:
            family: GRU4REC or SASREC.
            movies: rows of the catalogue, [n].
            gaps: how long after the movie before it each came, as buckets, [n]; None where that is not seen.
            gaps_to_next: how long before what comes next, likewise.

        Raises:
            KeyError: there is no table of the history's movies.
            ValueError: a weight is missing, too many, or of another shape.
        """
        size = self._config.embedding_size
        body = self._attention() if family is Family.SASREC else self._recurrence()
        times = [
            (buckets, self._weight(GAP_BUCKETS + 1, size))
            for buckets in (gaps, gaps_to_next)
            if buckets is not None
        ]
        if (n_left := len(list(self._left))) > 0:
            raise ValueError(f"{n_left} weights are too many: {sorted(self._named)}")
        table = _of_shape(self._named[HISTORY_TABLE], (self._n_movies, size))
        states = table[movies] * np.float32(math.sqrt(size))  # [n, size]
        for buckets, embeddings in times:
            states = states + embeddings[buckets]
        state: _Floats = body(states)[-1]
        return state

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

    def _attention(self) -> _Layer:
        config = self._config
        positions = self._weight(config.max_length, config.embedding_size)
        blocks = [self._block() for _ in range(config.num_layers)]
        norm = self._norm()

        def read(states: _Floats) -> _Floats:
            states = states + positions[config.max_length - len(states) :]  # the newest has the highest
            for block in blocks:
                states = block(states)
            return norm(states)

        return read

    def _block(self) -> _Layer:
        """One of `models.sequential.network.AttentionBlock`."""
        config, size = self._config, self._config.embedding_size
        of_attention, of_inner = self._norm(), self._norm()
        projection, output = self._weight(size, 3 * size), self._weight(size, size)
        inner, outer = self._dense(size, config.hidden_size), self._dense(config.hidden_size, size)
        head_size = size // config.num_heads

        def attend(states: _Floats) -> _Floats:
            projected = (states @ projection).reshape(len(states), 3, config.num_heads, head_size)
            query, key, value = projected.transpose(1, 2, 0, 3)  # [heads, n, width] each
            scores = query @ key.swapaxes(1, 2) / np.float32(math.sqrt(head_size))  # [heads, n, n]
            is_later = np.triu(np.ones(scores.shape[1:], bool), 1)
            scores = np.where(is_later, np.float32(-np.inf), scores)
            weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
            weights /= weights.sum(axis=-1, keepdims=True)
            mixed: _Floats = (weights @ value).swapaxes(0, 1).reshape(states.shape)
            return mixed @ output

        def read(states: _Floats) -> _Floats:
            states = states + attend(of_attention(states))
            after: _Floats = states + outer(np.maximum(inner(of_inner(states)), 0))
            return after

        return read

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


def _sigmoid(values: _Floats) -> _Floats:
    sigmoid: _Floats = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * values))
    return sigmoid


def _of_shape(weight: npt.NDArray[Any], shape: tuple[int, ...]) -> _Floats:
    if weight.shape != shape:
        raise ValueError(f"a weight is of shape {weight.shape}, not {shape}")
    return weight.astype(np.float32, copy=False)
