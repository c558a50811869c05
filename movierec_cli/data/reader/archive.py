"""A zip, a folder or a single file, opened alike, trusted in nothing; members may be gzipped."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import IO, Any

from movierec_cli.data import limits
from movierec_cli.errors import DataError
from movierec_cli.files.reading import open_regular
from movierec_cli.records import dataclass

Stamp = tuple[tuple[str, int, int], ...]
"""What tells a changed file without reading it: (name, bytes, mtime in ns) of each file."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError)
_UNREADABLE = (*_DAMAGED, OSError, RuntimeError)  # the last of a method that zipfile does not know


@dataclass(frozen=True)
class Stream:
    """An open member: what a damaged file raises while it is read is a `DataError`."""

    stream: IO[bytes]
    place: str
    step: int  # bytes that may be asked for at once
    packed_bytes: int = 0  # of a gzipped file, whose unpacked size nothing tells that can be trusted

    def read(self, size: int) -> bytes:
        """The next bytes: so many, fewer only at the end. Raises a `DataError` for too many in all."""
        parts = []
        with _damage_named(self.place):
            while size > 0 and (part := self.stream.read(min(size, self.step))):
                parts.append(part)
                size -= len(part)
        if self.packed_bytes:
            limits.check_unpacked(self.stream.tell(), self.packed_bytes, self.place)
        return b"".join(parts)

    def readline(self) -> bytes:
        """The next line with its end. Raises a `DataError` for one that is too long."""
        with _damage_named(self.place):
            line = self.stream.readline(limits.LINE_BYTES.enough)
        limits.LINE_BYTES.check(len(line), file=self.place)
        return line


@contextmanager
def _damage_named(place: str | Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise DataError(f"is damaged or cannot be read ({error})", file=place) from error


class _ZipBytes(io.BufferedReader):
    """A zip's bytes. Its list of members is read at once, whatever size it says that this has."""

    def __init__(self, file: io.BufferedReader, path: Path):
        super().__init__(file.raw)
        self._path = path

    def read(self, size: int | None = -1, /) -> bytes:
        limits.DIRECTORY_BYTES.check(size or 0, file=self._path)
        return super().read(size)


_STEP_BYTES = limits.DIRECTORY_BYTES.most
_SMALL_STEP_BYTES = 4096  # zipfile unpacks all that it is given by methods other than deflate


@dataclass(frozen=True)
class _Zip:
    path: Path

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        with (
            open_regular(self.path) as file,
            _ZipBytes(file, self.path) as content,
            zipfile.ZipFile(content) as zipped,
        ):
            yield zipped

    def names(self) -> tuple[str, ...]:
        with self._opened() as file:
            members = sorted(file.infolist(), key=lambda member: member.header_offset)
            limits.MEMBERS.check(len(members), file=self.path)
            for one, following in pairwise(members):
                if one.header_offset + one.compress_size > following.header_offset:
                    raise zipfile.BadZipFile(f"'{one.filename}' overlaps '{following.filename}'")
            return tuple(member.filename for member in file.infolist() if not member.is_dir())

    def sizes(self, name: str) -> tuple[int, int]:
        with self._opened() as file:
            return file.getinfo(name).file_size, file.getinfo(name).compress_size

    @contextmanager
    def open(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        with self._opened() as file, file.open(name) as stream:
            deflated = file.getinfo(name).compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            yield stream, _STEP_BYTES if deflated else _SMALL_STEP_BYTES

    def stamp(self, names: Sequence[str]) -> Stamp:
        status = self.path.stat()
        return ((self.path.name, status.st_size, status.st_mtime_ns),)

    def fingerprint(self, names: Sequence[str]) -> str:
        return file_sha256(self.path)


@dataclass(frozen=True)
class _Folder:
    path: Path

    def names(self) -> tuple[str, ...]:
        found = chain(self.path.glob("*"), self.path.glob("*/*"))  # no deeper: it could be a home folder
        files = list(islice((file for file in found if file.is_file()), limits.MEMBERS.enough))
        if not files:
            deeper = (file for file in self.path.glob("*/*/*") if file.is_file())
            files = list(islice(deeper, limits.MEMBERS.enough))
        limits.MEMBERS.check(len(files), file=self.path)
        return tuple(sorted(file.relative_to(self.path).as_posix() for file in files))

    def sizes(self, name: str) -> tuple[int, int]:
        size = (self.path / name).stat().st_size
        return size, size

    @contextmanager
    def open(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        with open_regular(self.path / name) as stream:
            yield stream, _STEP_BYTES

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
class _File:
    """A single file, which is its own member."""

    path: Path

    def names(self) -> tuple[str, ...]:
        return (self.path.name,)

    def sizes(self, name: str) -> tuple[int, int]:
        size = self.path.stat().st_size
        return size, size

    @contextmanager
    def open(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        with open_regular(self.path) as stream:
            yield stream, _STEP_BYTES

    def stamp(self, names: Sequence[str]) -> Stamp:
        status = self.path.stat()
        return ((self.path.name, status.st_size, status.st_mtime_ns),)

    def fingerprint(self, names: Sequence[str]) -> str:
        return file_sha256(self.path)


@dataclass(frozen=True)
class Archive:
    """A readable zip, folder or file; members are named without the inner folder that may hold them."""

    container: _Zip | _Folder | _File
    names: tuple[str, ...]  # of every file, "/" between parts
    inner_folder: str = ""  # such as "ml-1m/"

    @property
    def path(self) -> Path:
        """Where the zip, folder or file lies."""
        return self.container.path

    @property
    def is_zip(self) -> bool:
        """A zip can be compared with a published checksum, a folder cannot."""
        return isinstance(self.container, _Zip)

    def place(self, member: str) -> str:
        """The member as messages name it: the archive's path, then the path inside."""
        if isinstance(self.container, _File):
            return str(self.path)
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

    def size(self, member: str) -> int:
        """Bytes of a member, unpacked. Raises a `DataError` for more than are read."""
        place = self.place(member)
        with _damage_named(place):
            size, packed_size = self.container.sizes(f"{self.inner_folder}{member}")
        limits.check_unpacked(size, packed_size, place)
        return size

    @contextmanager
    def open(self, member: str) -> Iterator[Stream]:
        """Opens a member for reading in parts.

        Raises:
            DataError: when opened or while read: it is damaged, encrypted, too large or cannot be read.
        """
        place = self.place(member)
        self.size(member)
        with ExitStack() as stack:
            with _damage_named(place):
                stream, step = stack.enter_context(self.container.open(f"{self.inner_folder}{member}"))
            if member.lower().endswith(".gz"):
                unpacked: Any = stack.enter_context(gzip.GzipFile(fileobj=stream))
                yield Stream(unpacked, place, _SMALL_STEP_BYTES << 4, max(self.size(member), 1))
            else:
                yield Stream(stream, place, step)

    def read(self, member: str) -> bytes:
        """The whole of a small member, its CRC checked. Raises a `DataError` as `open` does."""
        with self.open(member) as stream:
            content = stream.read(limits.TABLE_BYTES.enough)
        limits.TABLE_BYTES.check(len(content), file=self.place(member))
        return content

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
    """Opens a zip, a folder or any other file for reading; nothing is unpacked to disk.

    Raises:
        DataError: it does not exist, is no whole zip, or a member's name would lead out of it.
    """
    if not (path.is_dir() or path.is_file()):  # a pipe would hang, a device would not end
        raise DataError("is neither a file nor a folder" if path.exists() else "does not exist", file=path)
    container = _Folder(path) if path.is_dir() else _Zip(path) if _is_zip(path) else _File(path)
    try:
        names = container.names()
    except _UNREADABLE as error:
        raise DataError(
            f"cannot be read as a zip ({error}; {path.stat().st_size:,} bytes): truncated, damaged or"
            " something else",
            file=path,
        ) from error
    for name in names:
        _refuse_leading_out(path, name)
    return Archive(container, names)


def _is_zip(path: Path) -> bool:
    """By name or by how it begins, so that a damaged one is called a damaged zip."""
    with _damage_named(path), open_regular(path) as file:
        return path.suffix.lower() == ".zip" or file.read(4) == b"PK\x03\x04"


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_leading_out(path: Path, name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    has_drive = len(parts[0]) == 2 and parts[0][1] == ":"
    if parts[0] == "" or has_drive or ".." in parts:
        raise DataError(f"holds a member named '{name}', which leads out of the archive; refused", file=path)
