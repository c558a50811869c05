"""The program: its commands, and how errors end it.

A process imports the modules of the command it runs and no others, and for the help of the program none: to
build what all of them declare takes longer than to recommend.
"""

import atexit
import gc
import importlib.util
import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import InspectLoader
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

from movierec_cli import __version__
from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing.variadic import Command, DefaultCommandGroup, Group
from movierec_cli.errors import MovierecError

INTERRUPTED, TERMINATED = 130, 143  # 128 and the signal, as shells say it

COMMANDS = (
    "train",
    "demo",
    "tune",
    "evaluate",
    "recommend",
    "similar",
    "explore",
    "serve",
    "export",
    "predict",
    "report",
    "doctor",
    "schema",
    "check-plugin",
)
"""In the order of the help; each is in the module of its name. The first is the default command."""
GROUPS = {
    "models": (
        "List, show or remove trained models, or remove a user from them.",
        ("models.list", "models.show", "models.remove", "models.forget"),
    ),
    "data": (
        "List, download, import or split data sets, and find the lengths of their movies.",
        ("data.info", "data.describe", "data.fetch", "data.import", "data.split", "lengths.lengths"),
    ),
}
"""Title and commands of what stands under one name; each with the module it is in."""

_COMPLETION = "_MOVIEREC_COMPLETE"  # set by the shell, which then asks about any command


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which cleans up as Ctrl-C does."""


class Program(DefaultCommandGroup):
    """The root of all commands; turns what they raise into messages and exit codes."""

    def main(self, *args: Any, standalone_mode: bool = True, **settings: Any) -> Any:
        """Runs a command and ends the process: whatever is raised becomes a message and an exit code.

        Where it does not stand alone, errors are raised and it returns.
        """
        if not standalone_mode:
            return super().main(*args, **settings | {"standalone_mode": False})
        try:
            code = super().main(*args, **settings | {"standalone_mode": False})
            sys.stdout.flush()  # what cannot be written is an error, too
        except MovierecError as error:
            code = _failed(str(error), error.exit_code)
        except TyperException as error:
            ctx = getattr(error, "ctx", None)
            code = _failed(error.format_message(), error.exit_code, ctx and f"{ctx.command_path} --help")
        except ModuleNotFoundError as error:
            code = _failed(_lacking(error), 1)
        except Exception as error:
            from movierec_cli.cli.failures import discard_output, message_of

            if not isinstance(error, BrokenPipeError):  # who reads has enough
                _failed(message_of(error), 1)
            discard_output()
            code = 1
        sys.exit(code)

    def invoke(self, ctx: Any) -> Any:
        """Runs a command that can be interrupted."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            Terminal().say(
                "Interrupted. Finished models are kept; the same command resumes from the last checkpoint."
            )
            raise typer.Exit(_code_of(interrupt)) from interrupt


def _failed(message: str, code: int, help_command: str | None = None) -> int:
    terminal = Terminal()
    terminal.fail(message)
    if help_command:
        terminal.note(f"The options are shown by: {help_command}")
    return code


def _lacking(error: ModuleNotFoundError) -> str:
    """Which package is not installed, and what to type; of an unknown one, that this should not happen."""
    from movierec_cli.cli.failures import message_of
    from movierec_cli.packages import sentence_of

    return sentence_of(error) or message_of(error)


def _code_of(interrupt: KeyboardInterrupt) -> int:
    return TERMINATED if isinstance(interrupt, _Terminated) else INTERRUPTED


def make_app(only: str | None = None) -> typer.Typer:
    """The program with all commands, or with one of them or one group."""
    app = _without_commands()
    for name in COMMANDS:
        if only in (None, name):
            _add(app, f"{name}.{name}".replace("-", "_"))
    for name, (title, commands) in GROUPS.items():
        if only in (None, name):
            group = typer.Typer(name=name, cls=Group, help=title)
            for command in commands:
                _add(group, command)
            app.add_typer(group)
    return app


def make_overview() -> typer.Typer:
    """The program for its own help alone: each command with the first line of its help; none is imported."""
    app = _without_commands()
    for name in COMMANDS:
        app.command(name, help=_first_line(name))(lambda: None)
    for name, (title, _) in GROUPS.items():
        app.add_typer(typer.Typer(name=name, cls=Group, help=title))
    return app


def _without_commands() -> typer.Typer:
    app = typer.Typer(
        name="movierec",
        cls=Program,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_program)
    return app


def _first_line(command: str) -> str:
    """Of the docstring of a command's function."""
    command = command.replace("-", "_")
    spec = importlib.util.find_spec(f"movierec_cli.cli.commands.{command}")
    assert spec is not None and isinstance(spec.loader, InspectLoader)
    source = spec.loader.get_source(spec.name) or ""
    return source.partition(f"def {command}_command(")[2].partition('"""')[2].partition("\n")[0]


def named_command(args: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """The command or group that the arguments begin with; None where it may be any."""
    is_named = bool(args) and (args[0] in COMMANDS or args[0] in GROUPS)
    return args[0] if is_named and _COMPLETION not in environment else None


def main() -> None:
    """The entry point of `movierec` and `python -m movierec_cli`."""
    if sys.stdout is None:
        sys.exit("Error: stdout is closed, so no result can be shown; redirect it to /dev/null to do without")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr is
    signal.signal(signal.SIGTERM, _terminate)
    # What is left at the end goes with the process: to collect it one by one took a sixth of `recommend`.
    atexit.register(gc.freeze)
    try:
        is_help = sys.argv[1:] in ([], ["--help"], ["-h"]) and _COMPLETION not in os.environ
        app = make_overview() if is_help else make_app(named_command(sys.argv[1:], os.environ))
        app(prog_name="movierec")
    except KeyboardInterrupt as interrupt:  # outside of any command
        sys.exit(_code_of(interrupt))


def _terminate(number: int, frame: object) -> NoReturn:
    raise _Terminated


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


def _add(app: typer.Typer, command: str) -> None:
    """Adds a command, named as "module.command"."""
    module, _, name = command.partition(".")
    imported = importlib.import_module(f"movierec_cli.cli.commands.{module}")
    app.command(name.replace("_", "-"), cls=Command)(getattr(imported, f"{name}_command"))
