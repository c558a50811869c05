"""Commands run in this process, and what they say."""

import shlex

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
