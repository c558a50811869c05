"""A server on loopback, and what tells of parsing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from movierec_cli.data.dataset import Columns
from movierec_cli.data.progress import Progress
from movierec_cli.data.source_files import Files
from tests.data.own_archives import MakeArchive, Members, WithLine
from tests.file_server import FileServer, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Asked without any proxy."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    with serving() as server:
        yield server


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The archives that are parsed from now on, in order."""
    paths: list[Path] = []
    parse = Files.parse

    def watched(files: Files, progress: Progress) -> Columns:
        paths.append(files.archive.path)
        return parse(files, progress)

    monkeypatch.setattr(Files, "parse", watched)
    return paths


@pytest.fixture
def with_line(make_archive: MakeArchive, members: Members) -> WithLine:
    """with_line("1m", "users.dat", 3, b"...") writes an archive in which that line is another."""

    def make(layout: str, member: str, line: int, text: bytes) -> Path:
        lines = members(layout)[member].split(b"\n")
        lines[line - 1] = text
        return make_archive(layout, replace={member: b"\n".join(lines)})

    return make
