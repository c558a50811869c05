"""What nobody foresaw: one line for the user, and the traceback in a log file. Imported when it happens."""

import os
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

from movierec_cli import __version__
from movierec_cli.text import printable

MAX_LOG_BYTES = 1_000_000
"""Of the log file; one that is longer is begun anew."""

_MAX_ENTRY = 100_000  # characters
_MAX_MESSAGE = 400  # characters; a path can have thousands


def message_of(error: Exception) -> str:
    """What went wrong and where the traceback is, in one line; the traceback is logged."""
    what = " ".join(_what(error).split())
    if len(what) > _MAX_MESSAGE:
        what = f"{what[: _MAX_MESSAGE // 2]} … {what[-_MAX_MESSAGE // 2 :]}"
    try:
        return f"{what}; the traceback is in {_logged(error)}"
    except (OSError, MemoryError) as problem:
        return f"{what}; the traceback could not be logged ({problem})"


def discard_output() -> None:
    """Lets what is still to be written to stdout go nowhere, as it cannot be written."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _what(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        file = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        return f"{error.strerror}{file}"
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; use smaller data or a smaller model"
    return f"this should not happen ({type(error).__name__}: {error}); please report it"


def _logged(error: Exception) -> Path:
    """Appends the traceback to the log, which only the user can read. Raises an `OSError`."""
    from platformdirs import user_log_path

    file = user_log_path("movierec", appauthor=False) / "errors.log"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    trace = "".join(traceback.format_exception(error))[-_MAX_ENTRY:]
    entry = f"{time.strftime('%Y-%m-%d %H:%M:%S')} movierec {__version__} {sys.argv[1:]}\n{trace}\n"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(descriptor, "ab") as log:
        if log.tell() > MAX_LOG_BYTES:
            log.truncate(0)
        log.write(printable(entry).encode("utf-8", "replace"))
    return file
