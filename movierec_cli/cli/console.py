"""Where output goes: results to stdout, everything else to stderr."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.text import Text


@dataclass(frozen=True)
class Terminal:
    """The two streams of a command, and how much it says."""

    quiet: bool = False
    out: Console = field(default_factory=lambda: Console(soft_wrap=False))
    err: Console = field(default_factory=lambda: Console(stderr=True))

    @property
    def shows_progress(self) -> bool:
        """Moving bars are for people who look."""
        return self.err.is_terminal and not self.quiet

    def note(self, message: str) -> None:
        """Something on the way; not said when quiet."""
        if not self.quiet:
            self.err.print(Text(message, style="dim"), soft_wrap=True)

    def warn(self, message: str) -> None:
        """Something the user should know even when quiet."""
        self.err.print(Text.assemble(("Warning: ", "bold yellow"), message), soft_wrap=True)

    def warn_all(self, messages: Iterable[str]) -> None:
        """Each message as a warning."""
        for message in messages:
            self.warn(message)

    def fail(self, message: str) -> None:
        """Why the command ends without a result."""
        self.err.print(Text.assemble(("Error: ", "bold red"), message), soft_wrap=True)

    def line(self, text: str) -> None:
        """One line of the result, as it is."""
        self.out.print(text, markup=False, highlight=False, soft_wrap=True)

    def written(self, file: Path, what: str) -> None:
        """Says which file was written, and how much is in it: "3 movies", "1.5 MB"."""
        self.line(f"Written: {file}, {what}")

    def document(self, content: object) -> None:
        """One JSON document, for programs."""
        self.out.file.write(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def take_logs(self) -> Self:
        """Shows the package's own warnings, too."""
        handler = _TerminalHandler(self)
        logger = logging.getLogger("movierec_cli")
        logger.handlers = [handler]
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        return self


class _TerminalHandler(logging.Handler):
    def __init__(self, terminal: Terminal):
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        self._terminal.warn(record.getMessage())
