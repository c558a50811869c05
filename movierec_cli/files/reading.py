"""Reading files that somebody names, with a limit and a message."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

from movierec_cli.errors import DataError


def open_regular(file: Path) -> BufferedReader:
    """Opens a file for reading that must be a regular one: a pipe would hang, a device would not end.

    Raises:
        OSError: it cannot be opened, or is something else.
    """
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(file))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_content(file: Path, at_most: int = -1) -> bytes:
    """A regular file's bytes, or its first ones. Raises a `DataError` where it cannot be read."""
    try:
        with open_regular(file) as opened:
            return opened.read(at_most)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", file=file) from error
