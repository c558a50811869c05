"""The in-batch loss over movies, each once, against TFRS' task over the batch."""

import numpy as np
import pytest
import tensorflow as tf

from movierec_cli.models.two_tower.objectives import InBatchObjective
from movierec_cli.models.two_tower.query_batches import InteractionBatches, group_interactions
from tests.small_dataset import small_dataset

DATASET = small_dataset()
ROWS = np.arange(len(DATASET.ratings))


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("scale", [0.5, 12.0])  # of scores that are exponentiated as they are, and shifted
def test_each_movie_once_with_its_count_is_the_same_loss_with_the_same_gradients(scale, corrected) -> None:
    random, n_movies = np.random.default_rng(3), len(DATASET.movies)
    probability = random.uniform(0.01, 0.2, n_movies).astype(np.float32) if corrected else None
    batches = InteractionBatches(group_interactions(DATASET, ROWS, {}), n_movies, 90)
    objective = InBatchObjective(batches, probability, summed=True)
    index = tf.constant(random.integers(0, n_movies // 2, 90), tf.int32)
    queries, movies = (
        tf.Variable(random.normal(0, scale, (n, 6)).astype(np.float32)) for n in (90, n_movies)
    )
    found = []
    for way in (objective._over_movies, objective._over_batch):
        with tf.GradientTape() as tape:
            loss = way(queries, movies, index)
        found.append((loss, *map(tf.convert_to_tensor, tape.gradient(loss, (queries, movies)))))
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4 * scale)
    mean = InBatchObjective(batches, probability).loss(queries, movies, {"movie_index": index})
    assert float(mean) == pytest.approx(float(found[1][0]) / 90, rel=1e-5)
