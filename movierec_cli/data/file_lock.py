"""One process at a time: a lock that the operating system takes back when its holder ends, in any way."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_TRY_EVERY_S = 0.2


@contextmanager
def held(file: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Holds the lock that `file` stands for; it is made for that and removed afterwards.

    Args:
        file: a name for nothing else, in a folder that exists.
        waiting: called again and again while another holds the lock; may raise to give up.

    Raises:
        OSError: the file cannot be made, or its file system knows no locks.
    """
    handle = _opened(file)
    while handle is None:
        waiting()
        time.sleep(_TRY_EVERY_S)
        handle = _opened(file)
    try:
        yield
    finally:
        with suppress(PermissionError):  # Windows removes no open file; there it stays, empty
            file.unlink(missing_ok=True)
        handle.close()


def _opened(file: Path) -> IO[bytes] | None:
    handle = file.open("ab")
    try:
        if _lock_at_once(handle) and _is_at(handle, file):
            return handle
    except BaseException:
        handle.close()
        raise
    handle.close()
    return None


def _is_at(handle: IO[bytes], file: Path) -> bool:
    # Its last holder may have removed it since it was opened: then another can hold a new one of this name.
    try:
        return os.path.samestat(os.fstat(handle.fileno()), file.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock_at_once(handle: IO[bytes]) -> bool:
        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _lock_at_once(handle: IO[bytes]) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
