"""What other training ratings say of a pair, against a plain double loop."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movierec_cli.models.rating.evidence import (
    N_NUMBERS,
    N_SESSION_NUMBERS,
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
            if i != j and owners[i] == owners[j] and seconds[j] <= seconds[i]:
                for k, scale in enumerate(nearness):
                    sums[i, k] += math.exp(-(seconds[i] - seconds[j]) / scale) * values[j]
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
    """The numbers and the session's of a pair from the ratings at `evidence_rows`, by their definition."""
    ratings = DATASET.ratings
    mean = ratings.rating[evidence_rows].mean(dtype=np.float64)

    def bias(column, value):
        own = [float(ratings.rating[r]) - mean for r in evidence_rows if column[r] == value]
        return sum(own) / (len(own) + SHRINKAGE)

    user, movie, moment = ratings.user_index[row], ratings.movie_index[row], ratings.timestamp[row]
    others = [r for r in evidence_rows if r != row]
    of_user = [
        (float(ratings.rating[r]) - mean - bias(ratings.movie_index, ratings.movie_index[r]), r)
        for r in others
        if ratings.user_index[r] == user
    ]
    of_movie = [
        float(ratings.rating[r]) - mean - bias(ratings.user_index, ratings.user_index[r])
        for r in others
        if ratings.movie_index[r] == movie
    ]
    numbers = []
    for residuals in ([c for c, _ in of_user], of_movie):
        numbers += [2 * sum(residuals) / (len(residuals) + SHRINKAGE), math.log1p(len(residuals)) / 3 - 1]
    genres = DATASET.movies.genres
    mean_of_user = sum(c for c, _ in of_user) / (len(of_user) + SHRINKAGE)
    tastes = []
    for genre in np.flatnonzero(genres[movie]):
        own = [c - mean_of_user for c, r in of_user if genres[ratings.movie_index[r], genre]]
        tastes.append(2 * sum(own) / (len(own) + SHRINKAGE))
    numbers.append(sum(tastes) / max(len(tastes), 1))
    session = []
    for scale in NEARNESS_S:
        passed = [int(moment) - int(ratings.timestamp[r]) for _, r in of_user]
        weights = [math.exp(-seconds / scale) if seconds >= 0 else 0.0 for seconds in passed]
        weighted = sum(weight * c for weight, (c, _) in zip(weights, of_user, strict=True))
        session += [2 * weighted / (sum(weights) + NEAR_SHRINKAGE), math.log1p(sum(weights)) / 3]
    return numbers, session


def test_a_training_pairs_evidence_leaves_its_own_rating_out():
    evidence = Evidence(DATASET, ROWS)
    numbers, sessions = evidence.of_training(), evidence.sessions_of_training()
    assert numbers.shape == (len(ROWS), N_NUMBERS)
    assert sessions.shape == (len(ROWS), N_SESSION_NUMBERS)
    assert numbers.dtype == sessions.dtype == np.float32
    for place in range(0, len(ROWS), 7):
        expected = slow_numbers(ROWS, ROWS[place])
        np.testing.assert_allclose(numbers[place], expected[0], atol=1e-5)
        np.testing.assert_allclose(sessions[place], expected[1], atol=1e-5)


def test_another_pairs_evidence_comes_from_all_training_ratings():
    evidence = Evidence(DATASET, ROWS)
    rows = np.arange(1, len(DATASET.ratings), 8)
    ratings = DATASET.ratings
    found = evidence.of_others(ratings.user_index[rows], ratings.movie_index[rows])
    sessions = evidence.sessions(ratings.user_index[rows], ratings.timestamp[rows])
    for place, row in enumerate(rows):
        numbers, session = slow_numbers(ROWS, row)
        np.testing.assert_allclose(found[place], numbers, atol=1e-5)
        np.testing.assert_allclose(sessions[place], session, atol=1e-5)


def test_what_is_rated_later_is_no_evidence_of_a_session():
    row = int(ROWS[np.argmin(DATASET.ratings.timestamp[ROWS])])
    users = DATASET.ratings.user_index[[row]]
    long_before = DATASET.ratings.timestamp[[row]] - 1
    assert Evidence(DATASET, ROWS).sessions(users, long_before).tolist() == [[0.0] * N_SESSION_NUMBERS]


@pytest.mark.parametrize("row", [0, 6])
def test_a_pairs_own_rating_moves_its_evidence_only_through_the_mean_of_all(row):
    def evidence_of(dataset):
        evidence = Evidence(dataset, ROWS)
        return np.concatenate([evidence.of_training()[row // 2], evidence.sessions_of_training()[row // 2]])

    rating = DATASET.ratings.rating.copy()
    rating[row] = 6 - rating[row]
    changed = replace(DATASET, ratings=replace(DATASET.ratings, rating=rating))
    moved_mean = abs(float(rating[row] - DATASET.ratings.rating[row])) / len(ROWS)
    assert moved_mean > 0
    assert np.abs(evidence_of(changed) - evidence_of(DATASET)).max() <= 2 * moved_mean
