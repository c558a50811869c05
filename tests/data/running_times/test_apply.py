"""Lengths into a data set: IMDb's, its own, the user's; what is downloaded, and what is not."""

import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.running_times import apply
from movierec_cli.data.running_times.apply import lengths_at_hand, with_lengths
from movierec_cli.data.running_times.match_cache import FOLDER_VARIABLE
from movierec_cli.data.running_times.titles_file import TITLES_NAME
from movierec_cli.errors import DataError, UsageError
from tests.tiny_dataset import tiny_dataset
from tests.tiny_titles import write_titles

CORRECTIONS = "title,year,minutes\nClue,1985,94\nAlien,1979,116\nDune [1],1984,\n"


class DownloadedError(Exception):
    """In place of a download."""


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, and a download that says that it was asked for."""

    def downloaded(config: DataConfig, progress: object) -> Path:
        found = apply.local_titles(config)
        if found is None:
            raise DownloadedError
        return found

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
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


def test_the_users_file_counts_before_imdb(here: DataConfig, corrections: Path) -> None:
    found = with_lengths(tiny_dataset(), replace(here, movie_lengths=corrections))
    assert minutes(found) == [116, None, 94, None]
    assert found.notes == (
        "movie lengths: 2 of 4 movies (50 %) from title.basics.tsv.gz, 2 corrected by mine.csv;"
        " see movierec data lengths",
    )


def test_what_the_users_file_says_like_imdb_is_no_correction(here: DataConfig, corrections: Path) -> None:
    corrections.write_text("title,year,minutes\nAlien,1979,117\n")
    found = with_lengths(tiny_dataset(), replace(here, movie_lengths=corrections))
    assert ", 0 corrected by mine.csv;" in found.notes[0]


def test_a_list_elsewhere_is_named(tmp_path: Path, nowhere: DataConfig) -> None:
    titles = write_titles(tmp_path / "other.tsv.gz", (("tt0078748", "movie", "Alien", "1979", "118"),))
    assert minutes(with_lengths(tiny_dataset(), replace(nowhere, imdb_titles=titles)))[0] == 118


def test_without_the_list_it_is_downloaded(nowhere: DataConfig) -> None:
    with pytest.raises(DownloadedError):
        with_lengths(tiny_dataset(), nowhere)


def test_the_users_file_alone_needs_no_download(nowhere: DataConfig, corrections: Path) -> None:
    found = with_lengths(tiny_dataset(), replace(nowhere, movie_lengths=corrections))
    assert minutes(found) == [116, None, 94, None]
    assert found.notes == (
        "movie lengths: 2 of 4 movies (50 %) from mine.csv alone, as no title.basics.tsv.gz is at hand;"
        " see movierec data lengths",
    )


def test_lengths_of_the_data_set_itself_are_not_looked_up(nowhere: DataConfig, corrections: Path) -> None:
    dataset = with_own(tiny_dataset())
    own = with_lengths(dataset, nowhere)
    assert minutes(own) == [1, 2, 3, 4]
    assert own.notes == ()
    corrected = with_lengths(dataset, replace(nowhere, movie_lengths=corrections))
    assert minutes(corrected) == [116, 2, 94, 4]
    assert "(100 %) from the data set itself, 2 corrected by mine.csv;" in corrected.notes[0]


def test_rows_of_no_movie_are_a_warning(here: DataConfig, corrections: Path) -> None:
    corrections.write_text("title,year,minutes\nAliens,1986,137\n")
    dataset = replace(tiny_dataset(), warnings=("earlier",))
    earlier, unused = with_lengths(dataset, replace(here, movie_lengths=corrections)).warnings
    assert earlier == "earlier"
    assert "1 of 1 lengths fit no movie" in unused


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


def test_the_sample_has_lengths_of_its_own(nowhere: DataConfig) -> None:
    config = replace(nowhere, dataset="sample")
    bare, asked = load_dataset(config), load_dataset(config, with_movie_lengths=True)
    assert minutes(asked) == minutes(bare)
    assert len(asked.lengths_fingerprint) == 64
    assert asked.notes == ()
    with pytest.raises(UsageError, match="--imdb_titles has no effect here: 'sample' has lengths of its own"):
        with_lengths(bare, replace(config, imdb_titles=Path("NOPE")))


def test_at_hand_is_what_needs_no_download(
    here: DataConfig, nowhere: DataConfig, corrections: Path, tmp_path: Path
) -> None:
    dataset = tiny_dataset()
    assert lengths_at_hand(dataset, here)
    assert lengths_at_hand(dataset, replace(nowhere, movie_lengths=corrections))
    assert lengths_at_hand(dataset, replace(nowhere, imdb_titles=tmp_path / "other.gz"))
    assert lengths_at_hand(with_own(dataset), nowhere)
    assert not lengths_at_hand(dataset, nowhere)


def test_a_list_that_is_none_is_refused(tmp_path: Path, nowhere: DataConfig) -> None:
    file = tmp_path / "titles.tsv"
    file.write_text("title,year\n")
    with pytest.raises(DataError, match=r"titles\.tsv"):
        with_lengths(tiny_dataset(), replace(nowhere, imdb_titles=file))
