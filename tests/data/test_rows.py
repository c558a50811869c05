"""Rows that repeat a pair, that stand for events, that are off the scale, or that cannot be read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.config.settings import Repeats
from movierec_cli.data.dataset import Dataset, RatingScale
from movierec_cli.errors import DataError, UsageError
from tests.data.own_archives import load
from tests.data.test_layouts import ratings_of

HEADER = "user,item,rating,timestamp"
# u1 rates i1 three times, not in the order of time, and once more at the time of the last
REPEATS = ("u1,i1,2,300", "u2,i1,3,100", "u1,i1,5,100", "u1,i2,1,50", "u1,i1,4,200", "u1,i1,1,300")


def loaded(folder: Path, *lines: str, **options: Any) -> Dataset:
    (folder / "own.csv").write_text("\n".join(lines) + "\n")
    return load(folder / "own.csv", **options)


@pytest.mark.parametrize(
    ("repeats", "row", "stars", "seconds"),
    [(None, 2, 1, 300), (Repeats.LAST, 2, 1, 300), (Repeats.FIRST, 1, 5, 100), (Repeats.MEAN, 2, 3, 300)],
)
def test_of_a_repeated_pair_one_row_counts(
    repeats: Repeats | None, row: int, stars: float, seconds: int, tmp_path: Path
) -> None:
    dataset = loaded(tmp_path, HEADER, *REPEATS, repeats=repeats)
    others = [("u2", "i1", 3, 100), ("u1", "i2", 1, 50)]
    assert ratings_of(dataset) == [*others[:row], ("u1", "i1", stars, seconds), *others[row:]]
    assert dataset.ratings.n_events is None
    assert "3 rows repeat a user and an item of 1 pair" in dataset.notes[1]


@pytest.mark.parametrize("repeats", [None, Repeats.COUNT])
def test_rows_without_ratings_are_events_that_are_counted(repeats: Repeats | None, tmp_path: Path) -> None:
    rows = [",".join(line.split(",")[:2]) for line in REPEATS]
    dataset = loaded(tmp_path, "user,item", *rows, repeats=repeats)
    assert ratings_of(dataset) == [("u2", "i1", 1, 0), ("u1", "i2", 1, 0), ("u1", "i1", 1, 0)]
    np.testing.assert_array_equal(dataset.ratings.n_events, [1, 1, 4])
    assert dataset.ratings.scale is None and not dataset.ratings.has_times


def test_weights_are_summed_and_may_not_be_negative(tmp_path: Path) -> None:
    dataset = loaded(tmp_path, "user,item,plays", "a,x,3", "b,x,0.5", "a,x,4", weights="plays")
    assert ratings_of(dataset) == [("b", "x", 1, 0), ("a", "x", 1, 0)]
    np.testing.assert_array_equal(dataset.ratings.n_events, [0.5, 7])
    with pytest.raises(DataError, match=r"own\.csv, line 3: the weight is -1; it must be 0 or more"):
        loaded(tmp_path, "user,item,plays", "a,x,3", "b,x,-1", weights="plays")
    with pytest.raises(UsageError, match="no column 'listens' in the table of ratings"):
        loaded(tmp_path, "user,item,plays", "a,x,3", weights="listens")


@pytest.mark.parametrize(
    ("stars", "scale"),
    [("1 3 5", (1, 5)), ("0.5 5", (0.5, 5)), ("0 1", (0, 1)), ("2 10", (1, 10)), ("0 87", (0, 100)),
     ("-7.5 8", (-10, 10)), ("1 250", (1, 250))],
)  # fmt: skip
def test_the_scale_is_the_narrowest_usual_one_and_said(
    stars: str, scale: tuple[float, float], tmp_path: Path
) -> None:
    rows = [f"u,i{n},{one}" for n, one in enumerate(stars.split())]
    dataset = loaded(tmp_path, "user,item,rating", *rows)
    assert dataset.ratings.scale == RatingScale(*scale)
    assert f"rating = rating ({scale[0]:g} to {scale[1]:g}, by the values)" in dataset.notes[0]
    wide = loaded(tmp_path, "user,item,rating", *rows, rating_scale=(-500, 500))
    assert wide.ratings.scale == RatingScale(-500, 500)


def test_a_rating_far_off_all_others_is_refused_with_a_way_to_say_that_it_is_right(tmp_path: Path) -> None:
    rows = [f"{n},7,{1 + n % 5}" for n in range(1_500)]
    rows[1_000] = "1000,7,55"
    with pytest.raises(DataError, match=r"line 1002: the rating is 55, and .* say --rating_scale 1 55"):
        loaded(tmp_path, "user,item,rating", *rows)
    assert len(loaded(tmp_path, "user,item,rating", *rows, rating_scale=(1, 55)).ratings) == 1_500


# (a bad line, what is said of it)
BAD = [
    ('"a, b",i1,5', "has 3 fields, needs 4 (user, item, rating, timestamp): '\"a, b\",i1,5'"),
    ('u1,"i" 1,5,100', "is no well-formed CSV"),
    ("u1,i1,five,100", "the rating is 'five'; it must be a number"),
    ("u1,,5,100", "the item id is missing"),
    ("u1,i1,5,soon", "the timestamp is 'soon'; it must be in seconds since 1970"),
]


@pytest.mark.parametrize(("line", "words"), BAD)
def test_a_row_that_cannot_be_read_is_an_error_or_counted(line: str, words: str, tmp_path: Path) -> None:
    good = [f"u{n},i{n},5,{n + 1}" for n in range(5)]
    lines = (HEADER, *good[:2], line, *good[2:4], line, good[4])
    with pytest.raises(DataError) as caught:
        loaded(tmp_path, *lines)
    assert f"own.csv, line 4: {words}" in str(caught.value)
    dataset = loaded(tmp_path, *lines, skip_bad_rows=True)
    assert [row[0] for row in ratings_of(dataset)] == ["u0", "u1", "u2", "u3", "u4"]
    (warning,) = dataset.warnings
    assert warning.startswith("2 rows skipped: ") and f"line 4: {words}" in warning and "line 7: " in warning
    many = loaded(tmp_path, HEADER, *[line] * 4, *good, skip_bad_rows=True)
    assert many.warnings[0].startswith("4 rows skipped: ") and many.warnings[0].endswith(" …")
    assert many.warnings[0].count("own.csv, line") == 3
    with pytest.raises(DataError, match=r"has no ratings that can be read \(2 rows skipped\)"):
        loaded(tmp_path, HEADER, line, line, skip_bad_rows=True)
