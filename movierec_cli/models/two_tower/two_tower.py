"""The two-tower retrieval model: a `tfrs.Model` over grouped queries."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs

from movierec_cli.config import USER_HISTORY, Feature, Side, TowerConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.models.feature_encodings import Vocabulary, encode_features
from movierec_cli.models.two_tower.keras_towers import (
    HistoryEmbedding,
    IdEmbedding,
    MovieTower,
    QueryTower,
)
from movierec_cli.models.two_tower.objectives import Objective
from movierec_cli.models.two_tower.query_batches import Batch, Queries, flat_places, query_batch
from movierec_cli.scoring.towers import MOVIE_BIAS, MOVIE_ID, Dense, Tower, TowerInput, Towers

EMBED_QUERIES = 2048  # queries embedded at a time

_QUERY_SIGNATURE = {
    "user_index": tf.TensorSpec([None], tf.int32),
    "contexts": tf.TensorSpec([None, None], tf.int32),
}
_HISTORY_SIGNATURE = {"history": tf.TensorSpec([None], tf.int32)}


class TwoTowerModel(tfrs.Model):
    """Query and movie embeddings whose dot product is the score."""

    max_gradient_norm: float | None = None  # of each variable; None: as it comes

    def __init__(
        self,
        dataset: Dataset,
        vocabularies: dict[Feature, Vocabulary],
        config: TowerConfig,
        objective: Objective,
        seed: int,
    ):
        super().__init__()
        self.objective = objective
        self.n_movies = len(dataset.movies)
        self.query_tower = QueryTower(
            len(dataset.users),
            self.n_movies,
            encode_features(dataset, vocabularies, Side.USER),
            encode_features(dataset, vocabularies, Side.CONTEXT),
            USER_HISTORY in vocabularies or not config.user_ids,
            config,
            seed,
        )
        self.movie_tower = MovieTower(
            self.n_movies, encode_features(dataset, vocabularies, Side.MOVIE), config, seed + 1
        )
        self._compiled_queries = tf.function(self.queries, input_signature=[self.query_signature])

    @property
    def query_signature(self) -> dict[str, tf.TensorSpec]:
        """What `queries` reads from a batch."""
        return _QUERY_SIGNATURE | (_HISTORY_SIGNATURE if self.query_tower.history is not None else {})

    @property
    def batch_signature(self) -> dict[str, tf.TensorSpec]:
        """What `compute_loss` reads from a batch."""
        return self.query_signature | self.objective.signature

    @property
    def large_ids(self) -> dict[str, IdEmbedding]:
        """Ids with a large table of which a step reads few rows, by what these are in a batch.

        A step reads a fifth of a large catalogue, and doing that by rows takes longer than all of it.
        """
        users = self.query_tower.ids
        return {"user_index": users} if users is not None and users.is_large else {}

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """The objective's mean over interactions, in nats; `tfrs.Model` adds the L2 of the tables."""
        movies = self.movies(training, inputs.get("movies"))  # those that a step needs, else all
        return self.objective.loss(self.queries(inputs, training), movies, inputs)

    def queries(self, batch: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Query embeddings [b, dim] of a batch of users, contexts and, where the set asks, histories."""
        return self.movie_tower.with_one(self.query_tower.top(self.query_parts(batch), training=training))

    def query_parts(self, batch: dict[str, tf.Tensor]) -> list[tf.Tensor]:
        """What the query tower makes of a batch before its dense layers."""
        history = self._history(batch) if self.query_tower.history is not None else None
        return self.query_tower.parts(batch["user_index"], batch["contexts"], history)

    def _history(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Zeros and ones [b, n_movies] from places in it."""
        shape = (tf.shape(batch["user_index"])[0], self.n_movies)
        ones = tf.ones_like(batch["history"], tf.float32)
        return tf.reshape(tf.scatter_nd(batch["history"][:, None], ones, [shape[0] * shape[1]]), shape)

    def movies(self, training: bool = False, rows: tf.Tensor | None = None) -> tf.Tensor:
        """Embeddings of the movies at these rows, or of every movie: [n_movies, dim]."""
        return self.movie_tower.embeddings(rows, training)

    def embed_queries(self, queries: Queries, history: RaggedRows) -> npt.NDArray[np.float32]:
        """Query embeddings [n_queries, dim], with each user's whole history where the set asks for it."""
        parts = [
            self._compiled_queries(self.batch_of(queries.take(rows), history)).numpy()
            for rows in query_blocks(queries)
        ]
        return np.concatenate(parts)

    def batch_of(self, queries: Queries, history: RaggedRows) -> Batch:
        """What `queries` reads, with each user's whole history where the set asks for it."""
        batch = query_batch(queries)
        if self.query_tower.history is not None:
            batch["history"] = flat_places(history, queries.user_index, self.n_movies)
        return batch

    def embed_movies(self) -> npt.NDArray[np.float32]:
        """Embeddings of every movie [n_movies, dim], in catalogue order."""
        embeddings: npt.NDArray[np.float32] = self.movies().numpy()
        return embeddings

    def named_weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """All weights, by place and name."""
        variables = enumerate(self.weights)
        return {f"{place:03d} {variable.name}": variable.numpy() for place, variable in variables}


def query_blocks(queries: Queries) -> list[npt.NDArray[np.int64]]:
    """The rows of the queries, `EMBED_QUERIES` at a time."""
    return np.array_split(np.arange(len(queries)), -(-len(queries) // EMBED_QUERIES))


USER_ID = "user_id"

_Floats = npt.NDArray[np.float32]


def tower_arrays(model: TwoTowerModel, users: Queries, seen: RaggedRows) -> Towers:
    """Both towers as they are.

    Args:
        model: trained.
        users: every user as a query, in their order.
        seen: each user's training movies, for a model with their history.
    """
    query, movie = model.query_tower, model.movie_tower
    of_query = [  # in the order of the tower's dense layer, see `QueryTower.parts`
        *([] if query.ids is None else [TowerInput(USER_ID, False, _array(query.ids.every()))]),
        *(TowerInput(one.name, False, _array(one.every())) for one in query.users),
        *(TowerInput(one.name, True, _array(one.every())) for one in query.contexts),
    ]
    if query.history is not None:
        of_query.append(TowerInput(str(USER_HISTORY), False, _histories(query.history, seen)))
    of_movie = [TowerInput(MOVIE_ID, False, _array(movie.ids.every()))]
    of_movie += [TowerInput(one.name, False, _array(one.every())) for one in movie.features]
    of_query_layers, of_movie_layers = _dense(query), _dense(movie)
    if movie.bias is not None:
        signed = np.stack([np.maximum(movie.bias, 0), np.maximum(-movie.bias, 0)], axis=1)
        of_movie.append(TowerInput(MOVIE_BIAS, False, signed.astype(np.float32)))
        of_query_layers, of_movie_layers = _ending_in_one(of_query_layers), _passing_bias(of_movie_layers)
    return Towers(
        Tower(tuple(of_query), of_query_layers),
        Tower(tuple(of_movie), of_movie_layers),
        users.contexts,
        _array(query.history.table) if query.history is not None and query.ids is None else None,
    )


def _ending_in_one(layers: Dense) -> Dense:
    """The same layers with one number more, which is 1 for every query."""
    *others, (kernel, bias) = layers
    return (*others, (np.pad(kernel, [(0, 0), (0, 1)]), np.append(bias, np.float32(1))))


def _passing_bias(layers: Dense) -> Dense:
    """The same layers with two inputs more, how far a number is above and below 0, and that number behind.

    In two parts it passes every relu as it is.
    """
    *others, (kernel, bias) = layers
    through = [(beside(one, np.eye(2, dtype=np.float32)), np.pad(of_one, (0, 2))) for one, of_one in others]
    difference = np.array([[1], [-1]], np.float32)
    return (*through, (beside(kernel, difference), np.pad(bias, (0, 1))))


def beside(first: _Floats, second: _Floats) -> _Floats:
    """Both on the diagonal, zeros elsewhere."""
    rows, columns = np.add(first.shape, second.shape)
    both = np.zeros((rows, columns), np.float32)
    both[: first.shape[0], : first.shape[1]] = first
    both[first.shape[0] :, first.shape[1] :] = second
    return both


def _histories(layer: HistoryEmbedding, seen: RaggedRows) -> _Floats:
    """As the layer does for all users at once, whose bags would not fit in memory."""
    table = layer.table.numpy()
    sums = np.stack([table[seen[user]].sum(axis=0) for user in range(len(seen))])
    roots = np.sqrt(np.maximum(seen.lengths, 1))[:, None]
    histories: _Floats = (sums / roots).astype(np.float32)
    return histories


def _dense(tower: QueryTower | MovieTower) -> Dense:
    """The layers' kernels and biases; where there is no layer, one that changes nothing."""
    if tower.top.first is None:
        width = sum(tower.widths)
        return ((np.eye(width, dtype=np.float32), np.zeros(width, np.float32)),)
    layers = [tower.top.first, *tower.top.rest]
    return tuple((_array(layer.kernel), _array(layer.bias)) for layer in layers)


def _array(tensor: tf.Tensor) -> _Floats:
    array: _Floats = tf.convert_to_tensor(tensor).numpy()
    return array
