"""What training minimises, as sums over positions, all in nats.

States are compared with films by their inner product. Each function takes

    states: float32 [n, dim]
    films: float32 [n_movies, dim]
    targets: int32 [n], rows of films
    weights: float32 [n], 0 where nothing is to be learned
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import keras_rs
import numpy as np
import numpy.typing as npt

from movierec_cli.config import LossKind
from movierec_cli.models.sequential.dropout import hashed

CHUNK = 800  # states whose scores are there at a time: some megabytes, which stay in the cache
_HIDDEN = -1e9  # a score that no share of a softmax is left of
CALIBRATION = 0.75  # gBCE's t

Loss = Callable[[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array, int], jax.Array]


@jax.custom_vjp
def catalogue_softmax(
    states: jax.Array, films: jax.Array, targets: jax.Array, weights: jax.Array
) -> jax.Array:
    """Softmax over every film. Its gradient is computed with the scores at hand, chunk by chunk."""
    return _catalogue_forward(states, films, targets, weights)[0]


def _catalogue_forward(
    states: jax.Array, films: jax.Array, targets: jax.Array, weights: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    n, size = states.shape
    chunk = math.gcd(n, CHUNK)

    def one(
        of_films: jax.Array, part: tuple[jax.Array, ...]
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        state, target, weight = part
        scores = state @ films.T  # [chunk, n_movies]
        highest = scores.max(axis=1, keepdims=True)
        powers = jnp.exp(scores - highest)
        total = powers.sum(axis=1, keepdims=True)
        positive = films[target]
        losses = (jnp.log(total) + highest)[:, 0] - (state * positive).sum(axis=1)
        chances = powers * (weight[:, None] / total)
        of_state = chances @ films - weight[:, None] * positive
        return of_films + chances.T @ state, (losses * weight, of_state)

    parts = (states.reshape(-1, chunk, size), targets.reshape(-1, chunk), weights.reshape(-1, chunk))
    of_films, (losses, of_states) = jax.lax.scan(one, jnp.zeros_like(films), parts)
    of_films = of_films.at[targets].add(-weights[:, None] * states)
    return losses.sum(), (of_states.reshape(n, size), of_films)


def _catalogue_backward(
    gradients: tuple[jax.Array, jax.Array], scale: jax.Array
) -> tuple[jax.Array, jax.Array, None, None]:
    of_states, of_films = gradients
    return of_states * scale, of_films * scale, None, None


catalogue_softmax.defvjp(_catalogue_forward, _catalogue_backward)


def _drawn(n_movies: int, number: int, seed: jax.Array) -> jax.Array:
    """Rows of `number` different films, uniformly by lot: int32 [number]."""
    lots = hashed(jax.lax.iota(jnp.uint32, n_movies), seed)
    return jax.lax.top_k((lots >> 1).astype(jnp.int32), number)[1]


def _scores_of_drawn(
    states: jax.Array, films: jax.Array, targets: jax.Array, seed: jax.Array, number: int
) -> tuple[jax.Array, jax.Array]:
    """Scores of the targets [n, 1] and of drawn films [n, number]; a drawn target counts as nothing."""
    drawn = _drawn(films.shape[0], number, seed)
    positive = (states * films[targets]).sum(axis=1, keepdims=True)
    negative = jnp.where(targets[:, None] == drawn[None, :], -jnp.inf, states @ films[drawn].T)
    return positive, negative


def sampled_softmax(
    states: jax.Array,
    films: jax.Array,
    targets: jax.Array,
    weights: jax.Array,
    seed: jax.Array,
    num_negatives: int,
) -> jax.Array:
    """Softmax over the target and films drawn uniformly, which count for those that were not.

    Bengio & Senécal 2008, "Adaptive importance sampling to accelerate training of a neural probabilistic
    language model"; with a uniform draw the correction is the same for all.
    """
    number = min(num_negatives, films.shape[0])
    positive, negative = _scores_of_drawn(states, films, targets, seed, number)
    corrected = negative + math.log(films.shape[0] / number)
    total = jax.nn.logsumexp(jnp.concatenate([positive, corrected], axis=1), axis=1)
    return ((total - positive[:, 0]) * weights).sum()


def gbce(
    states: jax.Array,
    films: jax.Array,
    targets: jax.Array,
    weights: jax.Array,
    seed: jax.Array,
    num_negatives: int,
) -> jax.Array:
    """Binary cross-entropy with the positive's chance raised to a power that undoes the sampling.

    Petrov & Macdonald 2023, "gSASRec: reducing overconfidence in sequential recommendation trained with
    negative sampling", equation 12; the mean over the target and the drawn films.
    """
    number = min(num_negatives, films.shape[0] - 1)
    rate = number / (films.shape[0] - 1)
    power = rate * (CALIBRATION * (1 - 1 / rate) + 1 / rate)
    positive, negative = _scores_of_drawn(states, films, targets, seed, number)
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
    """The same with the films' popularity taken out and duplicates of the target left out.

    Args:
        states: float32 [n, dim].
        candidates: float32 [n_candidates, dim].
        own: int32 [n].
        weights: float32 [n].
        ids: int32 [n_candidates], rows of films.
        probabilities: float32 [n_candidates], each film's share of the training targets.
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
    LossKind.CATALOGUE: lambda states, films, targets, weights, seed, num_negatives: catalogue_softmax(
        states, films, targets, weights
    ),
    LossKind.SAMPLED: sampled_softmax,
    LossKind.GBCE: gbce,
}
"""Losses whose positions do not look at each other, so that a step can be made in small parts."""


def popularity(targets: npt.NDArray[np.int32], n_movies: int) -> npt.NDArray[np.float32]:
    """Each film's share of the targets, [n_movies] float32, with one added to every count."""
    counts = np.bincount(targets, minlength=n_movies) + 1.0
    shares: npt.NDArray[np.float32] = (counts / counts.sum()).astype(np.float32)
    return shares
