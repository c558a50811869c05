"""Ratings that do not count go; users and movies go only with --k_core; everything stays consistent."""

from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movierec_cli.config import DataConfig
from movierec_cli.data.dataset import Dataset, Ratings, Users
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split_data import restrict
from movierec_cli.errors import MovierecError
from tests.small_dataset import FIRST_MOVIE_ID, small_dataset
from tests.tiny_dataset import tiny_dataset

Row = tuple[int, int, float, int]  # user id, movie id, stars, timestamp

N_USERS, N_MOVIES = 20, 40  # of `small_dataset`, in which every column is filled


def dataset_of(rows: list[Row]) -> Dataset:
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    ratings = Ratings(
        user_index=np.array(columns[0], np.int32) - np.int32(1),
        movie_index=np.array(columns[1], np.int32) - np.int32(FIRST_MOVIE_ID),
        rating=np.array(columns[2], np.float32),
        timestamp=np.array(columns[3], np.int64),
    )
    return replace(small_dataset(), ratings=ratings, warnings=("a warning",))


def rows_of(dataset: Dataset) -> list[Row]:
    ratings = dataset.ratings
    ids = (dataset.users.user_id[ratings.user_index], dataset.movies.movie_id[ratings.movie_index])
    return list(zip(*(column.tolist() for column in (*ids, ratings.rating, ratings.timestamp)), strict=True))


def slowly_restricted(rows: list[Row], min_rating: float | None, k_core: int) -> list[Row]:
    rows = [row for row in rows if min_rating is None or row[2] >= min_rating]
    while True:
        users, movies = Counter(row[0] for row in rows), Counter(row[1] for row in rows)
        kept = [row for row in rows if users[row[0]] >= k_core and movies[row[1]] >= k_core]
        if kept == rows:
            return kept
        rows = kept


def assert_equal_but_for_rows(part: Dataset, whole: Dataset) -> None:
    """Every movie and user of `part` is, column for column, that of the same id in `whole`."""
    for kind, id_name in (("movies", "movie_id"), ("users", "user_id")):
        left, right = getattr(part, kind), getattr(whole, kind)
        rows = np.searchsorted(getattr(right, id_name), getattr(left, id_name))
        for name in (field.name for field in fields(left)):
            value = getattr(right, name)
            expected = value[rows] if isinstance(value, np.ndarray) else value
            np.testing.assert_equal(getattr(left, name), expected)
            assert not isinstance(value, np.ndarray) or getattr(left, name).dtype == value.dtype
    for name in ("name", "description", "fingerprint", "warnings"):
        assert getattr(part, name) == getattr(whole, name)


stars = st.sampled_from([0.5, 1.0, 2.5, 3.0, 3.5, 4.0, 5.0])
row = st.tuples(st.integers(10, 14), st.integers(100, 105), stars, st.integers(0, 5))
some_ratings = st.lists(row, min_size=1, max_size=40)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(some_ratings, st.sampled_from([None, 1.0, 3.5, 5.0]), st.integers(0, 4))
def test_the_ratings_left_are_those_of_a_slow_loop(
    rows: list[Row], min_rating: float | None, k_core: int
) -> None:
    whole = dataset_of(rows)
    expected = slowly_restricted(rows, min_rating, k_core)
    if not expected:
        with pytest.raises(MovierecError):
            restrict(whole, min_rating=min_rating, k_core=k_core)
        return
    part = restrict(whole, min_rating=min_rating, k_core=k_core)
    assert rows_of(part) == expected
    assert_equal_but_for_rows(part, whole)
    for name, column in vars(whole.ratings).items():
        assert getattr(getattr(part.ratings, name), "dtype", None) == getattr(column, "dtype", None)
    if k_core:
        assert part.users.user_id.tolist() == sorted({row[0] for row in expected})
        assert part.movies.movie_id.tolist() == sorted({row[1] for row in expected})
    else:
        assert (len(part.users), len(part.movies)) == (N_USERS, N_MOVIES)


def test_nothing_asked_gives_the_same_object_and_min_rating_alone_keeps_catalogue_and_users() -> None:
    dataset = tiny_dataset()
    assert restrict(dataset, min_rating=None, k_core=0) is dataset
    part = restrict(dataset, min_rating=4, k_core=0)
    assert rows_of(part) == [(1, 10, 5, 100), (2, 12, 4, 200), (1, 13, 5, 200)]
    assert part.movies is dataset.movies and part.users is dataset.users


def test_a_chain_falls_link_by_link_until_the_square_at_its_end() -> None:
    square: list[Row] = [(u, m, 3, 0) for u in (10, 11) for m in (100, 101)]
    chain: list[Row] = [(12, 101, 3, 0), (12, 102, 3, 0), (13, 102, 3, 0), (13, 103, 3, 0), (14, 103, 3, 0)]
    part = restrict(dataset_of([*chain, *square]), min_rating=None, k_core=2)
    assert rows_of(part) == square


def test_columns_a_data_set_lacks_stay_absent() -> None:
    dataset = dataset_of([(10, 100, 3, 0), (11, 100, 3, 0)])
    movies = replace(dataset.movies, length_minutes=None)
    bare = replace(dataset, users=Users(dataset.users.user_id), movies=movies)
    part = restrict(bare, min_rating=None, k_core=1)
    assert part.movies.length_minutes is None and part.users.is_male is None


def test_the_whole_data_set_is_left_as_it_is() -> None:
    dataset, untouched = tiny_dataset(), tiny_dataset()
    restrict(dataset, min_rating=2, k_core=1)
    for table in ("ratings", "movies", "users"):
        np.testing.assert_equal(vars(getattr(dataset, table)), vars(getattr(untouched, table)))


@pytest.mark.parametrize(
    ("dataset", "min_rating", "k_core", "message"),
    [
        (tiny_dataset(), 5.5, 0, r"^--min_rating 5\.5 leaves none of 6 ratings; the highest is 5; lower it$"),
        (tiny_dataset(), 5.5, 3, r"^--min_rating 5\.5 leaves none of 6 ratings; the highest is 5; lower it$"),
        (tiny_dataset(), None, 4, r"^--k_core 4 leaves none of the 6 ratings; lower --k_core$"),
        (tiny_dataset(), 4, 3, r"of the 3 ratings with --min_rating 4; lower --k_core or --min_rating"),
        (dataset_of([]), 1, 0, "none of 0 ratings; lower it"),
        (dataset_of([]), None, 1, "none of the 0 ratings; lower --k_core"),
    ],
)
def test_nothing_left_names_the_option_that_did_it(
    dataset: Dataset, min_rating: float, k_core: int, message: str
) -> None:
    with pytest.raises(MovierecError, match=message):
        restrict(dataset, min_rating=min_rating, k_core=k_core)


def test_real_1m_with_a_core_of_five_is_the_published_protocols_size(
    shared_data: Path, tmp_path: Path
) -> None:
    whole = load_dataset(DataConfig(archive=shared_data / "ml-1m.zip", datasets_dir=tmp_path))
    part = restrict(whole, min_rating=None, k_core=5)
    assert (len(part.users), len(part.movies), len(part.ratings)) == (6_040, 3_416, 999_611)
