"""Where an exported model is written: it is complete there, or absent."""

import os
from collections.abc import Callable
from pathlib import Path

from movierec_cli.errors import MovierecError
from movierec_cli.export.saved_model import is_saved_model
from movierec_cli.files.atomic import recover, written_folder, written_whole

FIRST_VERSION = "1"


def check_output(target: Path, *, is_folder: bool, overwrite: bool) -> None:
    """Checks before the work that the output can be written.

    Raises:
        MovierecError: the place is taken or cannot be written to.
    """
    recover(target.parent)
    if target.exists():
        _check_taken(target, is_folder, overwrite)
    parent = next(place for place in target.absolute().parents if place.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise MovierecError(f"{target} cannot be written: {parent} is not a folder that can be written to")


def write_file(target: Path, content: bytes) -> None:
    """Puts a file in place of whatever file was there.

    Raises:
        MovierecError: it cannot be written.
    """
    try:
        with written_whole(target) as unfinished:
            unfinished.write_bytes(content)
    except OSError as error:
        raise _unwritten(target, error) from error


def write_folder(target: Path, write: Callable[[Path], None]) -> Path:
    """Puts a SavedModel in place of one that was there.

    A folder named by a whole number is itself what TensorFlow Serving calls a version; any other holds the
    version `FIRST_VERSION`. Until it is complete it has a hidden name, which TensorFlow Serving takes for no
    version.

    Args:
        target: the folder.
        write: writes the model into a folder that is not there yet.

    Returns:
        The folder of the version.

    Raises:
        MovierecError: it cannot be written.
    """
    version = "" if target.name.isdigit() else FIRST_VERSION
    try:
        with written_folder(target, _is_exported) as unfinished:
            write(unfinished / version)
    except OSError as error:
        raise _unwritten(target, error) from error
    return target / version


def _check_taken(target: Path, is_folder: bool, overwrite: bool) -> None:
    is_empty_folder = target.is_dir() and not any(target.iterdir())
    is_sink = not target.is_dir() and not target.is_file()  # a pipe or a device, which keeps nothing
    if is_empty_folder if is_folder else is_sink:
        return
    if target.is_dir() != is_folder:
        kind, needed = ("folder", "file") if target.is_dir() else ("file", "folder")
        raise MovierecError(
            f"{target} is a {kind}, and this format is a {needed}; name another place with --output"
        )
    if not overwrite:
        raise MovierecError(
            f"{target} exists; replace it with --overwrite, or name another place with --output"
        )
    if is_folder and not _is_exported(target):
        raise MovierecError(
            f"{target} holds something else than an exported model, so --overwrite leaves it alone; name"
            " another place with --output"
        )


def _is_exported(folder: Path) -> bool:
    """A version, or a folder of nothing but versions."""
    return is_saved_model(folder) or all(map(is_saved_model, folder.iterdir()))


def _unwritten(target: Path, error: OSError) -> MovierecError:
    return MovierecError(f"{target} cannot be written: {error.strerror or error}")
