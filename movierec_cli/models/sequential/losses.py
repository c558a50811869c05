"""What training minimises, as sums over tokens, all in nats.

States are compared with movies by their inner product. Each function takes

    states: float32 [n, dim]
    movies: float32 [n_movies, dim]
    targets: int32 [n], rows of movies
    weights: float32 [n], 0 where nothing is to be learned
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import keras_rs
import numpy as np
import numpy.typing as npt

from movierec_cli.config import LossKind
from movierec_cli.models.sequential.dropout import hashed
from movierec_cli.models.sequential.packed_batches import CHUNK

_HIDDEN = -1e9  # a score so low that a softmax makes it 0
CALIBRATION = 0.75  # gBCE's t

Loss = Callable[[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array, int], jax.Array]


@jax.custom_vjp
def catalogue_softmax(
    states: jax.Array, movies: jax.Array, targets: jax.Array, weights: jax.Array
) -> jax.Array:
    """Softmax over every movie. Its gradient is computed with the scores at hand, chunk by chunk."""
    return _catalogue_forward(states, movies, targets, weights)[0]


def _catalogue_forward(
    states: jax.Array, movies: jax.Array, targets: jax.Array, weights: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    n, size = states.shape
    chunk = math.gcd(n, CHUNK)

    def one(
        of_movies: jax.Array, chunk_values: tuple[jax.Array, ...]
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        state, target, weight = chunk_values
        scores = state @ movies.T  # [chunk, n_movies]
        highest = scores.max(axis=1, keepdims=True)
        powers = jnp.exp(scores - highest)
        total = powers.sum(axis=1, keepdims=True)
        positive = movies[target]
        losses = (jnp.log(total) + highest)[:, 0] - (state * positive).sum(axis=1)
        chances = powers * (weight[:, None] / total)
        of_state = chances @ movies - weight[:, None] * positive
        return of_movies + chances.T @ state, (losses * weight, of_state)

    chunks = (states.reshape(-1, chunk, size), targets.reshape(-1, chunk), weights.reshape(-1, chunk))
    of_movies, (losses, of_states) = jax.lax.scan(one, jnp.zeros_like(movies), chunks)
    of_movies = of_movies.at[targets].add(-weights[:, None] * states)
    return losses.sum(), (of_states.reshape(n, size), of_movies)


def _catalogue_backward(
    gradients: tuple[jax.Array, jax.Array], scale: jax.Array
) -> tuple[jax.Array, jax.Array, None, None]:
    of_states, of_movies = gradients
    return of_states * scale, of_movies * scale, None, None


catalogue_softmax.defvjp(_catalogue_forward, _catalogue_backward)


def sampled_movies(n_movies: int, number: int, seed: jax.Array) -> jax.Array:
    """Rows of `number` different movies, uniformly at random: int32 [number]."""
    random = hashed(jax.lax.iota(jnp.uint32, n_movies), seed)
    return jax.lax.top_k((random >> 1).astype(jnp.int32), number)[1]


def _scores_with_sampled(
    states: jax.Array, movies: jax.Array, targets: jax.Array, seed: jax.Array, number: int
) -> tuple[jax.Array, jax.Array]:
    """Scores of the targets [n, 1] and of sampled movies [n, number]; a sampled target counts as nothing."""
    sampled = sampled_movies(movies.shape[0], number, seed)
    positive = (states * movies[targets]).sum(axis=1, keepdims=True)
    negative = jnp.where(targets[:, None] == sampled[None, :], -jnp.inf, states @ movies[sampled].T)
    return positive, negative


def sampled_softmax(
    states: jax.Array,
    movies: jax.Array,
    targets: jax.Array,
    weights: jax.Array,
    seed: jax.Array,
    num_negatives: int,
) -> jax.Array:
    """Softmax over the target and movies sampled uniformly, which count for those that were not.

    Bengio & Senécal 2008, "Adaptive importance sampling to accelerate training of a neural probabilistic
    language model"; with a uniform draw the correction is the same for all.
    """
    number = min(num_negatives, movies.shape[0])
    return _softmax_of_sampled(
        states, movies, targets, weights, sampled_movies(movies.shape[0], number, seed)
    )


@jax.custom_vjp
def _softmax_of_sampled(
    states: jax.Array, movies: jax.Array, targets: jax.Array, weights: jax.Array, sampled: jax.Array
) -> jax.Array:
    """Softmax over the target and `sampled`, int32 [number]; the gradient as of `catalogue_softmax`."""
    return _sampled_forward(states, movies, targets, weights, sampled)[0]


def _sampled_forward(
    states: jax.Array, movies: jax.Array, targets: jax.Array, weights: jax.Array, sampled: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    n, size = states.shape
    chunk = math.gcd(n, CHUNK)
    correction = math.log(movies.shape[0] / len(sampled))
    negatives = movies[sampled]

    def one(
        of_negatives: jax.Array, chunk_values: tuple[jax.Array, ...]
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
        state, target, weight = chunk_values
        positive = movies[target]
        own = (state * positive).sum(axis=1, keepdims=True)
        scores = jnp.where(target[:, None] == sampled, -jnp.inf, state @ negatives.T + correction)
        highest = jnp.maximum(scores.max(axis=1, keepdims=True), own)
        powers, own_power = jnp.exp(scores - highest), jnp.exp(own - highest)
        total = powers.sum(axis=1, keepdims=True) + own_power
        losses = (jnp.log(total) + highest - own)[:, 0]
        chances = powers * (weight[:, None] / total)
        of_own = (own_power / total - 1) * weight[:, None]  # [chunk, 1]
        of_state = chances @ negatives + of_own * positive
        return of_negatives + chances.T @ state, (losses * weight, of_state, of_own * state)

    chunks = (states.reshape(-1, chunk, size), targets.reshape(-1, chunk), weights.reshape(-1, chunk))
    of_negatives, (losses, of_states, of_positives) = jax.lax.scan(one, jnp.zeros_like(negatives), chunks)
    of_movies = jnp.zeros_like(movies).at[sampled].add(of_negatives)
    of_movies = of_movies.at[targets].add(of_positives.reshape(n, size))
    return losses.sum(), (of_states.reshape(n, size), of_movies)


def _sampled_backward(
    gradients: tuple[jax.Array, jax.Array], scale: jax.Array
) -> tuple[jax.Array, jax.Array, None, None, None]:
    return *_catalogue_backward(gradients, scale), None


_softmax_of_sampled.defvjp(_sampled_forward, _sampled_backward)


def gbce(
    states: jax.Array,
    movies: jax.Array,
    targets: jax.Array,
    weights: jax.Array,
    seed: jax.Array,
    num_negatives: int,
) -> jax.Array:
    """Binary cross-entropy with the positive's chance raised to a power that undoes the sampling.

    Petrov & Macdonald 2023, "gSASRec: reducing overconfidence in sequential recommendation trained with
    negative sampling", equation 12; the mean over the target and the sampled movies.
    """
    number = min(num_negatives, movies.shape[0] - 1)
    rate = number / (movies.shape[0] - 1)
    power = rate * (CALIBRATION * (1 - 1 / rate) + 1 / rate)
    positive, negative = _scores_with_sampled(states, movies, targets, seed, number)
    losses = power * jax.nn.softplus(-positive[:, 0]) + jax.nn.softplus(negative).sum(axis=1)
    return (losses * weights).sum() / (number + 1)


def in_batch_softmax(
    states: jax.Array, candidates: jax.Array, own: jax.Array, weights: jax.Array
) -> jax.Array:
    """Softmax over the targets of the batch, duplicates included, as the tutorials have it.

    Args:
        states: float32 [n, dim].
        candidates: the batch's targets as embeddings, [n_candidates, dim].
        own: int32 [n], which of the candidates is whose.
        weights: float32 [n].
    """
    # A column more hides the empty rows' targets from everybody.
    hidden = jnp.where(weights > 0, 0.0, _HIDDEN)[:, None]  # [n_candidates, 1]
    states = jnp.concatenate([states, jnp.ones_like(hidden)], axis=1)
    return catalogue_softmax(states, jnp.concatenate([candidates, hidden], axis=1), own, weights)


def corrected_in_batch_softmax(
    states: jax.Array,
    candidates: jax.Array,
    own: jax.Array,
    weights: jax.Array,
    ids: jax.Array,
    probabilities: jax.Array,
) -> jax.Array:
    """The same with the movies' popularity taken out and duplicates of the target left out.

    Args:
        states: float32 [n, dim].
        candidates: float32 [n_candidates, dim].
        own: int32 [n].
        weights: float32 [n].
        ids: int32 [n_candidates], rows of movies.
        probabilities: float32 [n_candidates], each movie's fraction of the training targets.
    """
    scores = keras_rs.layers.SamplingProbabilityCorrection()(states @ candidates.T, probabilities)
    # KerasRS' RemoveAccidentalHits adds the smallest number above zero to a duplicate, and so leaves it in.
    is_own = own[:, None] == jnp.arange(candidates.shape[0])  # [n, n_candidates]
    left_out = (ids[own][:, None] == ids) | (weights == 0)
    scores = jnp.where(left_out & ~is_own, -jnp.inf, scores)
    positive = jnp.take_along_axis(scores, own[:, None], axis=1)[:, 0]
    summed: jax.Array = ((jax.nn.logsumexp(scores, axis=1) - positive) * weights).sum()
    return summed


SEPARABLE: dict[LossKind, Loss] = {
    LossKind.CATALOGUE: lambda states, movies, targets, weights, seed, num_negatives: catalogue_softmax(
        states, movies, targets, weights
    ),
    LossKind.SAMPLED: sampled_softmax,
    LossKind.GBCE: gbce,
}
"""Losses that compare no tokens with each other, so that a step can be made in micro-batches."""


def popularity(targets: npt.NDArray[np.int32], n_movies: int) -> npt.NDArray[np.float32]:
    """Each movie's share of the targets, [n_movies] float32, with one added to every count."""
    counts = np.bincount(targets, minlength=n_movies) + 1.0
    shares: npt.NDArray[np.float32] = (counts / counts.sum()).astype(np.float32)
    return shares
