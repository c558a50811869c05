"""Histories and their segments against plain Python."""

import itertools
import math

import numpy as np
import pytest

from movierec_cli.data.dataset import Dataset
from movierec_cli.models.sequential.packed_batches import (
    Histories,
    Segments,
    all_segments,
    newest_segments,
    windows,
)
from movierec_cli.scoring.sequence_network import GAP_BUCKETS, gap_buckets
from tests.models.baseline_data import dataset_of

N_USERS, N_MOVIES, N_RATINGS = 9, 30, 80
SECONDS_A_YEAR = 31_556_952


def ratings_with_ties() -> Dataset:
    """Users 0 and 8 rate nothing, user 1 once; many ratings share a second."""
    generator = np.random.default_rng(4)
    user = np.concatenate([[1], generator.integers(2, 8, N_RATINGS - 1)])
    return dataset_of(
        generator.permutation(user),
        generator.integers(0, N_MOVIES, N_RATINGS),
        generator.integers(0, 12, N_RATINGS) * 700,
        N_USERS,
        N_MOVIES,
    )


DATASET = ratings_with_ties()
KNOWN = np.sort(np.random.default_rng(5).choice(N_RATINGS, 60, replace=False))
HISTORIES = Histories.of(DATASET, np.random.default_rng(0).permutation(KNOWN))  # in whatever order


def plain_histories(rows: np.ndarray = KNOWN) -> list[list[int]]:
    """Each user's rows by time, then by their place in the file."""
    ratings = DATASET.ratings
    of_user = [[int(row) for row in rows if ratings.user_index[row] == user] for user in range(N_USERS)]
    return [sorted(own, key=lambda row: (int(ratings.timestamp[row]), row)) for own in of_user]


def films_read(segments: Segments) -> list[list[int]]:
    """The places that each segment covers."""
    return [
        list(range(start, start + length))
        for start, length in zip(segments.start.tolist(), segments.length.tolist(), strict=True)
    ]


def test_ratings_of_a_second_stand_in_the_order_of_the_file():
    plain = plain_histories()
    assert any(len({int(DATASET.ratings.timestamp[row]) for row in own}) < len(own) for own in plain)
    assert HISTORIES.rows.tolist() == [row for own in plain for row in own]
    assert np.diff(HISTORIES.starts).tolist() == [len(own) for own in plain]
    assert HISTORIES.movies.tolist() == DATASET.ratings.movie_index[HISTORIES.rows].tolist()
    assert HISTORIES.seconds.tolist() == DATASET.ratings.timestamp[HISTORIES.rows].tolist()


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(-5, 1), (0, 1), (1, 3), (2, 4), (3, 5), (7, 7), (100 * SECONDS_A_YEAR, GAP_BUCKETS)],
)
def test_buckets_of_gaps(seconds, bucket):
    assert gap_buckets(np.array([seconds])).tolist() == [bucket]


def test_there_are_two_buckets_for_each_doubling():
    seconds = np.unique(np.geomspace(1, 60 * SECONDS_A_YEAR, 500).astype(np.int64))
    plain = [min(1 + math.floor(2 * math.log2(1 + one)), GAP_BUCKETS) for one in seconds.tolist()]
    assert gap_buckets(seconds).tolist() == plain
    assert 48 < (2 ** ((GAP_BUCKETS - 1) / 2)) / SECONDS_A_YEAR < 50


def places_of_users() -> list[list[int]]:
    """Each user's places in the histories, oldest first."""
    bounds = HISTORIES.starts.tolist()
    return [list(range(*pair)) for pair in itertools.pairwise(bounds)]


def test_gaps_are_of_one_user_and_users_first_and_last_have_none():
    gaps, to_next = [], []
    for own in plain_histories():
        times = [int(DATASET.ratings.timestamp[row]) for row in own]
        between = [
            int(gap_buckets(np.array([after - before]))[0]) for before, after in itertools.pairwise(times)
        ]
        gaps += [0, *between][: len(own)]
        to_next += [*between, 0][: len(own)]
    assert HISTORIES.gap.tolist() == gaps
    assert HISTORIES.gap_to_next.tolist() == to_next


def test_nothing_known_has_no_gaps_and_no_pieces():
    empty = Histories.of(DATASET, KNOWN[:0])
    assert empty.gap.tolist() == empty.gap_to_next.tolist() == []
    for cut in (newest_segments, all_segments):
        assert cut(empty, 4).start.tolist() == []


@pytest.mark.parametrize("max_length", [1, 3, 100])
def test_the_newest_films_with_a_next_one_are_read(max_length):
    newest = [places[:-1][-max_length:] for places in places_of_users()]
    assert films_read(newest_segments(HISTORIES, max_length)) == [places for places in newest if places]


@pytest.mark.parametrize("max_length", [1, 3, 100])
def test_pieces_of_a_whole_history_read_every_film_with_a_next_one_once(max_length):
    segments = films_read(all_segments(HISTORIES, max_length))
    with_next = [place for places in places_of_users() for place in places[:-1]]
    assert sorted(place for segment in segments for place in segment) == with_next
    assert all(1 <= len(segment) <= max_length for segment in segments)


def test_a_piece_is_of_one_user_and_only_their_oldest_is_short():
    segments = films_read(all_segments(HISTORIES, 3))
    owner = np.repeat(np.arange(N_USERS), np.diff(HISTORIES.starts))
    assert all(len(set(owner[segment].tolist())) == 1 for segment in segments)
    short = [segment for segment in segments if len(segment) < 3]
    assert short and all(segment[0] == HISTORIES.starts[owner[segment[0]]] for segment in short)


@pytest.mark.parametrize("max_length", [1, 4, 100])
def test_a_window_is_what_stands_right_before_a_target(max_length):
    targets = [place for places in places_of_users() for place in places[1:]]
    before = [places[:within] for places in places_of_users() for within in range(1, len(places))]
    found = windows(HISTORIES, np.array(targets), max_length)
    assert films_read(found) == [places[-max_length:] for places in before]
