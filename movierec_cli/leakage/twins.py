"""Users with the same history: one person with two accounts, or rows that were copied."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset, Ratings
from movierec_cli.data.split import Split
from movierec_cli.records import dataclass

MIN_TWIN_RATINGS = 5
"""From so many ratings on, equal movies at equal seconds are no chance."""

NO_GROUP = -1

# Odd constants of splitmix64's finalizer (Steele, Lea and Flood, 2014).
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Twins:
    """Groups of users who rated the same movies at the same seconds."""

    group: npt.NDArray[np.int64]  # [n_users]; NO_GROUP for users without a twin

    @property
    def n_users(self) -> int:
        """How many users have a twin."""
        return int((self.group != NO_GROUP).sum())

    @property
    def example(self) -> tuple[int, int]:
        """Two rows of users of one group."""
        first, second = np.flatnonzero(self.group == 0)[:2]
        return int(first), int(second)

    def n_copied(self, dataset: Dataset, split: Split) -> int:
        """Test ratings that a twin has in train or validation."""
        tested, trained = (self._pairs(dataset, rows) for rows in (split.test, split.fit))
        return int(np.isin(tested, trained).sum())

    def _pairs(self, dataset: Dataset, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Group and movie of each rating by a user with a twin, as one number."""
        group = self.group[dataset.ratings.user_index[rows]]
        has_twin = group != NO_GROUP
        first_of_group = group[has_twin] * len(dataset.movies)
        pairs: npt.NDArray[np.int64] = first_of_group + dataset.ratings.movie_index[rows[has_twin]]
        return pairs


def find_twins(dataset: Dataset) -> Twins | None:
    """Users with `MIN_TWIN_RATINGS` or more and equal movies and times, whatever the stars; None: nobody."""
    suspects = _suspects(dataset)
    if len(suspects) == 0:
        return None
    histories: dict[bytes, list[int]] = {}
    for user, history in _histories(dataset.ratings, suspects):
        histories.setdefault(history, []).append(user)
    groups = [users for users in histories.values() if len(users) > 1]
    if not groups:
        return None
    group = np.full(len(dataset.users), NO_GROUP, np.int64)
    for place, users in enumerate(groups):
        group[users] = place
    return Twins(group)


def _suspects(dataset: Dataset) -> npt.NDArray[np.int64]:
    """Rows of users whose sum of hashes is another's too: [n_suspects], nearly always none."""
    ratings = dataset.ratings
    total = np.zeros(len(dataset.users), np.uint64)
    np.add.at(total, ratings.user_index, _hashes(ratings))  # a sum, so that order does not matter
    n_ratings = np.bincount(ratings.user_index, minlength=len(dataset.users))
    active = np.flatnonzero(n_ratings >= MIN_TWIN_RATINGS)
    _, place, times = np.unique(total[active], return_inverse=True, return_counts=True)
    return active[times[place] > 1]


def _hashes(ratings: Ratings) -> npt.NDArray[np.uint64]:
    """A number for each rating's movie and time that looks random: [n_ratings]."""
    mixed = ratings.timestamp.astype(np.uint64) * _GOLDEN + ratings.movie_index.astype(np.uint64)
    for constant, bits in zip(_MIX, (np.uint64(30), np.uint64(27)), strict=True):
        mixed = (mixed ^ (mixed >> bits)) * constant
    return mixed ^ (mixed >> np.uint64(31))


def _histories(ratings: Ratings, users: npt.NDArray[np.int64]) -> Iterator[tuple[int, bytes]]:
    """The movies and times of each user, in one order for all. Users are ascending, one or more."""
    rows = np.flatnonzero(np.isin(ratings.user_index, users))
    rows = rows[np.lexsort((ratings.movie_index[rows], ratings.timestamp[rows], ratings.user_index[rows]))]
    history = np.stack([ratings.timestamp[rows], ratings.movie_index[rows]], axis=1)  # [n_rows, 2]
    ends = np.searchsorted(ratings.user_index[rows], users[1:])
    for user, part in zip(users, np.split(history, ends), strict=True):
        yield int(user), part.tobytes()
