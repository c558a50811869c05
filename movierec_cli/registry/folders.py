"""Run folders that are complete or absent: written beside their place, then renamed into it.

A folder that is being written, replaced or removed has a hidden name, made of the run's name, what is
happening to it and a random token. Another process, or the next one after a crash, can tell from that
name alone what is safe to do with it.
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from movierec_cli.errors import SavedModelError
from movierec_cli.registry.record import RUN_NAME

# Saving takes seconds, so a hidden folder this old belongs to a process that died.
_ABANDONED_AFTER_S = 3600
_ATTEMPTS = 100
_HIDDEN = re.compile(rf"\.(?P<name>{RUN_NAME.pattern})\.(?P<state>new|old|trash)-[0-9a-f]{{16}}")


def install(
    directory: Path, name: str, files: Mapping[str, bytes], replaceable: Callable[[Path], bool]
) -> Path:
    """Writes a run folder and puts it in place; what was there before is deleted only then.

    Args:
        directory: the saved models' folder; made if absent.
        name: the run's name.
        files: content by file name.
        replaceable: whether what has the name may be deleted. Otherwise it is kept beside the new folder,
            as "<name>.damaged-<token>".

    Raises:
        SavedModelError: the folder cannot be written.
    """
    target = directory / name
    new = _hidden(directory, name, "new")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _write_folder(new, files)
        _swap_in(new, target, replaceable)
    except OSError as error:
        raise SavedModelError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return target


def remove(folder: Path) -> None:
    """Deletes a run folder; it is gone at once, however long deleting its files takes."""
    trash = _hidden(folder.parent, folder.name, "trash")
    try:
        folder.rename(trash)
    except OSError as error:
        raise SavedModelError(f"{folder} cannot be removed: {error.strerror or error}") from error
    shutil.rmtree(trash, ignore_errors=True)


def recover(directory: Path) -> None:
    """Finishes what a crashed process left: puts back a folder taken aside, deletes hidden leftovers."""
    for hidden in list(directory.iterdir()) if directory.is_dir() else []:
        if match := _HIDDEN.fullmatch(hidden.name):
            # Reading must work where nothing can be written.
            with contextlib.suppress(OSError):
                _recover_one(hidden, directory / match["name"], match["state"])


def _recover_one(hidden: Path, target: Path, state: str) -> None:
    if state == "old" and not target.exists():
        _rename(hidden, target)
    elif state == "old":
        _delete_replaced(hidden, target)
    elif state == "trash" or _is_abandoned(hidden):
        shutil.rmtree(hidden, ignore_errors=True)


def _delete_replaced(hidden: Path, target: Path) -> None:
    """Deletes a replaced folder under a name that is never put back, should deleting be cut short."""
    trash = _hidden(target.parent, target.name, "trash")
    if _rename(hidden, trash):
        shutil.rmtree(trash, ignore_errors=True)


def _hidden(directory: Path, name: str, state: str) -> Path:
    return directory / f".{name}.{state}-{secrets.token_hex(8)}"


def _is_abandoned(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > _ABANDONED_AFTER_S
    except FileNotFoundError:
        return False


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        with (folder / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def _swap_in(new: Path, target: Path, replaceable: Callable[[Path], bool]) -> None:
    """Renames `new` to `target`. Another process may take the place at any time, hence the loop."""
    replaced: list[Path] = []
    for _ in range(_ATTEMPTS):
        if _rename(new, target):
            break
        if not replaceable(target):
            _rename(target, target.with_name(f"{target.name}.damaged-{secrets.token_hex(4)}"))
        elif _rename(target, old := _hidden(target.parent, target.name, "old")):
            replaced.append(old)
    else:
        raise OSError(errno.EBUSY, "other processes keep replacing it")
    for old in replaced:
        _delete_replaced(old, target)


_ANOTHER_WAS_FIRST = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.ENOENT}


def _rename(source: Path, target: Path) -> bool:
    """Whether `source` now has the name `target`; False where that is taken, or `source` is gone."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno in _ANOTHER_WAS_FIRST:
            return False
        raise
    return True
