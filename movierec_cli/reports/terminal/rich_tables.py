"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from movierec_cli.reports.tables import Cell, Column, Table

WIDE = 112
"""Terminals at least this wide show the columns that need width."""

_BEST = "bold green"
_GAP = 2  # between columns
_HALF = " (±: half the 95 % interval)"


def new_table(title: str | Text = "", **options: Any) -> RichTable:
    """An empty table in this program's style; `options` are rich's."""
    style = {"title_justify": "left", "title_style": "bold", "caption_justify": "left", "caption_style": ""}
    return RichTable(title=title or None, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), **(style | options))


def rich_table(table: Table, console: Console, *, with_notes: bool = False, label_width: int = 16) -> Group:
    """A table with the best of each column bold, and a line between groups of rows.

    Of its intervals only those to be shown on a terminal are, below the means where the console is narrow;
    it gets fewer columns, too. Columns for which there is no room beside the others stand in a table below.
    With notes, those of the rows stand after their labels, which have at least `label_width` columns of text.
    """
    places = [place for place, column in enumerate(table.columns) if _fits(column, console)]
    room = console.width - label_width - _GAP
    between = "\n" if room < sum(_widest(table.columns[place]) + _GAP for place in places) else " "
    columns = {place: _column(table, place, between) for place in places}
    labels = [f"{row.label} {row.note}" if with_notes and row.note else row.label for row in table.rows]
    half = _HALF if any(table.columns[place].shows_interval for place in places) else ""
    parts = list(_parts({place: _width(table, place, cells) for place, cells in columns.items()}, room))
    shown = []
    for number, part in enumerate(parts):
        title, note = f"{table.title}{half}" * (number == 0), table.note * (number == len(parts) - 1)
        one = new_table(title, caption=note or None)
        one.add_column(table.label, overflow="fold", min_width=label_width, vertical="top")
        for place in part:
            is_mark = table.columns[place].kind == "mark"
            one.add_column(table.columns[place].name, justify="center" if is_mark else "right", no_wrap=True)
        for row, label in enumerate(labels):
            is_end = any(below.group != table.rows[row].group for below in table.rows[row + 1 : row + 2])
            one.add_row(Text(label), *(columns[place][row] for place in part), end_section=is_end)
        shown.append(one)
    return Group(*shown)


def _parts(widths: dict[int, int], room: int) -> Iterator[list[int]]:
    """The columns of each table that they are parted into, one at least."""
    part: list[int] = []
    for place, width in widths.items():
        if part and sum(widths[one] for one in part) + width > room:
            yield part
            part = []
        part.append(place)
    yield part


def _column(table: Table, place: int, between: str) -> list[Text]:
    column, best = table.columns[place], table.best[place]
    return [_cell(row.cells[place], column, best, between) for row in table.rows]


def _width(table: Table, place: int, cells: Sequence[Text]) -> int:
    lines = [line for cell in cells for line in cell.plain.split("\n")]
    return max(map(len, (table.columns[place].name, *lines))) + _GAP


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
