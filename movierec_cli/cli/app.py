"""The program: its commands, and what becomes of errors."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from movierec_cli import __version__
from movierec_cli.cli import (
    data,
    doctor,
    evaluate,
    explore,
    export,
    lengths,
    models,
    predict,
    recommend,
    report,
    similar,
    train,
)
from movierec_cli.cli.console import Terminal
from movierec_cli.cli.variadic import Command, DefaultCommandGroup, Group
from movierec_cli.errors import MovierecError

INTERRUPTED = 130


class _Program(DefaultCommandGroup):
    """The root of all commands: what they raise ends here."""

    def invoke(self, ctx: Any) -> Any:
        """Runs a command; a problem the user can mend becomes a message and an exit code."""
        try:
            return super().invoke(ctx)
        except MovierecError as error:
            Terminal().fail(str(error))
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as interrupt:
            Terminal().err.print(
                "Interrupted. What was finished is kept; the same command goes on from there."
            )
            raise typer.Exit(INTERRUPTED) from interrupt


app = typer.Typer(
    name="movierec",
    cls=_Program,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"movierec {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Train, judge and use movie recommenders.

    Options without a command mean train: `movierec --dataset 100k`. Options may be spelled with
    underscores or with hyphens.
    """


app.command("train", cls=Command)(train.train_command)
app.command("evaluate", cls=Command)(evaluate.evaluate_command)
app.command("recommend", cls=Command)(recommend.recommend_command)
app.command("similar", cls=Command)(similar.similar_command)
app.command("explore", cls=Command)(explore.explore_command)
app.command("export", cls=Command)(export.export_command)
app.command("predict", cls=Command)(predict.predict_command)
app.command("report", cls=Command)(report.report_command)
app.command("doctor", cls=Command)(doctor.doctor_command)


def _add_group(name: str, title: str, commands: dict[str, Any]) -> None:
    group = typer.Typer(name=name, cls=Group, help=title)
    for command_name, function in commands.items():
        group.command(command_name, cls=Command)(function)
    app.add_typer(group)


_add_group(
    "models",
    "Look at or remove trained models.",
    {"list": models.list_command, "show": models.show_command, "remove": models.remove_command},
)
_add_group(
    "data",
    "Look at, download or import data sets, and find how long their movies are.",
    {
        "info": data.info_command,
        "fetch": data.fetch_command,
        "import": data.import_command,
        "lengths": lengths.lengths_command,
    },
)


def main() -> None:
    """The entry point of `movierec` and `python -m movierec_cli`."""
    app(prog_name="movierec")
