"""Predicted ratings for the terminal: a line a movie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from movierec_cli.recommend.predict import PredictedRating


def predictions_report(predictions: Sequence[PredictedRating]) -> Group:
    """What each user would give, in the order asked; movies that they rated already are marked as such."""
    parts: list[RenderableType] = []
    for user_id, own in groupby(predictions, key=lambda one: one.user_id):
        parts += [Text(f"User {user_id} would give", style="bold"), _lines(own)]
    if any(one.given is not None for one in predictions):
        parts.append(Text("Where a rating was given already, the model may have learned from it."))
    return Group(*parts)


def _lines(predictions: Iterable[PredictedRating]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for one in predictions:
        rated = f", rated {one.given:g} already" if one.given is not None else ""
        table.add_row(f"  {one.stars:.1f} stars", Text.assemble(one.title, (rated, "dim")))
    return table
