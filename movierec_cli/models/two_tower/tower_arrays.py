"""From the layers of a trained model to plain arrays that embed as they do, without TensorFlow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from movierec_cli.config import USER_HISTORY
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.models.two_tower.keras_towers import DenseTop, HistoryEmbedding, MovieTower, QueryTower
from movierec_cli.models.two_tower.tower_queries import Queries
from movierec_cli.models.two_tower.two_tower import TwoTowerModel
from movierec_cli.scoring.towers import Tower, TowerInput, Towers

USER_ID = "user_id"
MOVIE_ID = "movie_id"

_Floats = npt.NDArray[np.float32]


def tower_arrays(model: TwoTowerModel, users: Queries, seen: RaggedRows) -> Towers:
    """Both towers as they are.

    Args:
        model: trained.
        users: every user as a query, in their order.
        seen: each user's training movies, for a model with their history.
    """
    return Towers(_query(model.query_tower, seen), _movie(model.movie_tower), users.contexts)


def _query(tower: QueryTower, seen: RaggedRows) -> Tower:
    """Inputs in the order of the tower's dense layer, see `QueryTower.parts`."""
    inputs = [TowerInput(USER_ID, False, _array(tower.ids.every()))]
    inputs += [TowerInput(one.name, False, _array(one.every())) for one in tower.users]
    inputs += [TowerInput(one.name, True, _array(one.every())) for one in tower.contexts]
    if tower.history is not None:
        inputs.append(TowerInput(str(USER_HISTORY), False, _histories(tower.history, seen)))
    return Tower(tuple(inputs), _dense(tower.top))


def _movie(tower: MovieTower) -> Tower:
    inputs = [TowerInput(MOVIE_ID, False, _array(tower.ids.every()))]
    inputs += [TowerInput(one.name, False, _array(one.every())) for one in tower.features]
    return Tower(tuple(inputs), _dense(tower.top))


def _histories(layer: HistoryEmbedding, seen: RaggedRows) -> _Floats:
    """As the layer does for all users at once, whose bags would not fit in memory."""
    table = layer.table.numpy()
    sums = np.stack([table[seen[user]].sum(axis=0) for user in range(len(seen))])
    roots = np.sqrt(np.maximum(seen.lengths, 1))[:, None]
    histories: _Floats = (sums / roots).astype(np.float32)
    return histories


def _dense(top: DenseTop) -> tuple[tuple[_Floats, _Floats], ...]:
    layers = [top.first, *top.rest]
    return tuple((_array(layer.kernel), _array(layer.bias)) for layer in layers)


def _array(tensor: tf.Tensor) -> _Floats:
    array: _Floats = tf.convert_to_tensor(tensor).numpy()
    return array
