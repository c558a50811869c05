"""What `movierec data` stands on: info, import, and fetching from a server on loopback."""

import hashlib
import importlib.util
from pathlib import Path

import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data import load
from movierec_cli.data.datasets_folder import describe_source, fetch_source, import_archive
from movierec_cli.data.load import load_dataset
from movierec_cli.data.sources import SOURCES, Publication, publication_of
from movierec_cli.errors import DataError, UsageError
from tests.data.own_archives import MakeArchive
from tests.file_server import FileServer


def test_an_import_is_a_whole_copy_under_the_published_name_which_may_be_imported_again(
    archive_1m: Path, tmp_path: Path
) -> None:
    mine = archive_1m.rename(tmp_path / "download (3).zip")
    stored = import_archive(mine, tmp_path / "ds")
    assert stored.path == tmp_path / "ds" / "ml-1m.zip"
    assert (stored.key, stored.n_ratings, stored.n_movies, stored.n_users) == ("1m", 96, 15, 12)
    assert load_dataset(DataConfig(datasets_dir=tmp_path / "ds")).fingerprint == stored.fingerprint
    assert import_archive(stored.path, tmp_path / "ds") == stored
    assert stored.path.read_bytes() == mine.read_bytes()


def test_an_imported_folder_becomes_a_zip_that_loads_alike(make_archive: MakeArchive, tmp_path: Path) -> None:
    folder = make_archive("csv", name="ml-20m", folder=True, inner="")
    stored = import_archive(folder, tmp_path / "ds")
    assert (stored.key, stored.path.name) == ("20m", "ml-20m.zip")
    assert stored.fingerprint == hashlib.sha256(stored.path.read_bytes()).hexdigest()
    imported = load_dataset(DataConfig(dataset="20m", datasets_dir=tmp_path / "ds"))
    own = load_dataset(DataConfig(archive=folder, datasets_dir=tmp_path / "ds"))
    assert imported.ratings.timestamp.tolist() == own.ratings.timestamp.tolist()


def test_an_import_that_fails_is_told_and_changes_nothing(make_archive: MakeArchive, tmp_path: Path) -> None:
    bad = make_archive("1m", replace={"ratings.dat": b"1::1::9::0\n"})
    with pytest.raises(DataError, match=r"ratings\.dat, line 1: the rating is 9"):
        import_archive(bad, tmp_path / "ds")
    assert not (tmp_path / "ds").exists()
    (tmp_path / "ds" / "ml-1m.zip").mkdir(parents=True)
    with pytest.raises(DataError, match="cannot be written"):
        import_archive(make_archive("1m"), tmp_path / "ds")


def test_a_csv_archive_is_imported_by_its_name_or_the_one_given(
    make_archive: MakeArchive, tmp_path: Path
) -> None:
    mine = make_archive("csv", name="mine")
    with pytest.raises(UsageError, match="could be any of latest-small, 20m, 25m, 32m"):
        import_archive(mine, tmp_path / "ds")
    assert import_archive(mine, tmp_path / "ds", key="25m").path.name == "ml-25m.zip"
    assert import_archive(make_archive("csv"), tmp_path / "ds").key == "latest-small"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("100k", "has the 1M layout, but data set '100k' has the 100K layout"),
        ("x", "unknown data set 'x'"),
        ("sample", "'sample' is part of the program"),
    ],
)
def test_an_import_under_another_name_is_refused(
    key: str, message: str, archive_1m: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        import_archive(archive_1m, tmp_path / "ds", key=key)


def test_info_lists_every_source_and_what_is_known_of_a_local_one(archive_1m: Path, tmp_path: Path) -> None:
    import_archive(archive_1m, tmp_path / "ds")
    infos = {key: describe_source(key, tmp_path / "ds") for key in SOURCES}
    assert list(infos) == ["1m", "100k", "10m", "latest-small", "20m", "25m", "32m", "sample"]
    local = infos["1m"]
    assert local.path == tmp_path / "ds" / "ml-1m.zip"
    assert (local.size_bytes, local.n_ratings) == (archive_1m.stat().st_size, 96)
    assert (local.first_timestamp, local.last_timestamp) == (978_299_988, 978_300_699)
    assert "is not the published" in local.warnings[0]
    assert infos["25m"].path is None
    assert infos["25m"].n_ratings is None
    assert infos["sample"].is_simulated


def test_info_of_an_archive_not_parsed_yet_has_no_counts_and_a_damaged_one_says_so(
    make_archive: MakeArchive, tmp_path: Path
) -> None:
    path = make_archive("1m", directory=tmp_path / "ds")
    info = describe_source("1m", tmp_path / "ds")
    assert (info.path, info.n_ratings, info.fingerprint) == (path, None, None)
    path.write_bytes(path.read_bytes()[:500])
    info = describe_source("1m", tmp_path / "ds")
    assert info.path == path
    assert "cannot be read as a zip" in info.warnings[0]


@pytest.fixture(autouse=True)
def _served(server: FileServer, archive_1m: Path) -> None:
    server.body = archive_1m.read_bytes()


def test_a_verified_download_is_put_under_its_published_name_and_read(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = Publication(server.url, len(server.body), hashlib.sha256(server.body).hexdigest())
    monkeypatch.setattr(load, "publication_of", lambda source: published)
    for _ in range(2):  # the second is not asked for anew
        assert len(load_dataset(DataConfig(dataset="1m", datasets_dir=tmp_path / "ds")).ratings) == 96
    stored = fetch_source("1m", tmp_path / "ds")
    assert (stored.path, stored.n_ratings) == (tmp_path / "ds" / "ml-1m.zip", 96)
    assert stored.path.read_bytes() == server.body
    assert stored.warnings == ()
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("key", "body", "problem"),
    [
        ("1m", b"PK\x03\x04", "the server has 4 bytes, but the published file has 5,917,549"),
        ("32m", b"<html>log in</html>", "answers with something else: '<html>log in</html>'"),
        ("32m", b"PK\x03\x04 and no more", r"is no archive of ratings \(.*read as a zip .*; it was removed"),
    ],
    ids=["another size", "a page", "no zip"],
)
def test_what_is_not_the_published_file_is_refused_with_what_to_do(
    key: str, body: bytes, problem: str, server: FileServer, tmp_path: Path
) -> None:
    server.body = body
    with pytest.raises(DataError, match=problem) as caught:
        fetch_source(key, tmp_path / "ds", url=server.url)
    assert f"MovieLens {key.upper()} cannot be downloaded" in str(caught.value)
    place = tmp_path / "ds" / f"ml-{key}.zip"
    assert f"put it at {place}, or run: movierec data import ml-{key}.zip" in str(caught.value)
    assert list((tmp_path / "ds").iterdir()) == []


def test_an_archive_without_registered_checksum_is_downloaded_and_the_warning_says_so(
    server: FileServer, make_archive: MakeArchive, tmp_path: Path
) -> None:
    server.body = make_archive("csv", name="ml-32m").read_bytes()
    stored = fetch_source("32m", tmp_path / "ds", url=server.url)
    assert (stored.key, stored.n_ratings, stored.path.name) == ("32m", 96, "ml-32m.zip")
    assert "no registered checksum" in stored.warnings[0]


def test_addresses_and_checksums_are_those_tfds_registers() -> None:
    publication = publication_of(SOURCES["25m"])
    assert publication.url == "https://files.grouplens.org/datasets/movielens/ml-25m.zip"
    assert publication.size_bytes == 261_978_986
    assert publication.sha256 is not None
    assert len(publication.sha256) == 64
    unregistered = {key for key, source in SOURCES.items() if publication_of(source).sha256 is None}
    assert unregistered == {"10m", "32m", "sample"}


def test_where_tfds_is_not_installed_its_entries_are_those_copied_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registered = {key: publication_of(source) for key, source in SOURCES.items() if source.archive_name}
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tensorflow_datasets" else find_spec(name)
    )
    assert {key: publication_of(SOURCES[key]) for key in registered} == registered
