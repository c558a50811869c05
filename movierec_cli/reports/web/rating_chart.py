"""Two tasks on one chart: the RMSE of predicted ratings against the headline metric of the ranking.

Up and to the left is better on both. Models with one task alone are far off on the other, so the first view
is of the models with both, and shows what the others reach as lines.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from movierec_cli.config import TaskWeights
from movierec_cli.evaluation.significance import Interval
from movierec_cli.experiment.study import ComparedRatingModel, Study
from movierec_cli.records import dataclass
from movierec_cli.reports.web import pages
from movierec_cli.reports.web.charts import CHART_LAYOUT, LEGEND, Chart, error_bars

ELEMENT = "ratings-chart"
BOTH, ALL = "models with both tasks", "all models"
_MARGIN = 0.07  # of an axis, beyond what is shown
_NAME_WIDTH, _NAME_HEIGHT = 0.06, 0.34  # of the chart, of the name on an upright line
_REACH = 1.0  # how far beyond the models a baseline may be to be shown, as a fraction of their own width


@dataclass(frozen=True)
class _Point:
    """A model on both metrics."""

    label: str
    index: int  # among the study's models: decides its colour
    weights: TaskWeights
    rmse: Interval
    reached: Interval  # the headline metric
    is_on_front: bool


@dataclass(frozen=True)
class _Line:
    """What is drawn across the chart: at an RMSE upright, at a headline metric level."""

    axis: str  # "x" or "y"
    at: float
    text: str
    is_best: bool  # of its kind: shown wherever it is


def ratings_chart(study: Study) -> Chart | None:
    """A point a model that does both, the front joined, the rating baselines as upright lines."""
    rated = study.ratings.models if study.ratings is not None else ()
    points = list(_points(study, rated))
    if not points:
        return None
    joint = [point for point in points if point.weights.rating > 0 and point.weights.retrieval > 0]
    lines = _baseline_lines(rated)
    views = {ALL: _view(points, lines)}
    if joint and len(joint) < len(points):
        views = {BOTH: _view(joint, [*lines, *_specialist_lines(points)])} | views
    return Chart(
        element=ELEMENT,
        data=[_front(points), *map(_trace, points)],
        layout={
            **CHART_LAYOUT,
            "legend": LEGEND,
            "xaxis": _axis(f"RMSE in {study.data.rating_unit}: further left is better"),
            "yaxis": _axis(f"{study.headline}: higher is better"),
        },
        views={name: {"data": [{}] * (len(points) + 1), "layout": view} for name, view in views.items()},
        shown=next(iter(views)) if len(joint) > 1 else ALL,
    )


def _points(study: Study, rated: Sequence[ComparedRatingModel]) -> Iterator[_Point]:
    places = {one.label: (index, one) for index, one in enumerate(study.models)}
    for one in rated:
        weights = one.records[0].config.tasks
        if weights is not None and one.label in places:
            index, model = places[one.label]
            reached = model.metrics[study.headline]
            yield _Point(one.label, index, weights, one.rmse, reached, one.is_on_front)


def _trace(point: _Point) -> dict[str, Any]:
    symbol = pages.symbol(point.index)
    bounds = (point.rmse.low, point.rmse.high, point.reached.low, point.reached.high)
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": point.label,
        "x": [point.rmse.mean],
        "y": [point.reached.mean],
        "error_x": error_bars([point.rmse]) | {"thickness": 1},
        "error_y": error_bars([point.reached]) | {"thickness": 1},
        "text": [f"{point.weights.retrieval:g} : {point.weights.rating:g}"],
        "textposition": "bottom right",
        "customdata": [list(bounds)],
        "marker": {"size": 13, "line": {"width": 2}}
        | {"symbol": symbol if point.is_on_front else f"{symbol}-open"},
        "meta": pages.colour(point.index),
        "hovertemplate": "RMSE %{x:.4f} (%{customdata[0]:.4f} … %{customdata[1]:.4f})<br>"
        "%{y:.4f} (%{customdata[2]:.4f} … %{customdata[3]:.4f})<extra>%{fullData.name}</extra>",
    }


def _front(points: Sequence[_Point]) -> dict[str, Any]:
    on_front = sorted((point for point in points if point.is_on_front), key=lambda point: point.rmse.mean)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "the front",
        "x": [point.rmse.mean for point in on_front],
        "y": [point.reached.mean for point in on_front],
        "line": {"width": 2, "dash": "dot"},
        "meta": "--ink",
        "hoverinfo": "skip",
    }


def _baseline_lines(rated: Sequence[ComparedRatingModel]) -> list[_Line]:
    baselines = sorted((one for one in rated if one.is_baseline), key=lambda one: one.rmse.mean)
    return [_Line("x", one.rmse.mean, one.label, is_best=one is baselines[0]) for one in baselines]


def _specialist_lines(points: Sequence[_Point]) -> list[_Line]:
    """What models with one task alone reach at it: the best of each."""
    rating = [point.rmse.mean for point in points if point.weights.retrieval == 0]
    retrieval = [point.reached.mean for point in points if point.weights.rating == 0]
    lines = [_Line("x", min(rating), "rating alone", is_best=True)] if rating else []
    return lines + ([_Line("y", max(retrieval), "retrieval alone", is_best=True)] if retrieval else [])


def _view(points: Sequence[_Point], lines: Sequence[_Line]) -> dict[str, Any]:
    shown: list[_Line] = []
    layout: dict[str, Any] = {}
    for axis, intervals in (("x", [one.rmse for one in points]), ("y", [one.reached for one in points])):
        ends = [end for interval in intervals for end in (interval.low, interval.mean, interval.high)]
        reach = _REACH * (max(ends) - min(ends))
        low, high = min(ends) - reach, max(ends) + reach
        near = [line for line in lines if line.axis == axis and (line.is_best or low <= line.at <= high)]
        shown += near
        layout[f"{axis}axis"] = {"range": _range([*ends, *(line.at for line in near)])}
    low, high = layout["xaxis"]["range"]
    return layout | {"shapes": list(map(_shape, shown)), "annotations": _annotations(shown, high - low)}


def _range(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    margin = _MARGIN * (high - low or abs(high) or 1.0)
    return [low - margin, high + margin]


def _shape(line: _Line) -> dict[str, Any]:
    along, across = line.axis, "y" if line.axis == "x" else "x"
    ends = {f"{along}0": line.at, f"{along}1": line.at, f"{across}0": 0, f"{across}1": 1}
    style = {"type": "line", "layer": "below", "line": {"width": 1.5, "dash": "dash"}}
    return {**style, **ends, f"{across}ref": "paper"}


def _annotations(lines: Sequence[_Line], width: float) -> list[dict[str, Any]]:
    """The lines' names; those of upright lines side by side stand above each other."""
    upright = sorted((line for line in lines if line.axis == "x"), key=lambda line: line.at)
    level = [line for line in lines if line.axis == "y"]
    notes, height, before = [], 0.0, -math.inf
    for line in upright:
        height = height + _NAME_HEIGHT if line.at - before < _NAME_WIDTH * width else 0.0
        before = line.at
        place = {"x": line.at, "y": height, "yref": "paper", "textangle": -90}
        notes.append(_note(line) | place)
    return notes + [_note(line) | {"x": 1, "xref": "paper", "y": line.at} for line in level]


def _note(line: _Line) -> dict[str, Any]:
    return {"text": line.text, "showarrow": False, "xanchor": "right", "yanchor": "bottom"}


def _axis(title: str) -> dict[str, Any]:
    plain = {"automargin": True, "nticks": 7, "zeroline": False, "tickformat": ".3~f"}
    return plain | {"title": {"text": title}}
