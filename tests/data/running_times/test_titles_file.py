"""Where IMDb's list of titles comes from: the user's file, the datasets folder, or a server on loopback."""

import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data.running_times import titles_file as module
from movierec_cli.data.running_times.titles_file import TITLES_NAME, TITLES_URL, local_titles, titles_file
from movierec_cli.errors import DataError
from tests.file_server import FileServer
from tests.tiny_titles import HEADER, title_line

CONTENT = HEADER + "".join(title_line(n, f"Film {random.Random(n).random()}", 1995, 90) for n in range(900))
PACKED = gzip.compress(CONTENT.encode(), mtime=0)


@pytest.fixture(autouse=True)
def _served(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.body = PACKED
    monkeypatch.setattr(module, "TITLES_URL", server.url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ds").mkdir()
    return tmp_path / "ds"


@pytest.fixture
def config(folder: Path) -> DataConfig:
    return DataConfig(datasets_dir=folder)


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["packed", "plain"])
def test_a_named_file_is_used_whatever_its_name(
    pack: Callable[[bytes], bytes], tmp_path: Path, folder: Path
) -> None:
    own = tmp_path / "titles"
    own.write_bytes(pack(HEADER.encode()))
    (folder / TITLES_NAME).write_bytes(PACKED)
    config = DataConfig(datasets_dir=folder, imdb_titles=own)
    assert titles_file(config) == local_titles(config) == own


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, r"cannot be read \(No such file or directory\)"),
        (Path.mkdir, r"cannot be read \(.*not a regular file\)"),
        (fifo, r"cannot be read \(.*not a regular file\)"),
        (device, r"cannot be read \(.*not a regular file\)"),
        (b"", "is not IMDb's list of titles: its first line is ''"),
        (b"<html>please log in</html>", "its first line is '<html>please log in</html>'"),
        (gzip.compress(b"tconst\taverageRating\tnumVotes\n"), "first line is 'tconst\taverageRating\tnumV"),
        (PACKED[:12], "is a damaged gzip file"),
        (b"\x1f\x8bmore", "is a damaged gzip file"),
        (PACKED[:20] + bytes(200), "is a damaged gzip file"),
    ],
    ids=["missing", "folder", "pipe", "device", "empty", "page", "another table", "cut", "magic", "garbled"],
)
def test_a_named_file_that_is_no_list_is_refused_with_what_is_wanted(
    content: Callable[[Path], None] | bytes | None, problem: str, tmp_path: Path
) -> None:
    own = tmp_path / "own.tsv.gz"
    if isinstance(content, bytes):
        own.write_bytes(content)
    elif content is not None:
        content(own)
    with pytest.raises(DataError, match=problem) as caught:
        titles_file(DataConfig(datasets_dir=tmp_path, imdb_titles=own))
    assert str(caught.value).startswith(f"{own}: ")
    assert "--imdb_titles takes IMDb's title.basics.tsv.gz" in str(caught.value)


def test_the_list_in_the_datasets_folder_is_used_without_asking_anyone(
    config: DataConfig, folder: Path, server: FileServer
) -> None:
    assert local_titles(config) is None
    (folder / TITLES_NAME).write_bytes(PACKED)
    assert titles_file(config) == local_titles(config) == folder / TITLES_NAME
    assert server.requests == []


def test_a_page_put_into_the_datasets_folder_is_named_and_not_replaced(
    config: DataConfig, folder: Path, server: FileServer
) -> None:
    (folder / TITLES_NAME).write_text("<html>")
    with pytest.raises(DataError, match="'<html>'; remove it, and the next run downloads it"):
        titles_file(config)
    assert (folder / TITLES_NAME).read_text() == "<html>"
    assert server.requests == []


def test_the_extract_at_hand_is_a_list(shared_data: Path) -> None:
    config = DataConfig(datasets_dir=shared_data)
    assert local_titles(config) == shared_data / TITLES_NAME


def test_the_address_is_imdbs() -> None:
    assert f"https://datasets.imdbws.com/{TITLES_NAME}" == TITLES_URL
    assert "IMDb" in module.TITLES_LICENCE
    assert "non-commercial" in module.TITLES_LICENCE


def test_a_download_is_read_to_its_end_and_put_into_the_datasets_folder(
    server: FileServer, config: DataConfig, folder: Path
) -> None:
    calls: list[tuple[str, int, int]] = []
    path = titles_file(config, lambda *call: calls.append(call))
    assert path == folder / TITLES_NAME
    assert path.read_bytes() == PACKED
    assert calls[0] == (f"downloading {TITLES_NAME}", len(PACKED), len(PACKED))
    assert calls[-1] == (f"checking {TITLES_NAME}", len(PACKED), len(PACKED))
    assert titles_file(config) == path
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (PACKED[:5_000] + bytes([PACKED[5_000] ^ 255]) + PACKED[5_001:], "is a damaged gzip file"),
        (PACKED[:-100], "is a damaged gzip file .*ended before"),
        (gzip.compress(b"nconst\tprimaryName\n"), "its first line is 'nconst\tprimaryName'"),
    ],
    ids=["damaged", "cut short", "another table"],
)
def test_a_whole_file_that_is_no_list_is_removed_with_what_to_do(
    body: bytes, problem: str, server: FileServer, config: DataConfig, folder: Path
) -> None:
    server.body = body
    with pytest.raises(DataError, match=f"what was downloaded .*{problem}.*; it was removed") as caught:
        titles_file(config)
    for words in (
        f"IMDb's list of titles cannot be downloaded from {server.url}: ",
        f"put it at {folder / TITLES_NAME}, or say where it is with --imdb_titles FILE;",
        "--movie_lengths FILE",
    ):
        assert words in str(caught.value)
    assert list(folder.iterdir()) == []
