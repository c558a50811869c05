"""How the report's figures came about and how to get them again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from movierec_cli.experiment.compared_models import settings_of
from movierec_cli.experiment.study import ComparedModel, Study
from movierec_cli.registry.record import RunRecord
from movierec_cli.reports.web.markup import Html, joined, tag, tags
from movierec_cli.reports.web.report_numbers import NONE
from movierec_cli.reports.web.report_tables import plain_table


def origin(study: Study) -> Html:
    """The command, the data, the settings, the versions and the runs."""
    records = [record for model in study.models for record in model.records]
    parts = {
        "Command": _command(" && ".join(study.commands)) if study.commands else Html(),
        "Data": _facts(_data(study)),
        "Settings": _facts(_settings(study, records)),
        "Versions": _facts(_distinct(record.versions for record in records)),
        "Runs": _runs(study.models),
    }
    return joined(joined((tag("h3", title), body)) for title, body in parts.items() if body)


def _command(command: str) -> Html:
    button = tag("button", "Copy", type="button", class_="copy", data_copy="command")
    # A line must not break at a hyphen: options begin with two.
    words = Html(" ").join(tags("span", [word]) for word in command.split(" "))
    pre = tag(
        "pre", tag("code", Html(words), id="command"), tabindex="0", role="region", aria_label="Command"
    )
    return tag("div", pre, button, class_="code")


def _data(study: Study) -> dict[str, str]:
    data = study.data
    return {
        "data set": f"{data.name}: {data.description}",
        "fingerprint (SHA-256)": data.fingerprint,
        "ratings": f"{data.n_ratings:,} of {data.n_movies:,} movies by {data.n_users:,} users",
    }


def _settings(study: Study, records: Iterable[RunRecord]) -> dict[str, str]:
    split = {f"split {name}": value for name, value in asdict(study.split).items()}
    each = [split, *(settings_of(record.config) for record in records)]
    texts = _distinct({name: _text(value) for name, value in settings.items()} for settings in each)
    return {name.replace("_", " "): value for name, value in texts.items() if name != "seed"}


def _distinct(several: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The values of each name, those that differ side by side."""
    found: dict[str, dict[str, None]] = {}
    for one in several:
        for name, value in one.items():
            found.setdefault(name, {})[value] = None
    return {name: " / ".join(values) for name, values in found.items()}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return " ".join(map(str, value))
    return "automatic" if value is None else str(value)


def _runs(models: Iterable[ComparedModel]) -> Html:
    rows = [_run(model, record) for model in models for record in model.records]
    headers = ("model", "seed", "epochs", "parameters", "seconds", "chosen", "created (UTC)", "folder")
    return plain_table(headers, rows, "Runs") if rows else Html()


def _run(model: ComparedModel, record: RunRecord) -> list[str]:
    training = record.config.training
    chosen = ", ".join(f"{name} {value:g}" for name, value in record.settings.items())
    return [
        model.label,
        NONE if training is None else str(training.seed),
        f"{record.best_epoch} of {record.epochs_run}" if record.epochs_run else NONE,
        f"{record.n_parameters:,}" if record.n_parameters else NONE,
        f"{record.training_s:,.1f}",
        chosen or NONE,
        record.created_at[:16].replace("T", " "),
        record.name,
    ]


def _facts(facts: Mapping[str, str]) -> Html:
    pairs = (tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items())
    return tag("dl", *pairs) if facts else Html()
