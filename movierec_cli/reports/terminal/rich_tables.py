"""Tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from movierec_cli.reports.tables import Cell, Column, Table

WIDE = 112
"""Terminals at least this wide show the columns that need width."""

_BEST = "bold green"
_HALF = " (±: half the 95 % interval)"


def new_table(title: str | Text = "", **options: Any) -> RichTable:
    """An empty table in this program's style; `options` are rich's."""
    style = {"title_justify": "left", "title_style": "bold", "caption_justify": "left", "caption_style": ""}
    return RichTable(title=title or None, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), **(style | options))


def rich_table(
    table: Table, console: Console, *, with_notes: bool = False, label_width: int = 16
) -> RichTable:
    """A table with the best of each column bold, and a line between groups of rows.

    Of its intervals only those to be shown on a terminal are, below the means where the console is narrow;
    it gets fewer columns, too.
    With notes, those of the rows stand after their labels, which have at least `label_width` columns of text.
    """
    places = [place for place, column in enumerate(table.columns) if _fits(column, console)]
    widths = (max(len(column.name), _widest(column)) + 2 for column in map(table.columns.__getitem__, places))
    between = "\n" if label_width + 2 + sum(widths) > console.width else " "
    half = _HALF if any(table.columns[place].shows_interval for place in places) else ""
    shown = new_table(f"{table.title}{half}", caption=table.note or None)
    shown.add_column(table.label, overflow="fold", min_width=label_width, vertical="top")
    for place in places:
        is_mark = table.columns[place].kind == "mark"
        shown.add_column(table.columns[place].name, justify="center" if is_mark else "right", no_wrap=True)
    for number, row in enumerate(table.rows):
        is_end = any(below.group != row.group for below in table.rows[number + 1 : number + 2])
        cells = (
            _cell(row.cells[place], table.columns[place], table.best[place], between) for place in places
        )
        label = f"{row.label} {row.note}" if with_notes and row.note else row.label
        shown.add_row(Text(label), *cells, end_section=is_end)
    return shown


def _fits(column: Column, console: Console) -> bool:
    return column.kind != "bar" and (console.width >= WIDE or not column.needs_width)


def _widest(column: Column) -> int:
    return len("0.4740 ±.012") if column.shows_interval else 7


def _cell(cell: Cell, column: Column, best: float | None, between: str) -> Text:
    from movierec_cli.evaluation.significance import Interval
    from movierec_cli.reports.tables import value_of, written

    text = written(cell, column.kind)
    if column.shows_interval and isinstance(cell, Interval):
        text += f"{between}±{(cell.high - cell.low) / 2:.3f}".replace("±0", "±")
    return Text(text, style=_BEST if best is not None and value_of(cell) == best else "")
