"""The comparison of runs as one web page: validation accuracy by epoch, a line a feature set."""

from __future__ import annotations

import html
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from movierec_cli.errors import MovierecError
from movierec_cli.registry.record import EpochRecord, RunRecord, TopK

# Okabe and Ito's palette, told apart with any colour vision; black and yellow give way to what the
# background lets be seen.
_PALETTE = {
    "light": ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1c1e21"],
    "dark": ["#56b4e9", "#e69f00", "#2ec492", "#e39bc4", "#f0e442", "#ff8142", "#e8eaed"],
}
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "triangle-down", "cross")
_DASHES = ("solid", "dash", "dot", "dashdot")
_MODES: Mapping[str, Callable[[TopK], dict[int, float]]] = {
    "unseen": lambda top_k: top_k.unseen,
    "all": lambda top_k: top_k.all,
}
# The best 100 of 500 movies are a fifth of them all, and tell models apart badly.
SMALL_CATALOGUE = 1000  # movies
SMALL_CATALOGUE_K = 10

_AMONG = {"unseen": "unseen movies", "all": "all movies"}


def write_plot(records: Sequence[RunRecord], file: Path) -> Path:
    """Writes the page; what was there before stays until the new page is complete.

    Args:
        records: runs on one data set, in the order of the legend.
        file: where the page goes; missing folders are made.

    Returns:
        The absolute path of the page.

    Raises:
        MovierecError: there is nothing to draw, or the file cannot be written.
    """
    page = plot_page(records)
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(page, encoding="utf-8")
        unfinished.replace(file)
    except OSError as error:
        raise MovierecError(f"the plot cannot be written to {file}: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return file.resolve()


def check_writable(file: Path) -> None:
    """Finds out before a long training what would hinder `write_plot` after it.

    Raises:
        MovierecError: the path is a folder, or lies in a place where nothing can be written.
    """
    if file.is_dir():
        raise MovierecError(
            f"the plot cannot be written to {file}: it is a folder; name a file such as plot.html"
        )
    parent = next(folder for folder in file.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise MovierecError(
            f"the plot cannot be written to {file}: {parent} is not a folder one can write to"
        )


def plot_page(records: Sequence[RunRecord]) -> str:
    """The whole page, plotly.js included, so that it works without a network.

    Raises:
        MovierecError: no record has a validation to draw.
    """
    from plotly.offline import get_plotlyjs

    ks = _ks(records)
    if not ks:
        raise MovierecError("there is nothing to plot: no run was validated")
    shown_k = _shown_k(records, ks)
    texts = {"title": _title(records), "subtitle": _subtitle(records), "footnote": _footnote(records)}
    page = {name: html.escape(text) for name, text in texts.items()} | {
        "judged_k": str(max(ks)),
        "figure": _embedded(figure(records, shown_k).to_json()),
        "views": _embedded(json.dumps(_views(records, ks) | {"shown_k": str(shown_k)})),
        "plotly_js": get_plotlyjs(),
    }
    template = resources.files("movierec_cli.reports").joinpath("page.html").read_text(encoding="utf-8")
    return re.sub(r"@\{(\w+)\}", lambda match: page[match[1]], template)


def _shown_k(records: Sequence[RunRecord], ks: Sequence[int]) -> int:
    """The k the page opens with: the largest, unless that many movies are much of the whole catalogue."""
    small = min(record.data.n_movies for record in records) < SMALL_CATALOGUE
    return SMALL_CATALOGUE_K if small and SMALL_CATALOGUE_K in ks else max(ks)


def figure(records: Sequence[RunRecord], k: int) -> Any:
    """The plotly figure of top-k accuracy among unseen movies; the page recolours and switches it."""
    import plotly.graph_objects as go

    layout = go.Layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 14},
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
    lines = [_line(record, index, k) for index, record in enumerate(records)]
    return lines + [_best(record, index, k) for index, record in enumerate(records)]


def _line(record: RunRecord, index: int, k: int) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[epoch.epoch for epoch in record.history],
        y=_values(record.history, "unseen", k),
        customdata=[epoch.elapsed_s for epoch in record.history],
        name=_name(record),
        mode="lines+markers",
        line={"width": 2, "dash": _DASHES[index // len(_PALETTE["light"]) % len(_DASHES)]},
        marker={"size": 6, "symbol": _SYMBOLS[index % len(_SYMBOLS)]},
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
        marker={"size": 15, "symbol": f"{_SYMBOLS[index % len(_SYMBOLS)]}-open", "line": {"width": 2.5}},
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
    views = {
        mode: {
            str(k): {
                "title": f"validation top-{k} accuracy, {_AMONG[mode]}",
                "y": [_values(history, mode, k) for history in histories],
            }
            for k in ks
        }
        for mode in _MODES
    }
    return {
        "views": views,
        "ks": [str(k) for k in ks],
        "palette": _PALETTE,
    }


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


def _name(record: RunRecord) -> str:
    return record.config.feature_set.label


def _title(records: Sequence[RunRecord]) -> str:
    data = _data_sets(records)
    return f"Which features help? {data[:1].upper()}{data[1:]}"


def _subtitle(records: Sequence[RunRecord]) -> str:
    data = records[0].data
    counts = f"{data.n_ratings:,} ratings of {data.n_movies:,} movies by {data.n_users:,} users"
    return f"How often a rating held out for validation is among the movies a model puts first · {counts}"


def _data_sets(records: Sequence[RunRecord]) -> str:
    return ", ".join(dict.fromkeys(record.data.description for record in records))


def _footnote(records: Sequence[RunRecord]) -> str:
    config = records[0].config
    model, training = config.model, config.training
    return (
        f"Embeddings of {model.embedding_size}, layers {' '.join(map(str, model.layer_sizes))}, "
        f"{training.loss} loss, {config.split.kind} split, seed {training.seed}."
    )


def _embedded(text: str) -> str:
    """JSON that cannot end the script element it stands in."""
    return text.replace("<", "\\u003c")
