"""`movierec report`: a study as one web page."""

from pathlib import Path
from typing import Annotated

import typer

from movierec_cli.cli.console import CommandTerminal
from movierec_cli.cli.parsing.evaluation_options import EvaluationOptions
from movierec_cli.cli.parsing.option_groups import optional, with_option_groups
from movierec_cli.cli.parsing.options import OpenPage, PageFile
from movierec_cli.cli.parsing.variadic import command_line
from movierec_cli.recommend.list_options import parse_users

DEFAULT_REPORT = Path("report.html")


@with_option_groups
def report_command(
    ctx: typer.Context,
    options: EvaluationOptions,
    users: Annotated[
        str | None,
        optional(
            "--users",
            "ID...",
            "Users whose recommendations to show: ids, a file with one id per line, or all. By default three"
            " users with few, an average number of, and many ratings.",
        ),
    ] = None,
    output: PageFile = DEFAULT_REPORT,
    open_page: OpenPage = False,
    *,
    terminal: CommandTerminal,
) -> None:
    """Write one web page on how saved models and baselines compare, and which features help.

    The page needs no network. It has the answer first, then accuracy with intervals, what each feature
    adds, segments, findings of the leakage check, recommendations side by side, and how to reproduce it.
    """
    from movierec_cli.reports.web.pages import check_writable
    from movierec_cli.reports.web.report_page import write_report

    check_writable(output)
    selected = None if users is None else parse_users(users)
    study = options.study(terminal, users=selected, command=command_line(ctx))
    page = write_report(study, output)
    terminal.line(study.answer[0])
    terminal.line(f"Report: {page}")
    if open_page:
        typer.launch(page.as_uri())
