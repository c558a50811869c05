"""Ratings in the order their users made them, against plain lists."""

import numpy as np
import pytest

from movierec_cli.data.dataset import Ratings
from movierec_cli.data.ragged import ordered_by_user


def ratings_of(users: list[int], seconds: list[int]) -> Ratings:
    n = len(users)
    return Ratings(
        user_index=np.array(users, np.int32),
        movie_index=np.zeros(n, np.int32),
        rating=np.ones(n, np.float32),
        timestamp=np.array(seconds, np.int64),
    )


def by_hand(ratings: Ratings, rows: list[int], n_users: int) -> tuple[list[int], list[int]]:
    ordered: list[int] = []
    starts = [0]
    for user in range(n_users):
        own = [row for row in rows if ratings.user_index[row] == user]
        ordered += sorted(own, key=lambda row: (int(ratings.timestamp[row]), row))
        starts.append(len(ordered))
    return ordered, starts


LONG_AGO, FAR_OFF = -(2**62), 2**62
MOMENTS = {
    "one": [7],
    "few": [3, 1, 2, -5],
    "many": list(range(10**9, 10**9 + 5000)),
    "too far apart for one key": [LONG_AGO, FAR_OFF, 0, 1],
}


@pytest.mark.parametrize("moments", MOMENTS.values(), ids=list(MOMENTS))
@pytest.mark.parametrize("n_users", [1, 3, 40])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_rows_are_by_user_then_time_then_row(moments: list[int], n_users: int, share: float) -> None:
    rng = np.random.default_rng([len(moments), n_users])
    ratings = ratings_of(rng.integers(0, n_users, 300).tolist(), rng.choice(moments, 300).tolist())
    known = rng.permutation(300)[: round(300 * share)]
    rows, starts = ordered_by_user(ratings, known)
    expected, expected_starts = by_hand(ratings, known.tolist(), int(ratings.user_index.max()) + 1)
    assert (rows.tolist(), starts.tolist()) == (expected, expected_starts)
    assert rows.dtype == starts.dtype == np.int64


def test_users_without_ratings_have_none() -> None:
    ratings = ratings_of([2, 0, 2], [5, 5, 4])
    rows, starts = ordered_by_user(ratings, np.arange(3), n_users=5)
    assert (rows.tolist(), starts.tolist()) == ([1, 2, 0], [0, 1, 1, 3, 3, 3])
    assert ordered_by_user(ratings, np.array([1]))[1].tolist() == [0, 1, 1, 1]


def test_no_ratings_at_all_are_no_rows() -> None:
    rows, starts = ordered_by_user(ratings_of([], []), np.empty(0, np.int64), n_users=2)
    assert (rows.tolist(), starts.tolist()) == ([], [0, 0, 0])


def test_what_is_given_stays_as_it_was() -> None:
    ratings, known = ratings_of([1, 1, 0], [3, 2, 1]), np.array([2, 0, 1])
    ordered_by_user(ratings, known)
    assert known.tolist() == [2, 0, 1]
    assert ratings.timestamp.tolist() == [3, 2, 1]
