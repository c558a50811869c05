"""For the terminal: what a search found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.text import Text

from movierec_cli.experiment.tuned import Tuned
from movierec_cli.reports import tuning_tables
from movierec_cli.reports.study_tables import user_metrics
from movierec_cli.reports.terminal.rich_tables import rich_table


def tuning_text(tuned: Tuned, page: Path, console: Console) -> Group:
    """The answer, the finalists, the winner on test, its command and the page."""
    return Group(*_parts(tuned, page, console))


def _parts(tuned: Tuned, page: Path, console: Console) -> Iterator[RenderableType]:
    for number, sentence in enumerate(tuned.answer):
        yield Text(sentence, style="bold" if number == 0 else "")
    yield Text()
    yield rich_table(tuning_tables.finalists(tuned), console)
    yield rich_table(user_metrics(tuned.study), console, with_notes=True)
    for sentence in tuned.study.warnings:
        yield Text(sentence, style="yellow")
    yield Text()
    if tuned.command:
        yield Text(f"Train it: {tuned.command}")
    yield Text(f"Page: {page}")
