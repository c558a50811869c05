"""Rows that segments share, against plain Python."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest

from movierec_cli.config import DataConfig, SequenceConfig
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import LEAVE_LAST_FROM
from movierec_cli.models.sequential.packed_batches import (
    NO_SEGMENT,
    Batches,
    Histories,
    RowMaker,
    Segments,
    all_segments,
    default_tokens,
    newest_segments,
    packed,
    windows,
)
from tests.models.baseline_data import dataset_of

LENGTH, ROWS_A_STEP = 7, 3
LEAST_FILLED = 0.9


def histories() -> Histories:
    generator = np.random.default_rng(8)
    lengths = generator.integers(0, 19, 25)
    user = np.repeat(np.arange(25), lengths)
    movie = generator.integers(0, 300, len(user))
    dataset = dataset_of(user, movie, generator.integers(0, 10**6, len(user)), 25, 300)
    return Histories.of(dataset, np.arange(len(user)))


HISTORIES = histories()
IS_TARGET = np.random.default_rng(9).random(len(HISTORIES.rows)) < 0.7
MAKER = RowMaker(HISTORIES, IS_TARGET, LENGTH)


def batches(*, pack: bool) -> Batches:
    if pack:
        return Batches(MAKER, all_segments(HISTORIES, LENGTH), ROWS_A_STEP, pack=True)
    is_first = np.isin(np.arange(len(IS_TARGET)), HISTORIES.starts)
    targets = np.flatnonzero(IS_TARGET & ~is_first)
    return Batches(MAKER, windows(HISTORIES, targets, LENGTH), ROWS_A_STEP, pack=False)


def read_back(columns: dict[str, np.ndarray]) -> list[tuple[tuple[int, ...], ...]]:
    """The segments of some rows: the movies, targets, weights, gaps, gaps to the next and positions."""
    found = []
    for row in range(len(columns["movie"])):
        segment = columns["segment"][row]
        for number in sorted(set(segment.tolist()) - {NO_SEGMENT}):
            places = np.flatnonzero(segment == number)
            assert places.tolist() == list(range(places[0], places[-1] + 1))  # one beside the other
            names = ("movie", "target", "weight", "gap", "gap_to_next", "position")
            found.append(tuple(tuple(columns[name][row, places].tolist()) for name in names))
    return found


def plain(segments: Segments) -> list[tuple[tuple[int, ...], ...]]:
    found = []
    for start, length in zip(segments.start.tolist(), segments.length.tolist(), strict=True):
        read, following = slice(start, start + length), slice(start + 1, start + length + 1)
        learned = IS_TARGET[following].astype(int)
        targets = HISTORIES.movies[following] * learned
        columns = (HISTORIES.movies[read], targets, learned, HISTORIES.gap[read], HISTORIES.gap_to_next[read])
        found.append((*(tuple(one.tolist()) for one in columns), tuple(range(LENGTH - length, LENGTH))))
    return found


@pytest.mark.parametrize("pack", [True, False])
def test_an_epoch_holds_every_piece_once_as_it_is_and_nothing_elsewhere(pack):
    one = batches(pack=pack)
    steps = list(one.epoch(np.random.default_rng(1)))
    found = [segment for columns in steps for segment in read_back(columns)]
    assert Counter(found) == Counter(plain(one.segments))
    assert {column.shape for columns in steps for column in columns.values()} == {(ROWS_A_STEP, LENGTH)}
    assert {column.dtype for columns in steps for column in columns.values()} == {np.dtype(np.int32)}
    assert abs(len(steps) - one.steps_per_epoch) <= 1
    for columns in steps:
        assert not any(column[columns["segment"] == NO_SEGMENT].any() for column in columns.values())


def test_pieces_of_a_row_do_not_overlap():
    lengths = np.random.default_rng(2).integers(1, LENGTH + 1, 200)
    row, first = packed(lengths, LENGTH, np.random.default_rng(3))
    taken = Counter(
        (int(r), place)
        for r, start, length in zip(row, first, lengths, strict=True)
        for place in range(start, start + length)
    )
    assert set(taken.values()) == {1}
    assert all(0 <= place < LENGTH for _, place in taken)
    assert sorted(set(row.tolist())) == list(range(row.max() + 1))
    assert row.max() + 1 == rows_of_best_fit(lengths.tolist())


def rows_of_best_fit(lengths: list[int]) -> int:
    """How many rows it takes to put the longest first, each into the fullest row it fits in."""
    free: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [room for room in free if room >= length]
        if fitting:
            free.remove(min(fitting))
        free.append((min(fitting) if fitting else LENGTH) - length)
    return len(free)


def test_long_pieces_do_not_come_first():
    steps = list(batches(pack=True).epoch(np.random.default_rng(1)))
    filled_by_one = np.concatenate([(columns["segment"] == 1).all(axis=1) for columns in steps])
    n = int(filled_by_one.sum())
    assert 5 < n < len(filled_by_one) - 5
    assert not filled_by_one[:n].all()


def test_a_window_has_its_row_for_itself_and_ends_where_it_ends():
    for columns in batches(pack=False).epoch(np.random.default_rng(1)):
        held = columns["segment"].any(axis=1)
        assert (columns["segment"][held, -1] == 1).all()
        assert columns["weight"][held, -1].all()
        assert set(np.unique(columns["segment"]).tolist()) <= {NO_SEGMENT, 1}


@pytest.mark.parametrize("pack", [True, False])
def test_an_epoch_is_what_the_generator_makes_it(pack):
    def epoch(seed: int) -> list[list[int]]:
        steps = batches(pack=pack).epoch(np.random.default_rng(seed))
        return [columns["movie"].tolist() for columns in steps]

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)


def test_hardly_a_place_is_empty_on_real_histories(shared_data, tmp_path):
    ratings = load_dataset(DataConfig(archive=shared_data / "ml-1m.zip", datasets_dir=tmp_path)).ratings
    known = np.bincount(ratings.user_index) - (LEAVE_LAST_FROM - 1)
    starts = np.concatenate([[0], np.cumsum(known)])
    nothing = np.zeros(starts[-1], np.int32)
    movies = Histories(nothing, starts, nothing, nothing)
    for segments in (newest_segments(movies, 200), all_segments(movies, 200)):
        row, _ = packed(segments.length, 200, np.random.default_rng(0))
        assert segments.length.sum() / (200 * (row.max() + 1)) > LEAST_FILLED


def peak_of_an_epoch(n_users: int) -> tuple[int, int]:
    """The most bytes that making an epoch's rows takes at a time, and what the ratings themselves take."""
    lengths = np.full(n_users, 25)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    n = int(starts[-1])
    histories = Histories(np.arange(n), starts, np.zeros(n, np.int32), np.arange(n))
    segments = all_segments(histories, 100)
    one = Batches(RowMaker(histories, np.ones(n, np.bool_), 100), segments, 16, pack=True)
    assert histories.gap.any() and histories.gap_to_next.any()  # kept, as the ratings are
    tracemalloc.start()
    for _ in one.epoch(np.random.default_rng(1)):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, histories.rows.nbytes + histories.movies.nbytes + histories.seconds.nbytes


def test_an_epoch_of_more_users_takes_a_few_numbers_a_user_more_and_no_rows():
    few, many = peak_of_an_epoch(1_000), peak_of_an_epoch(20_000)
    of_a_user = (many[0] - few[0]) / 19_000
    assert of_a_user < 60 and many[1] == 500 * 20_000
    in_rows = 7 * 4 * 25  # seven columns of int32
    assert many[0] < 0.1 * in_rows * 20_000 + few[0]


@pytest.mark.parametrize(("n_learned", "tokens"), [(97_000, 6_400), (400_000, 10_000), (20_000_000, 25_600)])
def test_a_step_learns_a_fortieth_of_an_epoch_within_bounds(n_learned, tokens):
    assert default_tokens(SequenceConfig(), n_learned) == tokens
    assert default_tokens(SequenceConfig(windows=True), n_learned) == 1_280
