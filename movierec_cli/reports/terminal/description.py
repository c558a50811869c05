"""What files hold, on the terminal: of `movierec data describe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from movierec_cli.reports.terminal.rich_tables import new_table
from movierec_cli.text import counted

if TYPE_CHECKING:
    from movierec_cli.experiment.describe import Description

_SHOWN = 12  # columns that are not read


def description_text(one: Description) -> RenderableType:
    """The files, what is in them, what a model could see, and how to train."""
    return Group(_files(one), _facts(one), _features(one), Text(f"Train: {one.command}"))


def _files(one: Description) -> Table:
    table = new_table(f"{one.name}: {one.layout} layout")
    for header in ("file", "holds", "columns read", "not read"):
        table.add_column(header, overflow="fold")
    for file in one.files:
        read = ", ".join(role if role == name else f"{role} = {name}" for role, name in file.columns.items())
        more = [f"and {len(file.others) - _SHOWN} more"] if len(file.others) > _SHOWN else []
        others = ", ".join([*file.others[:_SHOWN], *more])
        read = f"{read}; features: {', '.join(file.own)}" if file.own else read
        holds = f"{file.table}, {file.part}" if file.part else file.table
        table.add_row(f"{file.name}\n({file.format})", holds, read, others)
    return table


def _facts(one: Description) -> Table:
    items = f"{one.noun}s"
    cells = one.n_users * one.n_items
    rows = {
        "ratings" if one.lowest_rating is not None else "interactions": f"{one.n_ratings:,}",
        items: f"{one.n_items:,} (ids: {one.item_ids})",
        "users": f"{one.n_users:,} (ids: {one.user_ids})",
        "density": f"{100 * one.n_ratings / cells:.3g} % of all pairs" if cells else "",
        "times": f"{one.first_day} to {one.last_day}, UTC" if one.first_day else "none",
        "scale": "none: every row is a positive"
        if one.lowest_rating is None
        else f"{one.lowest_rating:g} to {one.highest_rating:g}",
        "events": "" if one.n_events is None else f"{one.n_events:,.0f}",
        "split": ", ".join(f"{part} {n:,}" for part, n in one.n_of_parts.items()),
        "duplicates": f"{counted(one.n_duplicates, one.noun)} with another one's title and year"
        if one.n_duplicates
        else "",
        "left out": ", ".join(one.left_out),
    }
    table = Table.grid(padding=(0, 2), expand=False)
    for name, value in rows.items():
        if value:
            table.add_row(Text(name), Text(value))
    return table


def _features(one: Description) -> Table:
    table = new_table("Features")
    for header in ("feature", "there", "what it sees, or why it is not there"):
        table.add_column(header, overflow="fold")
    for feature in one.features:
        table.add_row(feature.name, "yes" if feature.is_there else "no", Text(feature.details))
    return table
