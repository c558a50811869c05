"""The comparison of models as tables for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from movierec_cli.config import SplitKind
from movierec_cli.evaluation.top_k import TopK
from movierec_cli.experiment.study import ComparedModel, Study
from movierec_cli.registry.record import RunRecord

ONE_TABLE_WIDTH = 140
"""Terminals at least this wide show accuracy and cost in one table, narrower ones a table for each aspect."""


@dataclass(frozen=True)
class Line:
    """What a table says of one model."""

    label: str
    top_k: TopK
    n_parameters: int
    epochs: str  # best by validation / trained
    seconds: float
    is_baseline: bool = False


@dataclass(frozen=True)
class _Column:
    header: str
    text: Callable[[Line], str]
    score: Callable[[Line], float] | None = None  # higher is better; None where nothing is best


_SET = _Column("model", lambda line: line.label)
_COSTS = (
    _Column("parameters", lambda line: f"{line.n_parameters:,}"),
    _Column("epochs", lambda line: line.epochs),
    _Column("seconds", lambda line: f"{line.seconds:,.1f}"),
)
_PADDING = (0, 1, 0, 0)
_UNSEEN = "Test top-k accuracy, movies seen in training masked"
_ALL = "Test top-k accuracy over all movies"
_ONE_EACH = "; with one test movie each, recall is the hit rate (HR)"
_COST = "Cost (epochs: best by validation / trained)"


def line_of_record(record: RunRecord) -> Line:
    """A run by itself."""
    epochs = f"{record.best_epoch}/{record.epochs_run}" if record.epochs_run else "–"
    return Line(
        record.config.label,
        record.test,
        record.n_parameters,
        epochs,
        record.training_s,
        is_baseline=record.config.training is None,
    )


def line_of_model(model: ComparedModel) -> Line:
    """A contender with the mean accuracy of its seeds, and what they cost together."""
    lines = [line_of_record(record) for record in model.records]
    seeds = f" × {len(lines)} seeds" if len(lines) > 1 else ""
    return Line(
        f"{model.label}{seeds}",
        model.top_k,
        lines[0].n_parameters,
        " ".join(line.epochs for line in lines),
        sum(line.seconds for line in lines),
        model.is_baseline,
    )


def comparison(lines: Sequence[Line], console: Console) -> Group:
    """Test accuracy and cost of each model, the best of each column bold; one table or three by width.

    Models that do not rank have costs only.
    """
    unseen = _accuracies(lines, lambda line: line.top_k.unseen)
    every = _accuracies(lines, lambda line: line.top_k.all)
    if unseen and console.width >= ONE_TABLE_WIDTH:
        title = "Test top-k accuracy (unseen: movies seen in training masked) and cost"
        columns = (_SET, *_prefixed("unseen", unseen), *_prefixed("all", every), *_COSTS)
        return Group(_table(title, columns, lines))
    parts = ((_UNSEEN, unseen), (_ALL, every), (_COST, _COSTS)) if unseen else ((_COST, _COSTS),)
    return Group(*(_table(title, (_SET, *columns), lines) for title, columns in parts))


def user_metrics(study: Study) -> Table:
    """The metrics of one list a user, the headline with its interval; the best of each column bold."""
    one_each = _ONE_EACH if study.split.kind is SplitKind.LEAVE_LAST else ""
    table = _new_table(f"Per user, movies seen in training masked (±: half the 95 % interval){one_each}")
    table.add_column("model", overflow="fold", min_width=16, vertical="top")
    for metric in study.models[0].metrics:
        table.add_column(metric, justify="right", no_wrap=True)
    for number, model in enumerate(study.models):
        cells = (_metric_cell(study, model, metric) for metric in model.metrics)
        table.add_row(Text(model.label), *cells, end_section=_ends_the_trained(study, number))
    return table


def _ends_the_trained(study: Study, number: int) -> bool:
    rest = study.models[number + 1 : number + 2]
    return bool(rest) and rest[0].is_baseline and not study.models[number].is_baseline


def _metric_cell(study: Study, model: ComparedModel, metric: str) -> Text:
    found = model.metrics[metric]
    best = max(other.metrics[metric].mean for other in study.models)
    is_best = len(study.models) > 1 and found.mean == best
    text = f"{found.mean:.4f}"
    if metric == study.headline:
        text += f" ±{(found.high - found.low) / 2:.3f}".replace("±0", "±")
    return Text(text, style="bold green" if is_best else "")


def beyond_accuracy(study: Study) -> Table:
    """How much of the catalogue is recommended, and how evenly."""
    table = _new_table("What is recommended")
    table.add_column("model", overflow="fold", min_width=18, vertical="top")
    for name in study.models[0].beyond:
        table.add_column(name, justify="right", no_wrap=True)
    for number, model in enumerate(study.models):
        cells = (f"{value:,.4g}" for value in model.beyond.values())
        table.add_row(Text(model.label), *cells, end_section=_ends_the_trained(study, number))
    return table


def _prefixed(prefix: str, columns: Sequence[_Column]) -> list[_Column]:
    return [replace(column, header=f"{prefix}\n{column.header}") for column in columns]


def top_ks(lines: Sequence[Line]) -> list[int]:
    """Every k that all the models have, in order."""
    common = set.intersection(*(_ks(line.top_k) for line in lines)) if lines else set()
    return sorted(common)


def _ks(top_k: TopK) -> set[int]:
    return set(top_k.unseen) & set(top_k.all)


def _accuracies(lines: Sequence[Line], values: Callable[[Line], dict[int, float]]) -> tuple[_Column, ...]:
    return tuple(_accuracy(k, values) for k in top_ks(lines))


def _accuracy(k: int, values: Callable[[Line], dict[int, float]]) -> _Column:
    return _Column(f"top-{k}", lambda line: f"{values(line)[k]:.4f}", lambda line: values(line)[k])


def _new_table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=_PADDING)


def _table(title: str, columns: Sequence[_Column], lines: Sequence[Line]) -> Table:
    table = _new_table(title)
    for column in columns:
        if column is _SET:
            table.add_column(column.header, overflow="fold", min_width=18, vertical="top")
        else:
            table.add_column(column.header, justify="right", no_wrap=True)
    for number, line in enumerate(lines):
        followers = lines[number + 1 : number + 2]
        ends_trained = bool(followers) and followers[0].is_baseline and not line.is_baseline
        table.add_row(*(_cell(column, line, lines) for column in columns), end_section=ends_trained)
    return table


def _cell(column: _Column, line: Line, lines: Sequence[Line]) -> Text:
    score = column.score
    is_best = score is not None and len(lines) > 1 and score(line) == max(map(score, lines))
    return Text(column.text(line), style="bold green" if is_best else "")
