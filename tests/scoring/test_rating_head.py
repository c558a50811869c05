"""The rating head against a loop over pairs."""

from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.scoring import rating_head
from movierec_cli.scoring.rating_head import RatingHead
from tests.saved_runs import rating_head as random_head


def slow_stars(head: RatingHead, user: int, movie: int) -> float:
    """One pair, number by number, in double precision."""
    u, m = head.user_vectors[user].tolist(), head.movie_vectors[movie].tolist()
    product = [a * b for a, b in zip(u, m, strict=True)]
    numbers = head.user_numbers[user].tolist() + head.movie_numbers[movie].tolist()
    if head.user_tastes is not None and head.movie_genres is not None:
        tastes, genres = head.user_tastes[user].tolist(), head.movie_genres[movie].tolist()
        numbers.append(sum(a * b for a, b in zip(tastes, genres, strict=True)))
    stars = head.mean + float(head.user_bias[user]) + float(head.movie_bias[movie])
    stars += head.scale * sum(product)
    stars += sum(weight * x for weight, x in zip(head.linear.tolist(), numbers, strict=True))
    layer = u + m + product + numbers
    for place, (kernel, bias) in enumerate(head.dense):
        outputs = [
            bias.tolist()[column] + sum(x * kernel.tolist()[row][column] for row, x in enumerate(layer))
            for column in range(bias.size)
        ]
        layer = outputs if place == len(head.dense) - 1 else [max(0.0, x) for x in outputs]
    return min(max(stars + layer[0], head.lowest), head.highest)


def without_numbers(head: RatingHead) -> RatingHead:
    width = head.user_vectors.shape[1]
    (kernel, bias), *rest = head.dense
    return replace(
        head,
        user_numbers=head.user_numbers[:, :0],
        movie_numbers=head.movie_numbers[:, :0],
        user_tastes=None,
        movie_genres=None,
        linear=head.linear[:0],
        dense=((kernel[: 3 * width], bias), *rest),
    )


def one_layer(head: RatingHead) -> RatingHead:
    (kernel, _), _ = head.dense
    return replace(head, dense=((kernel[:, :1].copy(), np.array([0.5], np.float32)),))


HEADS = {
    "two layers": random_head(n_users=6, n_movies=9, seed=1),
    "one layer": one_layer(random_head(n_users=6, n_movies=9, seed=2)),
    "no numbers": without_numbers(random_head(n_users=6, n_movies=9, seed=3)),
    "half stars": random_head(n_users=6, n_movies=9, seed=4, mean=0.1 + 3.2, scale_of_stars=(0.5, 5.0)),
}
every_head = pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)


@every_head
def test_stars_equal_a_loop_over_pairs(head):
    users, movies = (one.ravel() for one in np.meshgrid(np.arange(6), np.arange(9)))
    stars = head.stars(users, movies)
    assert stars.dtype == np.float32 and stars.shape == (54,)
    expected = [slow_stars(head, user, movie) for user, movie in zip(users, movies, strict=True)]
    np.testing.assert_allclose(stars, expected, atol=2e-6)
    assert len(set(expected)) > 20


def test_stars_end_where_the_scale_does():
    low, high = (replace(HEADS["two layers"], mean=mean) for mean in (-50.0, 50.0))
    pairs = np.arange(6), np.arange(6)
    assert set(low.stars(*pairs).tolist()) == {1.0} and set(high.stars(*pairs).tolist()) == {5.0}


def test_pairs_in_many_blocks_are_the_pairs_one_by_one(monkeypatch):
    head = HEADS["two layers"]
    users, movies = np.arange(50) % 6, np.arange(50) % 9
    whole = head.stars(users, movies)
    monkeypatch.setattr(rating_head, "_BLOCK", 7)
    np.testing.assert_allclose(head.stars(users, movies), whole, atol=1e-6)
    none = head.stars(users[:0], movies[:0])
    assert none.shape == (0,) and none.dtype == np.float32


def floats(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"linear": floats(2)}, "2 weights of 4 numbers"),
        ({"lowest": 6.0}, "stars 6.0 to 5.0"),
        ({"dense": ()}, "0 dense layers end in 13 numbers, not in 1"),
        ({"dense": ((floats(13, 5), floats(5)),)}, "1 dense layers end in 5 numbers, not in 1"),
        ({"dense": ((floats(12, 1), floats(1)),)}, "a dense layer of 13 inputs"),
        ({"dense": ((floats(13, 1), floats(1, 1)),)}, "a dense layer of 13 inputs"),
        ({"dense": ((floats(13, 5), floats(5)), (floats(4, 1), floats(1)))}, "a dense layer of 5 inputs"),
    ],
)
def test_layers_that_do_not_fit_together_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(random_head(), **changes)


def test_a_head_on_another_scale_predicts_the_same_in_its_units():
    head = random_head()
    users, movies = (column.ravel() for column in np.indices((3, 4)))
    expected = -3 + 20 * head.stars(users, movies).astype(np.float64)
    np.testing.assert_allclose(head.rescaled(20, -3).stars(users, movies), expected, rtol=1e-5)
