"""A new person in a rating head, against a closed form and against the sum that is minimised."""

from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.scoring.rating_fold_in import NewRatings, fold_in_rating
from movierec_cli.scoring.rating_head import RatingHead
from tests.saved_runs import rating_head as random_head

N_USERS, N_MOVIES = 200, 30
HEAD = random_head(n_users=N_USERS, n_movies=N_MOVIES, scale_of_stars=(-50.0, 50.0))
MOVIES = np.arange(12)
NEW = NewRatings(
    MOVIES,
    np.random.default_rng(3).normal(3.5, 1, len(MOVIES)),
    np.array([0.4]),
    np.random.default_rng(4).normal(0.4, 0.2, (len(MOVIES), 1)),
    np.array([0.3, -0.2]),
    np.random.default_rng(5).normal(0.1, 0.2, (len(MOVIES), 1)),
)


def linear(head: RatingHead) -> RatingHead:
    """Without dense layers that depend on anything."""
    return replace(head, dense=tuple((kernel * 0, bias * 0) for kernel, bias in head.dense))


def prior(head: RatingHead, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of vector and bias given the numbers, by the formulas for blocks of a normal."""
    joint = np.column_stack([head.user_vectors, head.user_bias, head.user_numbers]).astype(float)
    n, width = joint.shape
    spread = joint.var(axis=0)
    covariance = (n * np.cov(joint.T, ddof=0) + width * np.diag(spread)) / (n + width)
    own, inverse = width - len(numbers), np.linalg.inv(covariance)
    given = np.linalg.inv(inverse[:own, :own])
    mean = joint.mean(axis=0)
    return mean[:own] - given @ inverse[:own, own:] @ (numbers - mean[own:]), given


def test_of_a_linear_head_the_person_is_the_ridge_regression_about_the_users_mean() -> None:
    head, noise = linear(HEAD), 0.7
    folded = fold_in_rating(head, NEW, noise=noise)
    mean, covariance = prior(head, NEW.numbers)
    x = np.column_stack([head.scale * head.movie_vectors[MOVIES], np.ones(len(MOVIES))]).astype(float)
    numbers = np.column_stack([NEW.numbers_without, head.movie_numbers[MOVIES], NEW.of_genres_without])
    y = NEW.stars - head.mean - head.movie_bias[MOVIES] - numbers @ head.linear
    gain = covariance @ x.T @ np.linalg.inv(x @ covariance @ x.T + noise * np.eye(len(x)))
    expected = mean + gain @ (y - x @ mean)
    np.testing.assert_allclose(
        np.append(folded.user_vectors[0], folded.user_bias), expected, rtol=1e-3, atol=1e-4
    )
    np.testing.assert_array_equal(folded.user_numbers, np.float32([[0.4]]))
    np.testing.assert_array_equal(folded.user_tastes, np.float32([[0.3, -0.2]]))
    assert len(folded.user_vectors) == 1 and folded.movie_vectors is head.movie_vectors


def objective(head: RatingHead, person: np.ndarray, noise: float) -> float:
    """With the head's own predictions, one rating at a time."""
    errors = []
    of_each = zip(NEW.movies, NEW.stars, NEW.numbers_without, NEW.of_genres_without, strict=True)
    for movie, stars, numbers, of_genres in of_each:
        genres = head.movie_genres[movie]
        tastes = of_genres * genres / (genres @ genres)  # whose product with the genres is that number
        one = head.of_person(person[:-1], float(person[-1]), numbers, tastes)
        errors.append(stars - float(one.stars(np.array([0]), np.array([movie]))[0]))
    mean, covariance = prior(head, NEW.numbers)
    away = person - mean
    return float(np.square(errors).sum() / noise + away @ np.linalg.inv(covariance) @ away) / 2


@pytest.mark.parametrize("noise", [0.1, 0.85])
def test_nothing_near_the_person_has_a_lower_sum(noise: float) -> None:
    folded = fold_in_rating(HEAD, NEW, noise=noise)
    person = np.append(folded.user_vectors[0], folded.user_bias).astype(float)
    found = objective(HEAD, person, noise)
    rng = np.random.default_rng(0)
    steps = [size * rng.normal(size=len(person)) for size in (0.01, 0.1, 0.5) for _ in range(10)]
    assert all(objective(HEAD, person + step, noise) > found - 1e-4 for step in steps)
    assert found < objective(HEAD, prior(HEAD, NEW.numbers)[0], noise)


def test_who_rates_as_a_user_is_predicted_as_that_user() -> None:
    user, every = 7, np.arange(N_MOVIES)
    stars = HEAD.stars(np.full(N_MOVIES, user), every).astype(float)
    numbers = HEAD.user_numbers[user].astype(float)
    tastes = HEAD.user_tastes[user].astype(float)
    of_genres = HEAD.movie_genres[:20] @ tastes[:, None]
    new = NewRatings(every[:20], stars[:20], numbers, np.tile(numbers, (20, 1)), tastes, of_genres)
    folded = fold_in_rating(HEAD, new, noise=1e-4)
    np.testing.assert_allclose(folded.stars(np.zeros(10, int), every[20:]), stars[20:], atol=0.15)


def test_a_head_without_numbers_and_biases_takes_new_people_too() -> None:
    width = HEAD.user_vectors.shape[1]
    (kernel, bias), *rest = HEAD.dense
    head = replace(
        HEAD,
        user_numbers=HEAD.user_numbers[:, :0],
        movie_numbers=HEAD.movie_numbers[:, :0],
        user_tastes=None,
        movie_genres=None,
        user_bias=HEAD.user_bias * 0,
        linear=HEAD.linear[:0],
        dense=((kernel[: 3 * width], bias), *rest),
    )
    none = np.zeros((len(MOVIES), 0))
    new = NewRatings(MOVIES, NEW.stars, np.zeros(0), none, np.zeros(0), none)
    before = head.stars(np.zeros(len(MOVIES), int), MOVIES)
    after = fold_in_rating(head, new, noise=0.85).stars(np.zeros(len(MOVIES), int), MOVIES)
    assert np.square(after - NEW.stars).mean() < np.square(before - NEW.stars).mean()
