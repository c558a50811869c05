"""What is told of a data set's lengths, and the file that can be corrected by hand."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.running_times.apply import (
    CORRECTED,
    CSV_COLUMNS,
    NOT_LOOKED_UP,
    OWN,
    Count,
    Coverage,
    coverage_of,
    find_lengths,
    with_lengths,
    write_lengths,
)
from movierec_cli.data.running_times.match_cache import FOLDER_VARIABLE
from movierec_cli.data.running_times.matching import Rule, Status
from movierec_cli.errors import DataError
from tests.tiny_dataset import tiny_dataset
from tests.tiny_titles import write_titles

# Ratings of Alien 2, Brazil 1, Clue 2, Dune 1: see tests/tiny_dataset.py.


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataConfig:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    return DataConfig(datasets_dir=tmp_path, imdb_titles=write_titles(tmp_path / "titles.tsv.gz"))


def coverage(config: DataConfig, dataset: Dataset | None = None) -> Coverage:
    data = dataset or tiny_dataset()
    return coverage_of(data, find_lengths(data, config))


def corrected(config: DataConfig, content: str) -> DataConfig:
    file = config.datasets_dir / "mine.csv"
    file.write_text(content)
    return replace(config, movie_lengths=file)


def occurring(counts: tuple[Count, ...]) -> dict[str, tuple[int, int]]:
    return {count.label: (count.n_movies, count.n_ratings) for count in counts if count.n_movies}


def rows(file: Path) -> dict[int, dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return {int(row["movie_id"]): row for row in csv.DictReader(lines)}


def test_movies_and_their_ratings_are_counted_by_rule_and_status(config: DataConfig) -> None:
    found = coverage(config)
    assert (found.all.n_movies, found.all.n_ratings) == (4, 6)
    assert (found.known.n_movies, found.known.n_ratings) == (1, 2)
    assert (found.missing.n_movies, found.missing.n_ratings) == (3, 4)
    assert occurring(found.known_by) == {Rule.TITLE: (1, 2)}
    assert occurring(found.missing_by) == {
        Status.AMBIGUOUS: (1, 1),
        Status.UNMATCHED: (1, 2),
        Status.NO_LENGTH: (1, 1),
    }
    assert {count.label for count in found.known_by} == {*Rule, OWN, CORRECTED}


def test_each_movie_is_counted_once(config: DataConfig) -> None:
    found = coverage(corrected(config, "title,year,minutes\nBrazil,1985,143\n"))
    for total, parts in ((found.known, found.known_by), (found.missing, found.missing_by)):
        assert sum(part.n_movies for part in parts) == total.n_movies
        assert sum(part.n_ratings for part in parts) == total.n_ratings
    assert found.known.n_movies + found.missing.n_movies == found.all.n_movies
    assert occurring(found.known_by) == {Rule.TITLE: (1, 2), CORRECTED: (1, 1)}


def test_the_most_rated_come_first(config: DataConfig) -> None:
    dataset = tiny_dataset()
    ratings = replace(dataset.ratings, movie_index=np.array([2, 3, 3, 3, 2, 1], np.int32))
    write_titles(config.datasets_dir / "titles.tsv.gz", (("tt0000001", "movie", "Zardoz", "1974", "105"),))
    unmatched = coverage(config, replace(dataset, ratings=ratings)).of_status(Status.UNMATCHED)
    assert [(movie.movie_id, movie.n_ratings) for movie in unmatched] == [(13, 3), (12, 2), (11, 1), (10, 0)]


def test_an_ambiguous_movie_keeps_its_candidates(config: DataConfig) -> None:
    (brazil,) = coverage(config).of_status(Status.AMBIGUOUS)
    assert {(entry.tconst, entry.minutes) for entry in brazil.entries} == {
        ("tt0088846", 132),
        ("tt0088847", 94),
    }


def test_lengths_that_nobody_looked_up_are_counted_apart(config: DataConfig) -> None:
    alone = replace(corrected(config, "title,year,minutes\nAlien,1979,117\n"), imdb_titles=None)
    found = coverage(alone)
    assert occurring(found.known_by) == {CORRECTED: (1, 2)}
    assert occurring(found.missing_by) == {NOT_LOOKED_UP: (3, 4)}
    sample = load_dataset(DataConfig(dataset="sample"))
    of_sample = coverage(DataConfig(datasets_dir=config.datasets_dir), sample)
    assert occurring(of_sample.known_by) == {OWN: (len(sample.movies), len(sample.ratings))}


def test_the_file_has_every_movie_those_without_a_length_first(config: DataConfig, tmp_path: Path) -> None:
    write_lengths(coverage(config), tmp_path / "lengths.csv")
    written = rows(tmp_path / "lengths.csv")
    assert list(written) == [12, 11, 13, 10]
    assert tuple(written[10]) == CSV_COLUMNS
    assert list(written[10].values()) == [
        *("10", "Alien (1979)", "1979", "117", "matched", "title", "tt0078748", "117", "2")
    ]
    assert written[11]["minutes"] == ""
    assert sorted(written[11]["imdb"].split()) == ["tt0088846", "tt0088847"]
    assert sorted(written[11]["candidate_minutes"].split()) == ["132", "94"]
    assert (written[12]["status"], written[12]["rule"], written[12]["imdb"]) == ("unmatched", "", "")
    assert written[13]["candidate_minutes"] == "?"


@pytest.mark.parametrize("name", ["lengths.csv", "lengths.tsv"])
def test_the_file_corrected_by_hand_can_be_given_back(config: DataConfig, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    before = coverage(config)
    write_lengths(before, file)
    dataset = with_lengths(tiny_dataset(), replace(config, movie_lengths=file))
    assert dataset.lengths_fingerprint == with_lengths(tiny_dataset(), config).lengths_fingerprint
    comma = "\t" if name.endswith("tsv") else ","
    file.write_text(
        file.read_text().replace(f"1985{comma}{comma}unmatched", f"1985{comma}94{comma}unmatched")
    )
    after = coverage(replace(config, movie_lengths=file))
    assert occurring(after.known_by) == {Rule.TITLE: (1, 2), CORRECTED: (1, 2)}
    assert {movie.movie_id: movie.minutes for movie in after.movies} == {10: 117, 11: None, 12: 94, 13: None}


def test_a_file_of_the_same_content_may_be_there_and_hand_work_is_kept(
    config: DataConfig, tmp_path: Path
) -> None:
    file = tmp_path / "folder" / "lengths.csv"
    for _ in range(2):
        write_lengths(coverage(config), file)
    corrected_text = file.read_text() + "77,mine,1990,99,,,,,\n"
    file.write_text(corrected_text)
    with pytest.raises(DataError, match="is there already with other content"):
        write_lengths(coverage(config), file)
    assert file.read_text() == corrected_text
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_cannot_be_written_is_told(config: DataConfig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "lengths.csv"):
        with pytest.raises(DataError, match="cannot be written"):
            write_lengths(coverage(config), place)
    assert (tmp_path / "file").read_text() == ""
