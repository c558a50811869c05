"""Imports TensorFlow without its chatter.

While it is imported, TensorFlow's C++ part writes lines straight to file descriptor 2, before its log
knows of a level. They are kept out of the way, and shown only if the import fails. Later, its Python part
warns that each new model is compiled anew, which is meant: a process trains several.
"""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, TextIO

_STDERR = 2
_KEEP_FREED_ARRAYS = "TF_CPU_ALLOCATOR_USE_BFC", "true"
"""TensorFlow gives the arrays of a step to the next one. By default it frees them, and the system clears the
memory of the large ones before they are used again: an epoch on tables of 100 MB takes half as long again."""


def start_tensorflow() -> None:
    """Imports TensorFlow, if that was not done before."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault(*_KEEP_FREED_ARRAYS)
    with _native_stderr_held_back():
        import tensorflow  # noqa: F401
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


class _Stderr:
    """Python's stderr while descriptor 2 leads elsewhere; afterwards whatever `sys.stderr` is.

    Loggers that are made during the import hold on to it for good.
    """

    def __init__(self, terminal: TextIO):
        self.terminal: TextIO | None = terminal

    def __getattr__(self, name: str) -> Any:
        return getattr(self.terminal or sys.stderr, name)


@contextlib.contextmanager
def _native_stderr_held_back() -> Iterator[None]:
    """Python's own stderr keeps its way to the terminal, so that progress is resumed being sampled."""
    python_stderr, kept = sys.stderr, os.dup(_STDERR)
    with tempfile.TemporaryFile() as held, open(kept, "w", encoding="utf-8", errors="replace") as terminal:
        python_stderr.flush()
        os.dup2(held.fileno(), _STDERR)
        during_import = _Stderr(terminal)
        sys.stderr = during_import
        try:
            yield
        except Exception:
            held.seek(0)
            terminal.write(held.read().decode(errors="replace"))
            raise
        finally:
            terminal.flush()
            os.dup2(kept, _STDERR)
            sys.stderr = python_stderr
            during_import.terminal = None
