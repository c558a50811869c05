"""The towers' layers against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from movierec_cli.config import FEATURES, TowerConfig
from movierec_cli.models.freed_memory import LARGE_TABLE
from movierec_cli.models.two_tower import keras_towers as towers
from movierec_cli.models.two_tower.inputs import BagInput, CategoryInput, NumberInput
from movierec_cli.models.two_tower.keras_towers import (
    BagEmbedding,
    ByteDropout,
    CategoryEmbedding,
    DenseTop,
    HistoryEmbedding,
    IdEmbedding,
    MovieTower,
)

CONFIG = TowerConfig(embedding_size=4, layer_sizes=(6, 3), dropout=0.0, l2=0.0)
BAGS = [[0, 2], [], [1, 1, 2], [3]]


@pytest.mark.parametrize("dense_up_to", [0, 64])
def test_a_bag_is_the_mean_of_its_embeddings(dense_up_to, monkeypatch):
    monkeypatch.setattr(towers, "DENSE_BAG_SIZE", dense_up_to)
    layer = BagEmbedding(BagInput.of(BAGS, 4), CONFIG, "bag")
    table = layer.table.numpy()
    expected = [table[bag].mean(axis=0) if bag else np.zeros(4) for bag in BAGS]
    np.testing.assert_allclose(layer.every(), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(layer.at(tf.constant([2, 0])), [expected[2], expected[0]], rtol=1e-5)


def test_a_category_is_its_codes_embedding():
    layer = CategoryEmbedding(CategoryInput(np.array([2, 0, 2], np.int32), 3), CONFIG, "category")
    table = layer.table.numpy()
    np.testing.assert_array_equal(layer.every(), table[[2, 0, 2]])
    np.testing.assert_array_equal(layer.at(tf.constant([1, 2])), table[[0, 2]])


def test_a_history_is_the_sum_over_the_root_of_its_size():
    layer = HistoryEmbedding(5, CONFIG)
    history = np.array([[1, 0, 1, 1, 0], [0, 0, 0, 0, 0]], np.float32)
    table = layer.table.numpy()
    expected = [table[[0, 2, 3]].sum(axis=0) / np.sqrt(3), np.zeros(4)]
    np.testing.assert_allclose(layer(tf.constant(history)), expected, rtol=1e-5, atol=1e-7)


def test_the_dense_top_is_relu_between_and_linear_last_on_the_concatenation():
    generator = np.random.default_rng(0)
    top = DenseTop([4, 1, 2], CONFIG, seed=0)
    parts = [generator.normal(size=(7, width)).astype(np.float32) for width in (4, 1, 2)]
    output = top([tf.constant(part) for part in parts])
    (kernel, bias), (last_kernel, last_bias) = (
        [weight.numpy() for weight in layer.trainable_variables] for layer in (top.first, *top.rest)
    )
    hidden = np.maximum(np.concatenate(parts, axis=1) @ kernel + bias, 0)
    np.testing.assert_allclose(output, hidden @ last_kernel + last_bias, rtol=1e-4, atol=1e-5)


def test_one_layer_is_linear():
    top = DenseTop([2], TowerConfig(layer_sizes=(3,)), seed=0)
    row = tf.constant([[-5.0, 3.0]])
    np.testing.assert_allclose(top([-row]), -top([row]), rtol=1e-6)
    assert len(top.trainable_variables) == 2


def test_what_each_feature_adds_for_each_movie_is_penalised_in_training_and_what_ids_add_is_not():
    config = TowerConfig(embedding_size=4, layer_sizes=(6, 3), dropout=0.0, l2=0.0, feature_l2=0.7)
    numbers = np.array([[0.5], [-1.0], [2.0], [0.0]], np.float32)
    features = {
        FEATURES["movie_genres"]: (BagInput.of(BAGS, 4),),
        FEATURES["movie_length"]: (CategoryInput(np.array([2, 0, 2, 2], np.int32), 3), NumberInput(numbers)),
    }
    tower = MovieTower(4, features, config, seed=0)
    tower.embeddings()
    assert not tower.losses
    tower.embeddings(training=True)
    kernel, expected = tower.top.first.kernel.numpy(), 0.0
    (bags,), (categories, _) = (feature.columns for feature in tower.features)
    for movie, bag in enumerate(BAGS):
        of_bag = bags.table.numpy()[bag].mean(axis=0) if bag else np.zeros(4)
        of_category = categories.table.numpy()[[2, 0, 2, 2][movie]]
        expected += np.sum((of_bag @ kernel[4:8]) ** 2)
        expected += np.sum((np.append(of_category, numbers[movie]) @ kernel[8:]) ** 2)
    assert float(tf.add_n(tower.losses)) == pytest.approx(0.7 * expected / 4, rel=1e-5)


@pytest.mark.parametrize("feature_l2", [0.0, 0.1])
def test_ids_begin_alike_whatever_features_stand_beside_them_where_these_are_penalised(feature_l2: float):
    config = TowerConfig(embedding_size=30, layer_sizes=(40,), feature_l2=feature_l2)
    features = {FEATURES["movie_genres"]: (BagInput.of(BAGS, 4),)}
    alone, beside = (
        MovieTower(4, some, config, seed=0).top.first.kernel.numpy()[:30] for some in ({}, features)
    )
    bound = np.sqrt(6 / (30 + 40))  # Glorot's, of a layer of ids alone
    assert 0.95 * bound < np.abs(alone).max() <= bound
    of_both = np.sqrt(6 / (60 + 40))
    assert (0.95 * bound if feature_l2 else 0.95 * of_both) < np.abs(beside).max()
    assert np.abs(beside).max() <= (bound if feature_l2 else of_both)


def test_dropout_keeps_its_share_and_the_mean_and_is_off_outside_training():
    dropout = ByteDropout(0.25, seed=3)
    ones = tf.ones([401, 503])  # not a multiple of four bytes
    dropped = dropout(ones, training=True).numpy()
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(1 / 0.75)}
    assert np.mean(dropped == 0) == pytest.approx(0.25, abs=0.005)
    assert np.array_equal(dropout(ones), ones)
    assert not np.array_equal(dropped, dropout(ones, training=True).numpy())


@pytest.mark.parametrize("rows", [None, [3, 0, 3]])
def test_the_penalty_of_a_large_table_is_that_of_keras(
    rows: list[int] | None, monkeypatch: pytest.MonkeyPatch
):
    config, found = TowerConfig(embedding_size=4, l2=0.7), []
    for largest in (0, LARGE_TABLE):
        monkeypatch.setattr(towers, "LARGE_TABLE", largest)
        layer = IdEmbedding(5, config, name="movie_id")
        layer.table.assign(np.arange(20, dtype=np.float32).reshape(5, 4))
        with tf.GradientTape() as tape:
            taken = layer.every() if rows is None else layer.at(tf.constant(rows))
            loss = tf.reduce_sum(taken**2) + sum(layer.losses)
        found.append((taken, tf.convert_to_tensor(tape.gradient(loss, layer.table))))
        assert bool(layer.losses) == (largest > 0)
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
