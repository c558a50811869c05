"""The saved models: one folder a run, found by configuration and data, trusted only when it checks out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from movierec_cli.data.dataset import Movies
from movierec_cli.errors import SavedModelError
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.registry import artifacts as artifact_files
from movierec_cli.registry import catalogue as catalogue_file
from movierec_cli.registry import folders, outcomes, rating_outcomes
from movierec_cli.registry import user_ratings as user_ratings_file
from movierec_cli.registry.artifacts import RunArtifacts
from movierec_cli.registry.identity import run_name
from movierec_cli.registry.manifest import (
    RECORD_FILE,
    manifest_bytes,
    read_manifest,
    read_part,
    read_parts,
    settled,
)
from movierec_cli.registry.record import DataIdentity, RunConfig, RunRecord
from movierec_cli.registry.run_files import RunParts, files_of
from movierec_cli.registry.user_ratings import UserRatings
from movierec_cli.scoring import rating_head as head_file
from movierec_cli.scoring import towers as towers_file
from movierec_cli.scoring.rating_head import RatingHead
from movierec_cli.scoring.towers import Towers

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
        return read_parts(self.folder, artifact_files.FILE_NAMES, artifact_files.from_files)

    @cached_property
    def catalogue(self) -> Movies:
        """The movies in the order of the arrays, read and checked at the first look. Baselines have none.

        Raises:
            SavedModelError: a file is missing or is not what was written.
        """
        return read_part(self.folder, catalogue_file.FILE_NAME, catalogue_file.from_bytes)

    @cached_property
    def user_ratings(self) -> UserRatings:
        """What the users rated, read and checked at the first look. Baselines have none.

        Raises:
            SavedModelError: a file is missing or is not what was written.
        """
        return read_part(self.folder, user_ratings_file.FILE_NAME, user_ratings_file.from_bytes)

    @cached_property
    def towers(self) -> Towers:
        """What makes the embeddings, read and checked at the first look. Only models of two towers have them.

        Raises:
            SavedModelError: a file is missing or is not what was written, or the model has no towers.
        """
        return read_part(self.folder, towers_file.FILE_NAME, towers_file.from_bytes)

    @cached_property
    def outcome(self) -> Outcome:
        """How the model ranked the test part, read and checked at the first look.

        Raises:
            SavedModelError: a file is missing or is not what was written, or the model does not rank.
        """
        return read_part(self.folder, outcomes.FILE_NAME, outcomes.from_bytes)

    @cached_property
    def rating_outcome(self) -> RatingOutcome:
        """What the model made of the test ratings, read and checked at the first look.

        Raises:
            SavedModelError: a file is missing or is not what was written, or the model predicts no ratings.
        """
        return read_part(self.folder, rating_outcomes.FILE_NAME, rating_outcomes.from_bytes)

    @cached_property
    def rating_head(self) -> RatingHead:
        """What predicts ratings, read and checked at the first look. Baselines have none.

        Raises:
            SavedModelError: a file is missing or is not what was written, or the model has none.
        """
        return read_part(self.folder, head_file.FILE_NAME, head_file.from_bytes)

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
    """Reads a run's record; its arrays wait until they are asked for.

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
