"""The losses against NumPy's, in float64."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from movierec_cli.config import LossKind
from movierec_cli.models.sequential import losses
from movierec_cli.models.sequential.losses import (
    CALIBRATION,
    SEPARABLE,
    catalogue_softmax,
    corrected_in_batch_softmax,
    gbce,
    in_batch_softmax,
    popularity,
    sampled_movies,
    sampled_softmax,
)

N_MOVIES, DIM = 23, 5


def inputs(n: int, seed: int = 0) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """States, movies, targets and weights, some of which are 0."""
    generator = np.random.default_rng(seed)
    return (
        jnp.asarray(generator.normal(size=(n, DIM)), jnp.float32),
        jnp.asarray(generator.normal(size=(N_MOVIES, DIM)), jnp.float32),
        jnp.asarray(generator.integers(0, N_MOVIES, n), jnp.int32),
        jnp.asarray((generator.random(n) < 0.7) * generator.random(n), jnp.float32),
    )


def doubles(*arrays: jax.Array) -> list[np.ndarray]:
    """In NumPy; floats in 64 bits."""
    numpy = [np.asarray(one) for one in arrays]
    return [one.astype(np.float64) if one.dtype.kind == "f" else one for one in numpy]


def log_sum(scores: np.ndarray) -> np.ndarray:
    highest = scores.max(axis=-1, keepdims=True)
    return (np.log(np.exp(scores - highest).sum(axis=-1, keepdims=True)) + highest)[..., 0]


def plain_softmax(states, movies, targets, weights):
    """The loss, and its gradients by states and by movies."""
    states, movies, targets, weights = doubles(states, movies, targets, weights)
    scores = states @ movies.T
    losses = log_sum(scores) - scores[np.arange(len(targets)), targets]
    errors = np.exp(scores - log_sum(scores)[:, None])
    errors[np.arange(len(targets)), targets] -= 1
    errors *= weights[:, None]
    return (losses * weights).sum(), errors @ movies, errors.T @ states


@pytest.fixture
def in_small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A softmax compares 40 states at a time with however many movies."""
    monkeypatch.setattr(losses, "rows_of_scores", lambda n_movies: 40)


# Less than a chunk, several chunks, and a number that is no multiple of any.
@pytest.mark.usefixtures("in_small_chunks")
@pytest.mark.parametrize("n", [12, 80, 83])
def test_the_catalogue_s_softmax_and_its_gradients(n):
    states, movies, targets, weights = inputs(n)
    both = jax.value_and_grad(catalogue_softmax, argnums=(0, 1))
    loss, (of_states, of_movies) = jax.jit(both)(states, movies, targets, weights)
    expected, states_gradient, films_gradient = plain_softmax(states, movies, targets, weights)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(of_states, states_gradient, atol=2e-5)
    np.testing.assert_allclose(of_movies, films_gradient, atol=2e-5 * np.sqrt(n))


def test_the_gradient_of_a_multiple_is_the_multiple_of_the_gradient():
    states, movies, targets, weights = inputs(12)
    scaled = jax.grad(lambda movies: 3.5 * catalogue_softmax(states, movies, targets, weights))(movies)
    np.testing.assert_allclose(scaled, 3.5 * plain_softmax(states, movies, targets, weights)[2], atol=1e-4)


def test_high_scores_do_not_overflow():
    states, movies, targets, weights = inputs(12)
    given = 40 * states, 10 * movies, targets, weights
    assert float(catalogue_softmax(*given)) == pytest.approx(plain_softmax(*given)[0], rel=1e-5)


@pytest.mark.parametrize("kind", list(SEPARABLE))
def test_what_weighs_nothing_counts_nothing(kind):
    states, movies, targets, weights = inputs(12)
    off = np.asarray(weights) == 0

    @jax.jit
    def loss(states: jax.Array, targets: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        given = {"weights": weights, "seed": jnp.uint32(1), "num_negatives": 7}
        function = partial(SEPARABLE[kind], targets=targets, **given)
        return jax.value_and_grad(function, argnums=(0, 1))(states, movies)

    one, (of_states, of_movies) = loss(states, targets)
    other, gradients = loss(jnp.where(off[:, None], 9.0, states), jnp.where(off, 0, targets))
    assert float(one) == pytest.approx(float(other), rel=1e-6)
    assert not of_states[off].any() and not gradients[0][off].any()
    np.testing.assert_allclose(of_movies, gradients[1], atol=1e-5)


def test_the_sampled_softmax_of_all_films_is_the_catalogue_s():
    states, movies, targets, weights = inputs(12)
    for number in (N_MOVIES, 10 * N_MOVIES):
        found = sampled_softmax(states, movies, targets, weights, jnp.uint32(3), number)
        assert float(found) == pytest.approx(plain_softmax(states, movies, targets, weights)[0], rel=1e-5)


@pytest.mark.usefixtures("in_small_chunks")
@pytest.mark.parametrize("n", [12, 83])
def test_the_sampled_softmax_and_its_gradients(n):
    """Over the target and those of seven sampled movies that it is not, each of which counts for 23 / 7."""
    states, movies, targets, weights = inputs(n)
    seed, number = jnp.uint32(5), 7
    sampled = np.asarray(sampled_movies(N_MOVIES, number, seed))
    rows, factors = doubles(states, movies)
    places = np.asarray(targets)
    scores = (rows @ factors[sampled].T) + np.log(N_MOVIES / number)
    scores[places[:, None] == sampled] = -np.inf
    of_target = (rows * factors[places]).sum(axis=1)
    totals = log_sum(np.concatenate([scores, of_target[:, None]], axis=1))
    weighed = doubles(weights)[0]
    errors, of_targets = np.exp(scores - totals[:, None]) * weighed[:, None], np.exp(of_target - totals) - 1
    by_target = (of_targets * weighed)[:, None]
    by_movies = np.zeros_like(factors)
    np.add.at(by_movies, sampled, errors.T @ rows)
    np.add.at(by_movies, places, by_target * rows)
    loss, found = jax.value_and_grad(sampled_softmax, argnums=(0, 1))(
        states, movies, targets, weights, seed, number
    )
    assert float(loss) == pytest.approx(((totals - of_target) * weighed).sum(), rel=1e-5)
    np.testing.assert_allclose(found[0], errors @ factors[sampled] + by_target * factors[places], atol=1e-5)
    np.testing.assert_allclose(found[1], by_movies, atol=1e-4)


def test_drawn_films_count_for_all_those_that_were_not():
    """The expectation of the softmax's denominator, over draws, is the catalogue's."""
    states, movies, targets, _ = inputs(1, seed=5)

    def denominator(seed: jax.Array) -> jax.Array:
        loss = sampled_softmax(states, movies, targets, jnp.ones(1), seed, 4)
        return jnp.exp(loss + states[0] @ movies[targets[0]])

    sampled = np.asarray(jax.jit(jax.vmap(denominator))(jnp.arange(8000, dtype=jnp.uint32)))
    exact = np.exp(doubles(states @ movies.T)[0]).sum()
    error = sampled.std() / np.sqrt(len(sampled))
    assert abs(sampled.mean() - exact) < 4 * error < 0.05 * exact


def over_seeds(loss: Callable[[jax.Array], jax.Array]) -> set[float]:
    """The different losses that twenty seeds give, to four places."""
    losses = jax.jit(jax.vmap(loss))(jnp.arange(20, dtype=jnp.uint32))
    return {round(one, 4) for one in np.asarray(losses, np.float64).tolist()}


def test_a_drawn_target_is_no_negative():
    """With all but one of two movies sampled, the target is among them about every second time."""
    movies, one, zero = jnp.array([[2.0], [1.0]]), jnp.ones((1, 1)), jnp.zeros(1, jnp.int32)
    losses = over_seeds(lambda seed: sampled_softmax(one, movies, zero, one[0], seed, 1))
    # The other movie counts for both, or nothing is sampled beside the target.
    both = np.log(np.exp(2) + 2 * np.exp(1)) - 2
    assert losses == {0.0, round(float(both), 4)}


def test_gbce_of_all_films():
    states, movies, targets, weights = inputs(12)
    number = N_MOVIES - 1
    found, gradient = jax.value_and_grad(gbce)(states, movies, targets, weights, jnp.uint32(3), number)
    # Which movie is not sampled is at random, so the double is made for each, and one of them must be it.
    plain = [plain_gbce(states, movies, targets, weights, left_out) for left_out in range(N_MOVIES)]
    assert np.abs(np.array(plain) - float(found)).min() < 1e-4
    assert np.ptp(plain) > 1e-2
    assert np.isfinite(gradient).all()


def plain_gbce(states, movies, targets, weights, left_out: int) -> float:
    """Equation 12, written out; every movie but one is sampled, so the share of negatives is 1."""
    share = 1.0
    power = share * (CALIBRATION * (1 - 1 / share) + 1 / share)
    total = 0.0
    states, movies, targets, weights = doubles(states, movies, targets, weights)
    for state, target, weight in zip(states, targets, weights, strict=True):
        chances = 1 / (1 + np.exp(-movies @ state))
        negatives = [movie for movie in range(N_MOVIES) if movie not in (target, left_out)]
        one = -power * np.log(chances[target]) - np.log(1 - chances[negatives]).sum()
        total += weight * one / N_MOVIES
    return total


def test_gbce_raises_the_positive_s_chance_to_a_power():
    """Of three movies one is sampled: beta = a (t (1 - 1/a) + 1/a) for a = 1/2."""
    movies, one, zero = jnp.array([[1.5], [0.5], [0.5]]), jnp.ones((1, 1)), jnp.zeros(1, jnp.int32)
    found = over_seeds(lambda seed: gbce(one, movies, zero, one[0], seed, 1))
    power = 0.5 * (CALIBRATION * (1 - 2) + 2)
    positive = power * np.log1p(np.exp(-1.5))
    negative = np.log1p(np.exp(0.5))
    assert found == {round(positive / 2, 4), round((positive + negative) / 2, 4)}


def test_the_in_batch_softmax_is_over_the_batch_s_targets_duplicates_included():
    states, movies, targets, weights = inputs(12)
    weights = weights + 0.1  # no row is empty
    own = jnp.arange(12)
    found = in_batch_softmax(states, movies[targets], own, weights)
    assert len(set(targets.tolist())) < 12
    assert float(found) == pytest.approx(plain_softmax(states, movies[targets], own, weights)[0], rel=1e-5)


def test_the_corrected_in_batch_softmax_takes_out_popularity_and_duplicates():
    states, movies, targets, weights = inputs(12)
    weights = weights + 0.1  # no row is empty
    shares = popularity(np.asarray(targets), N_MOVIES)
    found = corrected_in_batch_softmax(
        states, movies[targets], jnp.arange(12), weights, targets, jnp.asarray(shares)[targets]
    )
    expected = 0.0
    states, movies, targets, weights = doubles(states, movies, targets, weights)
    assert len(set(targets.tolist())) < 12
    for row in range(12):
        scores = movies[targets] @ states[row] - np.log(shares[targets])
        kept = [one for one in range(12) if one == row or targets[one] != targets[row]]
        expected += weights[row] * (log_sum(scores[kept]) - scores[row])
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_popularity_is_a_share_with_one_more_for_each_film():
    np.testing.assert_allclose(popularity(np.array([2, 2, 0], np.int32), 4), np.array([2, 1, 3, 1]) / 7)


def test_every_loss_of_sequences_is_separable_or_in_batch():
    assert set(SEPARABLE) | {LossKind.IN_BATCH, LossKind.IN_BATCH_CORRECTED} == set(LossKind)
