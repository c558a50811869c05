"""A study for the terminal: the tables, then the answer in words."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from movierec_cli.experiment.study import Study
from movierec_cli.reports.rating_tables import ratings_table
from movierec_cli.reports.table import beyond_accuracy, comparison, line_of_model, user_metrics
from movierec_cli.reports.terminal.findings import findings_list


def study_text(study: Study, console: Console, *, with_segments: bool = False) -> Group:
    """Split, tables, findings of the leakage check, and last, where it is read first, the answer."""
    return Group(*_parts(study, console, with_segments))


def _parts(study: Study, console: Console, with_segments: bool) -> Iterator[RenderableType]:
    yield Text(study.split_summary.sentence(study.split.kind))
    yield Text()
    yield comparison([line_of_model(model) for model in study.models], console)
    yield user_metrics(study)
    yield beyond_accuracy(study)
    if study.ratings is not None:
        yield ratings_table(study, console)
        yield Text()
    if with_segments:
        yield segments_table(study)
    if study.findings:
        yield findings_list(study.findings)
        yield Text()
    for sentence in study.warnings:
        yield Text(sentence, style="yellow")
    for number, sentence in enumerate(study.answer):
        yield Text(sentence, style="bold" if number == 0 else "")
    for number, sentence in enumerate(study.ratings.answer if study.ratings is not None else ()):
        yield Text(sentence, style="bold" if number == 0 else "")
    yield Text()


def segments_table(study: Study) -> RenderableType:
    """The headline metric of each contender on each segment of the test ratings."""
    table = Table(
        title=f"{study.headline} by segment",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("segment", overflow="fold", min_width=24)
    table.add_column("users", justify="right", no_wrap=True)
    table.add_column("ratings", justify="right", no_wrap=True)
    for number in range(len(study.models)):
        table.add_column(chr(ord("a") + number), justify="right", no_wrap=True)
    for segment in study.segments:
        cells = ("–" if value is None else f"{value:.4f}" for value in segment.accuracy)
        table.add_row(
            Text(f"{segment.dimension}: {segment.name}"),
            f"{segment.n_users:,}",
            f"{segment.n_ratings:,}",
            *cells,
        )
    keys = Text(", ".join(f"{chr(ord('a') + n)}: {one.label}" for n, one in enumerate(study.models)))
    return Group(table, Padding(keys, (0, 0, 1, 0)))
