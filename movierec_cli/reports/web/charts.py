"""The report's charts as plotly figures without colours: the page colours them for light, dark and print.

A chart's views are what a reader chooses among (a metric, a k); a view has what differs from view to view.
A trace's `meta` is the CSS variable with its colour.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import Any

from movierec_cli.config import Monitor
from movierec_cli.evaluation.ablation import FeatureGain
from movierec_cli.evaluation.significance import Interval
from movierec_cli.experiment.study import ComparedModel, Study
from movierec_cli.records import dataclass
from movierec_cli.registry.record import EpochRecord, RunRecord
from movierec_cli.reports.study_tables import metric_names
from movierec_cli.reports.tables import POINT
from movierec_cli.reports.web import pages

_Trace = dict[str, Any]

CHART_LAYOUT: Mapping[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": pages.FONT,
    "margin": {"l": 8, "r": 16, "t": 8, "b": 8},
    "hovermode": "closest",
}
LEGEND: Mapping[str, Any] = {"orientation": "v", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"}


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart; `element` is the id of where it is drawn, `element`-view that of its selector."""

    element: str
    data: list[_Trace]
    layout: dict[str, Any]
    views: dict[str, dict[str, Any]]  # by name: "data", one update a trace, and "layout"
    shown: str  # the view that is shown first


def forest(study: Study) -> Chart | None:
    """Each model's mean with its interval, the best on top; a view a metric."""
    names = metric_names(study)
    if not names:
        return None
    return Chart(
        element="forest",
        data=[_dot(model, index) for index, model in enumerate(study.models)],
        layout=_NAMED_LAYOUT,
        views={name: _forest_view(study.models, name) for name in names},
        shown=names[0],
    )


def _dot(model: ComparedModel, index: int) -> _Trace:
    symbol = "diamond-open" if model.is_baseline else "circle"
    return {
        "type": "scatter",
        "mode": "markers",
        "name": model.label,
        "marker": {"size": 9, "symbol": symbol},
        "meta": pages.colour(index),
        "hovertemplate": "%{x:.4f} (%{customdata[0]:.4f} … %{customdata[1]:.4f})"
        "<extra>%{fullData.name}</extra>",
    }


def _forest_view(models: Sequence[ComparedModel], metric: str) -> dict[str, Any]:
    means = {i: model.metrics[metric].mean for i, model in enumerate(models) if metric in model.metrics}
    known = {index: mean for index, mean in means.items() if not math.isnan(mean)}
    worst_first = sorted(known, key=known.__getitem__)
    return {
        "data": [
            _interval_points([one.metrics[metric]], [worst_first.index(index)])
            if index in known
            else _NOWHERE
            for index, one in enumerate(models)
        ],
        "layout": {
            "xaxis": {"title": {"text": metric}},
            "yaxis": _ticks([models[index].label for index in worst_first]),
            "shapes": _upright([mean for index, mean in known.items() if models[index].is_baseline]),
        },
    }


_NOWHERE: _Trace = {"x": [None], "y": [None], "customdata": [[None, None]], "error_x": {"array": [0]}}


def _upright(means: Sequence[float]) -> list[dict[str, Any]]:
    """A line at the best of the baselines, if there is one."""
    x, line = max(means, default=0.0), {"dash": "dot", "width": 1.5}
    shape = {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}
    return [shape] if means else []


def _interval_points(intervals: Sequence[Interval], rows: Sequence[int], unit: float = 1) -> _Trace:
    return {
        "x": [interval.mean / unit for interval in intervals],
        "y": list(rows),
        "customdata": [[_known(i.low / unit), _known(i.high / unit)] for i in intervals],
        "error_x": error_bars(intervals, unit),
    }


def error_bars(intervals: Sequence[Interval], unit: float = 1) -> _Trace:
    """From the mean to either end, in units."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [_length(interval.high - interval.mean) / unit for interval in intervals],
        "arrayminus": [_length(interval.mean - interval.low) / unit for interval in intervals],
        "thickness": 2,
        "width": 4,
    }


def _length(length: float) -> float:
    return 0.0 if math.isnan(length) else max(length, 0.0)


def _known(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else value


def ablation(study: Study) -> Chart | None:
    """What each feature adds, the most on top."""
    if not study.ablation:
        return None
    bar = {
        "type": "bar",
        "orientation": "h",
        "width": 0.55,
        "meta": pages.colour(0),
        "name": "gain",
        "hovertemplate": "%{x:+.2f} points (%{customdata[0]:+.2f} … %{customdata[1]:+.2f})<extra></extra>",
    }
    return Chart(
        element="ablation-chart",
        data=[bar],
        layout=_NAMED_LAYOUT | {"xaxis": {**_VALUE_AXIS, "zeroline": True}},
        views={name: _gains_view(name, found.ablation) for name, found in study.by_metric.items()},
        shown=study.headline,
    )


def _gains_view(metric: str, ablation: Sequence[FeatureGain]) -> dict[str, Any]:
    gains = sorted(ablation, key=lambda gain: gain.difference.mean)
    points = _interval_points([gain.difference for gain in gains], range(len(gains)), POINT)
    x_axis = {"title": {"text": f"points of {metric} that it adds"}}
    layout = {"xaxis": x_axis, "yaxis": _ticks([gain.feature for gain in gains])}
    return {"data": [points], "layout": layout}


def epochs(study: Study) -> Chart | None:
    """Validation by epoch: a line a model, its seeds as thin lines; a view a metric."""
    metrics = _validated(study)
    if not metrics:
        return None
    lines = [line for index, model in enumerate(study.models) for line in _lines(model, index)]
    return Chart(
        element="epochs-chart",
        data=[line.trace | {"customdata": line.values(lambda epoch: epoch.elapsed_s)} for line in lines],
        layout={
            **CHART_LAYOUT,
            "legend": LEGEND,
            "xaxis": {"title": {"text": "epoch"}, **_EPOCH_AXIS},
            "yaxis": {"automargin": True, "tickformat": ".3~f", "nticks": 8, "rangemode": "nonnegative"},
        },
        views={
            name: {
                "data": [{"y": line.values(value)} for line in lines],
                "layout": {"yaxis": {"title": {"text": f"validation {name}"}}},
            }
            for name, value in metrics.items()
        },
        shown=_shown(study, list(metrics)),
    )


_TOP_K = {
    "recall@{}": "recall",
    "top-{} accuracy, unseen {}s": "unseen",
    "top-{} accuracy, all {}s": "all",
}
_Value = Callable[[EpochRecord], float | None]


def _validated(study: Study) -> dict[str, _Value]:
    """What every validation has, by name."""
    validations = [epoch for model in study.models for record in model.records for epoch in record.epochs]
    if not validations:
        return {}
    ks = sorted(set.intersection(*(set(one.validation.recall) for one in validations)))
    values: dict[str, _Value] = {Monitor.NDCG: lambda epoch: epoch.ndcg}
    noun = study.data.noun
    values |= {name.format(k, noun): partial(_top_k, kind, k) for name, kind in _TOP_K.items() for k in ks}
    values[f"RMSE, {study.data.rating_unit}"] = lambda epoch: (
        None if epoch.ratings is None else epoch.ratings.rmse
    )
    return {
        name: value
        for name, value in values.items()
        if all(value(epoch) is not None for epoch in validations)
    }


def _shown(study: Study, names: Sequence[str]) -> str:
    """What chose the epochs, where all were chosen by it; else the metric that decides, or what is there."""
    monitored = {
        record.config.monitor for one in study.models for record in one.records if not one.is_baseline
    }
    wanted = [*(monitored if len(monitored) == 1 else ()), study.headline]
    return next((name for name in wanted if name in names), names[0])


def _top_k(kind: str, k: int, epoch: EpochRecord) -> float:
    by_k: dict[int, float] = getattr(epoch.validation, kind)
    return by_k[k]


@dataclass(frozen=True)
class _Line:
    """A trace over the epochs; where it stands for several seeds, `histories` are averaged."""

    trace: _Trace
    histories: tuple[Sequence[EpochRecord], ...]

    def values(self, value: _Value) -> list[float]:
        return [fmean(value(seed) or 0.0 for seed in seeds) for seeds in _side_by_side(self.histories)]


def _lines(model: ComparedModel, index: int) -> Iterable[_Line]:
    records = [record for record in model.records if record.epochs]
    if not records:
        return
    histories = tuple(record.history for record in records)
    yield _line(model.label, index, histories, _main_style(index))
    for record in records:
        if len(records) > 1:
            yield _line(_seed_name(model, record), index, (record.history,), _SEED_STYLE)
        kept = [epoch for epoch in record.history if epoch.epoch == record.best_epoch]
        yield _line(_seed_name(model, record), index, (kept,), _kept_style(index, len(records)))


def _line(
    name: str, index: int, histories: tuple[Sequence[EpochRecord], ...], style: Mapping[str, Any]
) -> _Line:
    trace = {
        "type": "scatter",
        "name": name,
        "legendgroup": str(index),
        "x": [seeds[0].epoch for seeds in _side_by_side(histories)],
        "meta": pages.colour(index),
        "hovertemplate": "%{y:.4f} at epoch %{x}, after %{customdata:.1f} s<extra>%{fullData.name}</extra>",
        **style,
    }
    return _Line(trace, histories)


def _side_by_side(histories: tuple[Sequence[EpochRecord], ...]) -> list[tuple[EpochRecord, ...]]:
    """The seeds' validations at each epoch that all of them reached: a mean over fewer would jump."""
    by_epoch = [{epoch.epoch: epoch for epoch in history} for history in histories]
    common = sorted(set.intersection(*map(set, by_epoch)))
    return [tuple(seed[epoch] for seed in by_epoch) for epoch in common]


def _seed_name(model: ComparedModel, record: RunRecord) -> str:
    which = record.config.repetition
    return f"{model.label}, {which}" if which else model.label


_SEED_STYLE: Mapping[str, Any] = {"mode": "lines", "line": {"width": 1}, "opacity": 0.55, "showlegend": False}


def _main_style(index: int) -> dict[str, Any]:
    # Solid until the palette's colours come round again.
    line = {"width": 2.5, "dash": pages.DASHES[index // pages.N_COLOURS % len(pages.DASHES)]}
    return {"mode": "lines+markers", "line": line, "marker": {"size": 6, "symbol": pages.symbol(index)}}


def _kept_style(index: int, n_seeds: int) -> dict[str, Any]:
    size, symbol = 13 if n_seeds == 1 else 9, f"{pages.symbol(index)}-open"
    marker = {"size": size, "symbol": symbol, "line": {"width": 2}}
    return {"mode": "markers", "marker": marker, "showlegend": False, "hoverinfo": "skip"}


_VALUE_AXIS: Mapping[str, Any] = {"automargin": True, "nticks": 7, "zeroline": False, "fixedrange": True}
_EPOCH_AXIS: Mapping[str, Any] = {"automargin": True, "rangemode": "tozero", "showgrid": False}
_NAME_AXIS: Mapping[str, Any] = {"automargin": True, "showgrid": False, "zeroline": False, "fixedrange": True}
_NAMED_LAYOUT = {**CHART_LAYOUT, "showlegend": False, "xaxis": _VALUE_AXIS, "yaxis": _NAME_AXIS}


def _ticks(labels: Sequence[str]) -> dict[str, Any]:
    """An axis of names, one a row; the page breaks long ones."""
    n = len(labels)
    return {"tickvals": list(range(n)), "ticktext": list(labels), "range": [-0.6, n - 0.4]}
