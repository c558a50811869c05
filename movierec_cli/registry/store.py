"""The saved models: one folder a run, found by configuration and data, trusted only when it checks out."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TypeVar

from movierec_cli.data.dataset import Movies
from movierec_cli.errors import SavedModelError
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.registry import artifacts as artifact_files
from movierec_cli.registry import catalogue as catalogue_file
from movierec_cli.registry import folders, outcomes, rating_outcomes
from movierec_cli.registry import rating_head as head_file
from movierec_cli.registry import towers as towers_file
from movierec_cli.registry import user_ratings as user_ratings_file
from movierec_cli.registry.artifacts import RunArtifacts
from movierec_cli.registry.identity import RUN_NAME, run_name
from movierec_cli.registry.rating_head import RatingHead
from movierec_cli.registry.record import FORMAT_VERSION, DataIdentity, RunConfig, RunRecord
from movierec_cli.registry.run_files import RunParts, files_of
from movierec_cli.registry.serialization import JSON, canonical_json, decode, encode
from movierec_cli.registry.towers import Towers
from movierec_cli.registry.user_ratings import UserRatings

__all__ = [
    "Problem",
    "Run",
    "RunArtifacts",
    "RunParts",
    "find_named",
    "find_run",
    "list_runs",
    "load_run",
    "remove_run",
    "run_name",
    "save_run",
]

T = TypeVar("T")

_RECORD_FILE = "run.json"
_PAUSES_S = (0.01, 0.03, 0.06)  # replacing a folder takes two renames


@dataclass(frozen=True)
class Run:
    """A saved model: its record, and its arrays once they are asked for."""

    record: RunRecord
    folder: Path

    @cached_property
    def artifacts(self) -> RunArtifacts:
        """The trained arrays, read and checked at the first look. Baselines have none.

        Raises:
            SavedModelError: a file is missing or is not what was written.
        """
        return _read(self.folder, artifact_files.FILE_NAMES, artifact_files.from_files)

    @cached_property
    def catalogue(self) -> Movies:
        """The movies in the order of the arrays, read and checked at the first look. Baselines have none.

        Raises:
            SavedModelError: a file is missing or is not what was written.
        """
        return _read_one(self.folder, catalogue_file.FILE_NAME, catalogue_file.from_bytes)

    @cached_property
    def user_ratings(self) -> UserRatings:
        """What the users rated, read and checked at the first look. Baselines have none.

        Raises:
            SavedModelError: a file is missing or is not what was written.
        """
        return _read_one(self.folder, user_ratings_file.FILE_NAME, user_ratings_file.from_bytes)

    @cached_property
    def towers(self) -> Towers:
        """What makes the embeddings, read and checked at the first look. Only models of two towers have them.

        Raises:
            SavedModelError: a file is missing or is not what was written, or the model has no towers.
        """
        return _read_one(self.folder, towers_file.FILE_NAME, towers_file.from_bytes)

    @cached_property
    def outcome(self) -> Outcome:
        """How the model ranked the test part, read and checked at the first look.

        Raises:
            SavedModelError: a file is missing or is not what was written, or the model does not rank.
        """
        return _read_one(self.folder, outcomes.FILE_NAME, outcomes.from_bytes)

    @cached_property
    def rating_outcome(self) -> RatingOutcome:
        """What the model made of the test ratings, read and checked at the first look.

        Raises:
            SavedModelError: a file is missing or is not what was written, or the model predicts no ratings.
        """
        return _read_one(self.folder, rating_outcomes.FILE_NAME, rating_outcomes.from_bytes)

    @cached_property
    def rating_head(self) -> RatingHead:
        """What predicts ratings, read and checked at the first look. Baselines have none.

        Raises:
            SavedModelError: a file is missing or is not what was written, or the model has none.
        """
        return _read_one(self.folder, head_file.FILE_NAME, head_file.from_bytes)

    @cached_property
    def size_bytes(self) -> int:
        """The size of all the run's files."""
        return sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file())


@dataclass(frozen=True)
class Problem:
    """A folder among the saved models that is not a usable run."""

    folder: Path
    message: str


@dataclass(frozen=True)
class _Manifest:
    """The content of run.json, checked."""

    record: RunRecord
    checksums: dict[str, str]  # SHA-256 (hex) by file name
    stamp: tuple[int, int]  # of the file, other for each that is written


def save_run(directory: Path, record: RunRecord, parts: RunParts) -> Run:
    """Writes a run, replacing a complete one of the same name only once the new one is complete.

    What has the name but is no usable run is kept, as "<name>.damaged-<token>".

    Args:
        directory: the saved models.
        record: what is known of the run.
        parts: what its family has.

    Raises:
        SavedModelError: the folder cannot be written.
        ValueError: the record's name is not the one its configuration and data give, or a part is missing
            or too many for its family.
    """
    expected = run_name(record.config, record.data)
    if record.name != expected:
        raise ValueError(f"the record is named '{record.name}', but its configuration gives '{expected}'")
    folders.recover(directory)
    files = parts.contents()
    if set(files) != files_of(record.config.family):
        raise ValueError(f"a run of family {record.config.family} has other files than {sorted(files)}")
    files[_RECORD_FILE] = _manifest_bytes(record, files)
    folder = folders.install(directory, record.name, files, replaceable=_is_run)
    return Run(record, folder)


def find_run(directory: Path, config: RunConfig, data: DataIdentity) -> Run | None:
    """The saved run of this configuration and data, or None.

    Raises:
        SavedModelError: a folder has the run's name but is damaged or foreign.
    """
    folders.recover(directory)
    folder = directory / run_name(config, data)
    if not folder.exists():
        return None
    try:
        return load_run(folder)
    except SavedModelError as error:
        raise SavedModelError(
            f"{error}\nDelete the folder, or train again with --retrain, which keeps this folder aside."
        ) from error


def load_run(folder: Path) -> Run:
    """Reads a run's record; its arrays wait until they are asked for.

    Raises:
        SavedModelError: the folder is damaged or was not written by this program.
    """
    return Run(_settled(_read_manifest, folder).record, folder)


def list_runs(directory: Path) -> tuple[list[Run], list[Problem]]:
    """All runs by name, and every folder that is not one. Files beside the folders are ignored."""
    folders.recover(directory)
    runs: list[Run] = []
    problems: list[Problem] = []
    for folder in _visible_folders(directory):
        try:
            runs.append(load_run(folder))
        except SavedModelError as error:
            problems.append(Problem(folder, str(error)))
    return runs, problems


def find_named(directory: Path, name: str) -> Run:
    """The run whose name is, or alone begins with, `name`.

    Raises:
        SavedModelError: there is none or more than one, or its folder is damaged or foreign.
    """
    folders.recover(directory)
    names = [folder.name for folder in _visible_folders(directory)]
    matches = [name] if name in names else [known for known in names if name and known.startswith(name)]
    if len(matches) > 1:
        raise SavedModelError(f"'{name}' begins the names of {len(matches)} models: {', '.join(matches)}")
    if not matches:
        raise _unknown(directory, name, names)
    return load_run(directory / matches[0])


def remove_run(directory: Path, name: str) -> None:
    """Deletes one run.

    Raises:
        SavedModelError: no run has that name, or its folder is damaged or foreign.
    """
    folders.recover(directory)
    known = [folder.name for folder in _visible_folders(directory)]
    if name not in known:
        raise _unknown(directory, name, known)
    folder = directory / name
    if not _is_run(folder):
        raise SavedModelError(
            f"{folder} is not a usable saved model, so it is left alone; delete it yourself"
        )
    folders.remove(folder)


def _unknown(directory: Path, name: str, known: Iterable[str]) -> SavedModelError:
    listed = ", ".join(known)
    rest = f"there are: {listed}" if listed else "there are none"
    return SavedModelError(f"there is no saved model '{name}' in {directory}; {rest}")


def _visible_folders(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_run(folder: Path) -> bool:
    try:
        load_run(folder)
    except SavedModelError:
        return False
    return not folder.is_symlink()


def _manifest_bytes(record: RunRecord, files: Mapping[str, bytes]) -> bytes:
    content: dict[str, JSON] = {
        "format_version": FORMAT_VERSION,
        "record": encode(record),
        "files": {name: _sha256(data) for name, data in files.items()},
    }
    content["checksum"] = _sha256(canonical_json(content).encode())
    return json.dumps(content, indent=1, allow_nan=False).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_manifest(folder: Path) -> _Manifest:
    written, stamp = _read_stamped(folder / _RECORD_FILE)
    record, checksums = _checked_content(folder, written)
    for name in checksums:
        if not (folder / name).is_file():
            raise SavedModelError(f"{folder}: {name} is missing")
    return _Manifest(record, checksums, stamp)


@lru_cache(maxsize=64)
def _checked_content(folder: Path, written: bytes) -> tuple[RunRecord, dict[str, str]]:
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
    checksums = decode(dict[str, str], content.get("files"), folder=folder, key="files")
    _check_identity(folder, record, checksums)
    return record, checksums


def _parse(folder: Path, content: bytes) -> dict[str, object]:
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SavedModelError(f"{folder}: run.json is damaged: {error}") from error
    if not isinstance(parsed, dict):
        raise SavedModelError(f"{folder}: run.json is not movierec's: it is no JSON object")
    return parsed


def _check_identity(folder: Path, record: RunRecord, checksums: Mapping[str, str]) -> None:
    expected = run_name(record.config, record.data)
    if record.name != expected or folder.name != expected or not RUN_NAME.fullmatch(expected):
        raise SavedModelError(f"{folder}: its content belongs in a folder named '{expected}'")
    if set(checksums) != files_of(record.config.family):
        raise SavedModelError(f"{folder}: run.json lists {sorted(checksums)}, not a model's files")


def _read(folder: Path, names: Iterable[str], build: Callable[[dict[str, bytes]], T]) -> T:
    """Some files of a run, checked against its manifest, as what they hold."""
    manifest = _settled(_read_manifest, folder)
    while True:
        try:
            return _read_checked(folder, manifest, names, build)
        except SavedModelError:
            newer = _settled(_read_manifest, folder)
            if newer.stamp == manifest.stamp:
                raise
            manifest = newer  # another process put a newer run in this place between the reads


def _read_one(folder: Path, name: str, build: Callable[[bytes], T]) -> T:
    return _read(folder, (name,), lambda files: build(files[name]))


def _settled(read: Callable[[Path], T], folder: Path) -> T:
    """Reads again before it gives up: another process may be putting a newer run in this place."""
    for pause_s in _PAUSES_S:
        try:
            return read(folder)
        except SavedModelError:
            time.sleep(pause_s)
    return read(folder)


def _read_checked(
    folder: Path, manifest: _Manifest, names: Iterable[str], build: Callable[[dict[str, bytes]], T]
) -> T:
    missing = sorted(set(names) - set(manifest.checksums))
    if missing:
        family = manifest.record.config.family
        kind = f"{family.label} model" if family.is_trained else "baseline"
        raise SavedModelError(f"{folder} holds a {kind}, which has no {', '.join(missing)}")
    files = {name: _read_file(folder, name) for name in names}
    for name, content in files.items():
        if _sha256(content) != manifest.checksums[name]:
            raise SavedModelError(f"{folder}: {name} is damaged: its checksum is not the one in run.json")
    try:
        return build(files)
    except ValueError as error:
        raise SavedModelError(f"{folder} is damaged: {error}") from error


def _read_file(folder: Path, name: str) -> bytes:
    return _read_stamped(folder / name)[0]


def _read_stamped(path: Path) -> tuple[bytes, tuple[int, int]]:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            return file.read(), (status.st_ino, status.st_mtime_ns)
    except OSError as error:
        raise SavedModelError(
            f"{path.parent}: {path.name} cannot be read: {error.strerror or error}"
        ) from error
