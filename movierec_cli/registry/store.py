"""The saved models: one folder a run, found by configuration and data, and used only after it is checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from movierec_cli.data.dataset import Movies
from movierec_cli.errors import SavedModelError
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.registry import folders
from movierec_cli.registry.manifest import RECORD_FILE, manifest_bytes, read_manifest, read_part, settled
from movierec_cli.registry.record import DataIdentity, RunConfig, RunRecord, run_name
from movierec_cli.registry.run_parts import PARTS, RunArtifacts, RunParts, UserRatings, files_of
from movierec_cli.scoring.rating_head import RatingHead
from movierec_cli.scoring.towers import Towers
from movierec_cli.storage import codec

T = TypeVar("T")


class _Lazy(Generic[T]):
    """A part of a run, read and checked when it is first used, then kept in the run's `__dict__`."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, run: Run, owner: type | None = None) -> T:
        file_name = PARTS[self._name].file_name
        part = read_part(
            run.folder, file_name, lambda content: codec.from_bytes(self._kind, content, file_name)
        )
        run.__dict__[self._name] = part
        return part


@dataclass(frozen=True)
class Run:
    """A saved model: its record, and its parts, each read and checked when it is first used.

    Raises:
        SavedModelError: (of a part) its file is missing or is not what was written, or the model has none;
            `RunParts` says which models have it.
    """

    record: RunRecord
    folder: Path

    artifacts = _Lazy(RunArtifacts)
    """The trained arrays."""
    catalogue = _Lazy(Movies)
    """The movies in the order of the arrays."""
    user_ratings = _Lazy(UserRatings)
    """What the users rated."""
    towers = _Lazy(Towers)
    """What makes the embeddings of a model of two towers."""
    outcome = _Lazy(Outcome)
    """How the model ranked the test set."""
    rating_outcome = _Lazy(RatingOutcome)
    """What the model predicted of the test ratings."""
    rating_head = _Lazy(RatingHead)
    """What predicts ratings."""

    @cached_property
    def size_bytes(self) -> int:
        """The size of all the run's files."""
        return sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file())


@dataclass(frozen=True)
class Problem:
    """A folder among the saved models that is not a usable run."""

    folder: Path
    message: str


def save_run(directory: Path, record: RunRecord, parts: RunParts) -> Run:
    """Writes a run, replacing a complete one of the same name only once the new one is complete.

    A folder of that name that is no usable run is kept, as "<name>.damaged-<token>".

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
    files[RECORD_FILE] = manifest_bytes(record, files)
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
    """Reads a run's record; its parts are read when they are first used.

    Raises:
        SavedModelError: the folder is damaged or was not written by this program.
    """
    return Run(settled(read_manifest, folder).record, folder)


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
