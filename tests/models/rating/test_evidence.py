"""What other training ratings say of a pair, against a plain double loop."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movierec_cli.models.rating.evidence import (
    N_MOVIE_NUMBERS,
    N_USER_NUMBERS,
    NEAR_SHRINKAGE,
    NEARNESS_S,
    SHRINKAGE,
    Evidence,
    near_sums,
)
from tests.small_dataset import small_dataset

DATASET = small_dataset("evidence")
ROWS = np.arange(0, len(DATASET.ratings), 2)


def slow_near_sums(owners, seconds, values, nearness):
    sums = np.zeros((len(owners), len(nearness), values.shape[1]))
    for i in range(len(owners)):
        for j in range(len(owners)):
            if i != j and owners[i] == owners[j]:
                for k, scale in enumerate(nearness):
                    sums[i, k] += math.exp(-abs(seconds[i] - seconds[j]) / scale) * values[j]
    return sums


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5_000)), max_size=25), st.integers(0, 9))
def test_sums_over_near_entries_are_those_of_a_double_loop(entries, seed):
    owners = np.array([owner for owner, _ in entries], np.int32)
    seconds = np.array([second for _, second in entries], np.int64)
    values = np.random.default_rng(seed).normal(size=(len(entries), 2))
    found = near_sums(owners, seconds, values, (30.0, 900.0))
    np.testing.assert_allclose(found, slow_near_sums(owners, seconds, values, (30.0, 900.0)), atol=1e-9)


def slow_numbers(evidence_rows, row):
    """The numbers of a pair from the ratings at `evidence_rows`, straight from their definition."""
    ratings = DATASET.ratings
    mean = ratings.rating[evidence_rows].mean(dtype=np.float64)

    def bias(column, value, others):
        own = [float(ratings.rating[r]) - mean for r in others if column[r] == value]
        return sum(own) / (len(own) + SHRINKAGE)

    user, movie, moment = ratings.user_index[row], ratings.movie_index[row], ratings.timestamp[row]
    others = [r for r in evidence_rows if r != row]
    numbers = []
    of_user = [
        (
            float(ratings.rating[r])
            - mean
            - bias(ratings.movie_index, ratings.movie_index[r], evidence_rows),
            r,
        )
        for r in others
        if ratings.user_index[r] == user
    ]
    numbers += [2 * sum(c for c, _ in of_user) / (len(of_user) + SHRINKAGE), math.log1p(len(of_user)) / 3 - 1]
    for scale in NEARNESS_S:
        weights = [math.exp(-abs(int(moment) - int(ratings.timestamp[r])) / scale) for _, r in of_user]
        weighted = sum(weight * c for weight, (c, _) in zip(weights, of_user, strict=True))
        numbers += [2 * weighted / (sum(weights) + NEAR_SHRINKAGE), math.log1p(sum(weights)) / 3 - 0.5]
    of_movie = [
        float(ratings.rating[r]) - mean - bias(ratings.user_index, ratings.user_index[r], evidence_rows)
        for r in others
        if ratings.movie_index[r] == movie
    ]
    return [*numbers, 2 * sum(of_movie) / (len(of_movie) + SHRINKAGE), math.log1p(len(of_movie)) / 3 - 1]


def test_a_training_pairs_numbers_leave_its_own_rating_out():
    numbers = Evidence(DATASET, ROWS).of_training()
    assert numbers.shape == (len(ROWS), N_USER_NUMBERS + N_MOVIE_NUMBERS)
    assert numbers.dtype == np.float32
    for place in range(0, len(ROWS), 7):
        np.testing.assert_allclose(numbers[place], slow_numbers(ROWS, ROWS[place]), atol=1e-5)


def test_a_test_pairs_numbers_come_from_all_training_ratings():
    evidence = Evidence(DATASET, ROWS)
    rows = np.arange(1, len(DATASET.ratings), 8)
    ratings = DATASET.ratings
    users = evidence.of_users(ratings.user_index[rows], ratings.timestamp[rows])
    movies = evidence.of_movies(ratings.movie_index[rows])
    for place, row in enumerate(rows):
        expected = slow_numbers(ROWS, row)
        np.testing.assert_allclose([*users[place], *movies[place]], expected, atol=1e-5)


@pytest.mark.parametrize("row", [0, 6])
def test_a_pairs_own_rating_moves_its_numbers_only_through_the_mean_of_all(row):
    before = Evidence(DATASET, ROWS).of_training()[row // 2]
    rating = DATASET.ratings.rating.copy()
    rating[row] = 6 - rating[row]
    changed = replace(DATASET, ratings=replace(DATASET.ratings, rating=rating))
    after = Evidence(changed, ROWS).of_training()[row // 2]
    moved_mean = abs(float(rating[row] - DATASET.ratings.rating[row])) / len(ROWS)
    assert moved_mean > 0
    assert np.abs(after - before).max() <= 2 * moved_mean
