"""For the terminal: a study's tables, leakage findings and answer in words, and one run, whole."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from movierec_cli.experiment.study import ComparedModel, Study, settings_of
from movierec_cli.leakage.diagnosis import Diagnosis
from movierec_cli.leakage.finding import Finding, Severity
from movierec_cli.registry.store import Run
from movierec_cli.reports import study_tables
from movierec_cli.reports.tables import beside
from movierec_cli.reports.terminal.rich_tables import rich_table

ONE_TABLE_WIDTH = 140
"""Terminals at least this wide show accuracy and cost in one table, narrower ones a table for each aspect."""

_STYLES = {Severity.LEAK: "bold red", Severity.CAUTION: "bold yellow"}


def study_text(
    study: Study, console: Console, *, with_segments: bool = False, with_details: bool = False
) -> Group:
    """The verdict, the models with the metrics, and what to beware of; the rest where it is asked for."""
    return Group(*_parts(study, console, with_segments, with_details))


def _parts(
    study: Study, console: Console, with_segments: bool, with_details: bool
) -> Iterator[RenderableType]:
    for answer in (study.answer, study.ratings.answer if study.ratings is not None else ()):
        for number, sentence in enumerate(answer):
            yield Text(sentence, style="bold" if number == 0 else "")
    yield Text()
    yield rich_table(study_tables.user_metrics(study), console, with_notes=True)
    if study.ratings is not None:
        yield rich_table(study_tables.ratings(study), console)
        yield Text()
    if with_segments:
        yield from _segments(study, console)
    for sentence in study.warnings:
        yield Text(sentence, style="yellow")
    if with_details:
        yield from _details(study, console)
    else:
        yield from _named_findings(study.findings)
    yield Text()


def _details(study: Study, console: Console) -> Iterator[RenderableType]:
    yield Text()
    yield Text(study.split_summary.sentence(study.split, study.data.noun, study.data.interactions))
    yield Text()
    yield accuracy_and_cost(study.models, console)
    yield rich_table(study_tables.beyond_accuracy(study), console)
    if study.findings:
        yield _findings_list(study.findings)


def _named_findings(findings: Sequence[Finding]) -> Iterator[Text]:
    """What was found, and what mends it, in short: each kind once, leaks first."""
    firsts = {one.name: one for one in reversed(findings)}
    for severity in Severity:
        for one in (one for one in findings if one.severity is severity and firsts[one.name] is one):
            what = one.sentence.partition(": ")[0].rstrip(".")
            remedy = f" Remedy: {one.remedy}" if one.remedy else ""
            yield Text.assemble((severity, _STYLES[severity]), f" {one.name}: {what}.{remedy}")


def accuracy_and_cost(models: Sequence[ComparedModel], console: Console) -> Group:
    """Test accuracy and cost of each model, the best of each column bold; one table or three by width.

    Models that do not rank have costs only.
    """
    costs = study_tables.costs(models)
    if not study_tables.common_ks(models):
        return Group(rich_table(costs, console, with_notes=True))
    unseen, every = (study_tables.accuracy(models, masked=masked) for masked in (True, False))
    tables = [unseen, every, costs]
    if console.width >= ONE_TABLE_WIDTH:
        title = f"Test top-k accuracy (unseen: {study_tables.seen_by(models)} masked) and cost"
        tables = [beside(title, {"unseen": unseen, "all": every, "": costs})]
    return Group(*(rich_table(table, console, with_notes=True) for table in tables))


def _segments(study: Study, console: Console) -> Iterator[RenderableType]:
    """The headline metric of each model on each segment; numbers stand for the models' names."""
    table = study_tables.segments(study, study.segments)
    n_sizes = len(table.columns) - len(study.models)
    rows = tuple(replace(row, label=f"{row.group}: {row.label}", group="") for row in table.rows)
    numbered = (
        replace(column, name=str(number)) for number, column in enumerate(table.columns[n_sizes:], start=1)
    )
    columns = (*table.columns[:n_sizes], *numbered)
    yield rich_table(replace(table, columns=columns, rows=rows), console, label_width=24)
    keys = ", ".join(f"{number}: {one.label}" for number, one in enumerate(study.models, start=1))
    yield Padding(Text(keys), (0, 0, 1, 0))


def details(run: Run, console: Console) -> Group:
    """Test accuracy, settings, data, versions and every validation of a run."""
    record = run.record
    parts: list[RenderableType] = [accuracy_and_cost([study_tables.model_of(record)], console)]
    if record.ratings is not None:
        errors = f"RMSE {record.ratings.rmse:.4f}, MAE {record.ratings.mae:.4f}"
        parts.append(Text(f"Predicted ratings on test, off by {record.data.rating_unit}: {errors}\n"))
    validated = study_tables.validations(record)
    history = [rich_table(validated, console, with_notes=True, label_width=5)] if record.epochs else []
    return Group(*parts, _facts(run), *history)


def _facts(run: Run) -> Table:
    record = run.record
    table = Table.grid(padding=(0, 2))
    config, data = record.config, record.data
    given = asdict(config.split) | settings_of(config)
    settings = {name: value for name, value in given.items() if name not in ("seed", "fold")}
    settings |= {"tasks": config.tasks.label} if config.tasks is not None else {}
    seeds = [f"{config.split.seed} of the split"]
    seeds += [f"{config.training.seed} of the training"] if config.training else []
    for name, value in {
        "folder": run.folder,
        "size": f"{run.size_bytes / 1e6:.1f} MB",
        "trained": record.created_at,
        **({"for use": record.judged.sentence} if record.judged else {}),
        **({"trained on from": config.parent} if config.parent else {}),
        "data": data.description,
        "fingerprint": data.fingerprint,
        "ratings": study_tables.counts(data),
        "split": record.split_summary.sentence(config.split, data.noun, data.interactions),
        "family": config.family.label,
        **settings,
        **record.settings,
        "seeds": ", ".join(seeds),
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
    }.items():
        table.add_row(name, str(value))
    return table


def checks_report(diagnosis: Diagnosis) -> Group:
    """Which data were checked, the findings, then a line for each check that found nothing."""
    data, findings = diagnosis.data, diagnosis.findings
    what = f"{data.name}: {data.description}; {study_tables.counts(data)}; {diagnosis.split}"
    clean = _grid()
    for check in diagnosis.checked:
        if not check.findings:
            clean.add_row(Text("ok", style="bold green"), Text(check.clean))
    parts: list[RenderableType] = [_findings_list(findings), Text()] if findings else []
    return Group(Text(what), Text(), *parts, *([clean] if clean.row_count else []))


def _findings_list(findings: Sequence[Finding]) -> Table:
    """One entry a finding: severity, name, sentence and remedy, folded to the terminal's width."""
    table = _grid()
    for finding in findings:
        table.add_row(Text(finding.severity, style=_STYLES[finding.severity]), _body(finding))
    return table


def _body(finding: Finding) -> Text:
    text = Text.assemble((finding.name, "bold"), f"\n{finding.sentence}")
    return text.append(f"\nRemedy: {finding.remedy}", style="cyan") if finding.remedy else text


def _grid() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=max(map(len, Severity)))
    table.add_column(overflow="fold")
    return table
