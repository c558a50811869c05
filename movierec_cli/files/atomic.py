"""Files and folders that are complete at their place or absent, whatever ends the process.

What is written has a hidden name beside its place, made of its name, what is happening to it and a random
token: another process, or the next one after a crash, can tell from the name alone what may be done with it
(`recover`). A folder that is replaced is exchanged in one step where the system can; elsewhere the old one is
taken aside for a moment, and put back should the process die in it.
"""

import contextlib
import ctypes
import errno
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ABANDONED_AFTER_S = 24 * 3600
"""What nobody has changed for so long belongs to a process that died."""

_ATTEMPTS = 100
_LONGEST_NAME = 200  # bytes; file systems take 255, and the token is added
_HIDDEN = re.compile(r"\.(?P<name>.+)\.(?P<state>new|old|trash)-[0-9a-f]{16}", re.DOTALL)


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Gives a temporary path for a file, put at `target` at the end, removed on an error.

    Makes the folder if need be, follows links, and keeps the permissions of a file that is replaced. What is
    no regular file, such as a pipe or /dev/stdout, is written into.

    Raises:
        OSError: it cannot be written.
    """
    if not target.name:  # "." and "/", beside which nothing can be named
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    mode = _writable_mode(target)
    if mode is not None and (not stat.S_ISREG(mode) or _is_of_process(target)):
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder, "content")
            with Path(folder, "content").open("rb") as content, target.open("ab") as stream:
                shutil.copyfileobj(content, stream)
        return
    place = Path(os.path.realpath(target))
    place.parent.mkdir(parents=True, exist_ok=True)
    recover(place.parent)
    temporary = _hidden(place, "new")
    try:
        yield temporary
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        _sync(temporary)
        os.replace(temporary, place)
        _sync(place.parent)
    finally:
        temporary.unlink(missing_ok=True)


def unfinished_file(target: Path, token: str) -> Path:
    """Where a file is made that several processes, one after the other, may work on before it is `target`.

    `recover` deletes it once nobody works on it any more. The token has 16 hexadecimal digits.
    """
    hidden = _hidden(target, "new")
    return hidden.with_name(f"{hidden.name.rpartition('-')[0]}-{token}")


@contextmanager
def written_folder(target: Path, replaceable: Callable[[Path], bool] = lambda _: True) -> Iterator[Path]:
    """Gives the path of a folder to make, put at `target` at the end in place of what was there.

    Args:
        target: its place; the folders above are made if need be.
        replaceable: whether what has the name may be deleted. Otherwise it is kept beside the new folder,
            as "<name>.damaged-<token>".

    Raises:
        OSError: it cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    recover(target.parent)
    new = _hidden(target, "new")
    try:
        yield new
        for folder, _, files in os.walk(new):
            for path in (*(Path(folder, file) for file in files), Path(folder)):
                _sync(path)
        _swap_in(new, target, replaceable)
        _sync(target.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Deletes a folder; it is gone at once, however long deleting its files takes. Raises an `OSError`."""
    trash = _hidden(folder, "trash")
    folder.rename(trash)
    shutil.rmtree(trash, ignore_errors=True)


def recover(directory: Path) -> None:
    """Finishes what killed processes left: puts back a folder taken aside, deletes what is abandoned.

    One rule for all: hidden names of this module, the user's own, which nobody has changed for
    `ABANDONED_AFTER_S`; what was on its way out already goes at once.
    """
    with contextlib.suppress(OSError):  # reading must work where nothing can be written
        for hidden in list(directory.iterdir()):
            if match := _HIDDEN.fullmatch(hidden.name):
                with contextlib.suppress(OSError):
                    _recover_one(hidden, directory / match["name"], match["state"])


def _recover_one(hidden: Path, target: Path, state: str) -> None:
    if hasattr(os, "getuid") and hidden.lstat().st_uid != os.getuid():
        return
    if state == "old":
        if not _rename(hidden, target):
            _delete_replaced(hidden, target)
    elif state == "trash" or _is_abandoned(hidden):
        _delete(hidden)


def _is_abandoned(path: Path) -> bool:
    inside = [path / name for name in os.listdir(path)] if path.is_dir() and not path.is_symlink() else []
    latest = max(one.lstat().st_mtime for one in (path, *inside))
    return time.time() - latest > ABANDONED_AFTER_S


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _delete_replaced(hidden: Path, target: Path) -> None:
    """Deletes a replaced folder under a name that is never put back, should deleting be cut short."""
    trash = _hidden(target, "trash")
    if _rename(hidden, trash):
        _delete(trash)


def _hidden(target: Path, state: str) -> Path:
    name = os.fsdecode(os.fsencode(target.name)[:_LONGEST_NAME])
    return target.absolute().with_name(f".{name}.{state}-{secrets.token_hex(8)}")


def _is_of_process(target: Path) -> bool:
    """Whether it is a name such as /dev/stdout, which may stand for a file that another program began."""
    return os.path.realpath(target.parent).startswith(("/dev", "/proc/"))


def _writable_mode(place: Path) -> int | None:
    """The mode of what is at a place, None where nothing is. Raises an `OSError` if it is not for writing."""
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        return None
    problem = errno.EISDIR if stat.S_ISDIR(mode) else 0 if os.access(place, os.W_OK) else errno.EACCES
    if problem:
        raise OSError(problem, os.strerror(problem), str(place))
    return mode


def _sync(path: Path) -> None:
    """Has the system write a file's content, or a folder's names, to the disk."""
    if path.is_dir() and sys.platform == "win32":
        return  # which opens no folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # of a file system that does not know it
            raise
    finally:
        os.close(descriptor)


def _swap_in(new: Path, target: Path, replaceable: Callable[[Path], bool]) -> None:
    """Renames `new` to `target`. Another process may take the place at any time, hence the loop."""
    replaced: list[Path] = []
    for _ in range(_ATTEMPTS):
        if _rename(new, target):
            break
        if not replaceable(target):
            _rename(target, target.with_name(f"{target.name}.damaged-{secrets.token_hex(4)}"))
        elif _exchange(new, target):
            break  # what was there has the name of `new` now, and is deleted as that
        elif _rename(target, old := _hidden(target, "old")):
            replaced.append(old)
    else:
        raise OSError(errno.EBUSY, "other processes keep replacing it")
    for old in replaced:
        _delete_replaced(old, target)


def _exchange(one: Path, other: Path) -> bool:
    """Swaps two names in one step, by what Python does not offer; False where that cannot be done."""
    current, exchange = -100, 2  # AT_FDCWD; RENAME_EXCHANGE, which is RENAME_SWAP on macOS
    names = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return bool(library.renamex_np(*names, exchange) == 0)
        return bool(library.renameat2(current, names[0], current, names[1], exchange) == 0)
    except (AttributeError, OSError, TypeError):  # another system, or an older library
        return False


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
