"""Downloads of archives from a server on loopback, and what is said when they fail."""

import hashlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from movierec_cli.data import resumed_download
from movierec_cli.data.datasets_folder import fetch_source
from movierec_cli.data.movielens import fetch
from movierec_cli.data.movielens.fetch import download
from movierec_cli.data.sources import SOURCES, Publication, publication_of
from movierec_cli.errors import DataError, UsageError
from tests.file_server import FileServer, serving

MakeArchive = Callable[..., Path]


PART = ".ml-1m.zip.part"
NOTE = f"{PART}.json"


@pytest.fixture
def server(archive_1m: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(resumed_download, "_CHUNK_BYTES", 500)
    with serving() as server:
        server.body = archive_1m.read_bytes()
        yield server


@pytest.fixture
def published(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Publication:
    """As if the synthetic archive were what is published."""
    sha256 = hashlib.sha256(server.body).hexdigest()
    publication = Publication(publication_of(SOURCES["1m"]).url, len(server.body), sha256)
    monkeypatch.setattr(fetch, "publication_of", lambda source: publication)
    return publication


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_says_what_to_do(error: DataError, target: Path) -> None:
    for words in ("Fetch ml-1m.zip by another way", f"put it at {target}", "movierec data import ml-1m.zip"):
        assert words in str(error)


def test_a_verified_download_is_put_under_its_published_name(
    server: FileServer, published: Publication, tmp_path: Path
) -> None:
    calls: list[tuple[str, int, int]] = []
    path = download(SOURCES["1m"], tmp_path / "ds", url=server.url, progress=lambda *call: calls.append(call))
    assert path == tmp_path / "ds" / "ml-1m.zip"
    assert path.read_bytes() == server.body
    assert left_in(tmp_path / "ds") == ["ml-1m.zip"]
    assert calls
    assert all(call[0] == "downloading ml-1m.zip" and call[2] == len(server.body) for call in calls)


def test_a_download_with_another_checksum_is_refused_and_the_old_file_stays(
    server: FileServer, tmp_path: Path
) -> None:
    target = tmp_path / "ds" / "ml-1m.zip"
    target.parent.mkdir()
    target.write_text("old")
    with pytest.raises(DataError, match="differs from the published checksum a6898adb") as caught:
        download(SOURCES["1m"], target.parent, url=server.url)
    assert_says_what_to_do(caught.value, target)
    assert target.read_text() == "old"
    assert left_in(target.parent) == ["ml-1m.zip"]


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
        (b"PK\x03\x04 and no more", "cannot be read as a zip .*; it was removed"),
    ],
    ids=["a page", "no zip"],
)
def test_what_is_no_archive_is_refused_where_no_checksum_is_registered(
    body: bytes, problem: str, server: FileServer, tmp_path: Path
) -> None:
    server.body = body
    with pytest.raises(DataError, match=problem):
        download(SOURCES["32m"], tmp_path / "ds", url=server.url)
    assert left_in(tmp_path / "ds") == []


def test_a_server_error_is_told_at_once(server: FileServer, tmp_path: Path) -> None:
    server.status = 503
    with pytest.raises(DataError, match="the server answers 503") as caught:
        download(SOURCES["1m"], tmp_path / "ds", url=server.url)
    assert_says_what_to_do(caught.value, tmp_path / "ds" / "ml-1m.zip")


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_download_that_breaks_off_is_resumed(
    tells_length: bool, server: FileServer, published: Publication, tmp_path: Path
) -> None:
    server.breaks_after, server.tells_length = 1_000, tells_length
    with pytest.raises(DataError, match=rf"broke off .*after 1,000 of {len(server.body):,} bytes") as caught:
        download(SOURCES["1m"], tmp_path / "ds", url=server.url)
    assert_says_what_to_do(caught.value, tmp_path / "ds" / "ml-1m.zip")
    assert left_in(tmp_path / "ds") == [PART, NOTE]
    server.breaks_after = None
    assert download(SOURCES["1m"], tmp_path / "ds", url=server.url).read_bytes() == server.body
    assert [request["Range"] for request in server.requests] == [None, "bytes=1000-"]
    assert left_in(tmp_path / "ds") == ["ml-1m.zip"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection_is_told_as_being_offline(scheme: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused
        url = f"{scheme}://127.0.0.1:{taken.getsockname()[1]}/ml-1m.zip"
        with pytest.raises(DataError, match="is this machine offline") as caught:
            download(SOURCES["1m"], tmp_path / "ds", url=url)
    assert url in str(caught.value)
    assert_says_what_to_do(caught.value, tmp_path / "ds" / "ml-1m.zip")
    assert left_in(tmp_path / "ds") == []


def test_an_interrupted_download_leaves_only_its_partial_file_and_the_old_archive(
    server: FileServer, published: Publication, tmp_path: Path
) -> None:
    def interrupt(message: str, done: int, total: int) -> None:
        if done >= 1_000:
            raise KeyboardInterrupt

    target = tmp_path / "ds" / "ml-1m.zip"
    target.parent.mkdir()
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        download(SOURCES["1m"], target.parent, url=server.url, progress=interrupt)
    assert left_in(target.parent) == [PART, NOTE, "ml-1m.zip"]
    assert target.read_text() == "old"
    assert server.body.startswith((target.parent / PART).read_bytes())
    assert download(SOURCES["1m"], target.parent, url=server.url).read_bytes() == server.body
    assert server.requests[-1]["Range"] == "bytes=1000-"


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
