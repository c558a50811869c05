"""A new person in a rating head: their vector and bias from ratings that the model never saw, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass
from movierec_cli.scoring.rating_head import RatingHead

_Floats = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.int64]

_MAX_STEPS = 50
_SETTLED = 1e-9  # of the sum that is minimised
_SHORTEST = 1e-3  # of a Gauss-Newton step


@dataclass(frozen=True)
class NewRatings:
    """What a new person gave, and the numbers by which the head knows them beside their vector."""

    movies: _Rows  # [n], rows of the head's movies, each once; one or more
    stars: _Floats  # [n], on the data's scale
    numbers: _Floats  # [a], as the head's `user_numbers`, from all of these
    numbers_without: _Floats  # [n, a], from all but each
    tastes: _Floats  # [n_genres], as the head's `user_tastes`
    of_genres_without: _Floats  # [n, 1], each movie's genres by tastes from all but it; or [n, 0]


def fold_in_rating(head: RatingHead, new: NewRatings, *, noise: float) -> RatingHead:
    """The head with the new person as its only user, at row 0.

    Their vector u and bias b are the most probable ones: they minimise
    Σ (stars_i − head(u, b, i))² / 2 noise + (z − μ)ᵀ S⁻¹ (z − μ) / 2 with z = (u, b), by Gauss-Newton steps
    with backtracking (Nocedal and Wright, Numerical Optimization, 10.3). The prior is normal: μ and S are the
    mean and the covariance of the head's users given the person's numbers. A rating is predicted by the
    numbers of all others, as in training, so that none predicts itself.

    Args:
        head: of the model, with the users that it was trained on.
        new: the person's ratings.
        noise: the variance of a rating about its prediction, above 0.

    Raises:
        ValueError: what is minimised is not finite.
    """
    mean, precision = _prior(head, new.numbers)
    problem = _Problem(head, new, mean, precision, noise)
    person = _minimum(problem)
    if not np.isfinite(person).all():
        raise ValueError("no vector fits the new ratings")
    return head.of_person(person[:-1], float(person[-1]), new.numbers, new.tastes)


def _prior(head: RatingHead, numbers: _Floats) -> tuple[_Floats, _Floats]:
    """Of users' vectors and biases, given their numbers: the mean [d + 1] and the inverse covariance."""
    users = np.concatenate([head.user_vectors, head.user_bias[:, None], head.user_numbers], axis=1)
    joint = users.astype(np.float64)
    n_users, width = joint.shape
    own = width - len(numbers)
    mean = joint.mean(axis=0)
    scatter = (joint - mean).T @ (joint - mean)
    # As if `width` more users had been seen in whom nothing goes with anything else.
    spread = np.diag(scatter) / n_users
    covariance = (scatter + width * np.diag(spread + _least(spread))) / (n_users + width)
    slopes = np.linalg.solve(covariance[own:, own:], covariance[own:, :own]).T  # [d + 1, a]
    given = covariance[:own, :own] - slopes @ covariance[own:, :own]
    return mean[:own] + slopes @ (numbers - mean[own:]), np.linalg.inv(given)


def _least(spread: _Floats) -> float:
    """What makes a column invertible in which all users are alike."""
    return 1e-6 * float(spread.mean()) + 1e-12


@dataclass(frozen=True)
class _Problem:
    head: RatingHead
    new: NewRatings
    mean: _Floats
    precision: _Floats
    noise: float

    def value(self, person: _Floats) -> float:
        away = person - self.mean
        errors = self.new.stars - self._stars(person)[0]
        return float(errors @ errors / self.noise + away @ self.precision @ away) / 2

    def step(self, person: _Floats) -> _Floats:
        """The Gauss-Newton step."""
        stars, slopes = self._stars(person)
        gradient = slopes.T @ (stars - self.new.stars) / self.noise + self.precision @ (person - self.mean)
        curvature = slopes.T @ slopes / self.noise + self.precision
        return np.asarray(-np.linalg.solve(curvature, gradient), np.float64)

    def _stars(self, person: _Floats) -> tuple[_Floats, _Floats]:
        """Not cut to the scale, [n], and how they change with the person, [n, d + 1]."""
        head, vector = self.head, person[:-1]
        movies = head.movie_vectors[self.new.movies].astype(np.float64)  # [n, d]
        of_movies = head.movie_numbers[self.new.movies]
        new = self.new
        numbers = np.concatenate([new.numbers_without, of_movies, new.of_genres_without], axis=1)
        hidden = np.concatenate(
            [np.broadcast_to(vector, movies.shape), movies, vector * movies, numbers], axis=1
        )
        open_relus: list[npt.NDArray[np.bool_]] = []
        for kernel, bias in head.dense[:-1]:
            hidden = hidden @ kernel + bias
            open_relus.append(hidden > 0)
            hidden = np.maximum(hidden, 0)
        last, bias = head.dense[-1]
        stars = (hidden @ last)[:, 0] + bias + numbers @ head.linear + head.scale * (movies @ vector)
        stars += head.mean + person[-1] + head.movie_bias[self.new.movies]
        slopes = self._slopes(movies, open_relus)
        return stars, np.concatenate([slopes, np.ones((len(movies), 1))], axis=1)

    def _slopes(self, movies: _Floats, open_relus: Sequence[npt.NDArray[np.bool_]]) -> _Floats:
        """By the person's vector: [n, d]."""
        last, _ = self.head.dense[-1]
        back = np.broadcast_to(last[:, 0].astype(np.float64), (len(movies), len(last)))
        for (kernel, _), is_open in zip(self.head.dense[-2::-1], open_relus[::-1], strict=True):
            back = (back * is_open) @ kernel.T
        dim = movies.shape[1]
        slopes: _Floats = back[:, :dim] + (back[:, 2 * dim : 3 * dim] + self.head.scale) * movies
        return slopes


def _minimum(problem: _Problem) -> _Floats:
    person = problem.mean
    value = problem.value(person)
    for _ in range(_MAX_STEPS):
        step, length = problem.step(person), 1.0
        while length > _SHORTEST and problem.value(person + length * step) > value:
            length /= 2
        reached = problem.value(person + length * step)
        if not reached < value - _SETTLED * (1 + abs(value)):
            break
        person, value = person + length * step, reached
    return person
