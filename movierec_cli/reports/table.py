"""The comparison of runs as tables for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from movierec_cli.registry.record import RunRecord, TopK

ONE_TABLE_WIDTH = 140
"""Terminals at least this wide show everything in one table, narrower ones a table for each aspect."""


@dataclass(frozen=True)
class _Column:
    header: str
    text: Callable[[RunRecord], str]
    score: Callable[[RunRecord], float] | None = None  # higher is better; None where nothing is best


_SET = _Column("feature set", lambda record: record.config.feature_set.label)
_COSTS = (
    _Column("parameters", lambda record: f"{record.n_parameters:,}"),
    _Column("epochs", lambda record: f"{record.best_epoch}/{record.epochs_run}"),
    _Column("seconds", lambda record: f"{record.training_s:,.1f}"),
)
_PADDING = (0, 1, 0, 0)
_UNSEEN = "Test top-k accuracy, movies seen in training masked"
_ALL = "Test top-k accuracy over all movies"
_COST = "Cost (epochs: best by validation / trained)"


def comparison(records: Sequence[RunRecord], console: Console) -> Group:
    """Test accuracy and cost of each run, the best of each column bold; one table or three by width."""
    unseen = _accuracies(records, lambda record: record.test.unseen)
    every = _accuracies(records, lambda record: record.test.all)
    if console.width >= ONE_TABLE_WIDTH:
        title = "Test top-k accuracy (unseen: movies seen in training masked) and cost"
        columns = (_SET, *_prefixed("unseen", unseen), *_prefixed("all", every), *_COSTS)
        return Group(_table(title, columns, records))
    parts = ((_UNSEEN, unseen), (_ALL, every), (_COST, _COSTS))
    return Group(*(_table(title, (_SET, *columns), records) for title, columns in parts))


def _prefixed(prefix: str, columns: Sequence[_Column]) -> list[_Column]:
    return [replace(column, header=f"{prefix}\n{column.header}") for column in columns]


def top_ks(records: Sequence[RunRecord]) -> list[int]:
    """Every k that all the records have, in order."""
    common = set.intersection(*(_ks(record.test) for record in records)) if records else set()
    return sorted(common)


def _ks(top_k: TopK) -> set[int]:
    return set(top_k.unseen) & set(top_k.all)


def _accuracies(
    records: Sequence[RunRecord], values: Callable[[RunRecord], dict[int, float]]
) -> tuple[_Column, ...]:
    return tuple(_accuracy(k, values) for k in top_ks(records))


def _accuracy(k: int, values: Callable[[RunRecord], dict[int, float]]) -> _Column:
    return _Column(f"top-{k}", lambda record: f"{values(record)[k]:.4f}", lambda record: values(record)[k])


def _table(title: str, columns: Sequence[_Column], records: Sequence[RunRecord]) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=_PADDING
    )
    for column in columns:
        if column is _SET:
            table.add_column(column.header, overflow="fold", min_width=18, vertical="top")
        else:
            table.add_column(column.header, justify="right", no_wrap=True)
    for record in records:
        table.add_row(*(_cell(column, record, records) for column in columns))
    return table


def _cell(column: _Column, record: RunRecord, records: Sequence[RunRecord]) -> Text:
    score = column.score
    is_best = score is not None and len(records) > 1 and score(record) == max(map(score, records))
    return Text(column.text(record), style="bold green" if is_best else "")
