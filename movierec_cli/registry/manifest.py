"""run.json, which says what a run's folder must hold, and reading files that are checked against it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO, Annotated, TypeVar

from movierec_cli.errors import SavedModelError
from movierec_cli.files.atomic import recover
from movierec_cli.files.reading import open_regular
from movierec_cli.records import dataclass
from movierec_cli.registry.record import FORMAT_VERSION, RUN_NAME, RunRecord, run_name
from movierec_cli.registry.run_parts import files_of
from movierec_cli.storage import npz
from movierec_cli.storage.constraints import AtLeast
from movierec_cli.storage.serialization import JSON, canonical_json, decode, encode, parse_json

T = TypeVar("T")

RECORD_FILE = "run.json"
LARGEST_RECORD = 1 << 24  # bytes; thousands of epochs fit
_PAUSES_S = (0.01, 0.03, 0.06)  # replacing a folder takes two renames where names cannot be exchanged


@dataclass(frozen=True)
class FileEntry:
    """What run.json says of another file."""

    sha256: str
    """Of the npz file's table of contents, in hex. There stand the CRC-32 of its arrays, which are compared
    when one is read, so that nobody who needs a few of them has to read all."""
    n_bytes: Annotated[int, AtLeast(0)]

    @classmethod
    def of(cls, content: bytes) -> FileEntry:
        """Of an npz file."""
        return cls(_sha256(npz.table_of_contents(BytesIO(content))), len(content))


@dataclass(frozen=True)
class Manifest:
    """The content of run.json, checked."""

    record: RunRecord
    files: dict[str, FileEntry]  # by name
    stamp: tuple[int, int]  # of the file, other for each that is written


def manifest_bytes(record: RunRecord, files: Mapping[str, bytes]) -> bytes:
    """The content of run.json for a run with these other files."""
    content: dict[str, JSON] = {
        "format_version": FORMAT_VERSION,
        "record": encode(record),
        "files": {name: encode(FileEntry.of(data)) for name, data in files.items()},
    }
    content["checksum"] = _sha256(canonical_json(content).encode())
    return json.dumps(content, indent=1, allow_nan=False).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """What a run's folder says of itself; that its files are there is checked, not what they hold.

    Raises:
        SavedModelError: the folder is damaged or was not written by this program.
    """
    written, stamp = _read_stamped(folder / RECORD_FILE, LARGEST_RECORD)
    record, files = _checked_content(folder, written)
    for name in files:
        _require_regular(folder / name)
    return Manifest(record, files, stamp)


@lru_cache(maxsize=64)
def _checked_content(folder: Path, written: bytes) -> tuple[RunRecord, dict[str, FileEntry]]:
    """Each file of a run asks for it again, in case another process has put a newer run in its place."""
    content = _parse(folder, written)
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise SavedModelError(
            f"{folder}: run.json has format version {version!r}, but this movierec reads {FORMAT_VERSION}"
        )
    checksum = content.pop("checksum", None)
    if checksum != _sha256(canonical_json(content).encode()):
        raise SavedModelError(
            f"{folder}: run.json is damaged: its checksum is not the one it was written with"
        )
    record = decode(RunRecord, content.get("record"), folder=folder)
    files = decode(dict[str, FileEntry], content.get("files"), folder=folder, key="files")
    _check_fit(folder, record, files)
    return record, files


def _parse(folder: Path, content: bytes) -> dict[str, object]:
    try:
        parsed = parse_json(content)
    except ValueError as error:
        raise SavedModelError(f"{folder}: run.json is damaged: {error}") from error
    if not isinstance(parsed, dict):
        raise SavedModelError(f"{folder}: run.json is damaged: it is no JSON object")
    return parsed


def _check_fit(folder: Path, record: RunRecord, files: Mapping[str, FileEntry]) -> None:
    expected = run_name(record.config, record.data)
    if record.name != expected or folder.name != expected or not RUN_NAME.fullmatch(expected):
        raise SavedModelError(f"{folder}: run.json is damaged: it belongs in a folder named '{expected}'")
    for top_k in (record.test, *(epoch.validation for epoch in record.history)):
        if not top_k.unseen.keys() == top_k.all.keys() == top_k.recall.keys():
            raise SavedModelError(f"{folder}: run.json is damaged: its accuracies are of different k")
    if set(files) != files_of(record.config.family, deployed=record.config.deployed):
        raise SavedModelError(f"{folder}: run.json is damaged: it lists {sorted(files)}, not a model's files")


def open_part(folder: Path, name: str, use: Callable[[IO[bytes]], T]) -> T:
    """What `use` finds in one file of a run; a ValueError of it means that the file is damaged.

    Args:
        folder: of the run.
        name: of the file.
        use: is given the file, and compares the checksums of the arrays that it reads.

    Raises:
        SavedModelError: the file is missing or is not what was written, or the run has no such file.
    """

    def read(path: Path, entry: FileEntry) -> T:
        with _opened(path, entry.n_bytes) as (file, _):
            if _sha256(npz.table_of_contents(file)) != entry.sha256:
                raise ValueError("its checksum is not the one in run.json")
            return use(file)

    manifest = settled(read_manifest, folder)
    while True:
        try:
            return _read_checked(folder, manifest, name, read)
        except SavedModelError:
            newer = settled(read_manifest, folder)
            if newer.stamp == manifest.stamp:
                raise
            manifest = newer  # another process put a newer run in this place between the reads


def settled(read: Callable[[Path], T], folder: Path) -> T:
    """Reads again before it gives up: another process may be putting a newer run in this place."""
    for pause_s in _PAUSES_S:
        try:
            return read(folder)
        except SavedModelError:
            recover(folder.parent)
            time.sleep(pause_s)
    return read(folder)


def _read_checked(folder: Path, manifest: Manifest, name: str, read: Callable[[Path, FileEntry], T]) -> T:
    if name not in manifest.files:
        family = manifest.record.config.family
        kind = f"{family.label} model" if family.is_trained else "baseline"
        raise SavedModelError(f"{folder} holds a {kind}, which has no {name}")
    entry = manifest.files[name]
    try:
        return read(folder / name, entry)
    except ValueError as error:
        raise SavedModelError(f"{folder}: {name} is damaged: {error}") from error


def _read_stamped(path: Path, at_most: int) -> tuple[bytes, tuple[int, int]]:
    with _opened(path, at_most) as (file, status):
        return file.read(at_most), (status.st_ino, status.st_mtime_ns)


@contextmanager
def _opened(path: Path, at_most: int) -> Iterator[tuple[BufferedReader, os.stat_result]]:
    try:
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
            if status.st_size > at_most:
                raise SavedModelError(
                    f"{path.parent}: {path.name} is damaged: it is longer than {at_most:,} bytes"
                )
            yield file, status
    except OSError as error:
        raise _unreadable(path, error) from error


def _require_regular(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise SavedModelError(f"{path.parent}: {path.name} is missing") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(mode):
        raise SavedModelError(f"{path.parent}: {path.name} is damaged: it is not a regular file")


def _unreadable(path: Path, error: OSError) -> SavedModelError:
    return SavedModelError(f"{path.parent}: {path.name} cannot be read: {error.strerror or error}")
