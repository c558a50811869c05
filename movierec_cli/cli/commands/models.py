"""`movierec models`: the trained models on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.console import AsJson, ResultTerminal, Terminal
from movierec_cli.cli.parsing.options import SavedModelsDir, complete_name
from movierec_cli.config import TrainerConfig

if TYPE_CHECKING:
    from rich.table import Table

    from movierec_cli.registry.store import Run


def list_command(
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir, as_json: AsJson = False
) -> None:
    """List the saved models, and name every folder among them that is not a usable model."""
    from movierec_cli.registry.store import list_runs
    from movierec_cli.storage.serialization import encode

    terminal = Terminal()
    runs, problems = list_runs(saved_models_dir)
    if as_json:
        listed = [{"folder": str(run.folder), "record": encode(run.record)} for run in runs]
        unusable = [{"folder": str(problem.folder), "message": problem.message} for problem in problems]
        terminal.document({"runs": listed, "problems": unusable})
    elif runs:
        terminal.out.print(_list_table(runs))
    else:
        terminal.note(
            f"No model is saved in {saved_models_dir}; train one with: movierec train --dataset sample"
        )
    terminal.warn_all(_not_at_hand(runs))
    terminal.warn_all(problem.message for problem in problems)


def _not_at_hand(runs: list[Run]) -> Iterator[str]:
    """What packages brought that are not installed; the models can be used without."""
    from movierec_cli.config.entry_points import EntryKind, why_not_at_hand

    for run in runs:
        config = run.record.config
        used = [(EntryKind.FAMILY, config.family.value, config.family.origin)]
        used += [(EntryKind.FEATURE, str(one), one.origin) for one in config.feature_set.features]
        for kind, name, origin in used:
            if origin is not None and (why := why_not_at_hand(kind, name, origin)):
                yield f"{run.record.name} can be used, and not trained again: {why}"


def _list_table(runs: list[Run]) -> Table:
    from movierec_cli.reports.terminal.rich_tables import new_table

    table = new_table()
    table.add_column("name", overflow="fold")
    columns = {header: text for header, text in _COLUMNS.items() if any(map(text, runs))}
    for header in columns:
        table.add_column(header, justify="right", no_wrap=header != "top-100 unseen")
    for run in runs:
        table.add_row(run.record.name, *(text(run) for text in columns.values()))
    return table


_COLUMNS: dict[str, Callable[[Run], str]] = {
    "top-100 unseen": lambda run: (
        f"{run.record.test.unseen[100]:.4f}" if 100 in run.record.test.unseen else ""
    ),
    "RMSE": lambda run: f"{run.record.ratings.rmse:.4f}" if run.record.ratings else "",
    "epochs": lambda run: str(run.record.epochs_run),
    "MB": lambda run: f"{run.size_bytes / 1e6:.1f}",
    "trained": lambda run: run.record.created_at[:10],
}
"""Columns of the list: empty where a run has no such value, left out where no run has one."""


def show_command(
    name: Annotated[
        str, typer.Argument(help="The model's name, or its beginning.", autocompletion=complete_name)
    ],
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
    as_json: AsJson = False,
) -> None:
    """Show one model: settings, data, versions and how its training went."""
    from movierec_cli.registry.store import find_named
    from movierec_cli.reports.terminal.study_text import details
    from movierec_cli.storage.serialization import encode

    terminal = ResultTerminal(as_json=as_json)
    run = find_named(saved_models_dir, name)
    terminal.show(
        lambda: {"folder": str(run.folder), "size_bytes": run.size_bytes, "record": encode(run.record)},
        lambda: details(run, terminal.out),
    )


def remove_command(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="The models' full names.", autocompletion=complete_name),
    ],
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
) -> None:
    """Delete saved models. Folders that are damaged or not movierec's are left alone."""
    from movierec_cli.registry.store import remove_run

    terminal = Terminal()
    for name in names:
        remove_run(saved_models_dir, name)
        terminal.note(f"Removed {name}")


def forget_command(
    user: Annotated[str, typer.Option("--user", metavar="ID", help="The user's id in the data.")],
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
) -> None:
    """Remove a user from every saved model: ratings, embeddings, test results and id.

    Data sets are not changed. The models recommend to the other users as before. They are no longer compared
    with other models, as their test ratings are no longer those of the data. What all ratings together taught
    a model stays in it; only a training on data without the user changes that.
    """
    from movierec_cli.registry.forget import forget_user

    terminal = Terminal()
    forgotten = forget_user(saved_models_dir, user)
    for name in forgotten.names:
        terminal.note(f"Forgot user {user} in {name}")
    terminal.warn_all(problem.message for problem in forgotten.problems)
    if forgotten.problems:
        raise typer.Exit(1)
