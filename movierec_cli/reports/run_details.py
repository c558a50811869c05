"""One run, whole, for the terminal."""

from __future__ import annotations

from dataclasses import asdict

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table

from movierec_cli.registry.record import RunRecord
from movierec_cli.registry.store import Run
from movierec_cli.reports.table import comparison, line_of_record


def details(run: Run, console: Console) -> Group:
    """Test accuracy, settings, data, versions and every validation of a run."""
    parts: list[RenderableType] = [comparison([line_of_record(run.record)], console), _facts(run)]
    return Group(*parts, *([_history(run.record)] if run.record.history else []))


def _facts(run: Run) -> Table:
    record = run.record
    table = Table.grid(padding=(0, 2))
    config, data = record.config, record.data
    given = [asdict(part) for part in (config.split, config.model, config.training) if part is not None]
    settings = {name: value for part in given for name, value in part.items() if name != "seed"}
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
    k = max(record.test.unseen)
    for header in ("epoch", "loss", "seconds", f"top-{k} unseen", f"top-{k} all"):
        table.add_column(header, justify="right", no_wrap=True)
    for epoch in record.history:
        table.add_row(
            str(epoch.epoch),
            f"{epoch.train_loss:.4f}",
            f"{epoch.elapsed_s:.1f}",
            f"{epoch.validation.unseen[k]:.4f}",
            f"{epoch.validation.all[k]:.4f}",
            style="bold" if epoch.epoch == record.best_epoch else "",
        )
    return table
