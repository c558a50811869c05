"""Commands run in this process, and what they say."""

import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from typer.core import TyperGroup
from typer.testing import CliRunner, Result

from movierec_cli.cli.app import app


def run(*args: str, width: int = 80) -> Result:
    """Runs a command, given as its arguments or as one line, where the terminal has that many columns."""
    typed = shlex.split(args[0]) if len(args) == 1 and " " in args[0] else args
    size = {"COLUMNS": str(width), "TERMINAL_WIDTH": "80"}
    return CliRunner().invoke(app, typed, prog_name="movierec", env=size)


def words(text: str) -> str:
    """Without line ends, indents and borders."""
    return " ".join(text.replace("│", " ").split())


def commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command and all below it, each with its whole name."""
    yield path, command
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            yield from commands(f"{path} {name}".strip(), child)


def completions(line: str) -> list[str]:
    """What bash offers at the end of a line."""
    position = str(len(line.split(" ")) - 1)
    shell = {"_MOVIEREC_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": position}
    result = CliRunner().invoke(app, [], prog_name="movierec", env=shell)
    assert result.exit_code == 0, result.output
    return result.stdout.split()


def rows(table: str) -> list[str]:
    """The lines of a table, for `check_row`."""
    return re.split(r"\n+", table.strip())


def check_row(row: str) -> None:
    """A row is "2 | train --seeds 0 | --seeds is 0 | 1 to": exit code, what is typed, what the error says."""
    code, line, *parts = row.split(" | ")
    said = check_refused(shlex.split(line), [int(code)])
    assert all(part in said for part in parts), f"{line}: {said}"


def check_refused(args: Sequence[str], codes: Collection[int] = (1, 2)) -> str:
    """A command ends with one of the codes and one clear error, and writes nothing; gives what it says."""
    before = _files()
    result = run(*args, width=300)
    assert result.exit_code in codes, f"{args}: {result.exit_code} {result.output[:2000]}"
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1 and len(errors[0]) > 15, f"{args}: {result.stderr}"
    for sign in ("Traceback", "should not happen", "epochs, ", ": loaded"):  # of a fault, of work before it
        assert sign not in result.stderr, f"{args}: {result.stderr}"
    assert result.stdout == "", args
    assert _files() == before, args
    return words(result.stderr)


def _files() -> dict[str, tuple[int, int]]:
    found = (path for path in Path().rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}
