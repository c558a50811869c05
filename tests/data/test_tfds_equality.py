"""Every field of the columns against TFDS' own parsing functions over the same files."""

import zipfile
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset

N_SLICE = 4000
# TFDS unites the occupations of both data sets under labels; `Users.occupation_names` keep the finer word.
_LABELS_1M = {"college/grad student": "student", "K-12 student": "student"}

_LABELS_100K = dict(
    pair.split(": ")
    for pair in """administrator: clerical/admin, doctor: doctor/health care, educator: academic/educator,
 engineer: technician/engineer, executive: executive/managerial, healthcare: doctor/health care,
 marketing: sales/marketing, none: other/not specified, other: other/not specified, salesman: sales/marketing,
 technician: technician/engineer""".replace("\n", "").split(", ")
)  # the others are their own


@pytest.fixture(scope="module")
def parsing() -> Any:
    """TFDS' module; importing it takes seconds, so once and only here."""
    from tensorflow_datasets.structured import movielens_parsing

    return movielens_parsing


@pytest.mark.parametrize("name", ["100k", "1m"])
def test_columns_equal_tfds_on_real_data(name: str, shared_data: Path, tmp_path: Path, parsing: Any) -> None:
    _assert_same(shared_data / f"ml-{name}.zip", name, f"ml-{name}", tmp_path, parsing)


@pytest.mark.parametrize(
    ("layout", "name", "inner"),
    [("100k", "100k", "ml-100k"), ("1m", "1m", "ml-1m"), ("csv", "current", "ml-latest-small")],
)
def test_columns_equal_tfds_on_synthetic_data(
    layout: str, name: str, inner: str, make_archive: Callable[..., Path], tmp_path: Path, parsing: Any
) -> None:
    _assert_same(make_archive(layout), name, inner, tmp_path, parsing)


def _assert_same(archive: Path, name: str, inner: str, tmp_path: Path, parsing: Any) -> None:
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(tmp_path / "extracted")
    dataset = load_dataset(DataConfig(archive=archive, datasets_dir=tmp_path / "ds"))
    folder = tmp_path / "extracted" / inner
    _assert_same_ratings(dataset, getattr(parsing, f"parse_{name}_ratings_data")(folder))
    _assert_same_movies(dataset, getattr(parsing, f"parse_{name}_movies_data")(folder))


def _assert_same_movies(dataset: Dataset, examples: Iterable[tuple[int, dict[str, Any]]]) -> None:
    rows = list(examples)
    assert len(rows) == len(dataset.movies)
    for row, example in rows:
        assert _movie(dataset, row) == (example | {"movie_genres": set(example["movie_genres"])})


def _assert_same_ratings(dataset: Dataset, examples: Iterable[tuple[int, dict[str, Any]]]) -> None:
    slices = [*islice(examples, N_SLICE)]
    assert slices
    for row, example in slices:
        expected = {
            name: _READ.get(name, lambda value: value)(value)  # the CSV and .dat fields are still texts
            for name, value in example.items()
        }
        assert _rating(dataset, row) == expected


_READ: dict[str, Callable[[Any], Any]] = {
    "user_rating": np.float32,
    "timestamp": int,
    "bucketized_user_age": np.float32,
    "raw_user_age": np.float32,
    "movie_genres": set,
}


def _movie(dataset: Dataset, row: int) -> dict[str, Any]:
    movies = dataset.movies
    return {
        "movie_id": str(movies.movie_id[row]),
        "movie_title": movies.title[row],
        "movie_genres": {movies.genre_names[column] for column in np.flatnonzero(movies.genres[row])},
    }


def _rating(dataset: Dataset, row: int) -> dict[str, Any]:
    ratings, users = dataset.ratings, dataset.users
    user = ratings.user_index[row]
    fields = {
        "user_id": str(users.user_id[user]),
        "user_rating": ratings.rating[row],
        "timestamp": ratings.timestamp[row],
        **_movie(dataset, ratings.movie_index[row]),
    }
    if users.raw_age is not None:
        fields["raw_user_age"] = users.raw_age[user]
    if users.occupation is not None:
        occupation = users.occupation_names[users.occupation[user]]
        fields |= {
            "user_gender": users.is_male[user],
            "bucketized_user_age": users.bucketized_age[user],
            "user_occupation_text": occupation,
            "user_occupation_label": _LABELS_1M.get(occupation) or _LABELS_100K.get(occupation, occupation),
            "user_zip_code": users.zip_code[user],
        }
    return fields
