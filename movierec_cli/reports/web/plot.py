"""The comparison of runs as one web page: validation accuracy by epoch, a line a feature set."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.metrics import deciding_k
from movierec_cli.evaluation.top_k import TopK
from movierec_cli.experiment.study import Study
from movierec_cli.registry.record import EpochRecord, RunConfig, RunRecord
from movierec_cli.reports.web import pages
from movierec_cli.reports.web.markup import Html, tag
from movierec_cli.reports.web.rating_figure import ratings_chart, ratings_section
from movierec_cli.reports.web.report_figures import Chart

_MODES: Mapping[str, Callable[[TopK], dict[int, float]]] = {
    "unseen": lambda top_k: top_k.unseen,
    "all": lambda top_k: top_k.all,
}
_AMONG = {"unseen": "unseen movies", "all": "all movies"}
_NDCG = "NDCG@10"


def write_plot(records: Sequence[RunRecord], file: Path, study: Study | None = None) -> Path:
    """Writes the page; what was there before stays until the new page is complete.

    Args:
        records: runs on one data set, in the order of the legend.
        file: where the page goes; missing folders are made.
        study: of the runs; where they predict ratings, the page shows how well beside how they rank.

    Returns:
        The absolute path of the page.

    Raises:
        MovierecError: there is nothing to draw, or the file cannot be written.
    """
    return pages.write_page(plot_page(records, study), file, what="plot")


def check_writable(file: Path) -> None:
    """Finds out before a long training what would hinder `write_plot` after it.

    Raises:
        MovierecError: the path is a folder, or lies in a place where nothing can be written.
    """
    pages.check_writable(file, what="plot")


def plot_page(records: Sequence[RunRecord], study: Study | None = None) -> str:
    """The whole page, plotly.js included, so that it works without a network.

    Raises:
        MovierecError: no record has a validation to draw.
    """
    ks = _ks(records)
    if not ks:
        raise MovierecError("there is nothing to plot: no run was validated")
    shown_k = deciding_k(min(record.data.n_movies for record in records), ks)
    texts = {"title": _title(records), "subtitle": _subtitle(records), "footnote": _footnote(records)}
    chart = ratings_chart(study) if study is not None else None
    parts = {name: html.escape(text) for name, text in texts.items()} | {
        "palette": pages.palette_css(),
        "ratings": _ratings(study, chart) if study is not None and chart is not None else "",
        "charts": pages.embedded(json.dumps([asdict(chart)] if chart is not None else [], allow_nan=False)),
        "judged_by": _judged_by(records, max(ks)),
        "figure": pages.embedded(figure(records, shown_k).to_json()),
        "views": pages.embedded(json.dumps(_views(records, ks) | {"shown_k": str(shown_k)})),
    }
    return pages.filled("page.html", parts)


def _judged_by(records: Sequence[RunRecord], k: int) -> str:
    """What an epoch was chosen by."""
    if all(map(_has_ndcg, records)):
        return f"{_NDCG} among unseen movies"
    accuracy = f"top-{k} accuracy among unseen movies"
    has_tasks = any(record.config.tasks is not None for record in records)
    return (
        f"{accuracy} and the error of predicted ratings, each where it is learned" if has_tasks else accuracy
    )


def _ratings(study: Study, chart: Chart) -> Html:
    heading = tag("h2", f"Two tasks: how ratings are predicted, against {study.headline}")
    return tag("section", heading, ratings_section(study, chart))


def figure(records: Sequence[RunRecord], k: int) -> Any:
    """The plotly figure of top-k accuracy among unseen movies; the page recolours and switches it."""
    import plotly.graph_objects as go

    layout = go.Layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font=pages.FONT,
        margin={"l": 8, "r": 12, "t": 12, "b": 8},
        xaxis={
            "title": {"text": "epoch", "standoff": 6, "font": {"size": 13}},
            "automargin": True,
            "rangemode": "tozero",
            "showgrid": False,
        },
        yaxis={"automargin": True, "tickformat": ".3~f", "nticks": 9},
        hovermode="closest",
        legend={"orientation": "v", "x": 0, "xanchor": "left", "y": -0.18, "yanchor": "top"},
    )
    return go.Figure(_traces(records, k), layout)


def _traces(records: Sequence[RunRecord], k: int) -> list[Any]:
    lines = [_line(record, _name(record, records), index, k) for index, record in enumerate(records)]
    return lines + [_best(record, index, k) for index, record in enumerate(records)]


def _line(record: RunRecord, name: str, index: int, k: int) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[epoch.epoch for epoch in record.history],
        y=_values(record.history, "unseen", k),
        customdata=[epoch.elapsed_s for epoch in record.history],
        name=name,
        mode="lines+markers",
        line={"width": 2, "dash": pages.dash(index)},
        marker={"size": 6, "symbol": pages.symbol(index)},
        legendgroup=record.name,
        meta={"color": index},
        hovertemplate="%{y:.4f} at epoch %{x}, after %{customdata:.1f} s<extra>%{fullData.name}</extra>",
    )


def _best(record: RunRecord, index: int, k: int) -> Any:
    import plotly.graph_objects as go

    best = _best_epoch(record)
    return go.Scatter(
        x=[epoch.epoch for epoch in best],
        y=_values(best, "unseen", k),
        mode="markers",
        marker={"size": 15, "symbol": f"{pages.symbol(index)}-open", "line": {"width": 2.5}},
        legendgroup=record.name,
        showlegend=False,
        meta={"color": index},
        hoverinfo="skip",
    )


def _best_epoch(record: RunRecord) -> list[EpochRecord]:
    return [epoch for epoch in record.history if epoch.epoch == record.best_epoch]


def _views(records: Sequence[RunRecord], ks: Sequence[int]) -> dict[str, object]:
    """The y values of every trace for every choice a reader has."""
    histories = [list(record.history) for record in records] + [_best_epoch(record) for record in records]
    views: dict[str, dict[str, object]] = {
        mode: {
            str(k): {
                "title": f"validation top-{k} accuracy, {_AMONG[mode]}",
                "y": [_values(history, mode, k) for history in histories],
            }
            for k in ks
        }
        for mode in _MODES
    }
    by_ndcg = all(map(_has_ndcg, records))
    if by_ndcg:
        gains = [[epoch.ndcg for epoch in history] for history in histories]
        views["ndcg"] = {str(k): {"title": f"validation {_NDCG}, unseen movies", "y": gains} for k in ks}
    return {
        "views": views,
        "modes": [*_AMONG.items()] + [("ndcg", _NDCG)] * by_ndcg,
        "shown_mode": "ndcg" if by_ndcg else "unseen",
        "ks": [str(k) for k in ks],
        "palette": pages.PALETTE,
    }


def _has_ndcg(record: RunRecord) -> bool:
    """Whether every validation has it: then it is what the epoch was chosen by."""
    return bool(record.history) and all(epoch.ndcg is not None for epoch in record.history)


def _values(history: Sequence[EpochRecord], mode: str, k: int) -> list[float]:
    return [_MODES[mode](epoch.validation)[k] for epoch in history]


def _ks(records: Sequence[RunRecord]) -> list[int]:
    tables = [
        values(epoch.validation)
        for record in records
        for epoch in record.history
        for values in _MODES.values()
    ]
    return sorted(set.intersection(*map(set, tables))) if tables else []


def _name(record: RunRecord, records: Sequence[RunRecord]) -> str:
    """The feature set, and the seed where a set was trained with several."""
    label, training = record.config.label, record.config.training
    alike = [other for other in records if other.config.label == label]
    return f"{label}, seed {training.seed}" if training is not None and len(alike) > 1 else label


def _title(records: Sequence[RunRecord]) -> str:
    return pages.question(record.data.description for record in records)


def _subtitle(records: Sequence[RunRecord]) -> str:
    data = records[0].data
    counts = f"{data.n_ratings:,} ratings of {data.n_movies:,} movies by {data.n_users:,} users"
    return f"How often a rating held out for validation is among the movies a model puts first · {counts}"


def _footnote(records: Sequence[RunRecord]) -> str:
    config = records[0].config
    training = config.training
    assert training is not None  # baselines have no epochs to draw
    return f"{_built(config)}, {training.loss} loss, {config.split.kind} split, seed {training.seed}."


def _built(config: RunConfig) -> str:
    model, sequence = config.model, config.sequence
    if sequence is not None:
        layers = f"{sequence.num_layers} layer{'s' * (sequence.num_layers != 1)}"
        return (
            f"{config.family.label} with embeddings of {sequence.embedding_size}, {layers} and the last "
            f"{sequence.max_length} movies of a history"
        )
    assert model is not None
    return f"Embeddings of {model.embedding_size}, layers {' '.join(map(str, model.layer_sizes))}"
