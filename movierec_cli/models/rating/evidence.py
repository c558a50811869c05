"""What the other training ratings say of a pair: how this user and this movie are rated otherwise.

A residual is a rating minus the mean and minus the movie's bias (for users) or the user's bias (for movies).
For a training pair its own rating is left out of every number, as it is at test: nothing predicts itself.

People rate in sessions and in moods: what they gave in the seconds, minutes and the hour before, with a
weight that fades exponentially, says more than their mean over all. Ratings of the same second count, later
ones do not.

And people have favourite genres: how far above their own mean they rate those of the movie.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.models.baselines.baseline import TrainingRatings
from movierec_cli.records import dataclass

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NEARNESS_S = (30.0, 300.0, 3600.0)
"""How near in time other ratings count, in seconds: the weight falls by e in each."""

SHRINKAGE = 5.0  # ratings; a mean over n counts n / (n + this)
NEAR_SHRINKAGE = 1.5
ORDER_SEED = 0
N_USER_NUMBERS = 2
N_MOVIE_NUMBERS = 2
N_SESSION_NUMBERS = 2 * len(NEARNESS_S)
N_NUMBERS = N_USER_NUMBERS + N_MOVIE_NUMBERS + 1  # the last of both, of genres

# The sizes of the layers that read it.
DENSE_SIZES = (64,)
SESSION_SIZES = (32,)
POOL_SIZE = 32


@dataclass(frozen=True)
class Evidence:
    """The training ratings as evidence for any pair."""

    dataset: Dataset
    rows: Rows  # of the training set

    @property
    def mean(self) -> float:
        """Of the training ratings, stars."""
        return self._known.mean

    @cached_property
    def _known(self) -> TrainingRatings:
        return TrainingRatings.of(self.dataset, self.rows)

    @cached_property
    def _user_residuals(self) -> _Residuals:
        """What is left of each rating without the movie's bias, by user."""
        known = self._known
        return self._residuals(known.user_index, known.n_users, known.movie_index, known.n_movies)

    @cached_property
    def _movie_residuals(self) -> _Residuals:
        known = self._known
        return self._residuals(known.movie_index, known.n_movies, known.user_index, known.n_users)

    def _residuals(
        self, owners: npt.NDArray[np.int32], n_owners: int, others: npt.NDArray[np.int32], n_others: int
    ) -> _Residuals:
        above = self._known.stars - self.mean
        bias = np.bincount(others, above, n_others) / (np.bincount(others, minlength=n_others) + SHRINKAGE)
        values = above - bias[others]
        counts = np.bincount(owners, minlength=n_owners).astype(np.float64)
        return _Residuals(values, np.bincount(owners, values, n_owners).astype(np.float64), counts)

    @property
    def n_ratings(self) -> npt.NDArray[np.int64]:
        """Each user's training ratings: [n_users]."""
        return self.residuals_by_user.movies.lengths

    @property
    def user_residuals(self) -> Floats:
        """Of each training rating: what is left of it without the mean and the movie's bias, [n_rows]."""
        return self._user_residuals.values

    @cached_property
    def residuals_by_user(self) -> ResidualLists:
        """The same, in a list for each user."""
        known = self._known
        movies, order = RaggedRows.group_with_order(known.user_index, known.movie_index, known.n_users)
        return ResidualLists(movies, self.user_residuals[order].astype(np.float32), _places(order))

    @property
    def n_ratings_of_movies(self) -> npt.NDArray[np.int64]:
        """Each movie's training ratings: [n_movies]."""
        return self._movie_residuals.counts.astype(np.int64)

    @cached_property
    def residuals_of_movies(self) -> ResidualTriples:
        """What is left of each training rating without the mean and the user's bias."""
        known = self._known
        return ResidualTriples.drawn(
            np.stack([known.movie_index, known.user_index], axis=1),
            self._movie_residuals.values.astype(np.float32),
        )

    def of_training(self) -> npt.NDArray[np.float32]:
        """Of each training pair without its own rating: [n_rows, N_NUMBERS]."""
        known, users, movies = self._known, self._user_residuals, self._movie_residuals
        user, movie = known.user_index, known.movie_index
        sums, counts = users.sums[user] - users.values, users.counts[user] - 1
        of_movies = numbers_of(movies.sums[movie] - movies.values, movies.counts[movie] - 1)
        parts = [numbers_of(sums, counts), of_movies, self._of_genres(sums, counts)]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def of_others(
        self, users: npt.NDArray[np.int32], movies: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float32]:
        """Of pairs outside the training set, from all its ratings: [n, N_NUMBERS]."""
        together = np.einsum("ng,ng->n", self.tastes_of(users), self.genre_shares[movies])
        return np.concatenate([self.of_users(users), self.of_movies(movies), together[:, None]], axis=1)

    def _of_genres(self, sums: Floats, counts: Floats) -> Floats:
        """Of each training pair, by its user's sum and number of residuals without its own: [n_rows, 1]."""
        known, residuals, genres = self._known, self.user_residuals, self.dataset.movies.genres
        of_users, n_of_users = self._genre_sums
        together = np.zeros(len(residuals))
        for genre, shares in enumerate(self.genre_shares.T):  # one at a time: pairs × genres is large
            is_own = genres[known.movie_index, genre]
            taste = tastes(
                of_users[known.user_index, genre] - is_own * residuals,
                n_of_users[known.user_index, genre] - is_own,
                sums,
                counts,
            )
            together += shares[known.movie_index] * taste
        return together[:, None]

    @cached_property
    def _genre_sums(self) -> tuple[Floats, Floats]:
        """Each user's residuals of each genre, summed, and how many there are: [n_users, n_genres] each."""
        known = self._known
        sums, counts = np.zeros((2, known.n_users, self.dataset.movies.genres.shape[1]))
        for genre, members in enumerate(self.dataset.movies.genres.T):
            own = members[known.movie_index]
            users = known.user_index[own]
            sums[:, genre] = np.bincount(users, self.user_residuals[own], known.n_users)
            counts[:, genre] = np.bincount(users, minlength=known.n_users)
        return sums, counts

    def tastes_of(self, users: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """How far above their mean users rate each genre, from all their training ratings: [n, n_genres]."""
        (sums, counts), whole = self._genre_sums, self._user_residuals
        found = tastes(sums[users], counts[users], whole.sums[users, None], whole.counts[users, None])
        return found.astype(np.float32)

    @cached_property
    def genre_shares(self) -> npt.NDArray[np.float32]:
        """How much of each movie is of each genre: [n_movies, n_genres]."""
        return shares_of(self.dataset.movies.genres)

    def of_users(self, users: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Of users, from all their training ratings: [n, N_USER_NUMBERS]."""
        residuals = self._user_residuals
        return numbers_of(residuals.sums[users], residuals.counts[users]).astype(np.float32)

    def sessions_of_training(self) -> npt.NDArray[np.float32]:
        """Of each training pair without its own rating: [n_rows, N_SESSION_NUMBERS]."""
        return self._sessions(self._known.user_index, self._known.timestamp, _with_ones(self.user_residuals))

    def sessions(
        self, users: npt.NDArray[np.int32], seconds: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Of users at times, from their training ratings up to then: [n, N_SESSION_NUMBERS]."""
        asked = np.zeros((len(users), 2))  # whoever asks gives no evidence
        return self._sessions(
            np.concatenate([self._known.user_index, users]),
            np.concatenate([self._known.timestamp, seconds]),
            np.concatenate([_with_ones(self.user_residuals), asked]),
        )[len(self.rows) :]

    def _sessions(
        self, users: npt.NDArray[np.int32], seconds: npt.NDArray[np.int64], values: Floats
    ) -> npt.NDArray[np.float32]:
        return _session_numbers(near_sums(users, seconds, values, NEARNESS_S)).astype(np.float32)

    def of_movies(self, movies: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Of movies, from all their training ratings: [n, N_MOVIE_NUMBERS]."""
        residuals = self._movie_residuals
        return numbers_of(residuals.sums[movies], residuals.counts[movies]).astype(np.float32)


@dataclass(frozen=True)
class ResidualLists:
    """Each user's training movies with the residuals of their ratings."""

    movies: RaggedRows
    values: npt.NDArray[np.float32]  # in the order of `movies.values`
    place: npt.NDArray[np.int32]  # [n_rows], where each training rating stands there


@dataclass(frozen=True)
class ResidualTriples:
    """Movies, users and residuals of all training ratings, in an order drawn by chance."""

    pairs: npt.NDArray[np.int32]  # [n_rows, 2], rows of movies and of users
    values: npt.NDArray[np.float32]  # [n_rows]
    place: npt.NDArray[np.int32]  # [n_rows], where each training rating stands here

    @classmethod
    def drawn(cls, pairs: npt.NDArray[np.int32], values: npt.NDArray[np.float32]) -> ResidualTriples:
        """From what is in the order of the training ratings; always the same order."""
        order = np.random.default_rng(ORDER_SEED).permutation(len(values))
        return cls(pairs[order], values[order], _places(order))


def _places(order: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Where each of n things stands once they are in this order: [n]."""
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    return places


@dataclass(frozen=True)
class _Residuals:
    """Residuals with their sums and counts by user or movie."""

    values: Floats  # [n_rows]
    sums: Floats  # [n]
    counts: Floats  # [n]


def _with_ones(values: Floats) -> Floats:
    return np.stack([values, np.ones(len(values))], axis=1)


# Both kinds of numbers are brought to about −1 … 1, as a dense layer wants them.


def numbers_of(sums: Floats, counts: Floats) -> Floats:
    """What residuals say, from their sums and counts, [n] each: [n, 2]."""
    return np.stack([2 * sums / (counts + SHRINKAGE), np.log1p(np.maximum(counts, 0)) / 3 - 1], axis=1)


def tastes(sums: Floats, counts: Floats, all_sums: Floats, all_counts: Floats) -> Floats:
    """How far above a user's mean they rate some genres, shrunk, in about −1 … 1.

    Args:
        sums: of the residuals of each genre.
        counts: how many these are.
        all_sums: of all the user's residuals, to be broadcast.
        all_counts: how many these are.
    """
    means = all_sums / (all_counts + SHRINKAGE)
    return 2 * (sums - means * counts) / (counts + SHRINKAGE)


def shares_of(genres: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """From which genres movies have, [n_movies, n_genres], to shares that add up to 1, or 0 without any."""
    shares: npt.NDArray[np.float32] = genres / np.maximum(genres.sum(axis=1, keepdims=True), 1)
    return shares.astype(np.float32)


def _session_numbers(sums: Floats) -> Floats:
    """From [n, n_nearness, 2] of weighted residuals and weights to [n, 2 · n_nearness]; zeros for none."""
    residuals, weights = sums[..., 0], np.maximum(sums[..., 1], 0.0)
    numbers = np.stack([2 * residuals / (weights + NEAR_SHRINKAGE), np.log1p(weights) / 3], axis=2)
    return numbers.reshape(len(sums), -1)


def near_sums(
    owners: npt.NDArray[np.int32],
    seconds: npt.NDArray[np.int64],
    values: Floats,
    nearness_s: tuple[float, ...],
) -> Floats:
    """For each entry, the sum of exp(−(t − t_j) / nearness) · values_j over its owner's others with t_j ≤ t.

    Args:
        owners: [n].
        seconds: [n].
        values: [n, n_values].
        nearness_s: seconds, each above 0.

    Returns:
        [n, n_nearness, n_values].
    """
    if len(owners) == 0:
        return np.zeros((0, len(nearness_s), values.shape[1]))
    order = np.lexsort((seconds, owners))
    owner, second, value = owners[order], seconds[order], values[order]
    begins = np.concatenate([[True], (owner[1:] != owner[:-1]) | (second[1:] != second[:-1])])
    moment = np.cumsum(begins) - 1  # [n], which of the owners' times each entry is of
    firsts = np.flatnonzero(begins)
    totals = np.add.reduceat(value, firsts)  # [n_moments, n_values]
    counts = np.bincount(owner[firsts])
    earlier = _faded_sums(second[firsts], totals, np.cumsum(counts) - counts, counts, nearness_s)
    sums = np.empty((len(owners), len(nearness_s), values.shape[1]))
    sums[order] = earlier[moment] + (totals[moment] - value)[:, None, :]
    return sums


def _faded_sums(
    seconds: npt.NDArray[np.int64],
    values: Floats,
    starts: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    nearness_s: tuple[float, ...],
) -> Floats:
    """Over the times before each: [n_moments, n_nearness, n_values].

    Each owner's stand together, in time. The sum up to a time is the one up to the time before, with that
    time, faded by the time between; all owners go side by side.
    """
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
