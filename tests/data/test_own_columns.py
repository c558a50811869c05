"""Columns beyond the known ones: their names, kinds and values, in every table and in files of vectors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from movierec_cli.config import DataConfig, Family, FeatureSet, Side
from movierec_cli.config.families import check_features
from movierec_cli.config.settings import Reading
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.frames import dataset_from_frames
from movierec_cli.data.load import load_dataset
from movierec_cli.data.own_columns import GAP
from movierec_cli.data.reader.column_kinds import kind_of
from movierec_cli.data.reader.vector_files import with_vectors
from movierec_cli.data.split_data import restrict
from movierec_cli.errors import DataError, MovierecError, UsageError
from movierec_cli.experiment.describe import describe_data
from movierec_cli.experiment.loading import load_source
from movierec_cli.models.feature_encodings import require_features
from movierec_cli.models.observer import TrainingObserver
from tests.small_dataset import small_dataset

RATINGS = {
    "user": [1, 1, 2, 3],
    "item": [10, 11, 10, 12],
    "rating": [4, 3, 5, 1],
    "device": ["tv", "", "pc", "tv"],
}
ITEMS = {
    "item": [10, 11, 12],
    "title": ["Heat", "Alien", "Up"],
    "Budget (USD)": ["60", "", "175"],
    "week": [1, 2, 3],
}
USERS = {"user": [1, 2, 3], "country": ["de", None, "fr"], "budget_usd": [5, 6, 7], "gender": ["F", "", "M"]}


def frames(**reading: tuple[str, ...]) -> Dataset:
    tables = (pl.DataFrame(one) for one in (RATINGS, ITEMS, USERS))
    return dataset_from_frames(*tables, reading=Reading(**reading))


def values(data: Dataset, name: str) -> list[object]:
    column = data.own[name][1]
    each = column.texts if column.texts is not None else column.numbers
    assert each is not None
    rows = [None if code == GAP else each[code] for code in column.codes]
    return [row if row is None or isinstance(row, str) else row.tolist() for row in rows]


def test_a_column_of_each_table_is_a_feature_under_a_name_that_is_free() -> None:
    data = frames()
    assert {name: (side, column.kind) for name, (side, column) in data.own.items()} == {
        "budget_usd": (Side.MOVIE, "number"),
        "item.week": (Side.MOVIE, "number"),  # `week` is a feature of the table
        "country": (Side.USER, "category"),
        "user.budget_usd": (Side.USER, "number"),
        "device": (Side.CONTEXT, "category"),
    }
    assert values(data, "budget_usd") == [[60], None, [175]]
    assert values(data, "country") == ["de", None, "fr"]
    assert values(data, "device") == ["tv", None, "pc", "tv"]


def test_a_missing_gender_leaves_the_others() -> None:
    users = frames().users
    assert users.is_male is not None
    np.testing.assert_array_equal(users.is_male, [0, np.nan, 1])


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["3.5", "7", "-1e3"], "number"),
        (["01067", "10115"], "category"),
        (["true", "false"], "category"),
        (["1950-03-01", "2001-12-24"], "date"),
        (["a|b", "b|c", "c"], "list"),
        (["Ann, Bob", "Bob, Cy", "Cy, Ann"], "list"),
        (["['a', 'b']", "['b']"], "list"),
        (["[0.5, 1]", "[2, -3e1]"], "vector"),
        (["A man walks into a bar", "A woman leaves the town at night"], "text"),
        (["Kubrick", "De Palma", "Kubrick, Stanley"], "category"),
        ([*(str(n) for n in range(30)), "unknown"], "number"),
    ],
)
def test_the_kind_of_a_column_is_that_of_nearly_all_its_values(texts: list[str], kind: str) -> None:
    assert kind_of(pl.Series(texts)) == kind


def test_a_kind_can_be_named_and_what_is_not_of_it_is_a_gap() -> None:
    data = frames(feature_kinds=("item.week=category", "budget-usd=text"))
    assert values(data, "item.week") == ["1", "2", "3"] and data.own["budget_usd"][1].kind == "text"
    for word, wrong in {
        "budget_usd=money": "not 'budget_usd=money'; the kinds are category, number",
        "budgets=number": "names 'budgets', and the columns are budget_usd, country, device",
        "country=number": "no value of the column is a number; the first one is 'de'",
    }.items():
        with pytest.raises(UsageError, match=wrong):
            frames(feature_kinds=(word,))


def test_an_empty_list_is_a_gap() -> None:
    items = pl.DataFrame({**ITEMS, "cast": ["['Ann', 'Bob']", "[]", ""]})
    data = dataset_from_frames(pl.DataFrame(RATINGS), items)
    assert values(data, "cast") == ["Ann\nBob", None, None]


def test_columns_follow_their_rows_and_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, one in (("ratings", RATINGS), ("items", ITEMS), ("users", USERS)):
        pl.DataFrame(one).write_csv(folder / f"{name}.csv")
    config = DataConfig(archive=folder, datasets_dir=tmp_path / "ds")
    first, again = load_dataset(config), load_dataset(config)  # parsed, then taken from what was kept
    assert {name: values(again, name) for name in first.own} == {
        name: values(first, name) for name in first.own
    }
    assert [*first.own] == [*frames().own]
    left = restrict(first, min_rating=3, k_core=1)
    assert values(left, "budget_usd") == [[60], None] and values(left, "device") == ["tv", None, "pc"]
    assert values(left, "country") == ["de", None]


def test_users_and_items_without_a_row_have_gaps() -> None:
    ratings = pl.DataFrame(RATINGS).with_columns(
        user=pl.Series([1, 1, 2, 4]), item=pl.Series([10, 11, 10, 13])
    )
    data = dataset_from_frames(ratings, pl.DataFrame(ITEMS), pl.DataFrame(USERS))
    assert values(data, "country") == ["de", None, "fr", None]
    assert values(data, "item.week") == [[1], [2], [3], None]


# --- vectors --------------------------------------------------------------------------------------------


def test_vectors_are_a_feature_with_the_name_of_their_file(tmp_path: Path) -> None:
    data, numbers = small_dataset(), np.arange(6.0).reshape(3, 2)
    np.savez_compressed(tmp_path / "Posters v2.npz", who=np.array(["139", "100", "7"]), what=numbers)
    pl.DataFrame({"movie": [101], "vector": [[0.5, -1.0, 2.0]]}).write_parquet(tmp_path / "text.parquet")
    found = with_vectors(data, [tmp_path / "Posters v2.npz", tmp_path / "text.parquet"])
    assert [*found.own] == ["posters_v2", "text"] and found.fingerprint != data.fingerprint
    posters = values(found, "posters_v2")
    assert posters[0] == [2, 3] and posters[39] == [0, 1] and posters[1:39] == [None] * 38
    assert values(found, "text")[1] == [0.5, -1, 2]
    assert "2 numbers of 2 of 40 movies; 1 vector of other ids left out" in found.notes[-2].replace(
        "has ", ""
    )
    texts = replace(data.movies, movie_id=data.movies.movie_id.astype(str).astype(object))
    again = with_vectors(replace(data, movies=texts), [tmp_path / "Posters v2.npz"])
    assert values(again, "posters_v2") == posters


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"ids": np.array([1, 2])}, "needs one array of ids and one of vectors"),
        ({"ids": np.array([1]), "v": np.ones((2, 2))}, "has 1 ids and vectors of shape"),
        ({"ids": np.array([100, 100]), "v": np.ones((2, 2))}, "has 2 vectors of 100; keep one"),
        ({"ids": np.array([100]), "v": np.array([[np.nan, 1]])}, "the vector of 100 holds what is no finite"),
        ({"ids": np.array([1]), "v": np.ones((1, 2))}, "none is the id of a movie, such as 100"),
        ({"ids": np.array([{}]), "v": np.ones((1, 2))}, "cannot be read as .npz"),
    ],
)
def test_other_files_of_vectors_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        with_vectors(small_dataset(), [tmp_path / "a.npz"])


def test_what_is_no_file_of_vectors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_text("no zip")
    (tmp_path / "a.parquet").write_text("no parquet")
    for name in ("a.npz", "a.parquet", "absent.npz"):
        with pytest.raises(DataError):
            with_vectors(small_dataset(), [tmp_path / name])


# --- what is told ---------------------------------------------------------------------------------------


def test_what_was_understood_is_described(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, one in (("ratings", RATINGS), ("items", ITEMS), ("users", USERS)):
        pl.DataFrame(one).write_csv(folder / f"{name}.csv")
    vectors = tmp_path / "art.npz"
    np.savez(vectors, ids=np.array([10, 12]), vectors=np.ones((2, 4)))
    found = describe_data(DataConfig(archive=folder, datasets_dir=tmp_path / "ds", item_vectors=(vectors,)))
    assert {one.name: one.details for one in found.features[-6:]} == {
        "budget_usd": "number: 60 to 175; 2 of 3 items have one",
        "item.week": "number: 1 to 3; 3 of 3 items have one",
        "art": "vector: 4 numbers; 2 of 3 items have one",
        "country": "category: 2 values (de, fr); 2 of 3 users have one",
        "user.budget_usd": "number: 5 to 7; 3 of 3 users have one",
        "device": "category: 2 values (tv, pc); 3 of 4 ratings have one",
    }
    assert {one.table: (one.own, one.others) for one in found.files} == {
        "ratings": (("device",), ()),
        "items": (("Budget (USD)", "week"), ()),
        "users": (("country", "budget_usd"), ()),
    }
    assert found.command.endswith(f" --item_vectors {vectors}")


def test_a_feature_that_no_column_is_is_refused_with_one_like_it() -> None:
    with pytest.raises(MovierecError, match=r"no countri \(no column .* did you mean country\?\); it has"):
        require_features(frames(), FeatureSet.parse(["countri"]))
    with pytest.raises(UsageError, match=r"unknown feature 'colour'; known features: None, .* own data"):
        load_source(DataConfig(), TrainingObserver(), feature_sets=(FeatureSet.parse(["colour"]),))
    with pytest.raises(UsageError, match="unknown feature 'Colour!'"):
        FeatureSet.parse(["Colour!"])
    with pytest.raises(UsageError, match=r"SASRec cannot see country; .* movie_genres"):
        check_features(Family.SASREC, [FeatureSet.parse(["country"])])
