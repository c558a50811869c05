"""Predicted ratings as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from movierec_cli.evaluation.significance import Interval
from movierec_cli.experiment.study import ComparedModel, ComparedRatingModel, Study

FRONT_MARK = "●"
WIDE = 112
SHOWN_KS = (10, 100)
"""At which top-k accuracy stands beside the errors, where the terminal is wide enough."""

_Ranked = Mapping[str, ComparedModel]


def ratings_table(study: Study, console: Console) -> Table:
    """How far predicted ratings are off, beside how the same models rank; the best of each column bold.

    Raises:
        ValueError: no ratings are predicted.
    """
    if study.ratings is None:
        raise ValueError("the study has no predicted ratings")
    table = Table(
        title="Predicted ratings, off by stars: lower is better (±: half the 95 % interval)",
        caption=_caption(study),
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        caption_style="",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    ranked = {one.label: one for one in study.models}
    models = study.ratings.models
    columns = {
        **_errors(models),
        **_ranks(study, models, ranked, console),
        "front": _front(models),
    }
    table.add_column("model", overflow="fold", min_width=16, vertical="top")
    for header in columns:
        table.add_column(header, justify="center" if header == "front" else "right", no_wrap=True)
    for number, one in enumerate(models):
        ends_trained = not one.is_baseline and any(
            other.is_baseline for other in models[number + 1 : number + 2]
        )
        table.add_row(
            Text(one.label), *(cells[number] for cells in columns.values()), end_section=ends_trained
        )
    return table


def _caption(study: Study) -> str:
    return f"{FRONT_MARK} on the front: no other model is better on both RMSE and {study.headline}"


def _errors(models: Sequence[ComparedRatingModel]) -> dict[str, list[Text]]:
    figures = {"RMSE": [one.rmse for one in models], "MAE": [one.mae for one in models]}
    return {header: _interval_cells(intervals) for header, intervals in figures.items()}


def _interval_cells(intervals: Sequence[Interval]) -> list[Text]:
    best = min(interval.mean for interval in intervals)
    return [
        _cell(
            f"{one.mean:.4f} ±{(one.high - one.low) / 2:.3f}".replace("±0", "±"), one.mean == best, intervals
        )
        for one in intervals
    ]


def _ranks(
    study: Study, models: Sequence[ComparedRatingModel], ranked: _Ranked, console: Console
) -> dict[str, list[Text]]:
    """Top-k accuracy where there is room, and the headline metric; blank for what does not rank."""
    own = [ranked.get(one.label) for one in models]
    ks = SHOWN_KS if console.width >= WIDE else ()
    shown = [k for k in ks if all(k in one.top_k.unseen for one in study.models)]
    columns = {f"top-{k}": [one.top_k.unseen[k] if one else None for one in own] for k in shown}
    columns[study.headline] = [one.metrics[study.headline].mean if one else None for one in own]
    return {header: _rank_cells(values) for header, values in columns.items()}


def _rank_cells(values: Sequence[float | None]) -> list[Text]:
    known = [value for value in values if value is not None]
    return [
        Text() if value is None else _cell(f"{value:.4f}", value == max(known), known) for value in values
    ]


def _front(models: Sequence[ComparedRatingModel]) -> list[Text]:
    return [Text(FRONT_MARK if one.is_on_front else "") for one in models]


def _cell(text: str, is_best: bool, among: Sequence[object]) -> Text:
    return Text(text, style="bold green" if is_best and len(among) > 1 else "")
