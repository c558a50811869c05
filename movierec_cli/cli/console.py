"""Where output goes: results to stdout, everything else to stderr."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from movierec_cli.records import dataclass
from movierec_cli.text import printable

SCHEMA_VERSION = 1
"""Of all JSON documents, see `reports.documents`."""


class PrintableConsole(Console):
    """A console to which no control characters get but its own: those of styles and of moving bars.

    Texts are shown as they are: "[red]" in a title is no style, and "[/]" no error.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, emoji=False, markup=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Each segment of what is printed, the text as `printable` gives it."""
        for segment in super().render(renderable, options):
            shown = segment.text if segment.control else printable(segment.text)
            yield segment if shown == segment.text else segment._replace(text=shown)


@dataclass(frozen=True)
class Terminal:
    """The two streams of a command, and how much it says."""

    quiet: bool = False
    out: Console = field(default_factory=PrintableConsole)
    err: Console = field(default_factory=lambda: PrintableConsole(stderr=True))

    @property
    def shows_progress(self) -> bool:
        """Moving bars are for people who look."""
        return self.err.is_terminal and not self.quiet

    def say(self, message: str | Text) -> None:
        """A line that is no result, as it is."""
        self.err.print(Text(message) if isinstance(message, str) else message, soft_wrap=True)

    def note(self, message: str) -> None:
        """Something on the way; not said when quiet."""
        if not self.quiet:
            self.say(Text(message, style="dim"))

    def warn(self, message: str) -> None:
        """Something the user should know even when quiet."""
        self.say(Text.assemble(("Warning: ", "bold yellow"), message))

    def warn_all(self, messages: Iterable[str]) -> None:
        """Each message as a warning."""
        for message in messages:
            self.warn(message)

    def fail(self, message: str) -> None:
        """Why the command ends without a result."""
        self.say(Text.assemble(("Error: ", "bold red"), message))

    def line(self, text: str) -> None:
        """One line of the result, as it is."""
        self.out.print(text, highlight=False, soft_wrap=True)

    def written(self, file: Path, what: str) -> None:
        """Says which file was written, and how much is in it: "3 movies", "1.5 MB"."""
        self.line(f"Written: {file}, {what}")

    def table(self, text: str) -> None:
        """A whole table for programs, such as CSV; only what a terminal would act on is replaced, on one."""
        self.out.file.write(printable(text) if self.out.is_terminal else text)

    def document(self, content: Mapping[str, object]) -> None:
        """One JSON document, for programs; what a terminal would act on stands in it escaped."""
        text = json.dumps(
            {"schema_version": SCHEMA_VERSION, **content}, indent=2, ensure_ascii=False, allow_nan=False
        )
        self.out.file.write(printable(text, lambda character: json.dumps(character)[1:-1]) + "\n")


@dataclass(frozen=True)
class CommandTerminal(Terminal):
    """The terminal of one command, as its option; shows the package's own warnings, too."""

    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Print no progress and no notes; warnings and errors are still printed."
        ),
    ] = False

    def __post_init__(self) -> None:
        logger = logging.getLogger("movierec_cli")
        logger.handlers = [_TerminalHandler(self)]
        logger.setLevel(logging.WARNING)
        logger.propagate = False


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else, on stdout.")]


@dataclass(frozen=True)
class ResultTerminal(CommandTerminal):
    """The terminal of a command whose result programs can read, as its options."""

    as_json: AsJson = False

    def show(self, document: Callable[[], Mapping[str, object]], text: Callable[[], RenderableType]) -> None:
        """Prints a result: its document where JSON is asked for, else its text."""
        if self.as_json:
            self.document(document())
        else:
            self.out.print(text())


class _TerminalHandler(logging.Handler):
    def __init__(self, terminal: Terminal):
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        self._terminal.warn(record.getMessage())
