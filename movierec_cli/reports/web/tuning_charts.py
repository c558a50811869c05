"""The charts of a search: its history, what each setting matters, and trials across all settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from movierec_cli.config.search_space import Choices, Dimension, Range, shown_values
from movierec_cli.experiment.trials import Trial, TrialState
from movierec_cli.experiment.tuned import FamilySearch
from movierec_cli.reports.web import pages
from movierec_cli.reports.web.charts import CHART_LAYOUT, LEGEND, Chart

MOST_LINES = 200
"""Trials that are drawn across the settings: the best."""
_GOOD_SHARE = 0.25  # of the finished trials, which are drawn stronger

_ROW_PX = 52  # of a row of settings: room for the lines' angles, and for the values below it

_Trace = dict[str, Any]
_HOVER = "trial %{customdata[0]}: %{y:.4f}<br>%{customdata[1]}<extra></extra>"


def tuning_charts(search: FamilySearch, metric: str) -> list[Chart]:
    """Those for which there is something to show."""
    made = (_history(search, metric), _importance(search), _across(search, metric))
    return [chart for chart in made if chart is not None]


def _history(search: FamilySearch, metric: str) -> Chart | None:
    """Each trial's figure, and the best so far."""
    finished = [one for one in search.trials if one.outcome.state is TrialState.FINISHED]
    pruned = [one for one in search.trials if one.outcome.state is TrialState.PRUNED]
    if not finished:
        return None
    best: list[float] = []
    for one in finished:
        best.append(max([one.score, *best[-1:]]))
    points = _points("finished", finished, [one.score for one in finished], "circle", pages.colour(0))
    early = [one.outcome.curve[-1][1] for one in pruned]
    stopped = _points("stopped early, where it was", pruned, early, "circle-open", "--faint")
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": "best so far",
        "x": [*(one.number for one in finished), len(search.trials) - 1],
        "y": [*best, best[-1]],
        "line": {"width": 2, "shape": "hv"},
        "meta": pages.colour(1),
        "hoverinfo": "skip",
    }
    return _chart(
        f"history-{search.family}",
        [line, points, *([stopped] if pruned else [])],
        {
            "legend": LEGEND,
            "xaxis": {"title": {"text": "trial"}, "automargin": True, "showgrid": False, "zeroline": False},
            "yaxis": {
                "title": {"text": f"{metric} on validation"},
                "automargin": True,
                "tickformat": ".3~f",
                "nticks": 8,
            },
        },
    )


def _points(name: str, trials: Sequence[Trial], scores: Sequence[float], symbol: str, colour: str) -> _Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [one.number for one in trials],
        "y": list(scores),
        "customdata": [[one.number, shown_values(one.values)] for one in trials],
        "marker": {"size": 9, "symbol": symbol},
        "meta": colour,
        "hovertemplate": _HOVER,
    }


def _importance(search: FamilySearch) -> Chart | None:
    """The most important setting on top."""
    names = sorted(search.importance, key=lambda name: search.importance[name])
    if not names:
        return None
    bar = {
        "type": "bar",
        "orientation": "h",
        "width": 0.55,
        "meta": pages.colour(0),
        "name": "importance",
        "x": [search.importance[name] for name in names],
        "y": list(range(len(names))),
        "hovertemplate": "%{x:.0%}<extra></extra>",
    }
    x_axis = {
        "title": {"text": "share of what decides whether a trial is good"},
        "tickformat": ".0%",
        "automargin": True,
        "fixedrange": True,
        "nticks": 6,
        "rangemode": "tozero",
    }
    layout = {"showlegend": False, "xaxis": x_axis, "yaxis": _rows(names)}
    return _chart(f"importance-{search.family}", [bar], layout)


def _across(search: FamilySearch, metric: str) -> Chart | None:
    """Parallel coordinates: a row a setting, a line a trial, the metric on top."""
    finished = [one for one in search.trials if one.outcome.state is TrialState.FINISHED]
    if not search.space or len(finished) < 2:
        return None
    best_first = sorted(finished, key=lambda one: -one.score)[:MOST_LINES]
    scores = [one.score for one in best_first]
    axis = Range(min(scores), max(scores)) if min(scores) < max(scores) else Choices((scores[0],))
    n_good = max(1, round(_GOOD_SHARE * len(best_first)))
    parts = (
        ("others", best_first[n_good:], "--faint", 1.0, 0.45),
        ("the best quarter", best_first[1:n_good], pages.colour(0), 1.5, 0.9),
        ("the best", best_first[:1], pages.colour(1), 3.5, 1.0),
    )
    names = list(search.space)
    return _chart(
        f"across-{search.family}",
        [
            _lines(name, part, search, axis, (colour, width, opacity))
            for name, part, colour, width, opacity in parts
            if part
        ],
        {
            "legend": LEGEND,
            "xaxis": {"visible": False, "range": [-0.06, 1.06], "fixedrange": True},
            "yaxis": {**_rows([*reversed(names), metric]), "row_px": _ROW_PX},
        },
        [
            *(note for row, name in enumerate(reversed(names)) for note in _marks(search.space[name], row)),
            *_marks(axis, len(names)),
        ],
    )


def _lines(
    name: str,
    trials: Sequence[Trial],
    search: FamilySearch,
    axis: Dimension,
    look: tuple[str, float, float],
) -> _Trace:
    """One trace of several lines, with a gap after each."""
    colour, width, opacity = look
    names = list(search.space)
    x: list[float | None] = []
    y: list[int | None] = []
    told: list[list[Any]] = []
    for one in trials:
        places = [_place(search.space[name], one.values[name]) for name in reversed(names)]
        x += [*places, _place(axis, one.score), None]
        y += [*range(len(names) + 1), None]
        told += [[one.number, f"{one.score:.4f}", shown_values(one.values)]] * (len(names) + 2)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": x,
        "y": y,
        "customdata": told,
        "line": {"width": width},
        "marker": {"size": 3 + width},
        "opacity": opacity,
        "meta": colour,
        "hovertemplate": "trial %{customdata[0]}: %{customdata[1]}<br>%{customdata[2]}<extra></extra>",
    }


def _place(dimension: Dimension, value: Any) -> float:
    """Where a value is between the ends of its row, of 0 … 1."""
    if isinstance(dimension, Choices):
        n_steps = len(dimension.values) - 1
        return dimension.values.index(value) / n_steps if n_steps else 0.5
    ends, at = (dimension.low, dimension.high), float(value)
    if dimension.is_log:
        ends, at = (math.log(ends[0]), math.log(ends[1])), math.log(at)
    return (at - ends[0]) / (ends[1] - ends[0])


def _marks(dimension: Dimension, row: int) -> list[dict[str, Any]]:
    """The values at the ends of a row, or its choices, below it."""
    if isinstance(dimension, Choices):
        return [_mark(_place(dimension, value), row, _shown(value)) for value in dimension.values]
    return [_mark(0.0, row, f"{dimension.low:.4g}"), _mark(1.0, row, f"{dimension.high:.4g}")]


def _mark(x: float, row: int, text: str) -> dict[str, Any]:
    return {"x": x, "y": row, "text": text, "showarrow": False, "yshift": -13}


def _shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) and value < 1 else shown_values({"": value}).strip()


def _rows(names: Sequence[str]) -> dict[str, Any]:
    n = len(names)
    return {
        "tickvals": list(range(n)),
        "ticktext": list(names),
        "range": [-0.6, n - 0.4],
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }


def _chart(
    element: str, data: list[_Trace], layout: dict[str, Any], notes: Sequence[dict[str, Any]] = ()
) -> Chart:
    """With one view."""
    view = {"data": [{} for _ in data], "layout": {"annotations": list(notes)}}
    return Chart(element=element, data=data, layout={**CHART_LAYOUT, **layout}, views={"": view}, shown="")
