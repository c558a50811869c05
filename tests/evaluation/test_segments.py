"""Test ratings by kind of user and movie."""

from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.data.dataset import Dataset, Ratings
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.segments import SegmentMask, segments
from tests.evaluation.small_outcomes import no_outcome, outcome_of
from tests.tiny_dataset import dataset_of

N_USERS, N_MOVIES = 7, 10
TRAINED = (4, 2, 1, 1, 2, 6, 0)  # training ratings of each user; the last is cold
POSITIVES = [[9], [8, 9], [7], [6], [5, 9], [7], [0, 9]]


@pytest.fixture
def dataset() -> Dataset:
    """User u rated the first TRAINED[u] movies, so movie 0 is the most popular and 6 to 9 are cold."""
    users = np.repeat(np.arange(N_USERS), TRAINED)
    movies = np.concatenate([np.arange(n) for n in TRAINED])
    genres = np.zeros((N_MOVIES, 3), bool)
    genres[[7, 8], 0] = genres[[8, 9], 1] = True
    bare = dataset_of(users.tolist(), movies.tolist(), [0] * len(users), N_USERS, N_MOVIES)
    described = replace(bare.movies, genres=genres, genre_names=("Comedy", "Drama", "War"))
    return replace(bare, movies=described)


@pytest.fixture
def outcome() -> Outcome:
    return outcome_of(np.zeros((N_USERS, N_MOVIES)), POSITIVES, [list(range(n)) for n in TRAINED])


def found(dataset: Dataset, outcome: Outcome, dimension: str) -> dict[str, list[tuple[int, int]]]:
    """The (user, movie) pairs of each segment of a dimension."""
    rows = np.arange(len(dataset.ratings))
    return {
        segment.name: pairs(outcome, segment)
        for segment in segments(dataset, rows, outcome)
        if segment.dimension == dimension
    }


def pairs(outcome: Outcome, segment: SegmentMask) -> list[tuple[int, int]]:
    users, movies = outcome.user_index[segment.targets], outcome.movie_index[segment.targets]
    return list(zip(users.tolist(), movies.tolist(), strict=True))


def test_warm_users_are_parted_at_the_terciles_of_their_training_ratings(dataset, outcome):
    # 1 1 2 2 4 6: the second and the fourth of six are the bounds
    assert found(dataset, outcome, "user activity") == {
        "light: up to 1 rating": [(2, 7), (3, 6)],
        "medium: 2 ratings": [(1, 8), (1, 9), (4, 5), (4, 9)],
        "heavy: over 2 ratings": [(0, 9), (5, 7)],
    }


def test_movies_are_parted_where_thirds_of_the_training_ratings_are_reached(dataset, outcome):
    # movies 0 … 5 have 6 4 2 2 1 1 of the 16 training ratings: 5.3 and 10.7 are thirds
    assert found(dataset, outcome, "movie popularity") == {
        "head: 1 movie": [(6, 0)],
        "tail: 7 movies": [*((0, 9), (1, 8), (1, 9), (2, 7), (3, 6), (4, 5), (4, 9), (5, 7), (6, 9))],
    }  # of the torso, movies 1 and 2, nothing is to be found


def test_movies_rated_as_often_are_parted_in_the_catalogues_order(dataset):
    alike = Ratings(
        np.zeros(N_MOVIES - 1, np.int32),
        np.arange(N_MOVIES - 1, dtype=np.int32),  # the last is never rated
        np.ones(N_MOVIES - 1, np.float32),
        np.zeros(N_MOVIES - 1, np.int64),
    )
    everything = outcome_of(np.zeros((1, N_MOVIES)), [list(range(N_MOVIES))])
    parts = segments(replace(dataset, ratings=alike), np.arange(N_MOVIES - 1), everything)
    assert {
        part.name: everything.movie_index[part.targets].tolist()
        for part in parts
        if part.dimension == "movie popularity"
    } == {"head: 3 movies": [0, 1, 2], "torso: 3 movies": [3, 4, 5], "tail: 4 movies": [6, 7, 8, 9]}


def test_only_the_rows_given_count_as_training(dataset, outcome):
    first = np.arange(TRAINED[0])  # ratings of user 0 alone
    names = [segment.name for segment in segments(dataset, first, outcome)]
    assert "head: 2 movies" in names  # of four, each rated once


def test_a_movie_of_two_genres_is_in_both_and_an_empty_genre_in_none(dataset, outcome):
    by_genre = found(dataset, outcome, "genre")
    assert by_genre == {"Comedy": [(1, 8), (2, 7), (5, 7)], "Drama": [(0, 9), (1, 8), (1, 9), (4, 9), (6, 9)]}


AGE_GROUPS = np.array([1, 18, 25, 25, 18, 56, np.nan], np.float32)
AGES = np.array([9, 20, 29, 30, 81, 97, np.nan], np.float32)


@pytest.mark.parametrize(
    ("columns", "groups"),
    [
        ({}, {}),
        (
            {"bucketized_age": AGE_GROUPS, "raw_age": AGE_GROUPS + 3},
            {"under 18": {0}, "18 to 24": {1, 4}, "25 to 55": {2, 3}, "56 and over": {5}},
        ),
        ({"raw_age": AGES}, {"under 20": {0}, "20 to 29": {1, 2}, "30 to 79": {3}, "80 and over": {4, 5}}),
    ],
)
def test_ages_come_as_the_data_set_groups_them_else_in_decades(dataset, outcome, columns, groups):
    aged = replace(dataset, users=replace(dataset.users, **columns))
    by_age = found(aged, outcome, "age")
    assert {name: {user for user, _ in own} for name, own in by_age.items()} == groups


def test_cold_is_who_or_what_has_no_training_rating(dataset, outcome):
    cold = found(dataset, outcome, "cold")
    assert cold["cold users"] == [(6, 0), (6, 9)]
    assert cold["warm"] == [(4, 5)]
    assert (6, 9) in cold["cold movies"] and len(cold["cold movies"]) == 8


def test_with_cold_users_alone_there_is_no_activity(dataset, outcome):
    cold = outcome.of_users(outcome.is_cold)
    assert found(dataset, cold, "user activity") == {}
    assert found(dataset, cold, "cold")["cold users"] == [(6, 0), (6, 9)]


def test_without_a_test_rating_only_empty_cold_segments_remain(dataset):
    listed = segments(dataset, np.arange(len(dataset.ratings)), no_outcome(N_MOVIES))
    assert [segment.name for segment in listed] == ["cold users", "cold movies", "warm"]
    assert all(segment.targets.shape == (0,) for segment in listed)
