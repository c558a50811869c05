"""IMDb's list of titles: where it comes from, and how it is read as a stream."""

import gzip
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data.running_times import titles_file as module
from movierec_cli.data.running_times.titles_file import (
    TITLES_NAME,
    TITLES_URL,
    entry_rows,
    local_titles,
    titles_file,
)
from movierec_cli.errors import DataError
from tests.file_server import FileServer
from tests.tiny_titles import HEADER, title_line, write_list

CONTENT = HEADER + "".join(title_line(n, f"Film {random.Random(n).random()}", 1995, 90) for n in range(900))
PACKED = gzip.compress(CONTENT.encode(), mtime=0)


@pytest.fixture(autouse=True)
def _served(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.body = PACKED
    monkeypatch.setattr(module, "TITLES_URL", server.url)


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    (tmp_path / "ds").mkdir()
    return DataConfig(datasets_dir=tmp_path / "ds")


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["packed", "plain"])
def test_a_named_file_is_used_whatever_its_name(
    pack: Callable[[bytes], bytes], tmp_path: Path, config: DataConfig
) -> None:
    own = tmp_path / "titles"
    own.write_bytes(pack(HEADER.encode()))
    (config.datasets_dir / TITLES_NAME).write_bytes(PACKED)
    named = replace(config, imdb_titles=own)
    assert titles_file(named) == local_titles(named) == own


MAKERS: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("missing", r"cannot be read \(No such file or directory\)"),
        ("folder", r"cannot be read \(.*not a regular file\)"),
        ("pipe", r"cannot be read \(.*not a regular file\)"),
        ("device", r"cannot be read \(.*not a regular file\)"),
        (b"", "is not IMDb's list of titles: its first line is ''"),
        (b"<html>please log in</html>", "its first line is '<html>please log in</html>'"),
        (
            gzip.compress(b"tconst\taverageRating\tnumVotes\n", mtime=0),
            "first line is 'tconst\taverageRating\tnumV",
        ),
        (PACKED[:12], "is a damaged gzip file"),
        (b"\x1f\x8bmore", "is a damaged gzip file"),
        (PACKED[:20] + bytes(200), "is a damaged gzip file"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_what_is_wanted_or_when_it_is_read(
    content: str | bytes, problem: str, tmp_path: Path
) -> None:
    own = tmp_path / "own.tsv.gz"
    if isinstance(content, bytes):
        own.write_bytes(content)
    else:
        MAKERS[content](own)
    with pytest.raises(DataError, match=problem) as caught:
        titles_file(DataConfig(datasets_dir=tmp_path, imdb_titles=own))
    assert str(caught.value).startswith(f"{own}: ")
    assert "--imdb_titles takes IMDb's title.basics.tsv.gz" in str(caught.value)
    in_reading = "is not IMDb's list" if "first line" in problem else "cannot be read to its end"
    with pytest.raises(DataError, match=in_reading):
        numbers(own, {1994})


def test_the_list_in_the_datasets_folder_is_used_and_never_replaced_without_asking_anyone(
    config: DataConfig, server: FileServer
) -> None:
    assert local_titles(config) is None
    (config.datasets_dir / TITLES_NAME).write_bytes(PACKED)
    assert titles_file(config) == local_titles(config) == config.datasets_dir / TITLES_NAME
    (config.datasets_dir / TITLES_NAME).write_text("<html>")
    with pytest.raises(DataError, match="'<html>'; remove it, and the next run downloads it"):
        titles_file(config)
    assert (config.datasets_dir / TITLES_NAME).read_text() == "<html>"
    assert server.requests == []


def test_the_address_is_imdbs() -> None:
    assert f"https://datasets.imdbws.com/{TITLES_NAME}" == TITLES_URL
    assert "IMDb" in module.TITLES_LICENCE
    assert "non-commercial" in module.TITLES_LICENCE


def test_a_download_is_read_to_its_end_and_put_into_the_datasets_folder(
    server: FileServer, config: DataConfig
) -> None:
    calls: list[tuple[str, int, int]] = []
    path = titles_file(config, lambda *call: calls.append(call))
    assert path == config.datasets_dir / TITLES_NAME
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
        (gzip.compress(b"nconst\tprimaryName\n", mtime=0), "its first line is 'nconst\tprimaryName'"),
    ],
    ids=["damaged", "cut short", "another table"],
)
def test_a_whole_file_that_is_no_list_is_removed_with_what_to_do(
    body: bytes, problem: str, server: FileServer, config: DataConfig
) -> None:
    server.body = body
    with pytest.raises(DataError, match=f"what was downloaded .*{problem}.*; it was removed") as caught:
        titles_file(config)
    for words in (
        f"IMDb's list of titles cannot be downloaded from {server.url}: ",
        f"put it at {config.datasets_dir / TITLES_NAME}, or say where it is with --imdb_titles FILE;",
        "--movie_lengths FILE",
    ):
        assert words in str(caught.value)
    assert list(config.datasets_dir.iterdir()) == []


NONE: frozenset[int] = frozenset()


def numbers(file: Path, years: set[int], ids: frozenset[int] = NONE) -> list[int]:
    return [row.entry().number for row in entry_rows(file, frozenset(years), ids)]


@pytest.mark.parametrize("name", ["titles.tsv", "titles.tsv.gz"])
def test_films_of_the_wanted_years_come_packed_or_not_and_progress_ends_at_the_size(
    tmp_path: Path, name: str
) -> None:
    lines = [
        title_line(1, "A", 1994, 90),
        title_line(2, "B", 1996, 90),
        title_line(3, "C", 1994, 20, kind="tvEpisode"),
        title_line(4, "D", 1994, 20, kind="videoGame"),
        title_line(5, "E", 1994, 20, kind="short"),
        title_line(6, "F", r"\N", 20),
    ]
    file = write_list(tmp_path / name, lines)
    seen: list[tuple[str, int, int]] = []
    rows = entry_rows(file, frozenset({1994}), NONE, lambda *heard: seen.append(heard))
    assert [row.entry().number for row in rows] == [1, 5]
    assert seen[-1] == (f"reading {name}", file.stat().st_size, file.stat().st_size)


def test_wanted_ids_come_whatever_they_are(tmp_path: Path) -> None:
    lines = [title_line(3, "C", 1950, 20, kind="tvEpisode"), title_line(12345678, "F", r"\N", 20)]
    file = write_list(tmp_path / "titles.tsv", lines)
    assert numbers(file, set(), frozenset({3, 12345678, 99})) == [3, 12345678]


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_where_a_block_ends_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(module, "_CHUNK_BYTES", chunk)
    lines = [title_line(number, f"Film {number}", 1994, 90) for number in range(1, 30)]
    file = write_list(tmp_path / "titles.tsv", lines)
    assert numbers(file, {1994}) == list(range(1, 30))
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    assert numbers(file, {1994}) == list(range(1, 30))


def test_lengths_that_cannot_be_are_unknown_and_adult_films_no_features(tmp_path: Path) -> None:
    lines = [title_line(n, "A", 1994, minutes) for n, minutes in enumerate((r"\N", 1001, 1000, 0))]
    lines += [title_line(5, "E", 1994, 90, adult=1), title_line(6, "F", 1994, 90, kind="tvMovie")]
    file = write_list(tmp_path / "t.tsv", lines)
    entries = [row.entry() for row in entry_rows(file, frozenset({1994}), NONE)]
    assert [entry.minutes for entry in entries] == [0, 0, 1000, 0, 90, 90]
    assert [entry.is_feature for entry in entries] == [True] * 4 + [False] * 2
