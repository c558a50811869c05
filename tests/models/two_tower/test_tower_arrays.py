"""What a run keeps of a model's towers against the model itself, at every user's time and at others."""

import numpy as np
import pytest

from movierec_cli.config import (
    Family,
    FeatureSet,
    LossKind,
    SplitConfig,
    TaskWeights,
    TowerConfig,
    TrainingConfig,
)
from movierec_cli.data.split import split_ratings
from movierec_cli.models.feature_encodings import FEATURES, context_codes, fit_features
from movierec_cli.models.memory_estimate import TrainingData, n_parameters
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.models.two_tower.query_batches import Queries, last_queries
from movierec_cli.registry.record import RunConfig
from tests.small_dataset import small_dataset

DATASET = small_dataset()
SPLIT = split_ratings(DATASET.ratings, SplitConfig())
EVERYTHING = FeatureSet(Family.TWO_TOWER.features)


def config(
    features: FeatureSet,
    *sizes: int,
    tasks: TaskWeights | None = None,
    rating_layers: tuple[int, ...] = (),
) -> RunConfig:
    loss = LossKind.IN_BATCH if rating_layers else LossKind.CATALOGUE
    return RunConfig(
        family=Family.MULTI_TASK if tasks else Family.TWO_TOWER,
        feature_set=features,
        split=SplitConfig(),
        model=TowerConfig(embedding_size=6, layer_sizes=sizes, rating_layers=rating_layers),
        training=TrainingConfig(seed=4, loss=loss).resolved(SplitConfig().kind),
        tasks=tasks,
    )


@pytest.mark.parametrize(
    "asked",
    [
        config(EVERYTHING, 8, 5),
        config(EVERYTHING, 9, 7, 5, tasks=TaskWeights()),
        config(FeatureSet(), 4),
        config(FeatureSet()),
        config(FeatureSet(), tasks=TaskWeights(), rating_layers=(9, 3)),
        config(EVERYTHING, 5, tasks=TaskWeights(), rating_layers=(9,)),
        config(FeatureSet((FEATURES["timestamp"], FEATURES["movie_title_text"])), 8, 5),
    ],
    ids=lambda one: f"{one.feature_set.label[:20]} {one.model.layer_sizes}",
)
def test_parameters_are_estimated_exactly_and_the_arrays_embed_as_the_model_does(asked: RunConfig) -> None:
    start_tensorflow()
    from movierec_cli.models.two_tower.tower_training import prepare
    from movierec_cli.models.two_tower.two_tower import tower_arrays

    vocabularies = fit_features(DATASET, SPLIT.train, asked.feature_set)
    kept = prepare(DATASET, SPLIT.fit, asked, vocabularies)
    model = kept.model
    data = TrainingData.of(DATASET, SPLIT, asked.feature_set)
    assert n_parameters(asked, data) == sum(one.shape.num_elements() for one in model.trainable_variables)
    random = np.random.default_rng(
        1
    )  # biases begin at zero, where half of what there is to go wrong does not
    model.set_weights([random.normal(0, 0.5, one.shape).astype(np.float32) for one in model.get_weights()])
    users = last_queries(DATASET, SPLIT.fit, vocabularies)
    towers = tower_arrays(model, users, kept.seen)

    np.testing.assert_allclose(towers.movie.embed(np.arange(40)), model.embed_movies(), rtol=1e-4, atol=1e-5)
    rows, seconds = np.array([3, 3, 19], np.int32), np.array([1_000_000_000, 1_001_000_000, 1_000_500_000])
    moments = Queries(rows, context_codes(vocabularies, rows, seconds))
    for queries in (users, moments):
        np.testing.assert_allclose(
            towers.query.embed(queries.user_index, queries.contexts),
            model.embed_queries(queries, kept.seen),
            rtol=1e-4,
            atol=1e-5,
        )
    np.testing.assert_array_equal(towers.codes, users.contexts)
    names = [one.name for one in (*towers.query.inputs, *towers.movie.inputs)]
    assert {*names} - {"user_id", "movie_id"} == {str(feature) for feature in asked.feature_set.features}


def test_a_user_without_a_training_movie_has_an_empty_history() -> None:
    start_tensorflow()
    from movierec_cli.models.two_tower.tower_training import prepare
    from movierec_cli.models.two_tower.two_tower import tower_arrays

    asked = config(FeatureSet((FEATURES["user_history"],)), 4)
    rows = SPLIT.fit[DATASET.ratings.user_index[SPLIT.fit] != 5]
    kept = prepare(DATASET, rows, asked, fit_features(DATASET, rows, asked.feature_set))
    towers = tower_arrays(kept.model, last_queries(DATASET, rows, kept.vocabularies), kept.seen)
    history = next(one for one in towers.query.inputs if one.name == FEATURES["user_history"])
    assert not history.table[5].any() and history.table[[4, 6]].any(axis=1).all()
