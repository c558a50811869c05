"""What the other training ratings say of a pair: how this user and this movie are rated otherwise.

A residual is a rating minus the mean and minus the movie's bias (for users) or the user's bias (for movies).
For a training pair its own rating is left out of every number, as it is at test: nothing predicts itself.

People rate in sittings and in moods: what they gave within seconds, minutes and an hour of this rating, by
|difference in time| with an exponential weight, says more than their mean over all. Ratings on either side in
time count, so on a random split these numbers see what was rated after the rating that is predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NEARNESS_S = (30.0, 300.0, 3600.0)
"""How near in time other ratings count, in seconds: the weight falls by e in each."""

SHRINKAGE = 5.0  # ratings; a mean over n counts n / (n + this)
NEAR_SHRINKAGE = 1.5
N_USER_NUMBERS = 2 + 2 * len(NEARNESS_S)
N_MOVIE_NUMBERS = 2


@dataclass(frozen=True)
class Evidence:
    """The training ratings as evidence for any pair."""

    dataset: Dataset
    rows: Rows  # of the training part

    @cached_property
    def mean(self) -> float:
        """Of the training ratings, stars."""
        return float(self._ratings.mean())

    @cached_property
    def _ratings(self) -> Floats:
        return self.dataset.ratings.rating[self.rows].astype(np.float64)

    @cached_property
    def _users(self) -> npt.NDArray[np.int32]:
        return self.dataset.ratings.user_index[self.rows]

    @cached_property
    def _movies(self) -> npt.NDArray[np.int32]:
        return self.dataset.ratings.movie_index[self.rows]

    @cached_property
    def _user_residuals(self) -> _Residuals:
        """What is left of each rating without the movie's bias, by user."""
        bias = _shrunk_means(self._movies, self._ratings - self.mean, len(self.dataset.movies))
        return _Residuals.of(
            self._users, self._ratings - self.mean - bias[self._movies], len(self.dataset.users)
        )

    @cached_property
    def _movie_residuals(self) -> _Residuals:
        bias = _shrunk_means(self._users, self._ratings - self.mean, len(self.dataset.users))
        return _Residuals.of(
            self._movies, self._ratings - self.mean - bias[self._users], len(self.dataset.movies)
        )

    def of_training(self) -> npt.NDArray[np.float32]:
        """The numbers of each training pair without its own rating: [n_rows, users' then movies' numbers]."""
        users, movies = self._user_residuals, self._movie_residuals
        near = near_sums(
            self._users, self.dataset.ratings.timestamp[self.rows], _with_ones(users.values), NEARNESS_S
        )
        return np.concatenate(
            [
                _numbers(users.sums[self._users] - users.values, users.counts[self._users] - 1),
                _near_numbers(near),
                _numbers(movies.sums[self._movies] - movies.values, movies.counts[self._movies] - 1),
            ],
            axis=1,
        ).astype(np.float32)

    def of_users(
        self, users: npt.NDArray[np.int32], seconds: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Of users at moments, from all their training ratings: [n, N_USER_NUMBERS]."""
        residuals = self._user_residuals
        asked = np.zeros((len(users), 2))  # whoever asks gives no evidence
        near = near_sums(
            np.concatenate([self._users, users]),
            np.concatenate([self.dataset.ratings.timestamp[self.rows], seconds]),
            np.concatenate([_with_ones(residuals.values), asked]),
            NEARNESS_S,
        )[len(self.rows) :]
        numbers = [_numbers(residuals.sums[users], residuals.counts[users]), _near_numbers(near)]
        return np.concatenate(numbers, axis=1).astype(np.float32)

    def of_movies(self, movies: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Of movies, from all their training ratings: [n, N_MOVIE_NUMBERS]."""
        residuals = self._movie_residuals
        return _numbers(residuals.sums[movies], residuals.counts[movies]).astype(np.float32)


@dataclass(frozen=True)
class _Residuals:
    """Residuals with their sums and counts by user or movie."""

    values: Floats  # [n_rows]
    sums: Floats  # [n]
    counts: Floats  # [n]

    @classmethod
    def of(cls, owners: npt.NDArray[np.int32], values: Floats, n_owners: int) -> _Residuals:
        sums = np.bincount(owners, values, n_owners).astype(np.float64)
        return cls(values, sums, np.bincount(owners, minlength=n_owners).astype(np.float64))


def _shrunk_means(owners: npt.NDArray[np.int32], values: Floats, n_owners: int) -> Floats:
    counts = np.bincount(owners, minlength=n_owners)
    shrunk: Floats = np.bincount(owners, values, n_owners) / (counts + SHRINKAGE)
    return shrunk


def _with_ones(values: Floats) -> Floats:
    return np.stack([values, np.ones(len(values))], axis=1)


# Both kinds of numbers are brought to about −1 … 1, as a dense layer wants them.


def _numbers(sums: Floats, counts: Floats) -> Floats:
    return np.stack([2 * sums / (counts + SHRINKAGE), np.log1p(np.maximum(counts, 0)) / 3 - 1], axis=1)


def _near_numbers(sums: Floats) -> Floats:
    """From [n, n_nearness, 2] of weighted residuals and weights to [n, 2 · n_nearness]."""
    residuals, weights = sums[..., 0], np.maximum(sums[..., 1], 0.0)
    numbers = np.stack([2 * residuals / (weights + NEAR_SHRINKAGE), np.log1p(weights) / 3 - 0.5], axis=2)
    return numbers.reshape(len(sums), -1)


def near_sums(
    owners: npt.NDArray[np.int32],
    seconds: npt.NDArray[np.int64],
    values: Floats,
    nearness_s: tuple[float, ...],
) -> Floats:
    """For each entry, the sum over its owner's other entries j of exp(−|t − t_j| / nearness) · values_j.

    One pass forward and one backward over each owner's entries in time, all owners side by side: the weighted
    sum up to an entry is the one up to its neighbour, with the neighbour, faded by the time between them.

    Args:
        owners: [n].
        seconds: [n].
        values: [n, n_values].
        nearness_s: seconds, each above 0.

    Returns:
        [n, n_nearness, n_values].
    """
    order = np.lexsort((seconds, owners))
    counts = np.bincount(owners) if len(owners) else np.zeros(0, np.int64)
    starts = np.cumsum(counts) - counts
    forward = _faded_sums(seconds[order], values[order], starts, counts, nearness_s)
    mirrored = order[::-1]
    last = len(owners) - starts - counts
    backward = _faded_sums(-seconds[mirrored], values[mirrored], last, counts, nearness_s)
    sums = np.empty_like(forward)
    sums[order] = forward + backward[::-1]
    return sums


def _faded_sums(
    seconds: npt.NDArray[np.int64],
    values: Floats,
    starts: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    nearness_s: tuple[float, ...],
) -> Floats:
    """Over the entries before each: [n, n_nearness, n_values]. Each owner's stand together, in time."""
    per_second = 1.0 / np.asarray(nearness_s)
    sums = np.zeros((len(seconds), len(nearness_s), values.shape[1]))
    longest_first = np.argsort(-counts, kind="stable")
    sorted_counts = -counts[longest_first]
    for place in range(1, int(counts.max(initial=0))):
        n_owners = int(np.searchsorted(sorted_counts, -place, side="left"))  # who has more entries than that
        here = starts[longest_first[:n_owners]] + place
        faded = np.exp(-(seconds[here] - seconds[here - 1])[:, None] * per_second)  # [n_owners, n_nearness]
        sums[here] = faded[..., None] * (sums[here - 1] + values[here - 1, None, :])
    return sums
