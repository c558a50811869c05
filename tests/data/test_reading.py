"""What files hold and how it is understood: right columns, or one error that names file, line and remedy."""

import bz2
import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from movierec_cli.config import DataConfig
from movierec_cli.config.settings import Orphans
from movierec_cli.data.dataset import TEST, TRAIN, Dataset, RatingScale
from movierec_cli.data.load import load_dataset
from movierec_cli.errors import DataError, MovierecError, UsageError

Load = Callable[..., Dataset]
RATINGS = (
    "user,item,rating,timestamp\n1,10,4,978300760\n1,11,3,978300860\n2,10,5,978300960\n3,12,1,978301960\n"
)
ITEMS = "item,title,genres,year\n10,Heat,Action|Crime,1995\n11,Alien,Horror,1979\n12,Up,,2009\n"
A_DAY = 978_393_600  # 2001-01-02


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a text or bytes as "ratings.csv", or a folder of files by name."""

    def load(
        files: str | bytes | dict[str, str | bytes], name: str = "ratings.csv", **reading: Any
    ) -> Dataset:
        members = files if isinstance(files, dict) else {name: files}
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}" / "in"
        for member, content in members.items():
            file = folder / member
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        archive = folder if isinstance(files, dict) else folder / name
        return load_dataset(DataConfig(archive=archive, datasets_dir=tmp_path / "ds", **reading))

    return load


def table(header: str, *rows: str) -> str:
    return "".join(f"{line}\n" for line in (header, *rows))


def column(header: str, values: list[Any]) -> str:
    """A table with a column of values, each of another user."""
    return table(f"user,item,{header}", *(f"{n},{10 + n % 2},{one}" for n, one in enumerate(values)))


def refusal(load: Load, files: Any, **reading: Any) -> str:
    """The message without the folder."""
    with pytest.raises(MovierecError) as caught:
        load(files, **reading)
    message = str(caught.value)
    assert len(message) < 700
    return message.rpartition("/in/")[2] if "/in/" in message else message


def parquet(**columns: Any) -> bytes:
    pl.DataFrame(columns).write_parquet(buffer := io.BytesIO())
    return buffer.getvalue()


def zipped(files: dict[str, str]) -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


# --- columns ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "User-ID,Item-ID,Rating,Timestamp", "user id,movie id,Stars,Date", "USERID,MOVIEID,SCORE,unix_time",
        "uid,film_id,score,created_at", "customer_id,movie,stars,time", "user_name,movie_name,rating,date",
        "reviewerID,asin,overall,unixReviewTime", "Member ID,Video ID,Star Rating,Rated On",
        "user_idx,item_idx,rating,ts", "userIndex,movieIndex,rating,time", "session_id,item_id,value,ts",
        "user_id:token,item_id:token,rating:float,timestamp:float", "\ufeffuser.id,movie.id,rating,time",
    ],
)  # fmt: skip
def test_columns_are_found_by_their_usual_names(header: str, load: Load) -> None:
    data = load(table(header, "2,10,4,978300760", "1,11,3.5,978300860"))
    assert data.users.user_id.tolist() == [1, 2] and data.movies.movie_id.tolist() in ([10, 11], ["10", "11"])
    assert data.ratings.user_index.tolist() == [1, 0] and data.ratings.rating.tolist() == [4, 3.5]
    assert data.ratings.timestamp.tolist() == [978300760, 978300860]


@pytest.mark.parametrize(
    "text",
    [
        table(",user,item,rating", "0,2,10,4", "1,1,11,3.5"),
        table("Unnamed: 0,user,item,rating", "0,2,10,4", "1,1,11,3.5"),
        table("id,user_id,movie_id,rating", "7,2,10,4", "8,1,11,3.5"),
        table("rating,comment,item,user", "4,x,10,2", "3.5,,11,1"),
        table("user;item;rating", "2;10;4", "1;11;3,5"),
        table("sep=;", "user;item;rating", "2;10;4", "1;11;3,5"),
        table("# of 2020, by me", "user,item,rating", "2,10,4", "1,11,3.5"),
        table("", "", "user,item,rating", "", "2,10,4", "", "1,11,3.5"),
        table("user item rating", "2 10 4", "1 11 3.5"),
        table("0,1,2", "2,10,4", "1,11,3.5"),
        table("user, item, rating", '2, "10", 4', '1, "11", 3.5'),
        table("user,item,rating,2020", "2,10,4,", "1,11,3.5,x"),
        "user,item,rating\r\n2,10,4\n1,11,3.5\r\n",
        "user,item,rating\n2,10,4\n\ufeff1,11,3.5",
        '[{"user":2,"item":10,"rating":4},\n\n{"user":1,"item":11,"rating":3.5}]',
        '{"user":2,"item":10,"rating":4}\n{"rating":3.5,"item":11,"user":1.0}\n',
        "{'user': 2, 'item': 10, 'rating': 4}\n{'rating': 3.5, 'item': 11, 'user': 1}\n",
        '[{"user":{"id":2},"item":{"id":10},"rating":4},{"user":{"id":1},"item":{"id":11},"rating":3.5}]',
        '{"_id":{"$oid":"a"},"user":2,"item":{"$numberInt":"10"},"rating":4}\n{"user":1,"item":11,"rating":3.5}',
    ],
)  # fmt: skip
def test_tables_are_read_as_they_are_written(text: str, load: Load) -> None:
    data = load(text)
    assert data.users.user_id[data.ratings.user_index].tolist() == [2, 1]
    assert data.movies.movie_id[data.ratings.movie_index].tolist() == [10, 11]
    assert data.ratings.rating.tolist() == [4, 3.5]


def test_thousands_of_columns_are_no_trouble_and_a_field_that_is_missing_in_one_line_is(load: Load) -> None:
    names = ["user", "item", *(f"c{n}" for n in range(3000)), "rating", "comment"]
    rows = [",".join([f"{n}", "7", *["1"] * 3000, "4", ""]) for n in range(9)]
    assert load(table(",".join(names), *rows)).ratings.rating.tolist() == [4] * 9
    rows[5] = rows[5].removesuffix(",")
    assert refusal(load, table(",".join(names), *rows)).startswith(
        "ratings.csv, line 7: has 3003 fields, needs 3004"
    )


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["user=customer"], "no column 'customer' in the table of ratings; its columns are user, item, note"),
        (["items.title=note"], "for a column in the file of the ratings say title=note"),
        (["user=user", "item=user"], "user and item are one column"),
        (["user=user", "user=item"], "says user twice"),
        (["nobody=user"], "'nobody' is none of ratings: user, item,"),
        (["user"], "takes words such as user=Customer"),
    ],
)  # fmt: skip
def test_columns_that_are_not_there_are_refused_with_those_that_are(
    columns: list[str], said: str, load: Load
) -> None:
    with pytest.raises(UsageError) as caught:
        load(column("note", [1, 2]), columns=tuple(columns))
    assert said in str(caught.value)


def test_columns_and_weights_are_taken_as_asked_and_what_was_not_understood_is_said(load: Load) -> None:
    text = column("bewertung,clicks", ["2,7", "5,9"])
    assert load(text, columns=("rating=bewertung",)).ratings.rating.tolist() == [2, 5]
    counted = load(text, weights="CLICKS").ratings
    assert (counted.scale, counted.n_events.tolist()) == (None, [7, 9])  # type: ignore[union-attr]
    assert "their weights are added up" in load(text + "0,10,1,4\n" * 2, weights="clicks").notes[1]
    implicit = load(text)
    assert implicit.ratings.scale is None
    assert "which of bewertung, clicks has them), so each row is a positive" in implicit.notes[0]
    places = load("10,2,4\n11,1,3\n", columns=("user=2", "item=1", "rating=3"))
    assert places.users.user_id.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "ratings.csv: is empty"), ("\n\r\n \n", "is empty"), ("user,item\n", "csv: has no ratings"),
        ("user,item\r1,2\r", "CR alone"), (RATINGS.encode("utf-16"), "is UTF-16; save it in UTF-8"),
        (RATINGS.encode("utf-16-le"), "UTF-16"), (" <!DOCTYPE html>\n<html>", "is a web page (HTML) or XML"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "is a spreadsheet"),
        (zipped({"[Content_Types].xml": "x", "xl/workbook.xml": "y"}), "is a spreadsheet"),
        (gzip.compress(RATINGS.encode(), mtime=0), "is packed with gzip; let its name end in .gz"),
        (bz2.compress(RATINGS.encode()), "unpack it"), (b"%PDF-1.4\n1 0 obj", "is a PDF"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (parquet(user=[1], item=[2]), "is Parquet under another name"),
        (bytes(range(1, 200)) + b"\n\0", "line 3: holds a NUL byte"),
        ("A text.\nIt has lines, and commas.\n", "has no table with a column of the users and one of"),
        ("kunde,artikel\n1,2\n", "line 1: has no table with a column of the users and one of the items; the"
         " columns are kunde, artikel; say which are theirs with --columns user=NAME item=NAME"),
        ("title,date\nHeat,2020-01-01\n", "give it to recommend --ratings_file if it is one"),
        (table(f"user{''.join(f',{n}a' for n in range(21))}", "1" + ",4" * 21), "a table with a column for"),
        ('{"user":{"0":1,"1":2},"item":{"0":1,"1":2}}', 'pandas writes these with to_json(orient="records")'),
        ("one\ntwo\n", "its lines are not separated by"),
        ('{\n "ratings": [\n {"user": 1}]\n}\n', "neither a list of objects nor an object in each line"),
        ("[[1, 2, 3]]", "line 1: is JSON, but no list of objects"),
        ('[{"user":1,"item":2},\n{"user":1,"item":3}\n{"user":2,"item":3}]', "line 2: is no well-formed"),
        ('[{"user":1,"item":2,"rating":1},\n\n{"user":1,"item":3,"rating":"x"}]', "line 3: the rating"),
        ('{"user":1,"item":2}\n{"user":1,\n', "line 2: is no JSON object"),
        (table("user,item,rating,rating2", "1,2,3", "1,3,3", "1,4,3"), "line 1: names 4 columns, but"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_told_what_it_is(text: str | bytes, said: str, load: Load) -> None:
    assert said in refusal(load, text)


# --- ids ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        (["1", "2.0", " 1 "], [1, 2]), (["0", "9223372036854775807"], [0, 2**63 - 1]),
        (["007", "7"], ["007", "7"]), (["1.0", "1", "x"], ["1", "x"]), (["1e3", "5"], ["1e3", "5"]),
        (["-1", "2"], ["-1", "2"]), (["+1", "2"], ["+1", "2"]), (["1", f"{2**63}"], ["1", f"{2**63}"]),
        (["Anna B", "日本", "550e8400-e29b"], ["550e8400-e29b", "Anna B", "日本"]),
    ],
)  # fmt: skip
def test_ids_are_whole_numbers_where_all_are_and_else_texts(
    given: list[str], ids: list[Any], load: Load
) -> None:
    for name in ("user,item", "item,user"):
        data = load(table(name, *(f"{one},{n}" for n, one in enumerate(given))))
        found = data.users.user_id if name == "user,item" else data.movies.movie_id
        assert found.tolist() == ids


@pytest.mark.parametrize(
    ("odd", "why"),
    [("2o", "is no whole"), ("-7", "is no whole"), ("007", "begins with 0"), ("9" * 20, "is too large")],
)
def test_one_text_among_numbers_is_named_with_its_line(odd: str, why: str, load: Load) -> None:
    rows = [f"{n},10,4" for n in range(50)]
    data = load(table("user,item,rating", *rows, f"{odd},10,4", "51,10,4"))
    assert f"the user ids are texts, as '{odd}' in line 52 {why}" in data.warnings[0]


@pytest.mark.parametrize("gap", ["", " ", "nan", "NA", "<NA>"])
@pytest.mark.parametrize("others", [["1", "2.0"], ["u1", "u2"]])
def test_an_id_that_is_missing_is_no_id(gap: str, others: list[str], load: Load) -> None:
    text = table("user,item", f"{others[0]},1", f"{gap},1", f"{others[1]},2")
    assert refusal(load, text).startswith("ratings.csv, line 3: the user id is")
    skipped = load(text, skip_bad_rows=True)
    assert len(skipped.users) == 2 and "1 row skipped: " in skipped.warnings[-1]


@pytest.mark.parametrize(
    ("rated", "listed"),
    [(["1.0", "2.0"], ["1", "2"]), (["1", "2"], ["1.0", "2.0"]), (["1.0", "x"], ["1", "x"])],
)
def test_ids_of_ratings_and_items_meet(rated: list[str], listed: list[str], load: Load) -> None:
    files = {
        "ratings.csv": table("user,item", *(f"1,{one}" for one in rated)),
        "items.csv": table("item,title", *(f"{one},T{one}" for one in listed)),
    }
    data = load(files)
    assert len(data.movies) == 2 and not any("lacks" in one for one in data.warnings)


# --- times --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (["978300760", "978300761.75"], [978300760, 978300761]), (["978300760123", "0"], [978300760, 0]),
        (["978300760123456"], [978300760]), (["978300760123456789"], [978300760]),
        (["2001-01-02", "2001/1/2", "2001-01-02T00:00:01Z"], [A_DAY, A_DAY, A_DAY + 1]),
        (["2001-01-02 00:00:02.5", "2001-01-02 00:01"], [A_DAY + 2, A_DAY + 60]),
        (["2001-01-02T02:00:00+02:00", "2001-01-01 16:00:00-08", "2001-01-02T05:30:00.1+0530"], [A_DAY] * 3),
        (["2.1.2001", "02.01.2001 00:01", "02.01.2001 00:00:02"], [A_DAY, A_DAY + 60, A_DAY + 2]),
        (["Tue Jan 02 02:00:00 +0200 2001", '"Tue, 02 Jan 2001 00:00:00 GMT"', "02-Jan-2001"], [A_DAY] * 3),
        (["2 Jan 2001", '"Jan 2, 2001"', '"January 02, 2001"'], [A_DAY] * 3),
        (["20010102"], [A_DAY]), (["20010102000001"], [A_DAY + 1]), (["9999-12-31"], [253402214400]),
    ],
)  # fmt: skip
def test_times_are_seconds_whatever_they_are_given_in(
    given: list[str], seconds: list[int], load: Load
) -> None:
    data = load(column("timestamp", given))
    assert data.ratings.timestamp.tolist() == seconds
    days = [datetime.fromtimestamp(one, UTC).date().isoformat() for one in (min(seconds), max(seconds))]
    assert f"UTC); from {days[0]} to {days[1]}" in data.notes[0]


@pytest.mark.parametrize(
    ("odd", "others"),
    [
        ("13/02/2001", "2001-01-02"), ("01/02/2001", "01/02/2001"), ("2001-02-30", "2001-01-02"),
        ("", "2001-01-02"), ("1969-12-31", "2001-01-02"), ("10000-01-01", "2001-01-02"), ("-1", "5"),
        ("978300760", "2001-01-02"), ("978300760123", "978300760"), ("978300760", "978300760123"),
        ("nan", "978300760"),         ("12:30", "2001-01-02"),
    ],
)  # fmt: skip
def test_a_time_that_cannot_be_meant_is_refused_with_its_line(odd: str, others: str, load: Load) -> None:
    message = refusal(load, column("timestamp", [others, others, odd, others]))
    line = 2 if odd == others else 4
    assert message.startswith(f"ratings.csv, line {line}: the timestamp is ")
    assert message.endswith("--skip_bad_rows leaves such rows out")


# --- ratings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", [50, 9, -5, 0, 1000])
def test_one_rating_off_the_scale_of_thousands_is_refused_unless_the_scale_is_given(
    odd: int, load: Load
) -> None:
    text = column("rating", [*[1, 2, 3, 4, 5] * 300, odd, 3])
    message = refusal(load, text)
    scale = (min(1, odd), max(5, odd))
    assert f"line 1502: the rating is {odd}, and nearly all" in message
    assert f"--rating_scale {scale[0]} {scale[1]}" in message
    assert len(load(text, rating_scale=scale).ratings) == 1502


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([4, ""], "the rating is missing"), ([4, "x"], "the rating is 'x'"), ([4, "80%"], "'80%'"),
        ([4, "inf"], "the rating is 'inf'"), ([4, '"1,234"'], "the rating is '1,234'"), ([4, "nan"], "'nan'"),
    ],
)  # fmt: skip
def test_a_rating_that_is_none_is_refused_with_its_line(given: list[Any], said: str, load: Load) -> None:
    message = refusal(load, column("rating", given))
    assert message.startswith("ratings.csv, line 3: ") and said in message


def test_ratings_like_times_or_off_the_given_scale_are_refused(load: Load) -> None:
    assert "say --columns timestamp=NAME" in refusal(load, "1,10,978300760\n2,11,978300761\n")
    message = refusal(load, column("rating", [1, 6]), rating_scale=(1.0, 5.0))
    assert "line 3: the rating is 6; it must be from 1 to 5; --skip_bad_rows" in message
    skipped = load(column("rating", [1, 6]), rating_scale=(1.0, 5.0), skip_bad_rows=True)
    assert skipped.ratings.rating.tolist() == [1] and skipped.ratings.scale == RatingScale(1, 5)
    assert "line 3: the weight is -2" in refusal(load, column("plays", [1, -2]), weights="plays")


def test_an_empty_column_is_as_none_and_one_that_begins_late_is_refused(load: Load) -> None:
    data = load(column("rating,timestamp", [",", "NULL,", ","]))
    assert data.ratings.scale is None and not data.ratings.has_times
    assert {"the column rating is empty, so there are no ratings"} < set(data.warnings)
    late = {f"ratings_{n}.csv": column("rating", ["", ""] if n == 1 else ["", "4"]) for n in (1, 2)}
    assert "line 3: the rating is '4', but no row before has one" in refusal(load, late)


# --- rows ---------------------------------------------------------------------------------------------


def test_orphans_are_made_dropped_or_refused(load: Load) -> None:
    files = {"ratings.csv": RATINGS, "items.csv": ITEMS.rpartition("12,")[0]}
    made = load(files)
    assert made.movies.title.tolist() == ["Heat", "Alien", "12"]
    assert "1 rating of 1 item that the table of items lacks (12): made" in made.warnings[0]
    assert len(load(files, orphans=Orphans.DROP).ratings) == 3
    assert refusal(load, files, orphans=Orphans.ERROR).startswith("ratings.csv, line 5: item 12 is rated but")


def test_rows_that_are_skipped_are_counted_and_named_in_every_file(load: Load) -> None:
    files = {"ratings.csv": RATINGS + "x\n4,10,y,1\n", "items.csv": ITEMS + "13,a,b,c,d\n"}
    data = load(files, skip_bad_rows=True)
    assert (len(data.ratings), len(data.movies)) == (4, 3)
    (warning,) = data.warnings
    assert warning.startswith("3 rows skipped: ")
    assert all(
        one in warning
        for one in ("items.csv, line 5: has 5", "ratings.csv, line 6: has 1", "line 7: the rating")
    )


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (['1,10,4,"a', '2,11,3,"b"'], 2), (["1,10,4,a", '2,11,3,"b"c'], 3), (["1,10,4,a", "2,11,3,b,c"], 3),
        (['1,10,4,"a', 'b, ""c"""', "2,11,x,d"], 4),         (["1,10,4,a", "u\0,11,3,b"], 3),
        (["1,10,4,a", "user,item,rating,comment"], 3),
    ],
)  # fmt: skip
def test_a_line_that_is_wrong_is_named_though_records_span_lines(
    rows: list[str], line: int, load: Load
) -> None:
    assert f"line {line}: " in refusal(load, table("user,item,rating,comment", *rows))


def test_bytes_that_are_no_utf8_are_cp1252_and_that_is_said(load: Load) -> None:
    text = table("user,item,title", "1,10,Amélie", "2,11,Señor")
    windows = load(text.encode("cp1252"))
    assert "CP1252" in windows.notes[0] and windows.movies.title.tolist() == ["Amélie", "Señor"]
    mixed = load(text.encode() + "3,12,Café\n".encode("cp1252"))
    assert mixed.movies.title.tolist() == ["Amélie", "Señor", "Café"]
    assert mixed.warnings[0].endswith("line 4: is not in UTF-8; such bytes were taken for cp1252")


# --- items and users ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "genres",
    [
        ["Action, Drama", "Drama", ""], ["Action;Drama", "Drama", "nan"], ["Action|Drama", "Drama", "\\N"],
        ["['Action', 'Drama']", "['Drama']", "[]"], ['[""Action"", ""Drama""]', '[""Drama""]', "[]"],
        ["['Action' 'Drama']", "['Drama']", "[]"], ["{'Action', 'Drama'}", "{'Drama'}", ""],
        ["('Action', 'Drama')", "('Drama',)", "()"], ["[Action, Drama]", "Drama", ""],
        ["[['Action'], ['Drama']]", "[['Drama']]", "[]"], ["Action | Drama", "[Drama]", "NULL"],
        ["[{'id': 1, 'name': 'Action'}, {'id': 2, 'name': 'Drama'}]", "[{'id': 2, 'name': 'Drama'}]", "[]"],
    ],
)  # fmt: skip
def test_genres_are_lists_of_any_usual_kind(genres: list[str], load: Load) -> None:
    items = table("item,title,genres", *(f'{10 + n},T,"{one}"' for n, one in enumerate(genres)))
    data = load({"ratings.csv": RATINGS, "items.csv": items})
    assert data.movies.genre_names == ("Action", "Drama")
    assert data.movies.genres.tolist() == [[True, True], [False, True], [False, False]]


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("1995", 1995), ("1995.0", 1995), ("1995-05-01", 1995), ("01-Jan-1995", 1995), ("(1995)", 1995),
        ("19950501", 1995), ("5/1/1995", 1995), ("0", 1990), ("99999", 1990), ("9999", 1990),
        ("nan", 1990), ("'95", 1990),
    ],
)  # fmt: skip
def test_a_year_is_that_of_its_column_or_of_the_title(text: str, year: int, load: Load) -> None:
    items = table("item,title,year", f"10,A (1990),{text}")
    assert load({"ratings.csv": RATINGS, "items.csv": items}).movies.year[0] == year


def test_a_wide_file_tells_of_its_items_but_titles_of_reviews_do_not(load: Load) -> None:
    head = "user_id,movie_id,title,genres,year,rating"
    wide = load(
        table(head, "1,10,Heat,Action|Crime,1995,4", "1,11,Alien,Horror,1979,5", "2,10,Heat,Action,1995,3")
    )
    assert wide.movies.title.tolist() == ["Heat", "Alien"] and wide.movies.year.tolist() == [1995, 1979]
    for rows in (["1,B1,4,Good,x", "2,B1,3,Bad,y"], ["1,B1,4,Good,x", "2,B2,3,Bad,y"]):
        reviews = load(table("user_id,asin,rating,title,text", *rows))
        assert reviews.movies.title.tolist() == reviews.movies.movie_id.tolist()
        assert "the titles are not those of the items" in reviews.warnings[0]
    by_title = load(table("user,title,rating", '1,"Heat, The",4', '2,"Heat, The",3', "1,Alien,5"))
    assert by_title.movies.movie_id.tolist() == by_title.movies.title.tolist() == ["Alien", "Heat, The"]


def test_users_may_have_names_gaps_and_repeats(load: Load) -> None:
    users = table(
        "id,name,age,gender,job", "1,Ann,20,F,a", "2,Bob,,male,b", "3,Cy,40,m,c", "3,Di,50,f,d", "9,Ed,60,M,e"
    )
    data = load({"ratings.csv": RATINGS, "users.csv": users})
    assert data.users.user_id.tolist() == [1, 2, 3, 9] and data.movies.movie_id.tolist() == [10, 11, 12]
    ages, are_male = data.users.bucketized_age, data.users.is_male
    assert ages is not None and are_male is not None and are_male.tolist() == [False, True, True, True]
    np.testing.assert_array_equal(ages, np.array([18, np.nan, 35, 56], np.float32))
    assert "1 row of a user that has one" in " ".join(data.warnings)


def test_users_who_are_not_in_their_table_are_of_unknown_age_and_occupation(load: Load) -> None:
    users = table("id,age,gender,job", "1,20,F,a", "9,60,M,")
    data = load({"ratings.csv": RATINGS, "users.csv": users})
    known, n_others = data.users, len(data.users) - 2
    assert known.raw_age is not None and known.occupation is not None and n_others >= 2
    np.testing.assert_array_equal(known.raw_age, np.array([20, 60] + [np.nan] * n_others, np.float32))
    names = [known.occupation_names[code] for code in known.occupation.tolist()]
    assert names == ["a", *["unknown"] * (n_others + 1)] and known.is_male is not None
    np.testing.assert_array_equal(known.is_male, np.array([0, 1] + [np.nan] * n_others, np.float32))
    assert "not in the table of users, so nothing is known of them" in " ".join(data.warnings)


# --- folders, zips, Parquet ---------------------------------------------------------------------------


def test_other_files_in_a_folder_do_no_harm(load: Load) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    others = {
        "README.md": "x",
        "LICENSE": "y",
        "a.png": png,
        ".ratings.csv": "user,item\n",
        "notes.txt": "A, b.\nC",
    }
    tags = {
        "tags.csv": table("user,item,tag,timestamp", *["1,10,fun,978300760"] * 30),
        "__MACOSX/._ratings.csv": b"\0",
    }
    data = load(
        {"ratings.csv": RATINGS, "ratings_small.csv": RATINGS[:44], "items.csv": ITEMS, **others, **tags}
    )
    assert len(data.ratings) == 4 and data.movies.title.tolist() == ["Heat", "Alien", "Up"]
    assert data.notes[0].endswith("left out: ratings_small.csv, tags.csv") and data.warnings == ()


@pytest.mark.parametrize("items", [b"", ITEMS.encode("utf-16"), b"\0" * 9])
def test_a_table_that_cannot_be_read_beside_the_ratings_is_said(items: bytes, load: Load) -> None:
    data = load({"ratings.csv": RATINGS, "items.csv": items})
    assert "; left out: items.csv (is " in data.notes[0] or "items.csv (holds" in data.notes[0]


@pytest.mark.parametrize("name", ["a/{}", "a/b/{}"])
@pytest.mark.parametrize("is_zip", [False, True])
def test_folders_in_folders_are_looked_into(name: str, is_zip: bool, load: Load) -> None:
    files = {name.format(one): content for one, content in (("ratings", RATINGS), ("items.csv", ITEMS))}
    data = load(zipped(files), name="x.zip") if is_zip else load(files)
    assert len(data.ratings) == 4 and data.movies.title[0] == "Heat"


def test_parts_may_have_their_columns_in_another_order(load: Load, tmp_path: Path) -> None:
    files = {"train.csv": RATINGS, "test.csv": table("timestamp,rating,item,user", "978300761,2,11,3")}
    data = load(files)
    assert sorted(data.ratings.part.tolist()) == [TRAIN] * 4 + [TEST]  # type: ignore[union-attr]
    held_out = tmp_path / "held_out.csv"
    held_out.write_text(table("user,item,rating", "3,11,2"))
    without = load(RATINGS, test=held_out)
    assert not without.ratings.has_times
    assert "not every file has a timestamp, so none is used" in without.warnings


def test_parquet_is_read_by_its_types(load: Load) -> None:
    at = [datetime(2001, 1, 2, tzinfo=UTC), datetime(2001, 1, 2, 1, tzinfo=timezone(timedelta(hours=1)))]
    data = load(parquet(user=[2.0, 1.0], item=[b"b", b"a"], rating=[4, 3], timestamp=at), name="r.parquet")
    assert data.users.user_id.tolist() == [1, 2] and data.movies.movie_id.tolist() == ["a", "b"]
    assert data.ratings.timestamp.tolist() == [A_DAY] * 2 and data.ratings.rating.tolist() == [4, 3]
    with pytest.raises(DataError, match="line 2: the rating is 'nan'"):
        load(parquet(user=[1, 2], item=[["x"], None], rating=[1.0, float("nan")]), name="bad.parquet")
    lists = {
        "r.parquet": parquet(user=[1], item=[2]),
        "items.parquet": parquet(item=[2], genres=[["x", "y"]]),
    }
    assert load(lists).movies.genre_names == ("x", "y")


@pytest.mark.parametrize(
    ("header", "values", "said"),
    [
        ("rating", [-1, 6, 10], "1 rating of -1: if that means no or none, --min_rating 6 leaves"),
        ("liked", ["false", "true", "True"], "1 rating of 0: if that means no or none"),
        ("rating", [1, 2, 700], "ratings go up to 700; if they count events, such as plays, say --wei"),
        ("rating", [1, 1, 1], "each rating is 1, which tells nothing, so each row is a positive"),
        ("date", [1995, 2001, 2007], "times from 1995 to 2007 would be seconds of 1970-01-01 and before"),
        ("timestamp", [978300760, 4102444800], "1 row has a time in the future, up to 2100-01-01"),
        ("timestamp", [0, 0, 0], "timestamp = timestamp (seconds, UTC); the time is 0 in each row"),
    ],
)  # fmt: skip
def test_what_may_mean_something_else_is_said(header: str, values: list[Any], said: str, load: Load) -> None:
    data = load(column(header, values))
    assert any(said in one for one in (*data.notes, *data.warnings))
    assert (data.ratings.scale is None) == (len(set(values)) == 1 or header not in ("rating", "liked"))


@pytest.mark.parametrize(
    ("ratings", "files"),
    [
        ("user_id,book_id,rating", {"books.csv": "isbn,id,book_id,title,original_publication_year\n"
         "439,1,10,Heat,1995.0\n440,2,11,Alien,1979.0\n", "to_read.csv": "user_id,book_id\n1,10\n"}),
        ("user_id,anime_id,rating", {"anime.csv": "MAL_ID,Name,Year\n10,Heat,1995\n11,Alien,1979\n"}),
        ("user_id,business_id,stars", {
            "business.json": '{"business_id":10,"name":"Heat","postal_code":"1","year":1995}\n'
            '{"business_id":11,"name":"Alien","postal_code":"2","year":1979}\n',
            "user.json": '{"user_id":1,"name":"Ann"}\n{"user_id":2,"name":"Bo"}\n'}),
        ("user,title,rating,imdb_id,year", {}),
    ],
)  # fmt: skip
def test_items_are_found_by_the_ids_that_the_ratings_have(
    ratings: str, files: dict[str, str], load: Load
) -> None:
    rows = ("2,10,4", "1,11,3") if files else ("2,Heat,4,tt10,1995", "1,Alien,3,tt11,1979")
    data = load({"ratings.csv": table(ratings, *rows), **files})
    assert data.movies.movie_id.tolist() == ([10, 11] if files else ["tt10", "tt11"])
    assert data.movies.title.tolist() == ["Heat", "Alien"] and data.movies.year.tolist() == [1995, 1979]
    assert data.users.user_id.tolist() == [1, 2] and data.warnings == ()
    assert data.notes[0].endswith("left out: to_read.csv") == ("to_read.csv" in files)


def test_tables_that_have_none_of_the_ids_are_named_with_the_remedy(load: Load) -> None:
    files = {
        "items.csv": "item,sku,title\nA,10,Heat\nB,11,Alien\nC,12,Up\n",
        "users.csv": "user,age\n77,30\n",
    }
    data = load({"ratings.csv": RATINGS, **files})
    assert "--columns items.id=NAME" in data.warnings[0] and "--columns users.id=NAME" in data.warnings[1]
    assert data.users.user_id.tolist() == [1, 2, 3] and data.users.bucketized_age is None
    data = load({"ratings.csv": RATINGS, **files}, columns=("items.id=SKU",))
    assert data.movies.title.tolist() == ["Heat", "Alien", "Up"] and len(data.warnings) == 1


def test_films_of_one_title_and_several_years_are_told(load: Load) -> None:
    data = load(table("user,title,year,rating", "1,Up,2009,4", "2,Heat,1995,4", "3,Heat,1986,3"))
    assert data.warnings == ("'Heat' stands with several years, and is one item all the same",)
