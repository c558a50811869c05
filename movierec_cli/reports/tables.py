"""One model of a table, which the terminal and the pages render."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from itertools import groupby

from movierec_cli.evaluation.significance import Interval
from movierec_cli.records import dataclass

NONE = "–"
POINT = 0.01
"""Differences of metrics are given in points: a point is this much of a metric of 0 … 1."""

Cell = Interval | float | str | None
"""A mean with its interval, a number, words, or nothing known. NaN is nothing known too."""


class Kind(StrEnum):
    """What the values of a column are, which decides how they are written."""

    NUMBER = "number"  # four decimals below ten, else one
    FOUR_DIGITS = "four digits"
    FOUR_DECIMALS = "four decimals"
    COUNT = "count"
    SECONDS = "seconds"
    POINTS = "points"  # a signed difference of metrics of 0 … 1
    SIGNED = "signed"  # a signed difference, four decimals
    PROBABILITY = "probability"
    TEXT = "text"
    MARK = "mark"  # FRONT_MARK or nothing
    SIZE = "size"  # how many users or ratings a row is about; on a page beneath the row's label
    HEAT = "heat"  # on a page coloured by its fraction of the row's best
    BAR = "bar"  # an interval that a page draws


def number(value: float) -> str:
    """Four decimals below ten, else one: "0.4740", "1,234.5"."""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"


def points(value: float) -> str:
    """A signed difference in points: "+1.20", "−0.35"."""
    return f"{value / POINT:+.2f}".replace("-", "−")


def probability(value: float) -> str:
    """A p value: three decimals, or "< 0.001"."""
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


FORMATS: Mapping[Kind, Callable[[float], str]] = {
    Kind.NUMBER: number,
    Kind.FOUR_DIGITS: lambda value: f"{value:#,.4g}".rstrip("."),
    Kind.FOUR_DECIMALS: "{:.4f}".format,
    Kind.COUNT: "{:,}".format,
    Kind.SECONDS: "{:,.1f}".format,
    Kind.POINTS: points,
    Kind.SIGNED: lambda value: f"{value:+.4f}".replace("-", "−"),
    Kind.PROBABILITY: probability,
    Kind.SIZE: "{:,}".format,
    Kind.HEAT: number,
    Kind.BAR: number,
}


@dataclass(frozen=True)
class ModelMark:
    """A model of the study, which has one colour in the tables and charts."""

    index: int  # among the study's models
    is_baseline: bool


@dataclass(frozen=True, kw_only=True)
class Column:
    """What one column holds."""

    name: str
    kind: Kind = Kind.NUMBER
    higher_is_better: bool | None = None  # None where nothing is best
    shows_interval: bool = False  # on a terminal too, where there is room for few
    needs_width: bool = False  # left out of narrow terminals
    model: ModelMark | None = None  # whose values these are, where a column is a model's


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line."""

    label: str
    cells: tuple[Cell, ...]  # one a column
    group: str = ""  # what it stands under
    note: str = ""  # such as how many seeds it is of
    against: str = ""  # the second of a pair, of which `label` is the first
    model: ModelMark | None = None  # whose values these are, where a row is a model's


@dataclass(frozen=True, kw_only=True)
class Table:
    """A title, columns and rows; rows of a group stand together."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    label: str = "model"  # of the rows' labels
    note: str = ""  # a sentence that stands below
    order: str = ""  # the column by which a page sorts the rows of each group, the best first

    @cached_property
    def best(self) -> tuple[float | None, ...]:
        """The best value of each column; None where nothing is, or there are not two to compare."""
        return tuple(
            _best(column, [row.cells[place] for row in self.rows])
            for place, column in enumerate(self.columns)
        )

    def groups(self) -> list[tuple[str, list[Row]]]:
        """The rows under each heading, sorted where the table has an order."""
        found = [(group, list(rows)) for group, rows in groupby(self.rows, key=lambda row: row.group)]
        names = [column.name for column in self.columns]
        if self.order not in names:
            return found
        place = names.index(self.order)
        sign = -1 if self.columns[place].higher_is_better else 1

        def rank(row: Row) -> float:
            value = value_of(row.cells[place])
            return math.inf if math.isnan(value) else sign * value

        return [(group, sorted(rows, key=rank)) for group, rows in found]


def value_of(cell: Cell) -> float:
    """The number in a cell; NaN where there is none."""
    value = cell.mean if isinstance(cell, Interval) else cell
    return float(value) if isinstance(value, float | int) else math.nan


def written(cell: Cell, kind: Kind) -> str:
    """A cell without its interval."""
    if isinstance(cell, str):
        return cell
    value = cell.mean if isinstance(cell, Interval) else cell
    return NONE if value is None or math.isnan(value) else FORMATS[kind](value)


def spread(cell: Cell, kind: Kind) -> str:
    """A cell's interval from low to high; "" where there is none."""
    if not isinstance(cell, Interval) or math.isnan(cell.low) or math.isnan(cell.high):
        return ""
    return f"{FORMATS[kind](cell.low)} … {FORMATS[kind](cell.high)}"


def beside(title: str, tables: Mapping[str, Table]) -> Table:
    """Tables of the same rows as one, the columns of each under its name."""
    first, *_ = tables.values()
    columns = [
        replace(column, name=f"{name}\n{column.name}" if name else column.name)
        for name, table in tables.items()
        for column in table.columns
    ]
    cells = zip(*([row.cells for row in table.rows] for table in tables.values()), strict=True)
    rows = [
        replace(row, cells=tuple(cell for part in parts for cell in part))
        for row, parts in zip(first.rows, cells, strict=True)
    ]
    return replace(first, title=title, columns=tuple(columns), rows=tuple(rows))


def _best(column: Column, cells: Sequence[Cell]) -> float | None:
    known = [value for value in map(value_of, cells) if not math.isnan(value)]
    if column.higher_is_better is None or len(known) < 2:
        return None
    return max(known) if column.higher_is_better else min(known)
