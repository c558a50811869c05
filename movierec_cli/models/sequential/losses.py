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
from movierec_cli.models.sequential.packed_batches import rows_of_scores
from movierec_cli.models.sequential.products import narrowed, product, settled, turned, wide

_HIDDEN = -1e9  # a score so low that a softmax makes it 0
CALIBRATION = 0.75  # gBCE's t

Loss = Callable[[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array, int], jax.Array]


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
    negative = jnp.where(targets[:, None] == sampled[None, :], -jnp.inf, product(states, movies[sampled].T))
    return positive, negative


def catalogue_softmax(
    states: jax.Array, movies: jax.Array, targets: jax.Array, weights: jax.Array
) -> jax.Array:
    """Softmax over every movie."""
    return _softmax(states, movies, targets, weights, None)


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
    return _softmax(states, movies, targets, weights, sampled_movies(movies.shape[0], number, seed))


@jax.custom_vjp
def _softmax(
    states: jax.Array, movies: jax.Array, targets: jax.Array, weights: jax.Array, sampled: jax.Array | None
) -> jax.Array:
    """Softmax over the target and `sampled`, int32 [number], or over all movies.

    Its gradient is computed with the scores at hand, chunk by chunk.
    """
    return _softmax_forward(states, movies, targets, weights, sampled)[0]


def _softmax_forward(
    states: jax.Array, movies: jax.Array, targets: jax.Array, weights: jax.Array, sampled: jax.Array | None
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    n = len(states)
    others = movies if sampled is None else movies[sampled]
    factors = narrowed(others)
    columns = turned(factors)  # [size, number]
    correction = 0.0 if sampled is None else math.log(movies.shape[0] / len(sampled))

    def one(
        of_others: jax.Array, chunk_values: tuple[jax.Array, ...]
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
        state, target, weight = chunk_values
        positive = movies[target]
        own = (state * positive).sum(axis=1, keepdims=True)
        scores = wide(narrowed(state), columns)  # [chunk, number]
        own_power: jax.Array | float = 0.0  # of the target where it is none of the others
        if sampled is None:
            highest = scores.max(axis=1, keepdims=True)
        else:
            scores = jnp.where(target[:, None] == sampled, -jnp.inf, scores + correction)
            highest = jnp.maximum(scores.max(axis=1, keepdims=True), own)
            own_power = jnp.exp(own - highest)
        powers = narrowed(jnp.exp(scores - highest))
        total = powers.astype(jnp.float32).sum(axis=1, keepdims=True) + own_power
        losses = (jnp.log(total) + highest - own)[:, 0]
        # What is short is divided by the sums, which saves a pass over all powers.
        scale = weight[:, None] / total
        of_own = own_power * scale - weight[:, None]  # [chunk, 1]
        of_state = scale * wide(powers, factors) + of_own * positive
        of_others = of_others + wide(turned(narrowed(scale * state)), powers)
        return of_others, (losses * weight, of_state, of_own * state)

    n_chunks = -(-n // rows_of_scores(len(others)))
    rows = (states, targets, weights)
    chunks = jax.tree.map(lambda one: _in_chunks(one, n_chunks), rows)
    of_others, (losses, of_states, of_positives) = jax.lax.scan(one, jnp.zeros_like(others.T), chunks)
    of_movies = turned(settled(of_others))
    if sampled is not None:
        of_movies = jnp.zeros_like(movies).at[sampled].add(of_movies)
    of_movies = of_movies.at[targets].add(of_positives.reshape(-1, states.shape[1])[:n])
    return losses.sum(), (of_states.reshape(-1, states.shape[1])[:n], of_movies)


def _in_chunks(rows: jax.Array, number: int) -> jax.Array:
    """[n, ...] to [number, n / number, ...], with zeros at the end where that is no whole number."""
    size = -(-len(rows) // number)
    lacking = number * size - len(rows)
    filled = jnp.pad(rows, ((0, lacking), *((0, 0) for _ in rows.shape[1:]))) if lacking else rows
    return filled.reshape(number, size, *rows.shape[1:])


def _softmax_backward(
    gradients: tuple[jax.Array, jax.Array], scale: jax.Array
) -> tuple[jax.Array, jax.Array, None, None, None]:
    of_states, of_movies = gradients
    return of_states * scale, of_movies * scale, None, None, None


_softmax.defvjp(_softmax_forward, _softmax_backward)


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
    scores = keras_rs.layers.SamplingProbabilityCorrection()(product(states, candidates.T), probabilities)
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
