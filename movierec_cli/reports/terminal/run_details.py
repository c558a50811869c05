"""One run, whole, for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from movierec_cli.experiment.compared_models import settings_of
from movierec_cli.registry.record import EpochRecord, RunRecord
from movierec_cli.registry.store import Run
from movierec_cli.reports.study_tables import counts, model_of
from movierec_cli.reports.terminal.rich_tables import new_table
from movierec_cli.reports.terminal.study_text import accuracy_and_cost


def details(run: Run, console: Console) -> Group:
    """Test accuracy, settings, data, versions and every validation of a run."""
    record = run.record
    parts: list[RenderableType] = [accuracy_and_cost([model_of(record)], console)]
    if record.ratings is not None:
        errors = f"RMSE {record.ratings.rmse:.4f}, MAE {record.ratings.mae:.4f}"
        parts.append(Text(f"Predicted ratings on test, off by stars: {errors}\n"))
    return Group(*parts, _facts(run), *([_history(record)] if record.history else []))


def _facts(run: Run) -> Table:
    record = run.record
    table = Table.grid(padding=(0, 2))
    config, data = record.config, record.data
    given = asdict(config.split) | settings_of(config)
    settings = {name: value for name, value in given.items() if name != "seed"}
    settings |= {"tasks": config.tasks.label} if config.tasks is not None else {}
    seeds = [f"{config.split.seed} of the split"]
    seeds += [f"{config.training.seed} of the training"] if config.training else []
    for name, value in {
        "folder": run.folder,
        "size": f"{run.size_bytes / 1e6:.1f} MB",
        "trained": record.created_at,
        "data": data.description,
        "fingerprint": data.fingerprint,
        "ratings": counts(data),
        "split": record.split_summary.sentence(config.split.kind),
        "family": config.family.label,
        **settings,
        **record.settings,
        "seeds": ", ".join(seeds),
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
    }.items():
        table.add_row(name, str(value))
    return table


def _history(record: RunRecord) -> Table:
    table = new_table("Validation")
    columns = _columns(record)
    for header in columns:
        table.add_column(header, justify="right", no_wrap=True)
    for epoch in record.history:
        style = "bold" if epoch.epoch == record.best_epoch else ""
        table.add_row(*(text(epoch) for text in columns.values()), style=style)
    return table


def _columns(record: RunRecord) -> dict[str, Callable[[EpochRecord], str]]:
    """What every validation has, by header."""
    columns: dict[str, Callable[[EpochRecord], str]] = {
        "epoch": lambda epoch: str(epoch.epoch),
        "loss": lambda epoch: f"{epoch.train_loss:.4f}",
        "seconds": lambda epoch: f"{epoch.elapsed_s:.1f}",
    }
    if record.test.unseen:
        k = max(record.test.unseen)
        columns[f"top-{k} unseen"] = lambda epoch: f"{epoch.validation.unseen[k]:.4f}"
        columns[f"top-{k} all"] = lambda epoch: f"{epoch.validation.all[k]:.4f}"
    some: dict[str, Callable[[EpochRecord], float | None]] = {
        "RMSE": lambda epoch: None if epoch.ratings is None else epoch.ratings.rmse,
        "NDCG@10": lambda epoch: epoch.ndcg,
        "validation loss": lambda epoch: epoch.validation_loss,
    }
    for header, value in some.items():
        if all(value(epoch) is not None for epoch in record.history):
            columns[header] = partial(_written, value)
    return columns


def _written(value: Callable[[EpochRecord], float | None], epoch: EpochRecord) -> str:
    number = value(epoch)
    return "" if number is None else f"{number:.4f}"
