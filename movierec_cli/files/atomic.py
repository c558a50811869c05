"""Files and folders that are complete at their place or absent, whatever ends the process.

What is written has a hidden name beside its place, made of its name, what is happening to it and a random
token: another process, or the next one after a crash, can tell from the name alone what may be done with it
(`recover`). A folder that is replaced is exchanged in one step where the system can; elsewhere the old one is
taken aside for a moment, and put back should the process die in it.
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ABANDONED_AFTER_S = 24 * 3600
"""What nobody has changed for so long belongs to a process that died."""

_ATTEMPTS = 100
_LONGEST_NAME = 200  # bytes; file systems take 255, and the token is added
_HIDDEN = re.compile(r"\.(?P<name>.+)\.(?P<state>new|old|trash)-[0-9a-f]{16}", re.DOTALL)
_NOT_SYNCED = {errno.EINVAL, errno.ENOTSUP, errno.EACCES}  # file systems without it, folders not for reading
_ANOTHER_WAS_FIRST = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.ENOENT}


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Gives a temporary path for a file, put at `target` at the end, removed on an error.

    Makes the folder if need be, follows links, and keeps the permissions of a file that is replaced. What is
    no regular file, such as a pipe, is written into, and so is the file that the process prints to.

    Raises:
        OSError: it cannot be written.
    """
    status = _writable_status(target)
    if status and (_descriptor(target, status) is not None or not stat.S_ISREG(status.st_mode)):
        with _written_into(target, status) as content:
            yield content
        return
    place = Path(os.path.realpath(target))
    place.parent.mkdir(parents=True, exist_ok=True)
    recover(place.parent)
    temporary = _hidden(place, "new")
    try:
        if status:
            temporary.touch(0o600)  # until it is complete
        yield temporary
        _sync(temporary)
        if status:
            _take_over(status, temporary)
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
        target: its place; links are followed, and the folders above are made if need be.
        replaceable: whether the folder that has the name may be deleted. Otherwise it is kept beside the new
            one, as "<name>.damaged-<token>", and so is a file.

    Raises:
        OSError: it cannot be written.
    """
    place = Path(os.path.realpath(target))
    if place.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(target))
    place.parent.mkdir(parents=True, exist_ok=True)
    recover(place.parent)
    new = _hidden(place, "new")
    try:
        yield new
        for folder, _, files in os.walk(new):
            for path in (*(Path(folder, file) for file in files), Path(folder)):
                _sync(path)
        _swap_in(new, place, replaceable)
        _sync(place.parent)
    finally:
        _delete(new)


def check_place(target: Path) -> None:
    """Finds out before a long piece of work whether something can be put at `target`. Raises an `OSError`."""
    place = Path(os.path.realpath(target))
    status = None if place.is_dir() else _writable_status(target)
    if status and not stat.S_ISREG(status.st_mode):
        return
    folder = next(folder for folder in place.parents if folder.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, f"{folder} is not a folder in which you can write", str(target))


def remove_folder(folder: Path) -> None:
    """Deletes a folder; it is gone at once, however long deleting its files takes. Raises an `OSError`."""
    trash = _hidden(folder, "trash")
    folder.rename(trash)
    _delete(trash)


def recover(directory: Path) -> None:
    """Finishes what killed processes left: puts back a folder taken aside, deletes what is abandoned.

    One rule for all: hidden names of this module, the user's own, which nobody has changed for
    `ABANDONED_AFTER_S`; what was on its way out already goes at once.
    """
    with contextlib.suppress(OSError):  # reading must work where nothing can be written
        for name in os.listdir(directory):
            if match := _HIDDEN.fullmatch(name):
                with contextlib.suppress(OSError):
                    _recover_one(directory / name, directory / match["name"], match["state"])


def replaced_in(paths: Iterable[Path]) -> set[str]:
    """The names of folders that another process has taken aside at this moment, to put new ones there."""
    matches = (_HIDDEN.fullmatch(path.name) for path in paths)
    return {match["name"] for match in matches if match and match["state"] == "old"}


def _recover_one(hidden: Path, target: Path, state: str) -> None:
    if hasattr(os, "geteuid") and hidden.lstat().st_uid != os.geteuid():
        return
    if state == "old":
        if not _rename(hidden, target):
            _delete_replaced(hidden, target)
    elif state == "trash" or _is_abandoned(hidden):
        _delete(hidden)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_abandoned(path: Path) -> bool:
    inside = [path / name for name in os.listdir(path)] if _is_folder(path) else []
    latest = max(one.lstat().st_mtime for one in (path, *inside))
    return time.time() - latest > ABANDONED_AFTER_S


def _delete(path: Path) -> None:
    """Deletes a file, a link or a folder, if it is there."""
    if _is_folder(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _delete_replaced(hidden: Path, target: Path) -> None:
    """Deletes a replaced folder under a name that is never put back, should deleting be cut short."""
    trash = _hidden(target, "trash")
    if _rename(hidden, trash):
        _delete(trash)


def _hidden(target: Path, state: str) -> Path:
    """A new name beside `target`; a long one is cut, which a folder taken aside cannot be."""
    name = os.fsencode(target.name)
    if len(name) <= _LONGEST_NAME:
        kept = target.name
    elif state != "old":
        kept = name[:_LONGEST_NAME].decode(errors="ignore")
    else:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(target))
    return target.absolute().with_name(f".{kept}.{state}-{secrets.token_hex(8)}")


def _writable_status(target: Path) -> os.stat_result | None:
    """Of what is at a place, None where nothing is. Raises an `OSError` if it is not for writing."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    is_folder = stat.S_ISDIR(status.st_mode)
    if is_folder or not os.access(target, os.W_OK):
        problem = errno.EISDIR if is_folder else errno.EACCES
        raise OSError(problem, os.strerror(problem), str(target))
    return status


def _descriptor(target: Path, status: os.stat_result) -> int | None:
    """The descriptor that a name such as /dev/fd/3 stands for, or that of the same file as the output's."""
    is_named = target.name.isdigit() and os.path.realpath(target.parent) == os.path.realpath("/dev/fd")
    for descriptor in (*([int(target.name)] if is_named else []), 1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), status):
                return descriptor
    return None


@contextmanager
def _written_into(target: Path, status: os.stat_result) -> Iterator[Path]:
    """Gives a path for the content, which goes to where a descriptor stands, or into the pipe or device."""
    import tempfile

    folder = _hidden(Path(tempfile.gettempdir(), target.name), "new")
    recover(folder.parent)
    folder.mkdir(0o700)
    try:
        yield folder / "content"
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        descriptor = _descriptor(target, status)
        opened = os.open(target, os.O_WRONLY) if descriptor is None else os.dup(descriptor)
        with (folder / "content").open("rb") as content, os.fdopen(opened, "wb") as sink:
            shutil.copyfileobj(content, sink)
    finally:
        _delete(folder)


def _take_over(status: os.stat_result, file: Path) -> None:
    """Gives a file the permissions of the one it replaces, and its owner and group where that is allowed."""
    for owner, group in ((-1, status.st_gid), (status.st_uid, -1)) if hasattr(os, "chown") else ():
        with contextlib.suppress(OSError):
            os.chown(file, owner, group)
    file.chmod(stat.S_IMODE(status.st_mode))


def _sync(path: Path) -> None:
    """Has the system write a file's content, or a folder's names, to the disk."""
    if path.is_dir() and sys.platform == "win32":
        return  # which opens no folders
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SYNCED:
            raise


def _swap_in(new: Path, target: Path, replaceable: Callable[[Path], bool]) -> None:
    """Renames `new` to `target`. Another process may take the place at any time, hence the loop."""
    replaced: list[Path] = []
    try:
        for _ in range(_ATTEMPTS):
            if _rename(new, target):
                break
            with contextlib.suppress(FileNotFoundError):  # another process has taken it aside
                if not (stat.S_ISDIR(target.lstat().st_mode) and replaceable(target)):
                    _rename(target, target.with_name(f"{target.name}.damaged-{secrets.token_hex(4)}"))
                elif _exchange(new, target):
                    break  # what was there has the name of `new` now, and is deleted as that
                elif _rename(target, old := _hidden(target, "old")):
                    replaced.append(old)
        else:
            raise OSError(errno.EBUSY, "other processes keep replacing it")
    except BaseException:
        recover(target.parent)
        raise
    for old in replaced:
        _delete_replaced(old, target)


def _exchange(one: Path, other: Path) -> bool:
    """Swaps two names in one step, by what Python does not offer; False where that cannot be done."""
    import ctypes

    current, exchange = -100, 2  # AT_FDCWD; RENAME_EXCHANGE, which is RENAME_SWAP on macOS
    names = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return bool(library.renamex_np(*names, exchange) == 0)
        return bool(library.renameat2(current, names[0], current, names[1], exchange) == 0)
    except (AttributeError, OSError, TypeError):  # another system, or an older library
        return False


def _rename(source: Path, target: Path) -> bool:
    """Whether `source` now has the name `target`; False where that is taken, or `source` is gone."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno in _ANOTHER_WAS_FIRST:
            return False
        raise
    return True
