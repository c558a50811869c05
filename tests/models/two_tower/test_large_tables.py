"""Large tables that are updated by rows go the way of `tf_keras`' Adam, which updates all at every step."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from movierec_cli.config import TowerConfig
from movierec_cli.models.two_tower import keras_towers
from movierec_cli.models.two_tower.keras_towers import IdEmbedding
from movierec_cli.models.two_tower.large_tables import MOST_STEPS, RowWiseAdam

N_ROWS, DIM, N_STEPS, RATE, BETA_2 = 40, 3, 61, 0.01, 0.99


def ids_of(l2: float) -> IdEmbedding:
    layer = IdEmbedding(N_ROWS, TowerConfig(embedding_size=DIM, l2=l2), name="user_id")
    layer.table.assign(np.random.default_rng(1).normal(0, 0.3, (N_ROWS, DIM)).astype(np.float32))
    return layer


def step_rows(number: int) -> np.ndarray:
    """Some of the first 30 rows, some of them twice; the last ten have no gradient ever."""
    return np.random.default_rng(number).integers(0, 30, 8).astype(np.int32)


def loss_of(taken: tf.Tensor, number: int) -> tf.Tensor:
    goals = np.random.default_rng(100 + number).normal(0, 1, (8, DIM)).astype(np.float32)
    return tf.reduce_mean((taken - goals) ** 2)


@pytest.mark.parametrize(("l2", "most"), [(0.0, 0.001), (1e-6, 0.01), (1e-3, 0.1)])
def test_rows_go_the_way_of_adam_on_the_whole_table(l2: float, most: float, monkeypatch: pytest.MonkeyPatch):
    """Where a row had no gradient so far the mean of squares begins at 0, and a penalty's steps are rough."""
    usual, adam = ids_of(l2), tf_keras.optimizers.legacy.Adam(RATE, beta_2=BETA_2)
    monkeypatch.setattr(keras_towers, "LARGE_TABLE", 0)
    large = ids_of(l2)
    by_rows = RowWiseAdam(RATE, BETA_2, [large])
    begun = large.table.numpy()
    for number in range(N_STEPS):
        rows = tf.constant(step_rows(number))
        with tf.GradientTape() as tape:
            loss = loss_of(tf.gather(usual.table, rows), number) + sum(usual.losses)
        dense = tf.convert_to_tensor(tape.gradient(loss, usual.table))
        adam.apply_gradients([(dense, usual.table)])

        by_rows.catch_up([rows])
        with tf.GradientTape() as tape:
            loss = loss_of(large.at(rows), number)
        by_rows.apply_gradients([(tape.gradient(loss, large.table), large.table)])
        if number % MOST_STEPS == 0:
            by_rows.settle()
    by_rows.settle()
    moved = np.abs(usual.table.numpy() - begun)
    assert (moved[:30].mean() > 0.05) and (l2 == 0 or moved[30:].max() > 1e-4)
    difference = np.abs(large.table.numpy() - usual.table.numpy())
    assert difference.max() < max(most * moved[:30].max(), 0.1 * moved[30:].max())
    assert np.median(difference[:30] / moved[:30]) < most


def test_a_step_changes_no_row_but_its_own_until_all_are_settled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keras_towers, "LARGE_TABLE", 0)
    large = ids_of(1e-3)
    by_rows, rows = RowWiseAdam(RATE, BETA_2, [large]), tf.constant([4, 7])
    for _ in range(2):
        before = large.table.numpy()
        by_rows.catch_up([rows])
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(large.at(rows))
        by_rows.apply_gradients([(tape.gradient(loss, large.table), large.table)])
        changed = (large.table.numpy() != before).any(axis=1)
        assert np.flatnonzero(changed).tolist() == [4, 7]
    by_rows.settle()
    settled = large.table.numpy()
    assert (settled != before).any(axis=1).all()
    by_rows.settle()
    np.testing.assert_array_equal(large.table.numpy(), settled)
