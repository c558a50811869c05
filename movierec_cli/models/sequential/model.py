"""A network with its tables of movies, as functions of a list of weights, which is what JAX wants."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from movierec_cli.config import Family, FeatureSet, SequenceConfig
from movierec_cli.models.sequential.network import MovieEmbeddings, SequenceNetwork, directions
from movierec_cli.models.sequential.packed_batches import MICRO_BATCH_TOKENS, Columns
from movierec_cli.models.two_tower.inputs import Input
from movierec_cli.scoring.sequence_network import HISTORY_TABLE, NETWORK


@contextlib.contextmanager
def _keras_seeded(seed: int) -> Iterator[None]:
    """Keras' initializers draw their seeds from Python's generator, which is as it was afterwards.

    `keras.utils.set_random_seed` would import TensorFlow, where that is installed.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


class SequenceModel:
    """A model of any of the families.

    Args:
        family: a sequential one.
        config: sizes.
        feature_set: what it sees.
        n_movies: rows of the catalogue.
        inputs: the movies' encoded features.
        seed: of the first weights.
    """

    def __init__(
        self,
        family: Family,
        config: SequenceConfig,
        feature_set: FeatureSet,
        n_movies: int,
        inputs: tuple[Input, ...] = (),
        seed: int = 0,
    ):
        self.config = config
        self.micro_batch_tokens = MICRO_BATCH_TOKENS[family]
        with _keras_seeded(seed):
            self.candidates = MovieEmbeddings(n_movies, config.embedding_size, inputs, name="candidates")
            self.history = (
                self.candidates
                if config.shared_embeddings
                else MovieEmbeddings(n_movies, config.embedding_size, inputs, name="history")
            )
            self.network = SequenceNetwork(family, config, feature_set, name="network")
            names = ("movie", "segment", "position", "gap", "gap_to_next")
            row = {name: np.zeros((1, config.max_length), np.int32) for name in names}
            self.network(np.zeros((1, config.embedding_size), np.float32), row)  # makes its weights
        tables = [self.candidates] if self.history is self.candidates else [self.candidates, self.history]
        self._of_movies = [variable for table in tables for variable in table.trainable_variables]
        self._of_network = list(self.network.trainable_variables)

    @property
    def variables(self) -> list[keras.Variable]:
        """All that is trained, in one order: the movies', then the network's."""
        return [*self._of_movies, *self._of_network]

    def named_weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """The variables' values, and under `HISTORY_TABLE` the movies' embeddings as history."""
        groups = {"movies/": self._of_movies, NETWORK: self._of_network}
        named = {
            f"{group}{number:02d}/{variable.name}": np.asarray(variable.value)
            for group, variables in groups.items()
            for number, variable in enumerate(variables)
        }
        return named | {HISTORY_TABLE: np.asarray(self.tables(self.weights())[0])}

    def weights(self) -> list[jax.Array]:
        """The variables' values."""
        return [variable.value for variable in self.variables]

    def assign(self, weights: list[npt.NDArray[Any]]) -> None:
        """Puts values into the variables, one for one."""
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def tables(self, weights: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
        """The movies' embeddings as history, and as candidates that are compared, [n_movies, dim] each."""
        return self.tables_in(self.parts(weights))

    def parts(self, weights: list[jax.Array]) -> list[jax.Array]:
        """What a step computes with: the movies' embeddings, once if both are the same, and the network's."""
        of_movies = zip(self._of_movies, weights[: len(self._of_movies)], strict=True)
        with keras.StatelessScope(state_mapping=list(of_movies)):
            tables = [self.candidates.vectors()]
            if self.history is not self.candidates:
                tables.append(self.history.vectors())
        return [*tables, *weights[-len(self._of_network) :]]

    def tables_in(self, parts: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
        """As `tables`, of `parts`."""
        candidates = directions(parts[0]) if self.config.temperature else parts[0]
        return (parts[0] if self.history is self.candidates else parts[1]), candidates

    def states(
        self, weights: list[jax.Array], history: jax.Array, row: Columns, seed: jax.Array | None = None
    ) -> jax.Array:
        """States after each movie of each row, [b, length, dim].

        Of `weights` the network's are used, which are the last: `parts` has them, too.
        """
        network = zip(self._of_network, weights[-len(self._of_network) :], strict=True)
        with keras.StatelessScope(state_mapping=list(network)):
            states: jax.Array = self.network(history, row, seed)
        return states

    def learned_states(
        self, weights: list[jax.Array], history: jax.Array, row: Columns, seed: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """What a loss takes: states [n, dim], targets [n] and weights [n].

        Of windows only the last place is learned from, so the others are left out.
        """
        states = self.states(weights, history, row, seed)
        targets, learned = row["target"], row["weight"].astype(jnp.float32)
        if self.config.windows:
            return states[:, -1], targets[:, -1], learned[:, -1]
        return states.reshape(-1, states.shape[-1]), targets.reshape(-1), learned.reshape(-1)
