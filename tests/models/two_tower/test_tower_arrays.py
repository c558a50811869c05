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
from movierec_cli.scoring.towers import HISTORY, MOVIE_BIAS, Tower, Towers
from tests.small_dataset import small_dataset

DATASET = small_dataset()
SPLIT = split_ratings(DATASET.ratings, SplitConfig())
EVERYTHING = FeatureSet(Family.TWO_TOWER.features)


def config(
    features: FeatureSet,
    *sizes: int,
    tasks: TaskWeights | None = None,
    rating_layers: tuple[int, ...] = (),
    **of_model: object,
) -> RunConfig:
    """`of_model` are settings of the towers; those without users' ids are a hybrid's."""
    loss = LossKind.IN_BATCH if rating_layers else LossKind.CATALOGUE
    alone = Family.TWO_TOWER if of_model.get("user_ids", True) else Family.HYBRID
    return RunConfig(
        family=Family.MULTI_TASK if tasks else alone,
        feature_set=features,
        split=SplitConfig(),
        model=TowerConfig(embedding_size=6, layer_sizes=sizes, rating_layers=rating_layers, **of_model),  # type: ignore[arg-type]
        training=TrainingConfig(seed=4, loss=loss).resolved(SplitConfig().kind),
        tasks=tasks,
    )


HYBRID = config(
    FeatureSet((FEATURES["timestamp"], FEATURES["user_gender"], FEATURES["movie_genres"])),
    *(7, 5),
    query_layers=(8,),
    item_bias=True,
    user_ids=False,
    members=1,
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
        config(FeatureSet(), item_bias=True),
        config(EVERYTHING, 8, 7, 5, item_bias=True),  # through two relus
        config(FeatureSet(), 9, 5, tasks=TaskWeights(), item_bias=True),
        config(FeatureSet(), 5, tasks=TaskWeights(), rating_layers=(9,), item_bias=True),
        HYBRID,
        config(FeatureSet(), 5, query_layers=(), item_bias=True, user_ids=False, members=1),
    ],
    ids=lambda one: (
        f"{one.family} {one.feature_set.label[:20]} {one.model.layer_sizes} {one.model.item_bias}"
    ),
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
    own = {"user_id", "movie_id", MOVIE_BIAS} | ({HISTORY} if asked.family is Family.HYBRID else set())
    assert {*names} - own == {str(feature) for feature in asked.feature_set.features} - own
    assert (MOVIE_BIAS in names) == asked.model.item_bias


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


def test_a_score_has_the_movie_s_bias_beside_the_product() -> None:
    start_tensorflow()
    from movierec_cli.models.two_tower.tower_training import prepare

    asked = config(FeatureSet(), 8, 5, item_bias=True)
    kept = prepare(DATASET, SPLIT.fit, asked, fit_features(DATASET, SPLIT.train, asked.feature_set))
    model, bias = kept.model, kept.model.movie_tower.bias.numpy()
    counts = np.bincount(DATASET.ratings.movie_index[SPLIT.fit], minlength=40) + 1
    np.testing.assert_allclose(bias, np.log(counts / counts.sum()), rtol=1e-5)  # where it begins
    users = last_queries(DATASET, SPLIT.fit, kept.vocabularies)
    queries, movies = model.embed_queries(users, kept.seen), model.embed_movies()
    np.testing.assert_allclose(
        kept.score_block(users)(np.arange(20)), queries[:, :5] @ movies[:, :5].T + bias, rtol=1e-5, atol=1e-5
    )


def test_a_history_alone_gives_the_embedding_that_the_model_has_of_a_user_with_it() -> None:
    """Where nothing else is seen; of a feature or a context, as it is on average over the users."""
    start_tensorflow()
    from movierec_cli.models.two_tower.tower_training import prepare
    from movierec_cli.models.two_tower.two_tower import tower_arrays

    for asked in (config(FeatureSet(), 7, 5, query_layers=(8,), item_bias=True, user_ids=False), HYBRID):
        vocabularies = fit_features(DATASET, SPLIT.train, asked.feature_set)
        kept = prepare(DATASET, SPLIT.fit, asked, vocabularies)
        model, random = kept.model, np.random.default_rng(2)
        model.set_weights(
            [random.normal(0, 0.5, one.shape).astype(np.float32) for one in model.get_weights()]
        )
        users = last_queries(DATASET, SPLIT.fit, vocabularies)
        towers = tower_arrays(model, users, kept.seen)
        counts = np.zeros((20, 40), np.float32)
        for user in range(20):
            counts[user, kept.seen[user]] = 1
        expected = model.embed_queries(users, kept.seen)
        if asked is HYBRID:
            tables = {
                one.name: one.table[users.contexts[:, 0]] if one.is_context else one.table
                for one in towers.query.inputs
            }
            means = [
                tables[one.name] if one.name == HISTORY else np.tile(tables[one.name].mean(axis=0), (20, 1))
                for one in towers.query.inputs
            ]
            hidden = np.concatenate(means, axis=1)
            for kernel, bias in towers.query.dense[:-1]:
                hidden = np.maximum(hidden @ kernel + bias, 0)
            expected = hidden @ towers.query.dense[-1][0] + towers.query.dense[-1][1]
        np.testing.assert_allclose(towers.of_histories(counts), expected, rtol=1e-4, atol=1e-5)
        check_parts(towers, counts)


def check_parts(towers: Towers, counts: np.ndarray) -> None:
    """What the movies add is all that is lost where the input of the history is 0 and the relus stay."""
    against = counts[4].copy()
    against[np.flatnonzero(against)[:2]] = -1  # disliked
    for own in (counts[4], against):
        parts = towers.history_parts(own)
        known = np.flatnonzero(own)
        whole = towers.of_histories(own[None])[0].astype(np.float64)
        assert len(parts) == len(known)
        place = towers.query.names.index(HISTORY)
        values = [towers._known_of(one, own[None]) for one in towers.query.inputs]
        empty = [np.zeros_like(one) if at == place else one for at, one in enumerate(values)]
        np.testing.assert_allclose(
            whole - parts.sum(axis=0), with_relus_of(towers.query, values, empty), atol=1e-4
        )


def with_relus_of(tower: Tower, values: list[np.ndarray], others: list[np.ndarray]) -> np.ndarray:
    """The embedding of other inputs where the relus are those that are open for the values."""
    decides, hidden = np.concatenate(values, axis=1)[0], np.concatenate(others, axis=1)[0].astype(np.float64)
    for kernel, bias in tower.dense[:-1]:
        decides, hidden = decides @ kernel + bias, hidden @ kernel + bias
        hidden[decides <= 0] = 0
        decides = np.maximum(decides, 0)
    kernel, bias = tower.dense[-1]
    return hidden @ kernel + bias
