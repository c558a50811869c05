"""A zip or a folder, opened alike, trusted in nothing."""

from __future__ import annotations

import hashlib
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from movierec_cli.errors import DataError

Stamp = tuple[tuple[str, int, int], ...]
"""What tells a changed file without reading it: (name, bytes, mtime in ns) of each file."""

_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class Stream:
    """An open member: what a damaged file raises while it is read is a `DataError`."""

    stream: IO[bytes]
    place: str

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes, all of them for -1."""
        with _damage_named(self.place):
            return self.stream.read(size)

    def readline(self) -> bytes:
        """The next line with its end."""
        with _damage_named(self.place):
            return self.stream.readline()


@contextmanager
def _damage_named(place: str | Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise DataError(
            f"is damaged or cannot be read ({error}); fetch the archive anew", file=place
        ) from error


@dataclass(frozen=True)
class _Zip:
    path: Path

    def names(self) -> tuple[str, ...]:
        with zipfile.ZipFile(self.path) as file:
            return tuple(name for name in file.namelist() if not name.endswith("/"))

    def size(self, name: str) -> int:
        with zipfile.ZipFile(self.path) as file:
            return file.getinfo(name).file_size

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        with zipfile.ZipFile(self.path) as file, file.open(name) as stream:
            yield stream

    def stamp(self, names: Sequence[str]) -> Stamp:
        status = self.path.stat()
        return ((self.path.name, status.st_size, status.st_mtime_ns),)

    def fingerprint(self, names: Sequence[str]) -> str:
        return file_sha256(self.path)


@dataclass(frozen=True)
class _Folder:
    path: Path

    def names(self) -> tuple[str, ...]:
        files = [*self.path.glob("*"), *self.path.glob("*/*")]  # no deeper: it could be a home folder
        return tuple(sorted(file.relative_to(self.path).as_posix() for file in files if file.is_file()))

    def size(self, name: str) -> int:
        return (self.path / name).stat().st_size

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        with (self.path / name).open("rb") as stream:
            yield stream

    def stamp(self, names: Sequence[str]) -> Stamp:
        statuses = [(name, (self.path / name).stat()) for name in sorted(names)]
        return tuple((name, status.st_size, status.st_mtime_ns) for name, status in statuses)

    def fingerprint(self, names: Sequence[str]) -> str:
        digest = hashlib.sha256()
        for name in sorted(names):
            member = Path(name).name  # an inner folder's name is no content
            digest.update(f"{member}\0{file_sha256(self.path / name)}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Archive:
    """A readable zip or folder; members are named without the inner folder that may hold them."""

    container: _Zip | _Folder
    names: tuple[str, ...]  # of every file, "/" between parts
    inner_folder: str = ""  # such as "ml-1m/"

    @property
    def path(self) -> Path:
        """Where the zip or folder lies."""
        return self.container.path

    @property
    def is_zip(self) -> bool:
        """A zip can be compared with a published checksum, a folder cannot."""
        return isinstance(self.container, _Zip)

    def place(self, member: str) -> str:
        """The member as messages name it: the archive's path, then the path inside."""
        return f"{self.path}/{self.inner_folder}{member}"

    def __contains__(self, member: str) -> bool:
        return f"{self.inner_folder}{member}" in self.names

    def at_members(self, members: Sequence[str]) -> Archive:
        """The same archive, looked at from the folder (the top or one below) that holds most of `members`."""
        folders = ["", *sorted({f"{name.split('/')[0]}/" for name in self.names if name.count("/") == 1})]
        looked_at = [replace(self, inner_folder=folder) for folder in folders]
        return max(looked_at, key=lambda archive: archive.share_of(members))

    def share_of(self, members: Sequence[str]) -> float:
        """How many of `members` are there, 0 … 1."""
        return sum(member in self for member in members) / len(members)

    def require(self, members: Sequence[str]) -> None:
        """Raises a `DataError` that names every member that is missing."""
        missing = [member for member in members if member not in self]
        if missing:
            raise DataError(
                f"has no {' and no '.join(missing)}; needed are {', '.join(members)}", file=self.path
            )

    def size(self, member: str) -> int:
        """Bytes of a member, unpacked."""
        return self.container.size(f"{self.inner_folder}{member}")

    @contextmanager
    def open(self, member: str) -> Iterator[Stream]:
        """Opens a member for reading in parts.

        Raises:
            DataError: when opened or while read: the member is damaged, encrypted or cannot be read.
        """
        place = self.place(member)
        with ExitStack() as stack:
            with _damage_named(place):
                stream = stack.enter_context(self.container.open(f"{self.inner_folder}{member}"))
            yield Stream(stream, place)

    def read(self, member: str) -> bytes:
        """The whole of a small member, its CRC checked. Raises a `DataError` as `open` does."""
        with self.open(member) as stream:
            return stream.read()

    def verify(self, member: str) -> None:
        """Reads a member to its end, so that a damaged one is called damaged. Raises a `DataError`."""
        with self.open(member) as stream:
            while stream.read(1 << 24):
                pass

    def stamp(self, members: Sequence[str]) -> Stamp:
        """Sizes and times of what would be read. Raises a `DataError` where a file is gone by now."""
        with _damage_named(self.path):
            return self.container.stamp([f"{self.inner_folder}{member}" for member in members])

    def fingerprint(self, members: Sequence[str]) -> str:
        """SHA-256 (hex): of the file for a zip, of the members' names and contents for a folder."""
        with _damage_named(self.path):
            return self.container.fingerprint([f"{self.inner_folder}{member}" for member in members])


def open_archive(path: Path) -> Archive:
    """Opens a zip or a folder for reading; nothing is unpacked to disk.

    Raises:
        DataError: it does not exist, is no whole zip, or a member's name would lead out of it.
    """
    if not path.exists():
        raise DataError("does not exist", file=path)
    container = _Folder(path) if path.is_dir() else _Zip(path)
    try:
        names = container.names()
    except _UNREADABLE as error:
        raise DataError(
            f"cannot be read as a zip ({error}; {path.stat().st_size:,} bytes): truncated, damaged or"
            " something else; fetch it anew",
            file=path,
        ) from error
    for name in names:
        _refuse_leading_out(path, name)
    return Archive(container, names)


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_leading_out(path: Path, name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    has_drive = len(parts[0]) == 2 and parts[0][1] == ":"
    if parts[0] == "" or has_drive or ".." in parts:
        raise DataError(f"holds a member named '{name}', which leads out of the archive; refused", file=path)
