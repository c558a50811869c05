"""A whole training on a part of the sample: learns, repeats itself, leaks nothing."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from movierec_cli.config import (
    Family,
    FeatureSet,
    LossKind,
    Monitor,
    Optimizer,
    SplitConfig,
    SplitKind,
    TargetKind,
    TowerConfig,
    TrainingConfig,
)
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.own_columns import OwnColumn
from movierec_cli.data.ragged import Earlier, movies_of_users
from movierec_cli.data.sample import simulate_sample
from movierec_cli.data.split import split_ratings
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.evaluate import rank_ratings
from movierec_cli.evaluation.metrics import TopK, ndcg_of_users, top_k_accuracy, top_k_of
from movierec_cli.evaluation.ranks import rank_positives
from movierec_cli.models.feature_encodings import fit_features
from movierec_cli.models.started import Start, features_of
from movierec_cli.models.trained import Fitted, Fitting
from movierec_cli.models.two_tower import query_batches, tower_fitting
from movierec_cli.models.two_tower.query_batches import group_interactions, last_queries
from movierec_cli.models.two_tower.tower_fitting import AVERAGED_EPOCHS, AveragedWeights, Fit, assign_weights
from movierec_cli.models.two_tower.tower_training import begin_with, fit_run, prepare
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.run_parts import RunParts
from tests.models.heard import Heard
from tests.sample_part import part_of_the_sample

DATASET = part_of_the_sample()
SPLIT = split_ratings(DATASET.ratings, SplitConfig())
QUICK = TrainingConfig(num_epochs=12, validation_freq=3)
SMALL = TowerConfig(embedding_size=16, layer_sizes=(16,))


def config(*features: str, training: TrainingConfig = QUICK, model: TowerConfig = SMALL) -> RunConfig:
    return RunConfig(
        family=Family.TWO_TOWER,
        feature_set=FeatureSet.parse(features or ["None"]),
        split=SplitConfig(),
        model=model,
        training=training,
    )


def train(run_config: RunConfig, dataset: Dataset = DATASET) -> tuple[Fitted, Heard]:
    heard = Heard()
    return fit_run(Fitting(dataset, SPLIT, run_config, heard, Path())), heard


def figures(trained: Fitted) -> TopK:
    return top_k_of(trained.parts.outcome)


def top_10(user_vectors: np.ndarray, movie_vectors: np.ndarray) -> float:
    """Of the test set, by the products of the vectors."""
    test = group_interactions(DATASET, SPLIT.test, {})
    owners = test.queries.user_index
    seen = movies_of_users(DATASET, SPLIT.fit)
    ranks = rank_positives(
        lambda rows: user_vectors[owners[rows]] @ movie_vectors.T, test.positives, owners, seen
    )
    return top_k_accuracy(ranks.unseen, 10)


@pytest.fixture(scope="module")
def plain() -> tuple[Fitted, Heard]:
    return train(config())


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(plain):
    first, _ = plain
    again, _ = train(config())
    other, _ = train(config(training=replace(QUICK, seed=1)))
    assert figures(again) == figures(first)
    assert again.results["history"][-1].train_loss == first.results["history"][-1].train_loss
    for name, weights in first.parts.weights.items():
        np.testing.assert_array_equal(again.parts.weights[name], weights)
    np.testing.assert_array_equal(
        again.parts.artifacts.user_embeddings, first.parts.artifacts.user_embeddings
    )
    assert figures(other) != figures(first)


def test_the_observer_hears_validations_and_the_epochs_with_validation_added(plain):
    trained, heard = plain
    best = max(heard.records, key=lambda record: record.validation.recall[100])
    assert [record.epoch for record in heard.records] == [3, 6, 9, 12]
    assert trained.results["history"] == tuple(heard.records)
    assert trained.results["best_epoch"] == best.epoch
    assert heard.refits == [best.epoch]
    assert heard.epochs == [*range(1, 13), *range(1, heard.refits[0] + 1)]


def test_a_fit_that_only_validates_has_the_same_validations_and_never_looks_at_test(plain):
    nowhere = replace(SPLIT, test=np.array([len(DATASET.ratings)]))
    heard = Heard()
    only = fit_run(Fitting(DATASET, nowhere, config(), heard, Path(), only_validated=True))
    whole = plain[0].results
    assert [one.ndcg for one in only.results["history"]] == [one.ndcg for one in whole["history"]]
    assert only.results["best_epoch"] == whole["best_epoch"]
    assert heard.refits == [] and only.parts == RunParts()


def test_ids_alone_beat_popularity_and_the_saved_embeddings_score_as_the_model_did(plain):
    """Without contexts the users' embeddings are their queries, so they must reproduce the test figures."""
    found, arrays = figures(plain[0]).unseen[10], plain[0].parts.artifacts
    counts = np.bincount(DATASET.ratings.movie_index[SPLIT.fit], minlength=len(DATASET.movies))
    popularity = counts[:, None].astype(np.float32)
    assert found > 1.1 * top_10(np.ones((len(DATASET.users), 1), np.float32), popularity)
    assert top_10(arrays.user_embeddings, arrays.movie_embeddings) == pytest.approx(found, abs=1e-3)


def test_training_on_starts_from_the_weights_that_validation_chose(plain):
    """One epoch more of the same seed and data moves them, but not far."""
    trained, _ = plain
    chosen, _ = train(config(training=replace(QUICK, refit=False)))
    before, after = (one.parts.weights for one in (chosen, trained))
    fresh, _ = train(config(training=replace(QUICK, num_epochs=1, learning_rate=1e-9, refit=False)))
    for name, weights in before.items():
        assert not np.array_equal(weights, after[name])
        if weights.ndim == 2:
            moved = np.linalg.norm(after[name] - weights)
            assert moved < 0.7 * np.linalg.norm(weights - fresh.parts.weights[name])


def test_every_feature_trains_together():
    trained, _ = train(config(*Family.TWO_TOWER.features, training=replace(QUICK, num_epochs=2)))
    assert set(trained.parts.artifacts.vocabularies) == set(Family.TWO_TOWER.features)
    assert np.isfinite(trained.parts.artifacts.user_embeddings).all()
    assert np.isfinite(trained.results["history"][-1].train_loss)


def test_the_time_of_the_query_helps_where_films_are_in_fashion():
    sample = simulate_sample()
    split = split_ratings(sample.ratings, SplitConfig())
    quick = replace(QUICK, num_epochs=15, validation_freq=15, refit=False)
    timed, untimed = (
        fit_run(Fitting(sample, split, config(feature, training=quick, model=TowerConfig()), Heard(), Path()))
        for feature in ("timestamp", "None")
    )
    assert figures(timed).unseen[10] > figures(untimed).unseen[10] + 0.02


@pytest.mark.parametrize("loss", [LossKind.IN_BATCH, LossKind.IN_BATCH_CORRECTED])
@pytest.mark.parametrize("feature", ["None", "user_history"])
def test_in_batch_losses_learn(loss, feature):
    quick = replace(QUICK, num_epochs=4, loss=loss, batch_size=512, refit=False)
    trained, heard = train(config(feature, training=quick))
    assert heard.records[-1].train_loss < heard.records[0].train_loss
    assert figures(trained).unseen[100] > 100 / len(DATASET.movies)
    assert heard.refits == []


def test_adagrad_steps_along_the_summed_loss_and_without_averaging_the_last_weights_are_kept():
    training = TrainingConfig(
        loss=LossKind.IN_BATCH,
        batch_size=100_000,  # one step an epoch
        learning_rate=0.1,
        optimizer=Optimizer.ADAGRAD,
        summed_loss=True,
        average_weights=False,
    )
    asked = config(
        training=training, model=TowerConfig(embedding_size=5, layer_sizes=(), dropout=0.0, l2=0.0)
    )
    rows = SPLIT.train[::8]  # few: all pairs of them are written out below
    kept = prepare(DATASET, rows, asked, {})
    users, movies = kept.model.query_tower.ids.table, kept.model.movie_tower.ids.table
    user_index, movie_index = (getattr(DATASET.ratings, name)[rows] for name in ("user_index", "movie_index"))
    u, m = (table.numpy().astype(np.float64) for table in (users, movies))
    exponentials = np.exp(u[user_index] @ m[movie_index].T)  # [n, n]
    residual = exponentials / exponentials.sum(axis=1, keepdims=True) - np.eye(len(user_index))
    of_users, of_movies = np.zeros_like(u), np.zeros_like(m)
    np.add.at(of_users, user_index, residual @ m[movie_index])
    np.add.at(of_movies, movie_index, residual.T @ u[user_index])
    fit = Fit(kept.model, training, AVERAGED_EPOCHS)
    loss = fit.epoch()
    assert loss == pytest.approx(-np.log(np.diag(exponentials) / exponentials.sum(axis=1)).mean(), rel=1e-5)
    for before, gradient, after in ((u, of_users, users), (m, of_movies, movies)):
        expected = before - 0.1 * gradient / np.sqrt(0.1 + gradient**2)
        np.testing.assert_allclose(after.numpy(), expected, atol=1e-4)
    for average, variable in zip(fit.average.snapshot(), kept.model.trainable_variables, strict=True):
        np.testing.assert_array_equal(average, variable.numpy())


def test_correcting_for_sampling_favours_popular_movies():
    """The plain in-batch softmax punishes a movie for being a frequent negative."""
    counts = np.bincount(DATASET.ratings.movie_index[SPLIT.train], minlength=len(DATASET.movies))

    def popularity_correlation(loss: LossKind) -> float:
        trained, _ = train(config(training=replace(QUICK, loss=loss, batch_size=512, refit=False)))
        mean_scores = (
            trained.parts.artifacts.user_embeddings.mean(axis=0) @ trained.parts.artifacts.movie_embeddings.T
        )
        return float(np.corrcoef(mean_scores, np.log1p(counts))[0, 1])

    assert (
        popularity_correlation(LossKind.IN_BATCH_CORRECTED) > popularity_correlation(LossKind.IN_BATCH) + 0.2
    )


def test_the_test_part_does_not_change_what_is_learned(plain):
    """Whatever stands in the test rows, the model that is kept is the same."""
    first, _ = plain
    ratings = DATASET.ratings
    movie_index, timestamp = ratings.movie_index.copy(), ratings.timestamp.copy()
    seen = movies_of_users(DATASET, SPLIT.fit)
    for row in SPLIT.test:
        unseen = np.setdiff1d(np.arange(len(DATASET.movies)), seen[ratings.user_index[row]])
        movie_index[row] = unseen[0]
    timestamp[SPLIT.test] += 10**8
    other_test = replace(DATASET, ratings=replace(ratings, movie_index=movie_index, timestamp=timestamp))
    other, _ = train(config(), other_test)
    np.testing.assert_array_equal(
        other.parts.artifacts.movie_embeddings, first.parts.artifacts.movie_embeddings
    )
    assert figures(other) != figures(first)


@pytest.mark.parametrize("monitor", [None, Monitor.NDCG])
def test_training_stops_when_validation_does_not_improve_and_keeps_the_best(monitor):
    eager = replace(QUICK, num_epochs=60, validation_freq=1, patience=3, learning_rate=0.05, refit=False)
    trained, heard = train(config(training=replace(eager, monitor=monitor)))
    assert trained.results["epochs_run"] == trained.results["best_epoch"] + 3 < 60
    validation = [record.ndcg if monitor else record.validation.recall[100] for record in heard.records]
    assert max(validation) == validation[trained.results["best_epoch"] - 1]


def test_divergence_is_an_error_that_names_the_rate():
    with pytest.raises(MovierecError, match="--learning_rate 1e\\+25"):
        train(config(training=replace(QUICK, learning_rate=1e25)))


def test_a_large_catalogue_is_learned_as_a_small_one_where_its_classes_are_all_movies(monkeypatch):
    """A step that embeds some movies has the loss and the gradients of one that embeds all."""
    asked = config(model=TowerConfig(embedding_size=6, layer_sizes=(5,), dropout=0.0, item_bias=True))
    whole = prepare(DATASET, SPLIT.train, asked, {})
    n_movies = len(DATASET.movies)
    monkeypatch.setattr(query_batches, "MAX_CLASSES", 0)
    monkeypatch.setattr(query_batches, "CLASSES", n_movies)
    some = prepare(DATASET, SPLIT.train, asked, {})
    assign_weights(some.model.trainable_variables, [one.numpy() for one in whole.model.trainable_variables])
    found = []
    for kept in (whole, some):
        batches = replace(kept.model.objective.batches, batch_size=40)
        batch = next(batches.epoch(np.random.default_rng(3)))
        with tf.GradientTape() as tape:
            loss = kept.model.compute_loss(
                {key: tf.constant(one) for key, one in batch.items()}, training=True
            )
        gradients = tape.gradient(loss, kept.model.trainable_variables)
        found.append((float(loss), [tf.convert_to_tensor(one).numpy() for one in gradients]))
    (loss, gradients), (of_some, gradients_of_some) = found
    assert "movies" in some.model.batch_signature and "movies" not in whole.model.batch_signature
    assert of_some == pytest.approx(loss, rel=1e-5)
    for one, other in zip(gradients, gradients_of_some, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)


@pytest.mark.parametrize(("large", "n_taken_in"), [(1, 20), (0, 3)])
def test_of_a_large_model_every_eighth_step_is_averaged(large, n_taken_in, monkeypatch):
    monkeypatch.setattr(tower_fitting, "LARGE_MODEL", large)  # weights; the model has one
    variable = tf.Variable([0.0])
    average = AveragedWeights([variable], horizon_steps=1e6)
    step = tf.function(average.update)
    expected, taken = 0.0, 0
    for value in range(1, 21):
        variable.assign([float(value)])
        step()
        if n_taken_in == 20 or value % 8 == 1:
            taken += 1
            expected += 10 / (9 + taken) * (value - expected)
    assert taken == n_taken_in
    assert average.snapshot()[0][0] == pytest.approx(expected, rel=1e-6)


def said(feature: str, feature_l2: float) -> float:
    """What a feature adds to the movies' embeddings beside what their ids do, as root mean squares."""
    codes = np.random.default_rng(5).integers(50, size=len(DATASET.movies)).astype(np.int32)
    noise = OwnColumn("noise", "category", codes, np.array([f"value {code}" for code in range(50)], object))
    dataset = replace(DATASET, movies=replace(DATASET.movies, own=(noise,)))
    model = replace(Family.TWO_TOWER.spec.model, feature_l2=feature_l2)
    trained, _ = train(config(feature, model=model), dataset)
    tower = trained.parts.towers.movie
    ids, own, _ = np.split(tower.dense[0][0], np.cumsum([one.table.shape[1] for one in tower.inputs])[:-1])
    of_ids, of_own = (one.table @ kernel for one, kernel in zip(tower.inputs, (ids, own), strict=False))
    return float(np.linalg.norm(of_own) / np.linalg.norm(of_ids))


def test_by_default_a_column_of_noise_says_next_to_nothing_and_genres_are_heard():
    default = Family.TWO_TOWER.spec.model.feature_l2
    noise = said("noise", default)
    assert noise < 0.5 * said("noise", 0.0)
    assert said("movie_genres", default) > 2 * noise


def as_parent(run_config: RunConfig, dataset: Dataset, weights: dict[str, np.ndarray], **found: Any) -> Any:
    """A saved run as far as a training that goes on from it asks it."""
    ids = {"user_ids": dataset.users.user_id, "movie_ids": dataset.movies.movie_id}
    record = SimpleNamespace(name="parent", config=run_config)
    return SimpleNamespace(
        record=record, artifacts=SimpleNamespace(**(ids | found)), weights=weights, folder=""
    )


def with_new_rows(dataset: Dataset, n: int = 3) -> Dataset:
    """New movies and users stand first; each new user rates what an old one did."""
    ratings, movies, users = dataset.ratings, dataset.movies, dataset.users
    rows = np.concatenate([np.flatnonzero(ratings.user_index < n), np.arange(len(ratings))])
    columns: dict[str, Any] = {
        name: column[rows] for name, column in vars(ratings).items() if isinstance(column, np.ndarray)
    }
    n_copied = len(rows) - len(ratings)
    columns["movie_index"] = columns["movie_index"] + n
    columns["user_index"] = np.append(columns["user_index"][:n_copied], ratings.user_index + n)
    again = {
        table: {
            name: np.concatenate([column[:n], column])
            for name, column in vars(own).items()
            if isinstance(column, np.ndarray)
        }
        for table, own in (("movies", movies), ("users", users))
    }
    again["movies"]["movie_id"] = np.append(10**6 + np.arange(n), movies.movie_id)
    again["users"]["user_id"] = np.append(10**6 + np.arange(n), users.user_id)
    return replace(
        dataset,
        ratings=replace(ratings, **columns),
        movies=replace(movies, **again["movies"]),
        users=replace(users, **again["users"]),
    )


def test_a_model_begins_with_all_that_its_parent_learned_and_new_rows_as_those_of_a_new_one() -> None:
    sets, sizes = ("user_history", "user_tenure", "movie_genres"), replace(SMALL, item_bias=True)
    own = config(*sets, model=sizes)
    fitted = fit_features(DATASET, SPLIT.train, own.feature_set)
    first = prepare(DATASET, SPLIT.train, own, fitted).model
    saved = {str(feature): vocabulary for feature, vocabulary in fitted.items()}
    parent = as_parent(own, DATASET, first.named_weights(), vocabularies=saved)
    larger = with_new_rows(DATASET)
    rows = np.arange(len(larger.ratings))
    taken = features_of(larger, rows, own, parent)
    assert [taken[one] == fitted[one] for one in taken] == [True, False, True]  # a user's first day is theirs
    other = prepare(larger, rows, config(*sets, training=replace(QUICK, seed=5), model=sizes), taken).model
    new = [variable.numpy() for variable in other.weights]
    begin_with(other, Start.of(parent, larger))
    grown = 0
    for before, learned, now in zip(new, first.weights, other.weights, strict=True):
        if learned.shape == now.shape:
            np.testing.assert_array_equal(now.numpy(), learned.numpy())
            continue
        grown += 1
        np.testing.assert_array_equal(now.numpy()[3:], learned.numpy())
        np.testing.assert_array_equal(now.numpy()[:3], before[:3])
    assert grown == 4  # users, movies, movies of histories and their biases


def test_nothing_changes_before_the_first_step_and_what_is_known_is_an_advantage_after_one_epoch(plain):
    arrays = plain[0].parts.artifacts
    parent = as_parent(config(), DATASET, plain[0].parts.weights, vocabularies={})
    tf.config.run_functions_eagerly(True)  # compiling would take longer than two epochs
    try:
        same = prepare(DATASET, SPLIT.fit, config(), {})
        begin_with(same.model, Start.of(parent, DATASET))
        users = same.model.embed_queries(last_queries(DATASET, SPLIT.fit, {}), same.seen)
        np.testing.assert_allclose(users, arrays.user_embeddings, atol=1e-6)
        np.testing.assert_allclose(same.model.embed_movies(), arrays.movie_embeddings, atol=1e-6)
        larger, losses = with_new_rows(DATASET), []
        for is_started in (True, False):
            model = prepare(larger, np.arange(len(larger.ratings)), config(), {}).model
            if is_started:
                begin_with(model, Start.of(parent, larger))
            losses.append(Fit(model, QUICK, AVERAGED_EPOCHS).epoch())
    finally:
        tf.config.run_functions_eagerly(False)
    assert losses[0] < losses[1] - 0.2


def test_successive_targets_are_validated_and_tested_among_what_was_not_rated_by_then() -> None:
    """The towers see the time, so that several ratings have one query."""
    split = SplitConfig(kind=SplitKind.TEMPORAL, targets=TargetKind.SUCCESSIVE)
    parts = split_ratings(DATASET.ratings, split)
    asked = replace(config("timestamp", training=replace(QUICK, refit=False, num_epochs=3)), split=split)
    prepared = prepare(DATASET, parts.train, asked, fit_features(DATASET, parts.train, asked.feature_set))
    rows = parts.validation
    evaluated = group_interactions(DATASET, rows, prepared.vocabularies)
    found = prepared.ranks(prepared.score_block(evaluated.queries), evaluated, rows)
    expected = rank_ratings(DATASET, rows, prepared, Earlier.of(DATASET)).take(evaluated.order)
    assert found.unseen.better.tolist() == expected.unseen.better.tolist()
    of_each = ndcg_of_users(found.unseen, np.arange(len(rows), dtype=np.int32))
    assert prepared.validation(rows)().ndcg == pytest.approx(of_each.mean())
    fitted = fit_run(Fitting(DATASET, parts, asked, Heard(), Path()))
    assert fitted.parts.outcome is not None and fitted.parts.outcome.is_successive
