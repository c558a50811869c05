"""Which test ratings belong to which kind of user or movie, so that a mean cannot hide any of them."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset, Users
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.records import dataclass
from movierec_cli.text import counted

Counts = npt.NDArray[np.int64]

OLDEST_DECADE = 80  # years; from there one group


@dataclass(frozen=True)
class SegmentMask:
    """One segment of the test ratings."""

    dimension: str  # "user activity", "movie popularity", "age", "genre", "cold"
    name: str  # "light: up to 40 ratings"
    targets: npt.NDArray[np.bool_]  # [n_targets]


def segments(dataset: Dataset, fit_rows: npt.NDArray[np.int64], outcome: Outcome) -> list[SegmentMask]:
    """Cuts the outcome's test ratings by user activity, movie popularity, age, genre and cold.

    Only segments with a test rating are listed, but the cold ones always are. A rating of a movie with
    several genres is in each; a cold user's rating of a cold movie is in both; the other dimensions are
    disjoint. A cold user is in no segment of activity, a user of unknown age in none of age.

    Args:
        dataset: the data set.
        fit_rows: the ratings that the model was trained on.
        outcome: what it did with the test ratings.
    """
    ratings = dataset.ratings
    user_counts = np.bincount(ratings.user_index[fit_rows], minlength=len(dataset.users))
    movie_counts = np.bincount(ratings.movie_index[fit_rows], minlength=len(dataset.movies))
    found = [
        *_by_activity(user_counts, outcome, ratings.called),
        *_by_popularity(movie_counts, outcome, dataset.noun),
        *_by_age(dataset.users, outcome),
        *_by_genre(dataset, outcome),
    ]
    shown = [segment for segment in found if segment.targets.any()]
    return shown + list(_by_cold(movie_counts, outcome, dataset.noun))


def _by_activity(user_counts: Counts, outcome: Outcome, row: str) -> Iterator[SegmentMask]:
    """Terciles of the warm users by training ratings; users with as many are never parted."""
    warm = ~outcome.is_cold
    if not warm.any():
        return
    of_warm = user_counts[outcome.users[warm]]
    low, high = np.quantile(of_warm, [1 / 3, 2 / 3], method="inverted_cdf").astype(int).tolist()
    count = user_counts[outcome.user_index]  # [n_targets]
    is_warm = warm[outcome.user_place]  # [n_targets]
    dimension = "user activity"
    yield SegmentMask(dimension, f"light: up to {counted(low, row)}", is_warm & (count <= low))
    medium = counted(high, row) if low + 1 == high else f"{low + 1:,} to {counted(high, row)}"
    yield SegmentMask(dimension, f"medium: {medium}", is_warm & (low < count) & (count <= high))
    yield SegmentMask(dimension, f"heavy: over {counted(high, row)}", is_warm & (count > high))


def _by_popularity(movie_counts: Counts, outcome: Outcome, noun: str) -> Iterator[SegmentMask]:
    """Thirds of the training ratings: the head is the fewest movies that hold the first third.

    Movies rated as often stand in the catalogue's order; those that nobody rated are in the tail.
    """
    order = np.argsort(-movie_counts, kind="stable")
    before = np.cumsum(movie_counts[order]) - movie_counts[order]  # ratings of the more popular movies
    third = np.empty(len(order), np.int64)
    third[order] = np.searchsorted(movie_counts.sum() * np.array([1, 2]) / 3, before, side="right")
    for place, name in enumerate(("head", "torso", "tail")):
        n_movies = int((third == place).sum())
        yield SegmentMask(
            f"{noun} popularity", f"{name}: {counted(n_movies, noun)}", third[outcome.movie_index] == place
        )


def _by_age(users: Users, outcome: Outcome) -> Iterator[SegmentMask]:
    """The data set's own age groups where it has any, otherwise decades."""
    bounds = _age_bounds(users)
    if bounds is None:
        return
    of_target = bounds[outcome.user_index]
    known = np.unique(bounds[~np.isnan(bounds)]).astype(int).tolist()
    for bound, following in zip(known, [*known[1:], None], strict=True):
        yield SegmentMask("age", _age_name(bound, following), of_target == bound)


def _age_bounds(users: Users) -> npt.NDArray[np.float32] | None:
    """The lower bound of each user's age group, NaN where the age is unknown."""
    if users.bucketized_age is not None or users.raw_age is None:
        return users.bucketized_age
    return np.minimum(users.raw_age // 10 * 10, OLDEST_DECADE).astype(np.float32)


def _age_name(bound: int, following: int | None) -> str:
    if following is None:
        return f"{bound} and over"
    return f"under {following}" if bound <= 1 else f"{bound} to {following - 1}"


def _by_genre(dataset: Dataset, outcome: Outcome) -> Iterator[SegmentMask]:
    for column, name in enumerate(dataset.movies.genre_names):
        yield SegmentMask("genre", name, dataset.movies.genres[outcome.movie_index, column])


def _by_cold(movie_counts: Counts, outcome: Outcome, noun: str) -> Iterator[SegmentMask]:
    """Cold is who or what has no training rating."""
    cold_user = outcome.is_cold[outcome.user_place]
    cold_movie = movie_counts[outcome.movie_index] == 0
    yield SegmentMask("cold", "cold users", cold_user)
    yield SegmentMask("cold", f"cold {noun}s", cold_movie)
    yield SegmentMask("cold", "warm", ~(cold_user | cold_movie))
