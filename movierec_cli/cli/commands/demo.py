"""`movierec demo`: the main job on the embedded sample."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from movierec_cli.cli.console import ResultTerminal
from movierec_cli.cli.parsing.option_groups import with_option_groups
from movierec_cli.cli.parsing.options import OpenPage

DEFAULT_FOLDER = Path("demo")
_COMMAND = (
    "movierec train --dataset sample"
    " --additional_feature_sets None"
    " --additional_feature_sets timestamp"
    " --additional_feature_sets timestamp movie_genres"
    " --additional_feature_sets timestamp movie_genres movie_length bucketized_user_age"
    " --generate_recommendations_for_user 1"
)


@with_option_groups
def demo_command(
    folder: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Write the page and the models there."),
    ] = DEFAULT_FOLDER,
    open_page: OpenPage = False,
    *,
    terminal: ResultTerminal,
) -> None:
    """Do the whole main job on the embedded sample, without network.

    Trains four models, compares them, writes a page and recommends to user 1.
    The sample has real movies, rated by simulated people. What is done is
    printed as a command of `train`, which does the same with your data.
    """
    from movierec_cli.cli.commands.train import train_and_show
    from movierec_cli.config.command_options import options_of_command
    from movierec_cli.experiment.request import TrainRequest

    command = command_of_demo(folder)
    terminal.note(f"This is: {command}")
    shown = f"{command} --open" if open_page else command
    train_and_show(TrainRequest.of(options_of_command(shown), command=command), terminal)
    models = shlex.quote(str(folder / "saved_models"))
    terminal.note(f"Next: movierec recommend --user 2 --saved_models_dir {models}")


def command_of_demo(folder: Path) -> str:
    """The command of `train` that the demo stands for.

    Args:
        folder: where all that it makes goes.
    """
    places = {"datasets_dir": "datasets", "saved_models_dir": "saved_models", "plot": "movierec.html"}
    return " ".join(
        [_COMMAND, *(f"--{option} {shlex.quote(str(folder / name))}" for option, name in places.items())]
    )
