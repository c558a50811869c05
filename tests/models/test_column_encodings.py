"""Each kind of own column: fitted on training rows only, encoded as documented."""

import json
import pkgutil

import numpy as np
import pytest

from movierec_cli.config import COLUMN_KINDS
from movierec_cli.data.own_columns import GAP, OwnColumn, of_texts
from movierec_cli.models.column_encodings import (
    HASHES,
    ColumnEncoding,
    code_context,
    context_column,
    encode_column,
    fit_column,
    fit_context,
    hashed_grams,
    shown_column,
)
from movierec_cli.models.two_tower.inputs import BagInput, CategoryInput, NumberInput


def texts(kind: str, *values: str) -> OwnColumn:
    column = of_texts("one", values)
    return OwnColumn("one", kind, column.codes, column.texts)


def numbers(kind: str, *rows: float | list[float] | None) -> OwnColumn:
    known = np.array([np.atleast_1d(row) for row in rows if row is not None], np.float64)
    place = iter(range(len(known)))
    codes = [GAP if row is None else next(place) for row in rows]
    return OwnColumn("one", kind, np.array(codes, np.int32), numbers=known)


COLUMNS = {
    "category": texts("category", "a", "b", "a", "", "b"),
    "number": numbers("number", 3, 1, None, 7, 1),
    "list": texts("list", "a\nb", "b", "", "a", "c"),
    "text": texts("text", "a man and a dog", "a dog", "", "the man", "x"),
    "date": numbers("date", 0, -86_400, None, 31 * 86_400, 0),
    "vector": numbers("vector", [1, 2], [3, 4], None, [5, 0], [0, 0]),
}


@pytest.mark.parametrize("kind", COLUMN_KINDS)
def test_each_kind_has_an_entry_that_json_keeps_and_says_what_it_holds(kind: str) -> None:
    column = COLUMNS[kind]
    assert isinstance(pkgutil.resolve_name(COLUMN_KINDS[kind].encoding), ColumnEncoding)
    vocabulary = fit_column(column)
    first, again = (encode_column(one, column) for one in (vocabulary, json.loads(json.dumps(vocabulary))))
    for one, other in zip(first, again, strict=True):
        for name, value in vars(one).items():
            np.testing.assert_array_equal(value, getattr(other, name))
    assert shown_column(column, "movie").endswith("; 4 of 5 movies have one")


@pytest.mark.parametrize("kind", COLUMN_KINDS)
def test_a_column_of_which_training_has_no_value_can_be_fitted(kind: str) -> None:
    column = COLUMNS[kind]
    assert encode_column(fit_column(column.take(np.flatnonzero(column.codes == GAP))), column)


def test_a_category_of_one_row_is_no_category() -> None:
    column = texts("category", "b", "a", "b", "once", "", "a")
    vocabulary = fit_column(column.take(np.arange(5)))  # "a" is there twice, but once in training
    (category,) = encode_column(vocabulary, column)
    assert isinstance(category, CategoryInput)
    assert (category.codes.tolist(), category.size) == ([1, 0, 1, 0, 0, 0], 2)


def test_a_number_has_its_bucket_and_a_flag_where_there_is_none() -> None:
    column = numbers("number", *range(100), None, 1e9)
    bucket, scaled = encode_column(fit_column(column.take(np.arange(101))), column)
    assert isinstance(bucket, CategoryInput) and isinstance(scaled, NumberInput)
    assert bucket.codes[[0, 99, 100, 101]].tolist() == [1, 20, 0, 20] and bucket.size == 21
    assert np.bincount(bucket.codes[:100]).tolist() == [0, *[5] * 20]
    expected = (np.arange(100) - 49.5) / np.arange(100).std()
    np.testing.assert_allclose(scaled.values[:100, 0], expected, rtol=1e-6)
    assert scaled.values[100:].tolist() == [[0, 1], [3, 0]]


def test_a_date_has_its_month_too() -> None:
    days = np.array(["1969-12-31", "2024-02-29"], "M8[s]").astype(np.float64)
    *_, month = encode_column(fit_column(column := numbers("date", *days, None)), column)
    assert isinstance(month, CategoryInput) and month.codes.tolist() == [12, 2, 0]


def bags(column: OwnColumn, train: int) -> list[set[int]]:
    (bag,) = encode_column(fit_column(column.take(np.arange(train))), column)
    assert isinstance(bag, BagInput) and bag.n_rows == len(column)
    return [set(bag.codes[bag.rows == row].tolist()) for row in range(len(column))]


def test_the_entries_of_a_list_that_two_rows_have_count() -> None:
    assert bags(texts("list", "a\nb", "b\nc", "", "c\nd", "d\na\na"), 4) == [{0}, {0, 1}, set(), {1}, set()]


def test_words_and_pairs_of_words_are_hashed_and_those_in_most_texts_left_out() -> None:
    assert hashed_grams("Big dog! big DOG") == sorted({*hashed_grams("big dog"), *hashed_grams("dog big")})
    assert len(hashed_grams("big dog")) == 3 and max(hashed_grams("a b c d e f")) < HASHES
    rows = [f"the w{n} the" for n in range(30) for _ in range(2)]
    found = bags(texts("text", *rows, "the unseen"), 60)
    assert found[60] == set() and found[0] == found[1] and all(len(one) == 3 for one in found[:60])


def test_vectors_are_of_length_one_on_average_and_0_where_there_is_none() -> None:
    column = numbers("vector", [1, 2], [3, 6], None, [100, 100])
    (vector,) = encode_column(fit_column(column.take(np.arange(3))), column)
    assert isinstance(vector, NumberInput)
    root = np.sqrt(5)
    np.testing.assert_allclose(
        vector.values[:3], [[-1 / root, -2 / root, 0], [1 / root, 2 / root, 0], [0, 0, 1]], rtol=1e-6
    )


def test_a_context_is_one_of_the_values_of_training() -> None:
    column = texts("category", "tv", "pc", "", "tv", "phone")
    vocabulary = json.loads(json.dumps(fit_context(column.take(np.arange(4)))))
    assert code_context(vocabulary, column).tolist() == [2, 1, 0, 2, 0]
    held = context_column("device", vocabulary)
    assert held.texts is not None and [*held.texts] == ["pc", "tv"] and held.codes.tolist() == [GAP, 0, 1]


def test_a_number_of_ratings_is_a_bucket_with_its_mean() -> None:
    column = numbers("number", *range(100), None)
    vocabulary = fit_context(column)
    codes = code_context(vocabulary, column)
    held = context_column("seconds", vocabulary)
    assert held.numbers is not None and codes[100] == 0
    for code in range(1, 21):
        np.testing.assert_allclose(held.numbers[code - 1, 0], np.flatnonzero(codes == code).mean())
