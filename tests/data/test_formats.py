"""One table, written in every usual way, gives the same columns."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from movierec_cli.data.dataset import TEST, TRAIN, VALIDATION
from movierec_cli.errors import DataError, UsageError
from tests.data.own_archives import load
from tests.data.test_layouts import Row, items_of, ratings_of, write_files

RATINGS = [("ü1", 7, 4.5, 1_000_000_000), ("u2", 8, 3.0, 1_100_000_000), ("ü1", 8, 0.5, 1_200_000_000)]
ITEMS = [(7, "Amélie, the 1st", 2001, ("Comedy", "Drama")), (8, 'Up; "again"', 2009, ())]
RATING_NAMES, ITEM_NAMES = (
    ("user_id", "movieId", "Rating", "timestamp"),
    ("movie_id", "title", "year", "genres"),
)


def texts(names: tuple[str, ...], rows: list[Row]) -> list[dict[str, Any]]:
    written = [[("|".join(one) if isinstance(one, tuple) else one) for one in row] for row in rows]
    return [dict(zip(names, row, strict=True)) for row in written]


TABLES = {"ratings": texts(RATING_NAMES, RATINGS), "movies": texts(ITEM_NAMES, ITEMS)}


def separated(rows: list[dict[str, Any]], separator: str, end: str = "\n", mark: str = "") -> str:
    def field(value: Any) -> str:
        text = str(value)
        is_plain = len(separator) > 1 or not any(one in text for one in (separator, '"'))
        return text if is_plain else '"{}"'.format(text.replace('"', '""'))

    lines = [separator.join(map(field, row)) for row in (rows[0], *(row.values() for row in rows))]
    return mark + end.join([*lines, ""])


def parquet(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    polars.DataFrame(rows).write_parquet(file)
    return file.getvalue()


WRITERS: dict[str, tuple[str, Callable[[list[dict[str, Any]]], str | bytes]]] = {
    "list.json": ("json", json.dumps),
    "lines.jsonl": ("jsonl", lambda rows: "\n".join(map(json.dumps, rows))),
    "lines.json": ("json", lambda rows: "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)),
    "parquet": ("parquet", parquet),
}
ENCODINGS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "cp1252": "CP1252"}


def assert_read(path: Path, **options: Any) -> tuple[str, ...]:
    dataset = load(path, **options)
    assert ratings_of(dataset) == RATINGS
    assert items_of(dataset) == ITEMS
    assert dataset.noun == "movie"
    return dataset.notes


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t", "::", "|"])
def test_text_with_any_separator_encoding_and_line_end(
    separator: str, encoding: str, end: str, packed: str, tmp_path: Path
) -> None:
    tables = {**TABLES}
    if separator == "|":
        tables["movies"] = [row | {"genres": row["genres"].replace("|", ", ")} for row in tables["movies"]]
    files = {
        f"{name}.{'csv' if separator == ',' else 'txt'}{packed}": separated(rows, separator, end).encode(
            encoding
        )
        for name, rows in tables.items()
    }
    (line,) = assert_read(write_files(tmp_path / "films", files))
    assert ENCODINGS[encoding] in line


@pytest.mark.parametrize(
    ("kind", "packed"),
    [(kind, packed) for kind in WRITERS for packed in ("", ".gz") if kind != "parquet" or not packed],
)
def test_json_and_parquet(kind: str, packed: str, tmp_path: Path) -> None:
    ending, write = WRITERS[kind]
    files = {f"{name}.{ending}{packed}": write(rows) for name, rows in TABLES.items()}
    assert_read(write_files(tmp_path / "films", files))


@pytest.mark.parametrize("inner", ["", "some folder/"])
@pytest.mark.parametrize("is_zip", [False, True])
def test_a_folder_or_a_zip_with_other_files_in_it(is_zip: bool, inner: str, tmp_path: Path) -> None:
    files = {f"{inner}{name}.csv": separated(rows, ",").encode() for name, rows in TABLES.items()}
    files |= {
        f"{inner}README.txt": b"user_id,movieId,rating\n",
        f"{inner}notes.pdf": b"%PDF\0",
        f"{inner}empty.csv": b"",
        f"{inner}tags.csv": b"userId,movieId,tag,timestamp\n" + b"u2,7,a tag that is long,1\n" * 50,
        f"{inner}genome.csv": b"movieId,tagId,relevance\n7,1,0.5\n",
        f"__MACOSX/{inner}._ratings.csv": b"\0\5\x16\7",
    }
    if is_zip:
        path = tmp_path / "films.zip"
        with zipfile.ZipFile(path, "w") as zipped:
            for name, content in files.items():
                zipped.writestr(name, content)
    else:
        path = write_files(tmp_path / "films", files)  # type: ignore[arg-type]
    (line,) = assert_read(path)
    assert "read ratings.csv (comma, UTF-8), movies.csv (comma, UTF-8): user = user_id (texts)" in line
    assert f"left out: {inner}genome.csv, {inner}tags.csv, {inner}empty.csv (is empty)" in line


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "jsonl", "parquet"])
def test_a_single_file_has_its_items_by_their_ids_or_by_its_own_titles(kind: str, tmp_path: Path) -> None:
    by_id = {row["movie_id"]: row for row in TABLES["movies"]}
    wide = [row | {key: by_id[row["movieId"]][key] for key in ITEM_NAMES[1:]} for row in TABLES["ratings"]]
    write = {"jsonl": WRITERS["lines.jsonl"][1], "parquet": parquet}.get(
        kind, lambda rows: separated(rows, ",")
    )
    write_files(tmp_path, {f"movies.{kind}": write(wide), f"bare.{kind}": write(TABLES["ratings"])})
    assert_read(tmp_path / f"movies.{kind}")
    bare = load(tmp_path / f"bare.{kind}")
    assert ratings_of(bare) == RATINGS and items_of(bare) == [(7, "7", 0, ()), (8, "8", 0, ())]


# (names of the columns, rows, `--columns`), all of which say user 1, item 2, 3 stars at 2020-03-14
ONE_ROW = [
    ("userId,movieId,rating,timestamp", "1,2,3,1584144000", ()),
    ("User ID;Film;Stars;Date", "1;2;3;2020-03-14", ()),
    ("customer_id,sku,score,ts", "1,2,3.0,1584144000000", ()),
    ("reviewerID\tasin\toverall\tunixReviewTime", "1\t2\t3\t1584144000", ()),
    ("when,A,B,grade", "2020-03-14T02:00:00+02:00,1.0,2.0,3", ("user=A", "item=B", "timestamp=when")),
    ("x|grade|who|day", "2|3|1|2020/03/14", ("user=who", "item=x", "timestamp=day")),
    ("who,what,day", "1,2,2020-03-14T00:00:00Z", ("user=who", "item=what", "timestamp=day")),
    ("", "1 2 3 1584144000".replace(" ", "\t"), ()),
    ("u item stars t", "1 2 3 1584144000", ("user=u", "timestamp=t")),
    ("", "1584144000,3,2,1", ("user=4", "item=3", "rating=2", "timestamp=1")),
]


@pytest.mark.parametrize(("names", "row", "columns"), ONE_ROW)
def test_columns_are_found_by_usual_names_or_as_they_are_given(
    names: str, row: str, columns: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "own.csv").write_text(f"{names}\n{row}\n".lstrip())
    dataset = load(tmp_path / "own.csv", columns=columns)
    stars = 3 if dataset.ratings.scale else 1
    assert (stars == 1) == (names == "who,what,day")
    assert ratings_of(dataset) == [(1, 2, stars, 1584144000)]
    assert items_of(dataset) == [(2, "2", 0, ())]


def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("who,what\n1,2\n")
    with pytest.raises(
        UsageError, match="no column 'whom' in the table of ratings; its columns are who, what"
    ):
        load(tmp_path / "own.csv", columns=("user=whom", "item=what"))
    with pytest.raises(UsageError, match=r"items\.title=name, but no table of items is read"):
        load(tmp_path / "own.csv", columns=("user=who", "item=what", "items.title=name"))
    with pytest.raises(UsageError, match="--validation needs the ratings of the test part too"):
        load(tmp_path / "own.csv", columns=("user=who", "item=what"), validation=tmp_path / "own.csv")
    with pytest.raises(
        DataError, match=r"own\.csv, line 1: has no table with .* the columns are who, what; say which"
    ):
        load(tmp_path / "own.csv")


@pytest.mark.parametrize(
    "names",
    [("train.csv", "valid.csv", "test.csv"), ("a_train.csv.gz", "a_val.csv.gz", "a_test.csv.gz"), ()],
)
def test_parts_of_a_split_are_known_by_the_files_names_or_given(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    rows = [{"user_id": "a", "item_id": f"i{n}", "rating": n} for n in (3, 4, 5)]
    parts = [separated([row], ",") for row in rows]
    given = dict(zip(names or ("first.csv", "second.csv", "third.csv"), parts, strict=True))
    write_files(tmp_path / "own", given)  # type: ignore[arg-type]
    first, second, third = (tmp_path / "own" / name for name in given)
    dataset = load(tmp_path / "own") if names else load(first, validation=second, test=third)
    assert ratings_of(dataset) == [("a", f"i{n}", n, 0) for n in (3, 4, 5)]
    np.testing.assert_array_equal(dataset.ratings.part, [TRAIN, VALIDATION, TEST])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("user,item\n1,2\n".encode("utf-16"), "is UTF-16; save it in UTF-8"),
        (b"user,item\n1,2\n\0\0", "line 3: holds a NUL byte"),
        (b'{"user": 1}\n', "has no table with a column of the items"),
        (b'{"user": 1, "item": 2}\n{"user": 1,\n', "line 2: is no JSON object: '{\"user\": 1,'"),
        (b'[{"user": 1, "item": 2},\n', "line 2: is no well-formed JSON"),
    ],
)
def test_what_is_no_table_is_called_what_it_is(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "own.json").write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(tmp_path / "own.json")
    assert words in str(caught.value)


def test_a_spreadsheet_is_called_so(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "own.xlsx", "w") as zipped:
        zipped.writestr("[Content_Types].xml", "<x/>")
        zipped.writestr("xl/worksheets/sheet1.xml", "<x/>")
    with pytest.raises(DataError, match=r"own\.xlsx: is a spreadsheet; save it as CSV"):
        load(tmp_path / "own.xlsx")


def test_gzip_that_is_damaged_is_called_so(tmp_path: Path) -> None:
    content = gzip.compress(separated(TABLES["ratings"] * 50, ",").encode())
    (tmp_path / "ratings.csv.gz").write_bytes(content[:-20])
    with pytest.raises(DataError, match="is damaged or cannot be read"):
        load(tmp_path / "ratings.csv.gz")
