"""The grouped softmax against the plain per-interaction one, in NumPy and float64."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from movierec_cli.models.two_tower.objectives import SAFE_SCORE, catalogue_softmax, sampled_softmax
from movierec_cli.models.two_tower.query_batches import CLASSES, MAX_CLASSES, SampledClasses

N_QUERIES, N_MOVIES, DIM = 6, 30, 5


def plain_loss(queries: np.ndarray, movies: np.ndarray, interactions: list[tuple[int, int]]) -> float:
    """Sum over single interactions of −log softmax(scores)[movie]."""
    total = 0.0
    for query, movie in interactions:
        scores = queries[query] @ movies.T
        largest = scores.max()
        total += largest + np.log(np.exp(scores - largest).sum()) - scores[movie]
    return total


def numeric_gradient(function, array: np.ndarray, step: float = 1e-5) -> np.ndarray:
    gradient = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        up, down = array.copy(), array.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (function(up) - function(down)) / (2 * step)
    return gradient


def grouped(queries, movies, interactions, padding=0):
    positives = tf.constant([query * N_MOVIES + movie for query, movie in interactions], tf.int32)
    weights = tf.ones(len(interactions))
    if padding:
        positives = tf.concat([positives, tf.zeros(padding, tf.int32)], axis=0)
        weights = tf.concat([weights, tf.zeros(padding)], axis=0)
    queries, movies = tf.Variable(queries, dtype=tf.float32), tf.Variable(movies, dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = catalogue_softmax(
            tf.convert_to_tensor(queries), tf.convert_to_tensor(movies), positives, weights
        )
    return float(loss), [gradient.numpy() for gradient in tape.gradient(loss, [queries, movies])]


@pytest.mark.parametrize("scale", [0.3, 1.5])
def test_loss_and_gradients_equal_the_per_interaction_softmax(scale):
    generator = np.random.default_rng(1)
    queries = generator.normal(size=(N_QUERIES, DIM)) * scale
    movies = generator.normal(size=(N_MOVIES, DIM)) * scale
    # Query 2 has no interaction, query 0 has many.
    interactions = [(0, m) for m in range(9)] + [(1, 4), (3, 4), (3, 29), (4, 0), (5, 17)]
    loss, (queries_gradient, movies_gradient) = grouped(queries, movies, interactions)
    assert loss == pytest.approx(plain_loss(queries, movies, interactions), rel=1e-5)
    np.testing.assert_allclose(
        queries_gradient,
        numeric_gradient(lambda q: plain_loss(q, movies, interactions), queries),
        atol=1e-4,
        rtol=1e-4,
    )
    np.testing.assert_allclose(
        movies_gradient,
        numeric_gradient(lambda m: plain_loss(queries, m, interactions), movies),
        atol=1e-4,
        rtol=1e-4,
    )


def test_scores_that_would_overflow_are_shifted_first():
    generator = np.random.default_rng(2)
    queries = generator.normal(size=(N_QUERIES, DIM)) * 20
    movies = generator.normal(size=(N_MOVIES, DIM)) * 20
    assert (queries @ movies.T).max() > 10 * SAFE_SCORE
    interactions = [(query, int(np.argmax(queries[query] @ movies.T)) - 1) for query in range(N_QUERIES)]
    interactions = [(query, max(movie, 0)) for query, movie in interactions]
    loss, gradients = grouped(queries, movies, interactions)
    assert loss == pytest.approx(plain_loss(queries, movies, interactions), rel=1e-5)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_the_gradient_passes_on_what_comes_from_above():
    generator = np.random.default_rng(4)
    queries = tf.Variable(generator.normal(size=(2, DIM)), dtype=tf.float32)
    movies = tf.constant(generator.normal(size=(N_MOVIES, DIM)), tf.float32)
    places, weights = tf.constant([3, N_MOVIES + 5]), tf.ones(2)
    with tf.GradientTape(persistent=True) as tape:
        once = catalogue_softmax(tf.convert_to_tensor(queries), movies, places, weights)
        scaled = 3.0 * catalogue_softmax(tf.convert_to_tensor(queries), movies, places, weights)
    np.testing.assert_allclose(tape.gradient(scaled, queries), 3 * tape.gradient(once, queries), rtol=1e-6)


@pytest.mark.parametrize("first_query_counts", [True, False])
def test_padding_changes_nothing(first_query_counts):
    generator = np.random.default_rng(6)
    queries, movies = generator.normal(size=(N_QUERIES, DIM)), generator.normal(size=(N_MOVIES, DIM))
    interactions = [(0, 0), (0, 8)] * first_query_counts + [(1, 4), (5, 17)]
    loss, gradients = grouped(queries, movies, interactions)
    padded_loss, padded_gradients = grouped(queries, movies, interactions, padding=7)
    assert padded_loss == pytest.approx(loss, rel=1e-6)
    for one, other in zip(gradients, padded_gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def weighted_loss(queries, classes, log_weights, positives, owners):
    scores = queries @ classes.T + log_weights
    partitions = np.log(np.exp(scores).sum(axis=1))
    return sum(partitions[owner] - queries[owner] @ one for one, owner in zip(positives, owners, strict=True))


def test_sampled_softmax_and_its_gradients_are_those_of_a_weighted_denominator():
    generator = np.random.default_rng(5)
    queries, movies = (generator.normal(size=(n, DIM)) for n in (N_QUERIES, 15))
    log_weights = np.where(np.arange(12) < 8, 0, np.log(5.5))  # of the first twelve, which are compared with
    owners, positives = np.array([0, 0, 0, 1, 3, 3, 5]), np.array([3, 14, 0, 12, 3, 14, 11])
    two = [tf.Variable(one, dtype=tf.float32) for one in (queries, movies)]
    with tf.GradientTape() as tape:
        loss = sampled_softmax(
            *map(tf.convert_to_tensor, two),
            tf.constant(log_weights, tf.float32),
            tf.constant([*positives, 0, 0, 0]),
            tf.constant([*owners, 0, 0, 0]),
            tf.constant([1.0] * 7 + [0.0] * 3),
        )

    def function(queries, movies):
        return weighted_loss(queries, movies[:12], log_weights, movies[positives], owners)

    assert float(loss) == pytest.approx(function(queries, movies), rel=1e-5)
    of_queries, of_movies = tape.gradient(loss, two)
    exact = numeric_gradient(lambda values: function(values, movies), queries)
    np.testing.assert_allclose(of_queries.numpy(), exact, atol=1e-4, rtol=1e-4)
    exact = numeric_gradient(lambda values: function(queries, values), movies)
    np.testing.assert_allclose(of_movies.numpy(), exact, atol=1e-4, rtol=1e-4)


def test_classes_of_a_large_catalogue_have_every_popular_movie_and_expect_the_whole_denominator():
    generator = np.random.default_rng(0)
    counts = (1e6 / np.arange(1, 40_001)).astype(np.int64)
    counts[30_000:] = 0
    classes = SampledClasses.of(counts)
    assert classes is not None
    assert len(classes.head) > 1000
    assert counts[classes.head].min() >= counts[classes.tail].max()
    assert sorted([*classes.head, *classes.tail]) == list(range(40_000))
    exponentials = (counts + 1) * np.exp(generator.normal(size=40_000))  # scores follow popularity
    estimates, times_drawn = [], np.zeros(40_000, int)
    for _ in range(40):
        drawn = classes.draw(generator)
        assert len(np.unique(drawn)) == len(drawn) == classes.n_classes == CLASSES
        estimates.append((exponentials[drawn] * np.exp(classes.log_weights[drawn])).sum())
        times_drawn[drawn] += 1
    assert (times_drawn[classes.head] == 40).all()
    rare = times_drawn[30_000:].mean() / 40  # of a movie without interactions
    assert rare == pytest.approx(np.exp(-classes.log_weights[30_000]), rel=0.05)
    error = np.std(estimates, ddof=1) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - exponentials.sum()) < 3 * error
    assert np.std(estimates) < 0.04 * exponentials.sum()


def test_a_catalogue_that_fits_into_a_step_is_taken_whole():
    assert SampledClasses.of(np.ones(MAX_CLASSES, np.int64)) is None


def test_bits_do_not_depend_on_the_number_of_threads():
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", _DIGEST],
            env=os.environ | {"TF_NUM_INTRAOP_THREADS": threads},
            stdout=subprocess.PIPE,
        )
        for threads in ("1", "4")
    ]
    one, four = (process.communicate(timeout=100)[0] for process in begun)
    assert one == four and len(one) >= 32


_DIGEST = """
import hashlib
from movierec_cli.models.tensorflow_start import start_tensorflow
start_tensorflow()
import numpy as np, tensorflow as tf
from movierec_cli.models.two_tower.objectives import catalogue_softmax
generator, told = np.random.default_rng(0), hashlib.sha256()
for n_queries, n_movies in ((384, 240), (514, 700), (1100, 514)):
    both = [tf.constant(generator.normal(size=(n, 64)) / 8, tf.float32) for n in (n_queries, n_movies)]
    places, weights = tf.range(n_queries) * n_movies, tf.ones(n_queries)
    with tf.GradientTape() as tape:
        tape.watch(both)
        loss = catalogue_softmax(*both, places, weights)
    for array in (loss, *tape.gradient(loss, both)):
        told.update(array.numpy().tobytes())
print(told.hexdigest())
"""
