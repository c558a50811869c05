"""MovieLens archives from a server on loopback; how downloads go is in test_download."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from movierec_cli.data import load
from movierec_cli.data.datasets_folder import fetch_source
from movierec_cli.data.sources import SOURCES, Publication, publication_of
from movierec_cli.errors import DataError, UsageError
from tests.file_server import FileServer

MakeArchive = Callable[..., Path]


@pytest.fixture(autouse=True)
def _served(server: FileServer, archive_1m: Path) -> None:
    server.body = archive_1m.read_bytes()


def test_a_verified_download_is_put_under_its_published_name_and_read(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = hashlib.sha256(server.body).hexdigest()
    published = Publication(publication_of(SOURCES["1m"]).url, len(server.body), sha256)
    monkeypatch.setattr(load, "publication_of", lambda source: published)
    stored = fetch_source("1m", tmp_path / "ds", url=server.url)
    assert (stored.path, stored.n_ratings) == (tmp_path / "ds" / "ml-1m.zip", 96)
    assert stored.path.read_bytes() == server.body
    assert stored.warnings == ()


def test_what_is_not_the_published_file_is_refused_with_what_to_do(
    server: FileServer, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="but the published file has 5,917,549") as caught:
        fetch_source("1m", tmp_path / "ds", url=server.url)
    target = tmp_path / "ds" / "ml-1m.zip"
    for words in (
        "MovieLens 1M cannot be downloaded",
        f"put it at {target}, or run: movierec data import ml-1m.zip",
    ):
        assert words in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_an_archive_without_registered_checksum_is_downloaded_and_the_warning_says_so(
    server: FileServer, make_archive: MakeArchive, tmp_path: Path
) -> None:
    server.body = make_archive("csv", name="ml-32m").read_bytes()
    stored = fetch_source("32m", tmp_path / "ds", url=server.url)
    assert (stored.key, stored.n_ratings, stored.path.name) == ("32m", 96, "ml-32m.zip")
    assert "no registered checksum" in stored.warnings[0]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<html>please log in</html>", "answers with something else: '<html>please log in</html>'"),
        (
            b"PK\x03\x04 and no more",
            r"is no archive of ratings \(.*cannot be read as a zip .*; it was removed",
        ),
    ],
    ids=["a page", "no zip"],
)
def test_what_is_no_archive_is_refused_where_no_checksum_is_registered(
    body: bytes, problem: str, server: FileServer, tmp_path: Path
) -> None:
    server.body = body
    with pytest.raises(DataError, match=problem):
        fetch_source("32m", tmp_path / "ds", url=server.url)
    assert list((tmp_path / "ds").iterdir()) == []


def test_the_sample_cannot_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'sample' is part of the program"):
        fetch_source("sample", tmp_path)


def test_addresses_and_checksums_are_those_tfds_registers() -> None:
    publication = publication_of(SOURCES["25m"])
    assert publication.url == "https://files.grouplens.org/datasets/movielens/ml-25m.zip"
    assert publication.size_bytes == 261_978_986
    assert publication.sha256 is not None
    assert len(publication.sha256) == 64
    unregistered = {key for key, source in SOURCES.items() if publication_of(source).sha256 is None}
    assert unregistered == {"32m", "sample"}
