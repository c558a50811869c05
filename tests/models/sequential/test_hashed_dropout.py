"""Dropout by hashing: what a share, an expectation and independence look like."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from movierec_cli.models.sequential.dropout import HashedDropout, hashed, reseeded

ONES = jnp.ones((200, 100))


def dropped(rate: float, number: int, seed: int) -> np.ndarray:
    layer = HashedDropout(rate, number)
    return np.asarray(layer(ONES, jnp.uint32(seed)))


def murmur_finalizer(value: int) -> int:
    """In Python's integers, of any length."""
    value = ((value ^ value >> 16) * 0x85EBCA6B) % 2**32
    value = ((value ^ value >> 13) * 0xC2B2AE35) % 2**32
    return value ^ value >> 16


def test_the_hash_is_murmur_s_finalizer():
    places = np.array([0, 1, 77, 2**32 - 1], np.uint32)
    plain = [murmur_finalizer((int(place) * 0x9E3779B1 + 12345) % 2**32) for place in places]
    assert np.asarray(hashed(jnp.asarray(places), jnp.uint32(12345))).tolist() == plain


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_share_is_left_out_and_the_expectation_stays(rate):
    found = dropped(rate, 3, 11)
    deviation = np.sqrt(rate * (1 - rate) / found.size)
    assert abs((found == 0).mean() - rate) < 4 * deviation
    np.testing.assert_allclose(np.unique(found), [0, 1 / (1 - rate)], rtol=1e-6)


def test_neighbours_other_layers_and_other_steps_draw_independently():
    out, of_layer, of_step = (dropped(0.5, *other) == 0 for other in ((3, 11), (4, 11), (3, 12)))
    for first, second in ((out[:, 1:], out[:, :-1]), (out[1:], out[:-1]), (out, of_layer), (out, of_step)):
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 4 / np.sqrt(first.size)


def test_without_a_seed_or_a_rate_nothing_is_left_out():
    assert HashedDropout(0.5, 0)(ONES) is ONES
    assert HashedDropout(0.0, 0)(ONES, jnp.uint32(1)) is ONES


def test_seeds_of_numbers_differ():
    seeds = jax.vmap(lambda number: reseeded(jnp.uint32(5), number))(jnp.arange(1000))
    assert len(set(np.asarray(seeds).tolist())) == 1000
