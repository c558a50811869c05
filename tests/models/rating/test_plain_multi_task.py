"""Ratings from both towers' embeddings alone: the loss, the exported head, and what a weight of 0 does."""

from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.config import NO_FEATURES, LossKind, TaskWeights, TowerConfig
from movierec_cli.models.rating.plain_multi_task import PlainMultiTaskModel
from movierec_cli.models.two_tower.tower_fitting import Fit
from movierec_cli.models.two_tower.tower_training import PreparedForPlainTwo, prepare
from tests.models.rating.test_multi_task import DATASET, ROWS, config, shaken

MODEL = TowerConfig(embedding_size=5, layer_sizes=(), dropout=0.0, l2=0.0, rating_layers=(7, 4))


def prepared(tasks: TaskWeights) -> PreparedForPlainTwo:
    asked = replace(
        config(tasks, loss=LossKind.IN_BATCH, batch_size=60), feature_set=NO_FEATURES, model=MODEL
    )
    kept = prepare(DATASET, ROWS, asked, {})
    assert isinstance(kept, PreparedForPlainTwo)
    return shaken(kept, 5)  # type: ignore[type-var, return-value]


def plain_stars(model: PlainMultiTaskModel, users: np.ndarray, movies: np.ndarray) -> np.ndarray:
    """Dense layers on the two ids' vectors, side by side."""
    vectors = model.query_tower.ids.table.numpy()[users], model.movie_tower.ids.table.numpy()[movies]
    hidden = np.concatenate(vectors, axis=1)
    for layer in model.rating_layers[:-1]:
        hidden = np.maximum(hidden @ layer.kernel.numpy() + layer.bias.numpy(), 0)
    return (hidden @ model.rating_layers[-1].kernel.numpy() + model.rating_layers[-1].bias.numpy())[:, 0]


def test_the_loss_is_the_weighted_sum_of_both_means() -> None:
    kept = prepared(TaskWeights(retrieval=3.0, rating=2.0))
    batch = next(kept.model.objective.batches.epoch(np.random.default_rng(1)))
    users, movies = batch["user_index"], batch["movie_index"]
    ratings = DATASET.ratings
    pairs = zip(ratings.user_index, ratings.movie_index, strict=True)
    given = dict(zip(pairs, ratings.rating, strict=True))
    np.testing.assert_array_equal(batch["stars"], [given[pair] for pair in zip(users, movies, strict=True)])
    vectors = (
        kept.model.query_tower.ids.table.numpy()[users],
        kept.model.movie_tower.ids.table.numpy()[movies],
    )
    scores = vectors[0] @ vectors[1].T
    nats = np.log(np.exp(scores).sum(axis=1)) - np.diag(scores)
    squares = (plain_stars(kept.model, users, movies) - batch["stars"]) ** 2
    expected = 3 * nats.mean() + 2 * squares.mean()
    assert float(kept.model.compute_loss(batch)) == pytest.approx(expected, rel=1e-5)


def test_errors_are_of_what_the_layers_say_and_the_exported_head_cuts_it_to_the_scale() -> None:
    kept = prepared(TaskWeights())
    outcome = kept.rating_outcome(np.arange(60))
    users, movies = outcome.user_index, DATASET.ratings.movie_index[:60]
    expected = plain_stars(kept.model, users, movies)
    assert expected.min() < 1
    np.testing.assert_allclose(outcome.predicted, expected, atol=1e-5)
    np.testing.assert_allclose(kept.rating_head().stars(users, movies), expected.clip(1, 5), atol=1e-5)


@pytest.mark.parametrize("tasks", [TaskWeights(rating=0.0), TaskWeights(retrieval=0.0, rating=1.0)])
def test_the_rating_layers_stay_as_they_were_made_where_ratings_do_not_count(tasks: TaskWeights) -> None:
    kept = prepared(tasks)
    before = [layer.kernel.numpy() for layer in kept.model.rating_layers]
    Fit(kept.model, config(tasks).training, averaged_epochs=5).epoch()
    moved = [
        (layer.kernel.numpy() != old).any()
        for layer, old in zip(kept.model.rating_layers, before, strict=True)
    ]
    assert any(moved) is (tasks.rating > 0)
