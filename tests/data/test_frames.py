from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from movierec_cli.config import DataConfig
from movierec_cli.config.settings import Orphans, Reading
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.frames import dataset_from_frames
from movierec_cli.data.load import load_dataset
from movierec_cli.errors import DataError, UsageError
from tests.all_tests import ALL_TESTS

RATINGS = {
    "user_id": ["u1", "u1", 'ü, "2"', "u1", "u3"],
    "itemId": [7, 9, 7, 7, 8],
    "rating": [4.5, 3.0, 1.0, 5.0, 2.0],
    "timestamp": [1_000_000_000, 1_000_000_001, 1_000_000_002, 1_000_000_003, 1_000_000_004],
}
ITEMS = {
    "itemId": [7, 9],
    "title": ["Heat", 'Amélie, "1"\n(2001)'],
    "year": [1995, None],
    "genres": ["Crime|Drama", ""],
}
USERS = {"user_id": ["u1", "u3", 'ü, "2"'], "gender": ["F", "M", "M"], "age": [20, 30, 40]}


MAKERS: dict[str, Callable[[polars.DataFrame], Any]] = {
    "polars": lambda frame: frame,
    "lazy": lambda frame: frame.lazy(),
    "pandas": lambda frame: frame.to_pandas(),
    "arrow": lambda frame: frame.to_arrow(),
}


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Callable[[dict[str, Any]], Any]:
    """A frame of a kind, of columns by name."""
    needed = {"pandas": ("pandas", "pyarrow"), "arrow": ("pyarrow",)}.get(request.param, ())
    for package in needed:
        if not ALL_TESTS:
            pytest.importorskip(package)
    return lambda columns: MAKERS[request.param](polars.DataFrame(columns))


def of_files(folder: Path, reading: Reading, **tables: dict[str, Any]) -> Dataset:
    for name, columns in tables.items():
        polars.DataFrame(columns).write_csv(folder / f"{name}.csv")
    return load_dataset(DataConfig(archive=folder, datasets_dir=folder / "kept", **vars(reading)))


def columns_of(dataset: Dataset) -> dict[str, list[Any]]:
    tables = {"ratings": dataset.ratings, "movies": dataset.movies, "users": dataset.users}
    return {
        f"{name}.{key}": [value.dtype, value.tolist()] if isinstance(value, np.ndarray) else value
        for name, table in tables.items()
        for key, value in vars(table).items()
    }


@pytest.mark.parametrize("reading", [Reading(), Reading(orphans=Orphans.DROP, rating_scale=(0, 10))])
def test_a_frame_is_read_as_the_csv_of_its_content(
    make: Callable[[dict[str, Any]], Any], reading: Reading, tmp_path: Path
) -> None:
    frames = make(RATINGS), make(ITEMS), make(USERS)
    found = dataset_from_frames(*frames, reading=reading)
    expected = of_files(tmp_path, reading, ratings=RATINGS, items=ITEMS, users=USERS)
    assert columns_of(found) == columns_of(expected)
    assert found.notes[1:] == expected.notes[1:]
    assert found.notes[0].startswith("read ratings, items, users: user = user_id")
    assert [text.replace("row 1", "line 2") for text in found.warnings] == list(expected.warnings)
    assert len(found.warnings) == 1  # of item 8
    again = dataset_from_frames(*frames, name="again", reading=reading)
    otherwise = dataset_from_frames(
        make(RATINGS), make(ITEMS), make(USERS), reading=Reading(weights="rating")
    )
    assert again.fingerprint == found.fingerprint != otherwise.fingerprint


def test_columns_of_dates_lists_and_categories_are_those_of_their_texts(
    make: Callable[[dict[str, Any]], Any],
) -> None:
    dates = polars.Series(["2001-09-09 01:46:40", "2020-02-29 00:00:00"]).str.to_datetime()
    ratings = {"user": [1.0, 2.0], "movie": polars.Series(["a", "b"]).cast(polars.Categorical), "when": dates}
    items = {"movie": ["a", "b"], "title": ["A", "B"], "genres": [["Drama", "War"], []]}
    reading = Reading(columns=("timestamp=when", "items.id=movie"))
    found = dataset_from_frames(make(ratings), make(items), name="films", reading=reading)
    assert found.users.user_id.tolist() == [1, 2] and found.users.user_id.dtype == np.int64
    assert found.ratings.timestamp.tolist() == [1_000_000_000, 1_582_934_400]
    assert found.ratings.scale is None and found.noun == "movie"
    assert found.movies.genre_names == ("Drama", "War") and found.movies.genres.tolist() == [
        [True] * 2,
        [False] * 2,
    ]


@pytest.mark.parametrize(
    ("ratings", "reading", "words"),
    [
        ({"user": [1, 2], "item": [3, 4], "rating": ["5", "x"]}, {}, r"^films\.ratings, row 2: .*'x'"),
        ({"user": [1], "item": [None]}, {}, r"^films\.ratings, row 1: "),
        ({"a": [1], "b": [2]}, {}, r"^films\.ratings: has no table with a column of the users"),
        ({"user": [], "item": []}, {}, r"films\.ratings: "),
        (
            {"user": [1], "item": [2]},
            {"columns": ("item=thing",)},
            "no column 'thing' in the table",
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_the_row(
    ratings: dict[str, Any], reading: dict[str, Any], words: str
) -> None:
    with pytest.raises((DataError, UsageError), match=words):
        dataset_from_frames(polars.DataFrame(ratings), name="films", reading=Reading(**reading))


@pytest.mark.parametrize("wrong", ["ratings.csv", [1, 2], {"user": [1]}, np.zeros(3)])
def test_what_is_no_data_frame_is_refused(wrong: Any) -> None:
    with pytest.raises(DataError, match=r"^frame\.items: is a \w+\.\w+ that cannot be read as a data frame"):
        dataset_from_frames(polars.DataFrame(RATINGS), wrong)
