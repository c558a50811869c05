"""HTML as values: text is escaped unless it was made here, so no title can become markup; tables as HTML."""

import html
import math
import re
from collections.abc import Callable, Iterable, Sequence

from movierec_cli.evaluation.significance import Interval
from movierec_cli.reports.study_tables import BASELINES, FRONT_MARK, TIME_MARK
from movierec_cli.reports.tables import Cell, Column, Kind, ModelMark, Row, Table, spread, value_of, written
from movierec_cli.reports.web.pages import colour

UNCOLOURED = 0.7
"""The fraction of a segment's best at which, and below which, a cell has no colour."""


_PERCENT = re.compile(r"(?<=\d) %")


class Html(str):
    """Markup that stands in a page as it is."""

    __slots__ = ()


_VOID = frozenset({"br", "col", "input"})


def tag(name: str, *content: str, **attributes: str | float | bool | None) -> Html:
    """An element; of its content, markup made here stays, any other text is escaped.

    Of the attributes, `class_` is written class, `data_value` data-value. True is written without a value;
    False and None are left out.
    """
    opening = f"<{name}{''.join(_attribute(*item) for item in attributes.items())}>"
    return Html(opening if name in _VOID else f"{opening}{joined(content)}</{name}>")


def joined(content: Iterable[str]) -> Html:
    """Pieces one after the other; those that are not markup are escaped."""
    return Html("".join(piece if isinstance(piece, Html) else _escaped(piece) for piece in content))


def _escaped(text: str) -> str:
    """No line ends between a number and its %."""
    return html.escape(_PERCENT.sub("\N{NO-BREAK SPACE}%", text))


def tags(name: str, contents: Iterable[str], **attributes: str | float | bool | None) -> Html:
    """An element around each of the contents."""
    return joined(tag(name, content, **attributes) for content in contents)


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    key = name.rstrip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{html.escape(str(value))}"'


_Bar = Callable[[Cell], Html]


def html_table(
    table: Table, *, element: str | None = None, kind: str | None = None, is_sortable: bool = False
) -> Html:
    """A table that scrolls inside its own box, with the keyboard too; its note stands below.

    Its id is `element`, its class `kind`; the names of the columns are buttons where it is sortable.
    """
    columns = [(place, column) for place, column in enumerate(table.columns) if column.kind is not Kind.SIZE]
    header = _sortable_header if is_sortable else _header
    names = (header(column, column.name == table.order) for _, column in columns)
    label = header(Column(name=table.label, kind=Kind.TEXT), False)
    head = tag("thead", tag("tr", label, *names))
    bodies = (_body(table, columns, group, rows) for group, rows in table.groups())
    drawn = tag("table", head, *bodies, id=element, class_=kind)
    box = tag("div", drawn, class_="scroll", role="region", aria_label=table.title, tabindex="0")
    return joined((box, tag("p", table.note, class_="note") if table.note else ""))


def _header(column: Column, _: bool) -> Html:
    words = "words" if column.kind is Kind.TEXT else None
    return tag("th", _mark(column.model), column.name, scope="col", class_=words)


def _sortable_header(column: Column, is_order: bool) -> Html:
    button = tag("button", column.name, tag("span", class_="arrow", aria_hidden="true"), type="button")
    return tag("th", button, scope="col", aria_sort="descending" if is_order else "none")


def _body(table: Table, columns: Sequence[tuple[int, Column]], group: str, rows: Sequence[Row]) -> Html:
    bars = {place: _bar_drawer([row.cells[place] for row in rows]) for place, _ in columns}
    heading = tag("th", tag("span", group), colspan=len(columns) + 1, scope="rowgroup")
    drawn = (
        tag("tr", _label(row), *(_cell(table, row, *column, bars[column[0]]) for column in columns))
        for row in rows
    )
    title = tag("tr", heading, class_="group") if group else ""
    return tag("tbody", title, *drawn, class_="baselines" if group == BASELINES else None)


def _label(row: Row) -> Html:
    is_mark = row.note == TIME_MARK  # which needs no line of its own
    note = f"\N{NO-BREAK SPACE}{row.note}" if is_mark else tag("small", row.note) if row.note else ""
    against = (" ", tag("span", "against", class_="faint"), " ", row.against) if row.against else ()
    name = tag("span", row.label.replace(" + ", " +\N{NO-BREAK SPACE}")) if row.model else row.label
    return tag("th", _mark(row.model), name, *against, note, scope="row", data_value=row.label)


def _mark(model: ModelMark | None) -> Html:
    """The colour that a model has in the charts."""
    if model is None:
        return Html()
    own = colour(model.index)
    return tag("span", class_="mark hollow" if model.is_baseline else "mark", style=f"--colour:var({own})")


def _cell(table: Table, row: Row, place: int, column: Column, bar: _Bar) -> Html:
    cell, best = row.cells[place], table.best[place]
    text = written(cell, column.kind)
    if column.kind is Kind.BAR:
        return tag("td", bar(cell), class_="bar")
    if column.kind is Kind.HEAT:
        pairs = zip(row.cells, table.columns, strict=True)
        return _heat_cell(row, column, cell, [value_of(other) for other, of in pairs if of.kind is Kind.HEAT])
    if column.kind is Kind.TEXT:
        return tag("td", text, class_="words")
    if column.kind is Kind.MARK:
        return tag("td", text, aria_label="yes" if cell == FRONT_MARK else "no")
    value = value_of(cell)
    interval = spread(cell, column.kind)
    return tag(
        "td",
        tag("strong" if value == best else "span", text),
        tag("small", interval) if interval else "",
        data_value=None if math.isnan(value) else value,
    )


def _heat_cell(row: Row, column: Column, cell: Cell, values: Sequence[float]) -> Html:
    """Coloured by its fraction of the row's best: fully at the best."""
    hint, value = f"{column.name}, {row.label}: {row.note}", value_of(cell)
    if math.isnan(value):
        return tag("td", written(cell, column.kind), title=hint)
    best = max(other for other in values if not math.isnan(other))
    heat = 0.0 if best <= 0 else 100 * max(0.0, (value / best - UNCOLOURED) / (1 - UNCOLOURED))
    text = tag("strong" if value == best else "span", f"{value:.3f}")
    return tag("td", text, title=hint, style=f"--strength:{heat:.0f}%")


def _bar_drawer(cells: Sequence[Cell]) -> _Bar:
    """Draws intervals on one scale with zero on it, so that rows can be compared by eye."""
    intervals = [cell for cell in cells if isinstance(cell, Interval)]
    ends = [0.0, *(end for one in intervals for end in (one.low, one.high) if not math.isnan(end))]
    low, width = min(ends), (max(ends) - min(ends)) or 1.0

    def place(value: float) -> float:
        return round(4 + 152 * (value - low) / width, 1)

    def draw(cell: Cell) -> Html:
        if not isinstance(cell, Interval) or math.isnan(cell.low) or math.isnan(cell.high):
            return Html()
        zero = tag("line", x1=place(0), x2=place(0), y1=0, y2=16, class_="zero")
        line = tag("line", x1=place(cell.low), x2=place(cell.high), y1=8, y2=8)
        dot = tag("circle", cx=place(cell.mean), cy=8, r=3.5)
        return tag("svg", zero, line, dot, viewBox="0 0 160 16", aria_hidden="true")

    return draw
