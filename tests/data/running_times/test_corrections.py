"""The user's own lengths: which movies a row is of, and what is wrong with a file."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.data import limits
from movierec_cli.data.limits import FACTOR_VARIABLE, Limit
from movierec_cli.data.running_times.corrections import Corrections, read_corrections
from movierec_cli.errors import DataError
from tests.tiny_titles import movies_of

TITLES = [
    "Matrix, The (1999)",
    "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
    "Avventura, L' (1960)",
    "Sabrina (1954)",
    "Sabrina (1995)",
    "Quiz Show (1994)",
    "unknown",
]
MOVIES = movies_of(*TITLES)


def corrections(file: Path, content: str) -> Corrections:
    file.write_text(content, encoding="utf-8")
    return read_corrections(file, MOVIES)


def lengths(file: Path, content: str) -> dict[int, float]:
    """Minutes by the movie's place, where the file says something."""
    minutes = corrections(file, content).minutes
    assert minutes.dtype == np.float32
    assert minutes.shape == (len(TITLES),)
    return {place: float(value) for place, value in enumerate(minutes) if not np.isnan(value)}


def test_titles_match_with_the_article_first_or_last_and_by_year(tmp_path: Path) -> None:
    content = (
        "minutes,title,year\n136,The Matrix,1999\n112,the city of lost children,1995\n144,L'Avventura,1960\n"
        '113,Sabrina,1954\n127.5,"Sabrina (1995)",\n,Quiz Show,1994\n99,unknown,\n'
    )
    assert lengths(tmp_path / "l.csv", content) == {0: 136, 1: 112, 2: 144, 3: 113, 4: 127.5, 6: 99}


def test_a_movie_id_may_be_a_text(tmp_path: Path) -> None:
    ids = np.array([f"tt{place}" for place in range(len(TITLES))], object)
    (tmp_path / "l.csv").write_text("movie_id,title,year,minutes\ntt2,,,144\ntt77,,,5\n", encoding="utf-8")
    read = read_corrections(tmp_path / "l.csv", replace(MOVIES, movie_id=ids))
    assert np.flatnonzero(~np.isnan(read.minutes)).tolist() == [2]
    assert [row.line for row in read.unused] == [3]


@pytest.mark.parametrize(
    "title",
    [
        "La Cité des enfants perdus",
        "Cite des enfants perdus, La",
        "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
    ],
)
def test_another_title_of_the_same_film_will_do(tmp_path: Path, title: str) -> None:
    assert lengths(tmp_path / "l.csv", f'title,year,minutes\n"{title}",1995,112\n') == {1: 112}


def test_a_row_with_an_id_is_of_that_movie_whatever_its_title(tmp_path: Path) -> None:
    content = "movie_id,title,year,minutes,note\n4,Sabrina,1954,127,by hand\n,Sabrina,1954,113,\n"
    assert lengths(tmp_path / "l.csv", content) == {3: 113, 4: 127}


def test_the_id_counts_before_the_title(tmp_path: Path) -> None:
    found = corrections(tmp_path / "l.csv", "movie_id,title,year,minutes\n,The Matrix,1999,1\n0,,,136\n")
    assert (found.minutes[0], found.warnings) == (136, ())


def test_two_movies_of_one_title_and_year_get_one_length(tmp_path: Path) -> None:
    file = tmp_path / "l.csv"
    file.write_text("title,year,minutes\nChasing Amy,1997,113\n")
    assert read_corrections(file, movies_of(*["Chasing Amy (1997)"] * 2)).minutes.tolist() == [113, 113]


def test_a_tsv_needs_no_quotes_and_the_same_again_does_no_harm(tmp_path: Path) -> None:
    content = "title\tyear\tminutes\nMatrix, The\t1999\t136\nThe Matrix\t1999\t136.0\nSabrina\t1954\t\\N\n"
    assert lengths(tmp_path / "l.tsv", content) == {0: 136}


def test_files_of_spreadsheets_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "l.csv"
    file.write_bytes(b"\xef\xbb\xbfTitle, Year ,MINUTES\r\nThe Matrix,1999,136\r\n\r\nSabrina,1954,113\r\n")
    assert read_corrections(file, MOVIES).minutes[[0, 3]].tolist() == [136, 113]
    file.write_bytes(b"title,year,minutes\nCit\xe9,1995,112\n")
    assert read_corrections(file, MOVIES).unused[0].fields[0] == "Cité"


@pytest.mark.parametrize(
    ("first", "named"), [("The Matrx,1999,136,", "The Matrx 1999"), (",,136,9", "movie_id 9")]
)
def test_rows_of_no_movie_are_counted_and_the_first_is_named(tmp_path: Path, first: str, named: str) -> None:
    rows = ("The Matrix,1999,136,", first, "Sabrina,,113,", ",,90,7", "No,1950,,")
    found = corrections(tmp_path / "l.csv", "\n".join(("title,year,minutes,movie_id", *rows)))
    assert [row.line for row in found.unused] == [3, 4, 5]
    told = f"3 of 4 lengths fit no movie of the data set; the first is in line 3, '{named}'"
    assert found.warnings == (f"{tmp_path / 'l.csv'}: {told}",)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("title,minutes\nA,1\n", 1, "must have the columns"),
        ("title,year,minutes,movie_id,movie_id\nA,1,1,1,1\n", 1, "minutes once each"),
        ("title,year,minutes\nA,1999,90\nB,1999\n", 3, "2 fields, needs 3"),
        ("title,year,minutes\nA,1999,long\n", 2, "length is 'long'"),
        ("title,year,minutes\nA,1999,0\n", 2, "length is '0'; it must be 1 to 1,000 minutes"),
        ("title,year,minutes\nA,1999,1000\nB,1999,1000.5\n", 3, "length is '1000.5'"),
        ("title,year,minutes\nA,1999,nan\n", 2, "length is 'nan'"),
        ("title,year,minutes\nA,soon,90\n", 2, "year is 'soon'"),
        ("title,year,minutes,movie_id\nA,1999,90,x1\n", 2, "movie_id is 'x1'"),
        ('title,year,minutes\n"A\nA",1999,90\nB,1999,x\n', 4, "length is 'x'"),
        ('title,year,minutes\nA,1999,90\n"B,1999,90\n', 3, "no well-formed CSV"),
        ('title,year,minutes\nThe B,1999,90\n\nB (1999),,90\n"B, The",1999,91\n', 5, "91, but line 2 .* 90"),
        ("title,year,minutes,movie_id\nA,1999,90,1\nB,1999,91,1\n", 3, "91, but line 2 gives the same movie"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, content: str, line: int, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        corrections(tmp_path / "l.csv", content)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{tmp_path / 'l.csv'}, line {line}: ")


def test_under_a_raised_limit_all_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TABLE_BYTES", Limit(60, "has more than {} bytes"))
    monkeypatch.setenv(FACTOR_VARIABLE, "10")
    content = "title,year,minutes\n" + "Film,1990,90\n" * 10 + "The Matrix,1999,136\n"
    assert lengths(tmp_path / "l.csv", content) == {0: 136}


def test_a_file_that_is_none_is_a_data_error(tmp_path: Path) -> None:
    file = tmp_path / "l.csv"
    with pytest.raises(DataError, match="does not exist"):
        read_corrections(file, MOVIES)
    with pytest.raises(DataError, match="is empty"):
        corrections(file, "")
    with pytest.raises(DataError, match="has a header but no rows"):
        corrections(file, "title,year,minutes\n")
    with file.open("r+b") as sparse:
        sparse.truncate(65 * 10**6)
    with pytest.raises(DataError, match="holds a NUL byte"):
        read_corrections(file, MOVIES)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(DataError, match="is neither a file nor a folder"):
        read_corrections(file, MOVIES)
