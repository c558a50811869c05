"""Every kind of split against a slow reading of its rule, what is told of it, and users' ratings in order."""

import datetime
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movierec_cli.config import DataConfig, SplitConfig, SplitKind
from movierec_cli.data.dataset import TEST, TRAIN, VALIDATION, Dataset, Ratings
from movierec_cli.data.load import load_dataset
from movierec_cli.data.ragged import ordered_by_user
from movierec_cli.data.split import Split, SplitSummary, split_ratings, summarize_split
from movierec_cli.data.split_data import restrict
from movierec_cli.errors import MovierecError, UsageError
from tests.tiny_dataset import tiny_dataset

KINDS = (SplitConfig(kind=kind) for kind in SplitKind)
RANDOM, TEMPORAL, LEAVE_LAST, WINDOWS, COLD, GIVEN, *PUBLISHED = KINDS
DAY_S = 86_400

Rows = list[int]


def ratings_of(users: list[int], times: list[int], movies: list[int] | None = None) -> Ratings:
    return Ratings(
        user_index=np.array(users, np.int32),
        movie_index=np.array(movies or [0] * len(users), np.int32),
        rating=np.full(len(users), 3, np.float32),
        timestamp=np.array(times, np.int64),
    )


def drawn(n: int, n_users: int, n_moments: int, seed: int = 0) -> Ratings:
    draw = np.random.default_rng(seed)
    return ratings_of(draw.integers(0, n_users, n).tolist(), draw.integers(0, n_moments, n).tolist())


def parts(split: Split) -> tuple[Rows, Rows, Rows]:
    return split.train.tolist(), split.validation.tolist(), split.test.tolist()


def slow_cut(times: list[int], rows: Rows, fraction: float) -> tuple[Rows, Rows]:
    """Takes the latest rows one by one, then those that share the moment of the last one taken."""
    earlier = sorted(rows, key=lambda row: times[row])
    later = [earlier.pop() for _ in range(round(len(rows) * fraction))]
    while later and earlier and times[earlier[-1]] == times[later[-1]]:
        later.append(earlier.pop())
    return sorted(earlier), sorted(later)


def by_time(users: list[int], times: list[int]) -> list[Rows]:
    """Each user's rows in stable time order."""
    rows = range(len(users))
    return [
        sorted((row for row in rows if users[row] == user), key=lambda row: times[row]) for user in set(users)
    ]


def slow_leave_last(users: list[int], times: list[int]) -> tuple[Rows, Rows, Rows]:
    train, validation, test = [], [], []
    for rows in by_time(users, times):
        if len(rows) >= 3:
            test.append(rows.pop())
            validation.append(rows.pop())
        train += rows
    return sorted(train), sorted(validation), sorted(test)


def assert_split_is(expected: tuple[Rows, Rows, Rows], ratings: Ratings, config: SplitConfig) -> None:
    if all(expected):
        assert parts(split_ratings(ratings, config)) == expected
    else:
        with pytest.raises(MovierecError, match="would be empty"):
            split_ratings(ratings, config)


user_and_time = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 12)), min_size=1, max_size=60)
fractions = st.sampled_from([0.01, 0.05, 0.2, 0.5, 0.95])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(user_and_time, fractions, fractions)
def test_temporal_is_two_cuts_in_time_with_ties_on_the_later_side(
    rows: list[tuple[int, int]], test_fraction: float, validation_fraction: float
) -> None:
    users, times = (list(column) for column in zip(*rows, strict=True))
    earlier, test = slow_cut(times, list(range(len(rows))), test_fraction)
    train, validation = slow_cut(times, earlier, validation_fraction)
    config = replace(TEMPORAL, test_fraction=test_fraction, validation_fraction=validation_fraction)
    assert_split_is((train, validation, test), ratings_of(users, times), config)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(user_and_time, fractions, fractions)
def test_leave_last_takes_each_users_last_two_in_stable_time_order_whatever_the_shares(
    rows: list[tuple[int, int]], test_fraction: float, validation_fraction: float
) -> None:
    users, times = (list(column) for column in zip(*rows, strict=True))
    config = replace(LEAVE_LAST, test_fraction=test_fraction, validation_fraction=validation_fraction, seed=7)
    assert_split_is(slow_leave_last(users, times), ratings_of(users, times), config)


@pytest.mark.parametrize(
    "config",
    [RANDOM, TEMPORAL, LEAVE_LAST, WINDOWS, GIVEN, PUBLISHED[0], replace(RANDOM, folds=3, fold=2)],
)
def test_parts_are_disjoint_ascending_and_cover_everything_or_are_refused(config: SplitConfig) -> None:
    ratings = replace(drawn(n=997, n_users=50, n_moments=300), part=np.arange(997, dtype=np.int8) % 3)
    split = split_ratings(ratings, config)
    for part in parts(split):
        assert part == sorted(set(part))
    assert sorted(row for part in parts(split) for row in part) == list(range(997))
    assert {part.dtype for part in (split.train, split.validation, split.test)} == {np.dtype(np.int64)}
    assert split.fit.tolist() == sorted(split.train.tolist() + split.validation.tolist())
    with pytest.raises(MovierecError):
        split_ratings(ratings_of([], []), config)


def test_the_random_split_stays_what_saved_models_were_trained_on() -> None:
    config = replace(RANDOM, test_fraction=0.29, validation_fraction=0.13)
    split = split_ratings(drawn(40, 5, 9), config)
    assert split.test.tolist() == [4, 5, 7, 16, 18, 20, 21, 25, 28, 32, 37, 39]
    assert split.validation.tolist() == [10, 24, 27, 35]


def test_random_parts_have_the_shares_asked_for_and_follow_the_seed() -> None:
    ratings = drawn(n=1_000, n_users=9, n_moments=9)
    config = replace(RANDOM, test_fraction=0.3, validation_fraction=0.1)
    split = split_ratings(ratings, config)
    assert [len(part) for part in parts(split)] == [630, 70, 300]
    assert parts(split) == parts(split_ratings(ratings, config))
    assert parts(split) != parts(split_ratings(ratings, replace(config, seed=1)))


def test_every_rating_is_in_the_test_part_of_one_fold_and_validation_parts_differ() -> None:
    ratings = drawn(n=101, n_users=9, n_moments=9)
    folds = [split_ratings(ratings, replace(RANDOM, folds=4, fold=fold)) for fold in range(4)]
    assert sorted(np.concatenate([split.test for split in folds]).tolist()) == list(range(101))
    assert [len(split.test) for split in folds] == [25, 25, 25, 26]
    assert {len(split.validation) for split in folds} == {4}  # a twentieth of the rest
    assert len({tuple(split.validation) for split in folds}) == 4
    other_seed = split_ratings(ratings, replace(RANDOM, folds=4, seed=1))
    assert other_seed.test.tolist() != folds[0].test.tolist()


def test_a_given_split_is_the_datas_and_draws_validation_from_train_where_there_is_none() -> None:
    part = np.array([TEST, TRAIN, VALIDATION, TRAIN, TEST] * 8, np.int8)
    ratings = replace(drawn(n=40, n_users=5, n_moments=9), part=part)
    assert parts(split_ratings(ratings, GIVEN)) == tuple(
        np.flatnonzero(part == one).tolist() for one in (TRAIN, VALIDATION, TEST)
    )
    with pytest.raises(UsageError, match="--validation_fraction has no effect here: the data have a valid"):
        split_ratings(ratings, replace(GIVEN, validation_fraction=0.1))
    without = replace(ratings, part=np.where(part == VALIDATION, TRAIN, part))
    halves = [
        split_ratings(without, replace(GIVEN, validation_fraction=0.5, seed=seed)) for seed in (1, 1, 2)
    ]
    for split in halves:
        assert split.test.tolist() == np.flatnonzero(part == TEST).tolist()
        assert [len(split.train), len(split.validation)] == [12, 12]
    assert parts(halves[0]) == parts(halves[1]) != parts(halves[2])


def slow_windows(users: list[int], times: list[int]) -> Rows:
    """What may be held out: not a user's first rating, and nothing of users with fewer than three."""
    return sorted(row for rows in by_time(users, times) if len(rows) >= 3 for row in rows[1:])


@settings(max_examples=100, deadline=None, derandomize=True)
@given(user_and_time, fractions, fractions)
def test_windows_draw_from_what_has_a_rating_before_it(
    rows: list[tuple[int, int]], test_fraction: float, validation_fraction: float
) -> None:
    users, times = (list(column) for column in zip(*rows, strict=True))
    eligible = slow_windows(users, times)
    n_test = round(len(eligible) * test_fraction)
    n_validation = round((len(eligible) - n_test) * validation_fraction)
    config = replace(WINDOWS, test_fraction=test_fraction, validation_fraction=validation_fraction)
    if n_test == 0 or n_validation == 0:
        with pytest.raises(MovierecError, match="would be empty"):
            split_ratings(ratings_of(users, times), config)
        return
    train, validation, test = parts(split_ratings(ratings_of(users, times), config))
    assert (len(validation), len(test)) == (n_validation, n_test)
    assert set(validation + test) <= set(eligible)
    assert sorted(train + validation + test) == list(range(len(rows)))


def test_windows_are_drawn_by_lot_from_all_that_may_be() -> None:
    ratings = drawn(n=400, n_users=30, n_moments=40)
    eligible = slow_windows(ratings.user_index.tolist(), ratings.timestamp.tolist())
    held_out = [
        {*split.validation.tolist(), *split.test.tolist()}
        for seed in range(40)
        for split in [split_ratings(ratings, replace(WINDOWS, seed=seed))]
    ]
    assert len({frozenset(rows) for rows in held_out}) == 40
    assert sorted(set().union(*held_out)) == eligible
    assert parts(split_ratings(ratings, WINDOWS)) == parts(split_ratings(ratings, WINDOWS))


@pytest.mark.parametrize(
    ("config", "users", "times", "message"),
    [
        (
            RANDOM,
            [0, 0],
            [1, 2],
            r"^2 ratings are too few: the validation .* change --test_fraction.* more ratings$",
        ),
        (TEMPORAL, [0] * 50, [77] * 50, r"train .* empty: every rating has the same timestamp, 77;"),
        (TEMPORAL, [0] * 50, [7] * 45 + [8] * 5, r"train .* 50 ratings at 2 different times; change --test"),
        (TEMPORAL, [0], [5], r"would be empty"),
        (TEMPORAL, [0] * 9, list(range(9)), r"validation .* empty of 9 ratings .*, or use --split"),
        (LEAVE_LAST, [0, 0, 1], [1, 2, 3], r"with 3 ratings or more, and no user has more than 2;"),
        (GIVEN, [0, 0], [1, 2], r"^--split given needs data that come with a split: .* or --test FILE"),
        (
            COLD,
            [0] * 40,
            [1] * 40,
            r"^--split cold-items: the test part .* of 1 item that is rated; .* --test_f",
        ),
        (WINDOWS, [0, 0, 1, 1], [1, 2, 3, 4], r"windows: the validation .* of 4 ratings 0 can be held out,"),
        (WINDOWS, [0] * 4, [1, 2, 3, 4], r"the validation part .* of 4 ratings 3 can .* change --test_fract"),
    ],
)
def test_an_empty_part_is_refused_with_the_reason(
    config: SplitConfig, users: list[int], times: list[int], message: str
) -> None:
    with pytest.raises(MovierecError, match=message):
        split_ratings(ratings_of(users, times), config)


# What is told


def slow_cold(index: list[int], split: Split) -> tuple[int, int]:
    """How many are only in test, and how many test ratings they have."""
    known = {index[row] for row in [*split.train, *split.validation]}
    cold = [index[row] for row in split.test if index[row] not in known]
    return len(set(cold)), len(cold)


@pytest.mark.parametrize("seed", range(20))
def test_a_summary_counts_what_a_slow_loop_counts(seed: int) -> None:
    draw = np.random.default_rng(seed)
    users, movies, times = (draw.integers(0, top, 60).tolist() for top in (25, 40, 500))
    ratings = ratings_of(users, times, movies)
    part = draw.permutation(np.repeat([0, 1, 2], [20, 8, 32]))
    split = Split(*(np.flatnonzero(part == number) for number in range(3)))
    summary = summarize_split(replace(tiny_dataset(), ratings=ratings), split, n_left_out=4)
    assert (summary.n_train, summary.n_validation, summary.n_test, summary.n_left_out) == (20, 8, 32, 4)
    assert summary.n_test_users == len({users[row] for row in split.test})
    assert (summary.n_cold_users, summary.n_cold_user_ratings) == slow_cold(users, split)
    assert (summary.n_cold_movies, summary.n_cold_movie_ratings) == slow_cold(movies, split)
    assert summary.n_cold_users and summary.n_cold_movies
    for name in ("train", "validation", "test"):
        of_part = [times[row] for row in getattr(split, name)]
        assert getattr(summary, f"{name}_times") == (min(of_part), max(of_part))
    assert {type(value) for value in vars(summary).values()} == {int, tuple}


SUMMARY = SplitSummary(
    n_train=760_158,
    n_validation=1,
    n_test=200_042,
    train_times=(0, 40 * DAY_S - 1),
    validation_times=(40 * DAY_S, 40 * DAY_S),
    test_times=(40 * DAY_S + 1, 400 * DAY_S),
    n_test_users=1_778,
    n_cold_users=641,
    n_cold_user_ratings=95_682,
    n_cold_movies=1,
    n_cold_movie_ratings=1,
    n_left_out=0,
)


def test_a_temporal_split_tells_the_dates_of_each_part_and_what_was_left_out() -> None:
    assert replace(SUMMARY, n_left_out=1_234).sentence(TEMPORAL) == (
        "temporal split: train 760,158 (1970-01-01 … 1970-02-09), validation 1 (1970-02-10),"
        " test 200,042 (1970-02-10 … 1971-02-05) of 1,778 users;"
        " 641 cold users (95,682 test ratings), 1 cold movie (1 test rating);"
        " 1,234 ratings left out by --min_rating or --k_core"
    )


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (RANDOM, "random split"),
        (LEAVE_LAST, "leave-last split"),
        (PUBLISHED[-1], "ub split"),
        (
            replace(RANDOM, folds=5, fold=1),
            "5-fold cross-validation, every rating is tested once; fold 2 of 5",
        ),
    ],
)
def test_parts_mixed_in_time_have_one_range_of_dates(config: SplitConfig, name: str) -> None:
    none_cold = {name: 0 for name in vars(SUMMARY) if "cold" in name}
    warm = replace(SUMMARY, n_test_users=1, **none_cold)
    assert warm.sentence(config) == (
        f"{name}: train 760,158, validation 1, test 200,042 of 1 user, 1970-01-01 … 1971-02-05;"
        " no cold users, no cold movies"
    )


def test_without_times_no_dates_are_told() -> None:
    timeless = {name: (0, 0) for name in vars(SUMMARY) if name.endswith("times")}
    for config in (RANDOM, GIVEN):
        assert (
            replace(SUMMARY, **timeless)
            .sentence(config)
            .startswith(
                f"{config.kind} split: train 760,158, validation 1, test 200,042 of 1,778 users; 641 cold"
            )
        )


def test_dates_are_utc_wherever_the_reader_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Pacific/Auckland")
        time.tzset()
        local_day, told = time.localtime(40 * DAY_S - 1).tm_mday, SUMMARY.sentence(TEMPORAL)
    time.tzset()
    assert local_day == 10  # February 9 in UTC
    assert "train 760,158 (1970-01-01 … 1970-02-09)" in told


# MovieLens 1M


@pytest.fixture(scope="module")
def real_1m_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture
def real_1m(shared_data: Path, real_1m_folder: Path) -> Dataset:
    return load_dataset(DataConfig(archive=shared_data / "ml-1m.zip", datasets_dir=real_1m_folder))


def test_real_1m_is_split_at_random_as_published_and_leave_last_holds_out_two_of_every_user(
    real_1m: Dataset,
) -> None:
    ratings = real_1m.ratings
    assert [len(part) for part in parts(split_ratings(ratings, RANDOM))] == [760_159, 40_008, 200_042]
    split = split_ratings(ratings, LEAVE_LAST)
    assert [len(part) for part in parts(split)] == [1_000_209 - 2 * 6_040, 6_040, 6_040]
    by_time = np.lexsort((ratings.timestamp, ratings.user_index))  # a stable sort
    ends = np.cumsum(np.bincount(ratings.user_index))
    np.testing.assert_array_equal(split.test, np.sort(by_time[ends - 1]))
    np.testing.assert_array_equal(split.validation, np.sort(by_time[ends - 2]))


def test_real_1m_temporal_split_is_told_with_its_cold_users(real_1m: Dataset) -> None:
    ratings = real_1m.ratings
    split = split_ratings(ratings, TEMPORAL)
    train, validation, test = (
        ratings.timestamp[rows] for rows in (split.train, split.validation, split.test)
    )
    assert train.max() < validation.min() <= validation.max() < test.min()
    assert abs(len(test) / len(ratings) - 0.2) < 1e-5
    known = np.unique(ratings.user_index[split.fit])
    is_cold = ~np.isin(ratings.user_index[split.test], known)
    first_test_day = datetime.date(1970, 1, 1) + datetime.timedelta(seconds=int(test.min()))
    told = summarize_split(real_1m, split, 0).sentence(TEMPORAL)
    assert f"test {len(test):,} ({first_test_day} … 2003-02-28) of 1,778 users" in told
    assert f"641 cold users ({is_cold.sum():,} test ratings)" in told


def test_real_1m_windows_are_the_examples_of_the_tutorials(real_1m: Dataset) -> None:
    """937,994 of ratings of two stars or more; the user with two of them and the one with one have none."""
    liked = restrict(real_1m, min_rating=2.0, k_core=0).ratings
    assert np.sort(np.bincount(liked.user_index))[:3].tolist() == [1, 2, 9]
    split = split_ratings(liked, replace(WINDOWS, test_fraction=0.1, validation_fraction=0.01))
    assert len(split.test) == round(0.1 * 937_994)
    assert len(split.validation) == round(0.01 * (937_994 - 93_799))
    everything = split_ratings(liked, replace(WINDOWS, test_fraction=0.5, validation_fraction=1 - 1e-9))
    assert len(everything.validation) + len(everything.test) == 937_994
    assert len(everything.train) == 944_035 - 937_994


def by_hand(ratings: Ratings, rows: list[int], n_users: int) -> tuple[list[int], list[int]]:
    ordered: list[int] = []
    starts = [0]
    for user in range(n_users):
        own = [row for row in rows if ratings.user_index[row] == user]
        ordered += sorted(own, key=lambda row: (int(ratings.timestamp[row]), row))
        starts.append(len(ordered))
    return ordered, starts


MOMENTS = {
    "one": [7],
    "few": [3, 1, 2, -5],
    "many": list(range(10**9, 10**9 + 5000)),
    "too far apart for one key": [-(2**62), 2**62, 0, 1],
}


@pytest.mark.parametrize("moments", MOMENTS.values(), ids=list(MOMENTS))
@pytest.mark.parametrize("n_users", [1, 3, 40])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_rows_are_by_user_then_time_then_row(moments: list[int], n_users: int, share: float) -> None:
    rng = np.random.default_rng([len(moments), n_users])
    ratings = ratings_of(rng.integers(0, n_users, 300).tolist(), rng.choice(moments, 300).tolist())
    known = rng.permutation(300)[: round(300 * share)]
    before = known.copy()
    rows, starts = ordered_by_user(ratings, known)
    expected, expected_starts = by_hand(ratings, known.tolist(), int(ratings.user_index.max()) + 1)
    assert (rows.tolist(), starts.tolist()) == (expected, expected_starts)
    assert rows.dtype == starts.dtype == np.int64
    np.testing.assert_array_equal(known, before)


def test_users_without_ratings_have_none() -> None:
    ratings = ratings_of([2, 0, 2], [5, 5, 4])
    rows, starts = ordered_by_user(ratings, np.arange(3), n_users=5)
    assert (rows.tolist(), starts.tolist()) == ([1, 2, 0], [0, 1, 1, 3, 3, 3])
    assert ordered_by_user(ratings, np.array([1]))[1].tolist() == [0, 1, 1, 1]
    rows, starts = ordered_by_user(ratings_of([], []), np.empty(0, np.int64), n_users=2)
    assert (rows.tolist(), starts.tolist()) == ([], [0, 0, 0])
