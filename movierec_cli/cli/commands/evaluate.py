"""`movierec evaluate`: saved models and baselines on test ratings that none of them has seen."""

from typing import Annotated

import typer

from movierec_cli.cli.console import ResultTerminal
from movierec_cli.cli.parsing.evaluation_options import DetailsOption, EvaluationOptions
from movierec_cli.cli.parsing.option_groups import with_option_groups
from movierec_cli.cli.parsing.variadic import command_line


@with_option_groups
def evaluate_command(
    ctx: typer.Context,
    options: EvaluationOptions,
    segments: Annotated[
        bool, typer.Option("--segments", help="Show accuracy by segments of users, movies, ages and genres.")
    ] = False,
    details: DetailsOption = False,
    *,
    terminal: ResultTerminal,
) -> None:
    """Evaluate saved models and baselines on test ratings that none of them has seen.

    A split that would test a model on what it was trained on is refused. Nothing is trained but baselines
    that are not saved yet.
    """
    from movierec_cli.reports.study_document import study_document
    from movierec_cli.reports.terminal.study_text import study_text

    study = options.study(terminal, command=command_line(ctx))
    terminal.show(
        lambda: study_document(study),
        lambda: study_text(study, terminal.out, with_segments=segments, with_details=details),
    )
