"""The program: its commands, and how errors end it.

A process imports the modules of the command it runs and no others: to build what all of them declare takes
longer than to recommend.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from movierec_cli import __version__
from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing.variadic import Command, DefaultCommandGroup, Group
from movierec_cli.errors import MovierecError

INTERRUPTED = 130

COMMANDS = {
    "train": "train.train_command",
    "evaluate": "evaluate.evaluate_command",
    "recommend": "recommend.recommend_command",
    "similar": "similar.similar_command",
    "explore": "explore.explore_command",
    "export": "export.export_command",
    "predict": "predict.predict_command",
    "report": "report.report_command",
    "doctor": "doctor.doctor_command",
}
"""Module and function of each command, in the order of the help; the first is the default command."""


@dataclass(frozen=True)
class _CommandGroup:
    """Commands under one name."""

    title: str
    commands: Mapping[str, str]


GROUPS = {
    "models": _CommandGroup(
        "List, show or remove trained models.",
        {"list": "models.list_command", "show": "models.show_command", "remove": "models.remove_command"},
    ),
    "data": _CommandGroup(
        "List, download or import data sets, and find the lengths of their movies.",
        {
            "info": "data.info_command",
            "fetch": "data.fetch_command",
            "import": "data.import_command",
            "lengths": "lengths.lengths_command",
        },
    ),
}

_COMPLETION = "_MOVIEREC_COMPLETE"  # set by the shell, which then asks about any command


class Program(DefaultCommandGroup):
    """The root of all commands; turns what they raise into messages and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        """Runs a command; a problem the user can mend becomes a message and an exit code."""
        try:
            return super().invoke(ctx)
        except MovierecError as error:
            Terminal().fail(str(error))
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as interrupt:
            Terminal().err.print(
                "Interrupted. Finished models are kept; the same command resumes from the last checkpoint."
            )
            raise typer.Exit(INTERRUPTED) from interrupt


def make_app(only: str | None = None) -> typer.Typer:
    """The program with all commands, or with one of them or one group."""
    app = typer.Typer(
        name="movierec",
        cls=Program,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_program)
    for name, function in COMMANDS.items():
        if only in (None, name):
            app.command(name, cls=Command)(_imported(function))
    for name, group in GROUPS.items():
        if only in (None, name):
            app.add_typer(_group(name, group))
    return app


def named_command(args: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """The command or group that the arguments begin with; None where it may be any."""
    is_named = bool(args) and (args[0] in COMMANDS or args[0] in GROUPS)
    return args[0] if is_named and _COMPLETION not in environment else None


def main() -> None:
    """The entry point of `movierec` and `python -m movierec_cli`."""
    make_app(named_command(sys.argv[1:], os.environ))(prog_name="movierec")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"movierec {__version__}")
        raise typer.Exit


def _program(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Train, evaluate and use recommenders.

    Options without a command are options of train: `movierec --dataset 100k`. Options may be spelled with
    underscores or with hyphens.
    """


def _group(name: str, group: _CommandGroup) -> typer.Typer:
    app = typer.Typer(name=name, cls=Group, help=group.title)
    for command_name, function in group.commands.items():
        app.command(command_name, cls=Command)(_imported(function))
    return app


def _imported(function: str) -> Callable[..., None]:
    module, _, name = function.partition(".")
    imported: Callable[..., None] = getattr(
        importlib.import_module(f"movierec_cli.cli.commands.{module}"), name
    )
    return imported
