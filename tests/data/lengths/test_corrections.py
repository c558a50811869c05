"""Movie lengths from a file, matched by title and year."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from movierec_cli.data.dataset import Dataset, Movies, Ratings, Users
from movierec_cli.data.lengths.corrections import with_lengths
from movierec_cli.data.movie_table import year_of
from movierec_cli.errors import DataError

TITLES = [
    "Matrix, The (1999)",
    "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
    "Avventura, L' (1960)",
    "Sabrina (1954)",
    "Sabrina (1995)",
    "Quiz Show (1994)",
    "unknown",
]


@pytest.fixture
def dataset() -> Dataset:
    n = len(TITLES)
    movies = Movies(
        movie_id=np.arange(n),
        title=np.array(TITLES, dtype=object),
        year=np.array([year_of(title) for title in TITLES], dtype=np.int16),
        genres=np.zeros((n, 1), dtype=bool),
        genre_names=("Drama",),
    )
    none = np.zeros(0, dtype=np.int32)
    ratings = Ratings(none, none, none.astype(np.float32), none.astype(np.int64))
    return Dataset("mine", "mine", "f" * 64, ratings, movies, Users(np.arange(1)), ("earlier",))


def lengths(dataset: Dataset, path: Path, content: str) -> list[float | None]:
    path.write_text(content, encoding="utf-8")
    minutes = with_lengths(dataset, path).movies.length_minutes
    assert minutes is not None
    assert minutes.dtype == np.float32
    return [None if np.isnan(value) else float(value) for value in minutes]


def test_titles_match_with_the_article_first_or_last_and_by_year(dataset: Dataset, tmp_path: Path) -> None:
    content = (
        "minutes,title,year\n136,The Matrix,1999\n112,the city of lost children,1995\n144,L'Avventura,1960\n"
        '113,Sabrina,1954\n127.5,"Sabrina (1995)",\n,Quiz Show,1994\n99,unknown,\n'
    )
    assert lengths(dataset, tmp_path / "l.csv", content) == [136, 112, 144, 113, 127.5, None, None]


def test_a_tsv_needs_no_quotes_and_the_first_of_two_counts(dataset: Dataset, tmp_path: Path) -> None:
    content = "title\tyear\tminutes\nMatrix, The\t1999\t136\nThe Matrix\t1999\t1\nSabrina\t1954\t\\N\n"
    assert lengths(dataset, tmp_path / "l.tsv", content) == [136] + [None] * 6


def test_coverage_is_told_and_the_fingerprint_follows_the_file(dataset: Dataset, tmp_path: Path) -> None:
    file = tmp_path / "l.csv"
    file.write_text("title,year,minutes\nThe Matrix,1999,136\n")
    filled = with_lengths(dataset, file)
    assert filled.warnings == ("earlier", "l.csv: lengths of 1 of 7 movies (14%)")
    file.write_text("title,year,minutes\nThe Matrix,1999,137\n")
    assert len({dataset.fingerprint, filled.fingerprint, with_lengths(dataset, file).fingerprint}) == 3
    assert dataset.movies.length_minutes is None


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("", 1, "must have the columns title,year,minutes"),
        ("title,minutes\nA,1\n", 1, "must have the columns"),
        ("title,year,minutes\nA,1999,90\nB,1999\n", 3, "2 fields, needs 3"),
        ("title,year,minutes\nA,1999,long\n", 2, "length is 'long'"),
        ("title,year,minutes\nA,1999,0\n", 2, "above 0"),
        ("title,year,minutes\nA,1999,nan\n", 2, "length is 'nan'"),
        ("title,year,minutes\nA,soon,90\n", 2, "year is 'soon'"),
        ('title,year,minutes\nA,1999,90\n"B,1999,90\n', 3, "not well-formed"),
    ],
)
def test_a_wrong_line_is_named(dataset: Dataset, tmp_path: Path, content: str, line: int, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        lengths(dataset, tmp_path / "l.csv", content)
    assert caught.value.line == line


def test_an_absent_file_is_a_data_error(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        with_lengths(dataset, tmp_path / "absent.csv")
