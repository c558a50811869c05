"""One run, whole, for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from movierec_cli.experiment.compared_models import settings_of
from movierec_cli.registry.record import EpochRecord, RunRecord
from movierec_cli.registry.store import Run
from movierec_cli.reports.table import comparison, line_of_record


def details(run: Run, console: Console) -> Group:
    """Test accuracy, settings, data, versions and every validation of a run."""
    record = run.record
    parts: list[RenderableType] = [comparison([line_of_record(record)], console)]
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
        "ratings": f"{data.n_ratings:,} of {data.n_movies:,} movies by {data.n_users:,} users",
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
    table = Table(title="Validation", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
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
    if all(epoch.ratings is not None for epoch in record.history):
        columns["RMSE"] = lambda epoch: f"{epoch.ratings.rmse:.4f}" if epoch.ratings else ""
    for header, of in {"NDCG@10": _ndcg, "validation loss": _validation_loss}.items():
        if all(of(epoch) for epoch in record.history):
            columns[header] = of
    return columns


def _ndcg(epoch: EpochRecord) -> str:
    return "" if epoch.ndcg is None else f"{epoch.ndcg:.4f}"


def _validation_loss(epoch: EpochRecord) -> str:
    return "" if epoch.validation_loss is None else f"{epoch.validation_loss:.4f}"
