"""One run, whole, for the terminal."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from movierec_cli.experiment.study import settings_of
from movierec_cli.registry.store import Run
from movierec_cli.reports import study_tables
from movierec_cli.reports.terminal.rich_tables import rich_table
from movierec_cli.reports.terminal.study_text import accuracy_and_cost


def details(run: Run, console: Console) -> Group:
    """Test accuracy, settings, data, versions and every validation of a run."""
    record = run.record
    parts: list[RenderableType] = [accuracy_and_cost([study_tables.model_of(record)], console)]
    if record.ratings is not None:
        errors = f"RMSE {record.ratings.rmse:.4f}, MAE {record.ratings.mae:.4f}"
        parts.append(Text(f"Predicted ratings on test, off by stars: {errors}\n"))
    validated = study_tables.validations(record)
    history = [rich_table(validated, console, with_notes=True, label_width=5)] if record.history else []
    return Group(*parts, _facts(run), *history)


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
        "ratings": study_tables.counts(data),
        "split": record.split_summary.sentence(config.split.kind),
        "family": config.family.label,
        **settings,
        **record.settings,
        "seeds": ", ".join(seeds),
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
    }.items():
        table.add_row(name, str(value))
    return table
