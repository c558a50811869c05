"""The model with two tasks: its rating loss and derivatives, what a weight of 0 does, what is exported."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from movierec_cli.config import Family, FeatureSet, SplitConfig, TaskWeights, TowerConfig, TrainingConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.evaluation.ratings import rating_errors
from movierec_cli.models.feature_encodings import fit_features
from movierec_cli.models.rating import rating_batches
from movierec_cli.models.rating.evidence import Evidence
from movierec_cli.models.rating.head import BIAS_L2, POOL_SCALE
from movierec_cli.models.rating.multi_task import predicted_stars
from movierec_cli.models.rating.rating_batches import RatedPairs
from movierec_cli.models.trained import Fitted, Fitting
from movierec_cli.models.two_tower.tower_training import STARS_WORTH, PreparedForTwo, fit_run, prepare
from movierec_cli.registry.record import RunConfig
from tests.models.heard import Heard
from tests.sample_part import part_of_the_sample
from tests.small_dataset import small_dataset

DATASET = small_dataset("two tasks")
ROWS = np.arange(0, len(DATASET.ratings), 2)
SAMPLE = part_of_the_sample()
FEATURES = ("timestamp", "movie_genres")


def config(tasks: TaskWeights, *features: str, **training: object) -> RunConfig:
    return RunConfig(
        family=Family.MULTI_TASK,
        feature_set=FeatureSet.parse(features or FEATURES),
        split=SplitConfig(),
        model=TowerConfig(embedding_size=6, layer_sizes=(8, 4), dropout=0.0),
        training=TrainingConfig(**training),  # type: ignore[arg-type]
        tasks=tasks,
    )


def prepared(tasks: TaskWeights, *features: str, seed: int = 3, rows=ROWS, dataset=DATASET) -> PreparedForTwo:
    asked = config(tasks, *features, seed=seed, batch_size=50)
    vocabularies = fit_features(dataset, rows, asked.feature_set)
    kept = prepare(dataset, rows, asked, vocabularies)
    assert isinstance(kept, PreparedForTwo)
    return kept


def shaken(kept: PreparedForTwo, seed: int) -> PreparedForTwo:
    """With random weights everywhere, as none is zero after training."""
    generator = np.random.default_rng(seed)
    for variable in kept.model.weights:
        variable.assign(generator.normal(0, 0.3, variable.shape))
    return kept


def reversed_at(rows) -> Dataset:
    """Where some ratings are what is left of 6 stars."""
    rating = DATASET.ratings.rating.copy()
    rating[rows] = 6 - rating[rows]
    return replace(DATASET, ratings=replace(DATASET.ratings, rating=rating))


def first_batch(kept: PreparedForTwo) -> dict[str, tf.Tensor]:
    batch = next(kept.model.objective.batches.epoch(np.random.default_rng(0)))
    return {name: tf.convert_to_tensor(array) for name, array in batch.items()}


def numpy_stars(kept: PreparedForTwo, batch) -> tuple[np.ndarray, np.ndarray]:
    """Stars without and with the session, in double precision, from the weights as they are."""
    layers, b = kept.model.rating, {name: tensor.numpy() for name, tensor in batch.items()}
    double = {id(v): v.numpy().astype(np.float64) for v in layers.weights}

    def of(variable):
        return double[id(variable)]

    def dense(hidden, stack):
        for place, layer in enumerate(stack):
            hidden = hidden @ of(layer.kernel) + of(layer.bias)
            hidden = np.maximum(hidden, 0) if place < len(stack) - 1 else hidden
        return hidden[:, 0]

    def pooled(values, vectors, counts):
        return values @ vectors / np.sqrt(np.maximum(counts, 1))[:, None] * POOL_SCALE

    tensors = {name: tf.convert_to_tensor(array) for name, array in b.items()}
    queries = layers.query_top(kept.model.query_parts(tensors)).numpy().astype(np.float64)
    movies = layers.movie_top(kept.model.movie_tower.parts()).numpy().astype(np.float64)
    n_movies = len(DATASET.movies)
    residuals = np.zeros((len(b["user_index"]), n_movies))
    residuals[b["pool"] // n_movies, b["pool"] % n_movies] = b["pool_values"]
    query, movie = b["pair_query"], b["pair_movie"]
    residuals = residuals[query]
    residuals[np.arange(len(query)), movie] = 0  # the pair's own rating is not in its pools
    of_movies = np.zeros((n_movies, len(DATASET.users)))
    of_movies[tuple(b["shown"].T)] = b["shown_values"]
    of_movies = of_movies[movie]
    of_movies[np.arange(len(query)), b["user_index"][query]] = 0
    u = queries[query] + pooled(residuals, of(layers.user_pool), b["n_of_user"]) @ of(
        layers.user_pool_top.kernel
    )
    m = movies[movie] + pooled(of_movies, of(layers.movie_pool), b["n_of_movie"]) @ of(
        layers.movie_pool_top.kernel
    )
    x = b["numbers"].astype(np.float64)
    without = dense(np.concatenate([u, m, u * m, x], axis=1), layers.dense)
    without += float(layers.scale) * (u * m).sum(axis=1) + x @ of(layers.linear)[:, 0]
    without += of(layers.user_bias)[b["user_index"][query]] + of(layers.movie_bias)[movie]
    without += kept.evidence.mean
    return without, without + dense(np.concatenate([b["session"], x], axis=1), layers.session)


@pytest.mark.parametrize("seed", range(3))
def test_the_rating_loss_and_its_derivatives_equal_plain_numpy(seed: int) -> None:
    kept = shaken(prepared(TaskWeights(retrieval=0, rating=0.7), seed=seed), seed)
    batch, layers = first_batch(kept), kept.model.rating
    without, complete = numpy_stars(kept, batch)
    stars = batch["stars"].numpy()
    mean_pairs = kept.model.objective.batches.mean_positives
    expected = 0.7 * ((without - stars) ** 2 + (complete - stars) ** 2).sum() / (2 * mean_pairs)
    with tf.GradientTape() as tape:
        loss = kept.model.compute_loss(batch)
    assert float(loss) == pytest.approx(expected, rel=1e-4)

    wanted = [layers.user_bias, layers.movie_bias, layers.linear, layers.session[-1].bias]
    gradients = [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(loss, wanted)]
    slope = 0.7 * ((without - stars) + (complete - stars)) / mean_pairs  # of each pair's stars
    users = batch["user_index"].numpy()[batch["pair_query"].numpy()]
    np.testing.assert_allclose(gradients[0], np.bincount(users, slope, len(DATASET.users)), atol=1e-4)
    movies = np.bincount(batch["pair_movie"].numpy(), slope, len(DATASET.movies))
    np.testing.assert_allclose(gradients[1], movies, atol=1e-4)
    np.testing.assert_allclose(gradients[2][:, 0], slope @ batch["numbers"].numpy(), atol=1e-4)
    assert gradients[3][0] == pytest.approx(0.7 * (complete - stars).sum() / mean_pairs, abs=1e-4)


@pytest.mark.parametrize("name", ["user_pool", "movie_pool", "scale"])
def test_derivatives_inside_the_layers_equal_differences_of_plain_numpy(name: str) -> None:
    kept = shaken(prepared(TaskWeights(retrieval=0, rating=1)), 5)
    batch, variable = first_batch(kept), getattr(kept.model.rating, name)
    stars, mean_pairs = batch["stars"].numpy(), kept.model.objective.batches.mean_positives

    def loss_at(value) -> float:
        variable.assign(value)
        without, complete = numpy_stars(kept, batch)
        return float(((without - stars) ** 2 + (complete - stars) ** 2).sum() / (2 * mean_pairs))

    with tf.GradientTape() as tape:
        loss = kept.model.compute_loss(batch)
    gradient = tf.convert_to_tensor(tape.gradient(loss, variable)).numpy()
    value = variable.numpy()
    direction = np.random.default_rng(1).normal(size=value.shape).astype(np.float32)
    step = 5e-3
    difference = (loss_at(value + step * direction) - loss_at(value - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(difference, rel=2e-2)


def test_the_loss_does_not_grow_with_the_data_or_the_batch(monkeypatch) -> None:
    monkeypatch.setattr(rating_batches, "HIDDEN_SHARE", 0.0)

    def mean_loss(batch_size: int) -> float:
        kept = shaken(prepared(TaskWeights(retrieval=0, rating=1)), 2)
        batches = replace(kept.model.objective.batches, batch_size=batch_size)
        kept.model._mean_pairs = batches.mean_positives
        losses = [kept.model.compute_loss(batch) for batch in batches.epoch(np.random.default_rng(0))]
        return float(np.mean(losses))

    assert mean_loss(7) == pytest.approx(mean_loss(1000), rel=1e-4)


def test_a_task_without_weight_leaves_its_layers_as_they_were_made() -> None:
    layers = {
        "rating": lambda model: model.rating.weights,
        "retrieval": lambda model: model.query_tower.top.weights + model.movie_tower.top.weights,
    }
    for off, on in (("rating", "retrieval"), ("retrieval", "rating")):
        kept = prepared(TaskWeights(**{off: 0.0, on: 1.0}))
        before = {name: [w.numpy() for w in of(kept.model)] for name, of in layers.items()}
        kept.model.compile(optimizer=tf.compat.v2.keras.optimizers.legacy.Adam(0.1))
        kept.model.train_step(first_batch(kept))
        moved = {
            name: any((w.numpy() != old).any() for w, old in zip(of(kept.model), before[name], strict=True))
            for name, of in layers.items()
        }
        assert moved == {off: False, on: True}


@pytest.mark.parametrize("hidden_share", [0.0, 0.5])
def test_nothing_of_a_training_pairs_own_rating_reaches_its_prediction(hidden_share, monkeypatch) -> None:
    """Another rating there moves the prediction only through the mean of all ratings."""
    monkeypatch.setattr(rating_batches, "HIDDEN_SHARE", hidden_share)

    def of(dataset) -> tuple[np.ndarray, np.ndarray]:
        kept = shaken(prepared(TaskWeights(), dataset=dataset), 4)
        kept.model.mean_rating = tf.constant(3.0)
        stars, predicted = [], []
        for batch in kept.model.objective.batches.epoch(np.random.default_rng(0)):
            pools = {"movie_pools": kept.model.movie_pools(batch["shown"], batch["shown_values"])}
            stars.append(batch["stars"])
            predicted.append(kept.model.compiled_stars(asked_of(kept, batch) | pools).numpy())
        return np.concatenate(stars), np.concatenate(predicted)

    row = ROWS[11]
    assert DATASET.ratings.rating[row] != 3  # so that it changes
    (stars, before), (other_stars, after) = of(DATASET), of(reversed_at(row))
    (place,) = np.flatnonzero(stars != other_stars)
    moved = np.abs(after - before)
    assert moved[place] < 0.02
    assert moved.max() > 3 * moved[place]


def asked_of(kept: PreparedForTwo, batch) -> dict[str, np.ndarray]:
    """What of a training batch is read when stars are predicted."""
    (signature,) = kept.model.compiled_stars.input_signature
    return {name: batch[name] for name in signature if name in batch}


def test_chance_hides_half_of_what_a_batch_reads() -> None:
    batches = prepared(TaskWeights()).model.objective.batches
    residuals = batches.pairs.evidence.residuals_of_movies
    known = dict(zip(map(tuple, residuals.pairs.tolist()), residuals.values.tolist(), strict=True))
    read = []
    for batch in batches.epoch(np.random.default_rng(0)):
        whole = batches.pairs.evidence.residuals_by_user
        n_movies, values = len(DATASET.movies), batch["pool_values"]
        users = batch["user_index"][batch["pool"] // n_movies]
        movies = batch["pool"] % n_movies
        full = [
            whole.values[whole.movies.starts[user] :][whole.movies[user].tolist().index(movie)]
            for user, movie in zip(users.tolist(), movies.tolist(), strict=True)
        ]
        assert 0.4 < np.mean(values != 0) < 0.6
        np.testing.assert_allclose(values[values != 0], 2 * np.array(full)[values != 0], rtol=1e-6)
        of_pairs = dict(zip(batch["pool"].tolist(), values.tolist(), strict=True))
        place = batch["pair_query"] * n_movies + batch["pair_movie"]
        assert batch["own_of_user"].tolist() == [of_pairs[one] for one in place.tolist()]

        shown = dict(zip(map(tuple, batch["shown"].tolist()), batch["shown_values"].tolist(), strict=True))
        assert len(shown) == pytest.approx(len(known) / 2, rel=0.05)
        scale = (len(batches._bounds) - 1) / batches.n_shown
        assert all(value == pytest.approx(scale * known[pair]) for pair, value in shown.items())
        users = batch["user_index"][batch["pair_query"]]
        pairs = list(zip(batch["pair_movie"].tolist(), users.tolist(), strict=True))
        assert batch["own_of_movie"].tolist() == [shown.get(pair, 0.0) for pair in pairs]
        read.append(set(shown))
    assert len(read) > 1 and read[0] != read[1]


def test_a_batch_reads_no_more_ratings_of_movies_than_the_most(monkeypatch) -> None:
    monkeypatch.setattr(rating_batches, "MOST_SHOWN", 30)
    batches = prepared(TaskWeights()).model.objective.batches
    for batch in batches.epoch(np.random.default_rng(0)):
        assert 0 < len(batch["shown"]) <= 30
        scale = batch["shown_values"] / residuals_of(batches)[tuple(batch["shown"].T)]
        np.testing.assert_allclose(scale, (len(batches._bounds) - 1) / batches.n_shown, rtol=1e-5)


def residuals_of(batches) -> np.ndarray:
    """The residuals of all movies: [n_movies, n_users]."""
    residuals = batches.pairs.evidence.residuals_of_movies
    dense = np.zeros((len(DATASET.movies), len(DATASET.users)), np.float32)
    dense[tuple(residuals.pairs.T)] = residuals.values
    return dense


@pytest.mark.parametrize("features", [("None",), ("timestamp", "user_history", "movie_genres")])
def test_the_exported_head_predicts_as_the_model_without_a_session(features) -> None:
    kept = shaken(prepared(TaskWeights(), *features), 6)
    for variable in kept.model.rating.session[-1].weights:
        variable.assign(tf.zeros_like(variable))
    rows = np.array(
        [np.flatnonzero(DATASET.ratings.user_index == user)[-1] for user in range(len(DATASET.users))]
    )
    # Everybody is asked when they rated last in training, as the head has them.
    moments = DATASET.ratings.timestamp.copy()
    for row in rows:
        mine = ROWS[DATASET.ratings.user_index[ROWS] == DATASET.ratings.user_index[row]]
        moments[row] = DATASET.ratings.timestamp[mine].max()
    asked = replace(DATASET, ratings=replace(DATASET.ratings, timestamp=moments))
    pairs = RatedPairs.of_others(asked, rows, kept.evidence, kept.vocabularies)
    expected = np.clip(predicted_stars(kept.model, pairs, kept.seen), 1, 5)
    users, movies = DATASET.ratings.user_index[rows], DATASET.ratings.movie_index[rows]
    np.testing.assert_allclose(kept.rating_head().stars(users, movies), expected, atol=1e-4)


def train(tasks: TaskWeights, **training: object) -> tuple[Fitted, Heard]:
    heard = Heard()
    asked = config(tasks, **({"num_epochs": 9, "validation_freq": 3} | training))
    split = split_ratings(SAMPLE.ratings, asked.split)
    return fit_run(Fitting(SAMPLE, split, asked, heard, Path())), heard


@pytest.fixture(scope="module")
def joint() -> tuple[Fitted, Heard]:
    return train(TaskWeights())


def test_a_joint_training_beats_the_mean_and_chance_at_once(joint) -> None:
    trained, heard = joint
    errors = rating_errors(trained.parts.rating_outcome)
    outcome = trained.parts.rating_outcome
    mean = SAMPLE.ratings.rating.mean()
    assert errors.rmse < 0.95 * np.sqrt(np.mean((outcome.rating - mean) ** 2))
    n_movies = trained.parts.outcome.n_movies
    hits = (trained.parts.outcome.at_their_time.unseen.better < 10).mean()
    assert hits > 2 * 10 / n_movies
    assert all(record.ratings is not None for record in heard.records)
    assert set(np.unique(outcome.rows)) == set(trained.parts.outcome.rows)


def test_the_same_seed_gives_the_same_stars() -> None:
    first, again, other = (
        train(TaskWeights(), seed=seed, num_epochs=2, validation_freq=2)[0].parts.rating_outcome.predicted
        for seed in (42, 42, 1)
    )
    np.testing.assert_array_equal(again, first)
    assert (other != first).any()


def test_the_kept_epoch_is_the_best_in_what_the_weights_ask_for(joint) -> None:
    for (trained, heard), score in (
        (joint, lambda r: r.validation.recall[100] - STARS_WORTH * r.ratings.rmse),
        (train(TaskWeights(retrieval=0, rating=1), refit=False), lambda r: -r.ratings.rmse),
        (train(TaskWeights(retrieval=1, rating=0), refit=False), lambda r: r.validation.recall[100]),
    ):
        assert trained.results["best_epoch"] == max(heard.records, key=score).epoch


def test_evidence_is_of_the_training_part_alone() -> None:
    kept = prepared(TaskWeights())
    assert isinstance(kept.evidence, Evidence)
    others = np.setdiff1d(np.arange(len(DATASET.ratings)), ROWS)
    pairs = [
        RatedPairs.of_others(dataset, others, Evidence(dataset, ROWS), kept.vocabularies)
        for dataset in (DATASET, reversed_at(others))
    ]
    assert (pairs[0].stars != pairs[1].stars).any()
    for name in ("numbers", "session", "n_of_user", "n_of_movie"):
        np.testing.assert_array_equal(getattr(pairs[0], name), getattr(pairs[1], name))


def test_the_biases_penalty_does_not_depend_on_the_number_of_ratings() -> None:
    kept = shaken(prepared(TaskWeights()), 8)
    bias = kept.model.rating.user_bias
    expected = BIAS_L2 / len(ROWS) * float(tf.reduce_sum(bias**2))
    assert any(float(loss) == pytest.approx(expected, rel=1e-4) for loss in kept.model.rating.losses)
