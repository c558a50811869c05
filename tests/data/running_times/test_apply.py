"""Lengths into a data set: IMDb's, its own, the user's; what is told of them, and what is not downloaded."""

import csv
import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import DataConfig, FeatureSet
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.running_times import apply
from movierec_cli.data.running_times.apply import (
    CORRECTED,
    CSV_COLUMNS,
    NOT_LOOKED_UP,
    OWN,
    Count,
    Coverage,
    coverage_of,
    find_lengths,
    lengths_at_hand,
    with_lengths,
    write_lengths,
)
from movierec_cli.data.running_times.matching import Rule, Status
from movierec_cli.data.running_times.titles_file import TITLES_NAME
from movierec_cli.errors import DataError, UsageError
from movierec_cli.experiment.loading import load_source
from movierec_cli.models.observer import TrainingObserver
from tests.tiny_dataset import tiny_dataset
from tests.tiny_titles import write_titles

HEADER = "title,year,minutes\n"
CORRECTIONS = f"{HEADER}Clue,1985,94\nAlien,1979,116\nDune [1],1984,\n"


class DownloadedError(Exception):
    """In place of a download."""


@pytest.fixture(autouse=True)
def _no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """A download says that it was asked for."""

    def downloaded(config: DataConfig, progress: object) -> Path:
        if (found := apply.local_titles(config)) is None:
            raise DownloadedError
        return found

    monkeypatch.setattr(apply, "titles_file", downloaded)


@pytest.fixture
def here(tmp_path: Path) -> DataConfig:
    """A datasets folder with IMDb's list."""
    write_titles(tmp_path / "datasets" / TITLES_NAME)
    return DataConfig(datasets_dir=tmp_path / "datasets")


@pytest.fixture
def nowhere(tmp_path: Path) -> DataConfig:
    """A datasets folder without it."""
    return DataConfig(datasets_dir=tmp_path / "empty")


@pytest.fixture
def corrections(tmp_path: Path) -> Path:
    file = tmp_path / "mine.csv"
    file.write_text(CORRECTIONS)
    return file


def minutes(dataset: Dataset) -> list[float | None]:
    column = dataset.movies.length_minutes
    assert column is not None
    assert column.dtype == np.float32
    return [None if np.isnan(value) else float(value) for value in column]


def with_own(dataset: Dataset) -> Dataset:
    own = np.array([1, 2, 3, 4], dtype=np.float32)
    return replace(dataset, movies=replace(dataset.movies, length_minutes=own))


def test_a_movie_is_as_long_as_imdb_says_and_what_is_ambiguous_stays_open(here: DataConfig) -> None:
    dataset = tiny_dataset()
    found = with_lengths(dataset, here)
    assert minutes(found) == [117, None, None, None]
    assert found.notes == (
        "movie lengths: 1 of 4 movies (25 %) from title.basics.tsv.gz; see movierec data lengths",
    )
    assert found.warnings == dataset.warnings
    assert dataset.movies.length_minutes is None


@pytest.mark.parametrize(
    ("content", "expected", "told"),
    [
        (CORRECTIONS, [116, None, 94, None], "2 of 4 movies (50 %) from title.basics.tsv.gz, 2 corrected"),
        (
            f"{HEADER}Alien,1979,117\n",
            [117, None, None, None],
            "(25 %) from title.basics.tsv.gz, 0 corrected",
        ),
    ],
    ids=["other lengths", "the same length"],
)
def test_the_users_file_counts_before_imdb(
    content: str, expected: list[float | None], told: str, here: DataConfig, corrections: Path
) -> None:
    corrections.write_text(content)
    found = with_lengths(tiny_dataset(), replace(here, movie_lengths=corrections))
    assert minutes(found) == expected
    assert f"{told} by mine.csv; see movierec data lengths" in found.notes[0]


def test_a_list_elsewhere_is_named_and_refused_where_it_is_none(tmp_path: Path, nowhere: DataConfig) -> None:
    titles = write_titles(tmp_path / "other.tsv.gz", (("tt0078748", "movie", "Alien", "1979", "118"),))
    assert minutes(with_lengths(tiny_dataset(), replace(nowhere, imdb_titles=titles)))[0] == 118
    titles.write_text("title,year\n")
    with pytest.raises(DataError, match=r"other\.tsv\.gz"):
        with_lengths(tiny_dataset(), replace(nowhere, imdb_titles=titles))


def test_without_the_list_it_is_downloaded_but_for_the_users_file_alone(
    nowhere: DataConfig, corrections: Path
) -> None:
    with pytest.raises(DownloadedError):
        with_lengths(tiny_dataset(), nowhere)
    found = with_lengths(tiny_dataset(), replace(nowhere, movie_lengths=corrections))
    assert minutes(found) == [116, None, 94, None]
    assert found.notes == (
        "movie lengths: 2 of 4 movies (50 %) from mine.csv alone, as no title.basics.tsv.gz is at hand;"
        " see movierec data lengths",
    )


def test_lengths_of_the_data_set_itself_are_not_looked_up(nowhere: DataConfig, corrections: Path) -> None:
    config = replace(nowhere, dataset="sample")
    bare, asked = load_dataset(config), load_dataset(config, with_movie_lengths=True)
    assert minutes(asked) == minutes(bare)
    assert (len(asked.lengths_fingerprint), asked.notes) == (64, ())
    with pytest.raises(UsageError, match="--imdb_titles has no effect here: 'sample' has lengths of its own"):
        with_lengths(bare, replace(config, imdb_titles=Path("NOPE")))
    corrected = with_lengths(with_own(tiny_dataset()), replace(nowhere, movie_lengths=corrections))
    assert minutes(corrected) == [116, 2, 94, 4]
    assert "(100 %) from the data set itself, 2 corrected by mine.csv;" in corrected.notes[0]


def test_rows_of_no_movie_are_a_warning(here: DataConfig, corrections: Path) -> None:
    corrections.write_text(f"{HEADER}Aliens,1986,137\n")
    dataset = replace(tiny_dataset(), warnings=("earlier",))
    earlier, unused = with_lengths(dataset, replace(here, movie_lengths=corrections)).warnings
    assert (earlier, "1 of 1 lengths fit no movie" in unused) == ("earlier", True)


def test_the_fingerprint_is_that_of_the_minutes_alone(here: DataConfig, corrections: Path) -> None:
    dataset = tiny_dataset()
    assert dataset.lengths_fingerprint == ""
    plain, corrected = (
        with_lengths(dataset, config) for config in (here, replace(here, movie_lengths=corrections))
    )
    nan = float("nan")
    expected = hashlib.sha256(struct.pack("<4f", 117, nan, nan, nan)).hexdigest()
    assert plain.lengths_fingerprint == expected
    assert plain.lengths_fingerprint != corrected.lengths_fingerprint
    assert plain.fingerprint == corrected.fingerprint == dataset.fingerprint
    given = CORRECTIONS.replace("94", "").replace("116", "117")
    corrections.write_text(f"{given}Alien: a note in the file,1900,\n")
    same = with_lengths(dataset, replace(here, movie_lengths=corrections))
    assert same.lengths_fingerprint == expected


def test_lengths_are_looked_up_only_where_asked(archive_1m: Path, tmp_path: Path) -> None:
    config = DataConfig(archive=archive_1m, datasets_dir=tmp_path / "ds")
    write_titles(tmp_path / "ds" / TITLES_NAME, (("tt0000011", "movie", "Fílm 3: it (is)", "1983", "83"),))
    bare = load_dataset(config)
    assert (bare.movies.length_minutes, bare.lengths_fingerprint, bare.notes) == (None, "", ())
    asked = load_dataset(config, with_movie_lengths=True)
    assert asked.fingerprint == bare.fingerprint
    assert minutes(asked)[2] == 83
    assert "1 of 15 movies (7 %)" in asked.notes[0]


def test_a_list_that_no_model_looks_into_is_refused(archive_1m: Path, here: DataConfig) -> None:
    config = replace(here, archive=archive_1m, imdb_titles=here.datasets_dir / TITLES_NAME)
    load_source(config, TrainingObserver(), feature_sets=[FeatureSet.parse(["movie_length"])])
    with pytest.raises(UsageError, match="--imdb_titles has no effect here: no model sees movie_length"):
        load_source(config, TrainingObserver(), feature_sets=[FeatureSet.parse(["movie_genres"])])


def test_at_hand_is_what_needs_no_download(
    here: DataConfig, nowhere: DataConfig, corrections: Path, tmp_path: Path
) -> None:
    dataset = tiny_dataset()
    assert lengths_at_hand(dataset, here)
    assert lengths_at_hand(dataset, replace(nowhere, movie_lengths=corrections))
    assert lengths_at_hand(dataset, replace(nowhere, imdb_titles=tmp_path / "other.gz"))
    assert lengths_at_hand(with_own(dataset), nowhere)
    assert not lengths_at_hand(dataset, nowhere)


# Ratings of Alien 2, Brazil 1, Clue 2, Dune 1: see tests/tiny_dataset.py.


def coverage(config: DataConfig, dataset: Dataset | None = None) -> Coverage:
    data = dataset or tiny_dataset()
    return coverage_of(data, find_lengths(data, config))


def occurring(counts: tuple[Count, ...]) -> dict[str, tuple[int, int]]:
    return {count.label: (count.n_movies, count.n_ratings) for count in counts if count.n_movies}


def rows(file: Path) -> dict[int, dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return {int(row["movie_id"]): row for row in csv.DictReader(lines)}


def test_movies_and_their_ratings_are_counted_by_rule_and_status(here: DataConfig) -> None:
    found = coverage(here)
    counts = (found.all, found.known, found.missing)
    assert [(count.n_movies, count.n_ratings) for count in counts] == [(4, 6), (1, 2), (3, 4)]
    assert occurring(found.known_by) == {Rule.TITLE: (1, 2)}
    unknown = {Status.AMBIGUOUS: (1, 1), Status.UNMATCHED: (1, 2), Status.NO_LENGTH: (1, 1)}
    assert occurring(found.missing_by) == unknown
    assert {count.label for count in found.known_by} == {*Rule, OWN, CORRECTED}
    (brazil,) = found.of_status(Status.AMBIGUOUS)
    candidates = {(entry.tconst, entry.minutes) for entry in brazil.entries}
    assert candidates == {("tt0088846", 132), ("tt0088847", 94)}


def test_each_movie_is_counted_once(here: DataConfig, corrections: Path) -> None:
    corrections.write_text(f"{HEADER}Brazil,1985,143\n")
    found = coverage(replace(here, movie_lengths=corrections))
    for total, parts in ((found.known, found.known_by), (found.missing, found.missing_by)):
        assert sum(part.n_movies for part in parts) == total.n_movies
        assert sum(part.n_ratings for part in parts) == total.n_ratings
    assert found.known.n_movies + found.missing.n_movies == found.all.n_movies
    assert occurring(found.known_by) == {Rule.TITLE: (1, 2), CORRECTED: (1, 1)}


def test_the_most_rated_come_first(here: DataConfig) -> None:
    dataset = tiny_dataset()
    ratings = replace(dataset.ratings, movie_index=np.array([2, 3, 3, 3, 2, 1], np.int32))
    write_titles(here.datasets_dir / TITLES_NAME, (("tt0000001", "movie", "Zardoz", "1974", "105"),))
    unmatched = coverage(here, replace(dataset, ratings=ratings)).of_status(Status.UNMATCHED)
    assert [(movie.movie_id, movie.n_ratings) for movie in unmatched] == [(13, 3), (12, 2), (11, 1), (10, 0)]


def test_lengths_that_nobody_looked_up_are_counted_apart(nowhere: DataConfig, corrections: Path) -> None:
    corrections.write_text(f"{HEADER}Alien,1979,117\n")
    found = coverage(replace(nowhere, movie_lengths=corrections))
    assert occurring(found.known_by) == {CORRECTED: (1, 2)}
    assert occurring(found.missing_by) == {NOT_LOOKED_UP: (3, 4)}
    sample = load_dataset(DataConfig(dataset="sample"))
    assert occurring(coverage(nowhere, sample).known_by) == {OWN: (len(sample.movies), len(sample.ratings))}


def test_the_file_has_every_movie_those_without_a_length_first(here: DataConfig, tmp_path: Path) -> None:
    write_lengths(coverage(here), tmp_path / "lengths.csv")
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
def test_the_file_corrected_by_hand_can_be_given_back(here: DataConfig, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    before = coverage(here)
    write_lengths(before, file)
    dataset = with_lengths(tiny_dataset(), replace(here, movie_lengths=file))
    assert dataset.lengths_fingerprint == with_lengths(tiny_dataset(), here).lengths_fingerprint
    comma = "\t" if name.endswith("tsv") else ","
    file.write_text(
        file.read_text().replace(f"1985{comma}{comma}unmatched", f"1985{comma}94{comma}unmatched")
    )
    after = coverage(replace(here, movie_lengths=file))
    assert occurring(after.known_by) == {Rule.TITLE: (1, 2), CORRECTED: (1, 2)}
    assert {movie.movie_id: movie.minutes for movie in after.movies} == {10: 117, 11: None, 12: 94, 13: None}


def test_a_file_of_the_same_content_may_be_there_and_hand_work_is_kept(
    here: DataConfig, tmp_path: Path
) -> None:
    file = tmp_path / "folder" / "lengths.csv"
    for _ in range(2):
        write_lengths(coverage(here), file)
    corrected_text = file.read_text() + "77,mine,1990,99,,,,,\n"
    file.write_text(corrected_text)
    with pytest.raises(DataError, match="is there already with other content"):
        write_lengths(coverage(here), file)
    assert file.read_text() == corrected_text
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_cannot_be_written_is_told(here: DataConfig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "lengths.csv"):
        with pytest.raises(DataError, match="cannot be written"):
            write_lengths(coverage(here), place)
    assert (tmp_path / "file").read_text() == ""
