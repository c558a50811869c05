"""`movierec doctor`: whether metrics are too good to be true."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.console import ResultTerminal
from movierec_cli.cli.parsing.option_groups import setting_option, with_option_groups
from movierec_cli.cli.parsing.options import SavedModelsDir
from movierec_cli.cli.parsing.variadic import given_options
from movierec_cli.config import DataConfig, SplitConfig, SplitKind, TrainerConfig
from movierec_cli.config.option_values import each_set_once, parse_feature_sets
from movierec_cli.config.shown_defaults import sets_shown
from movierec_cli.config.train_options import ModelChoice

if TYPE_CHECKING:
    from movierec_cli.leakage.diagnosis import Diagnosis

LEAK_FOUND = 1
"""The exit code of `--strict` where something leaks."""


@with_option_groups
def doctor_command(
    ctx: typer.Context,
    *,
    additional_feature_sets: Annotated[
        list[str] | None, setting_option(ModelChoice, "additional_feature_sets", sets_shown())
    ] = None,
    data: DataConfig,
    split: SplitConfig,
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 where something leaks, for scripts.")
    ] = False,
    terminal: ResultTerminal,
) -> None:
    """Check data, split and saved models for what makes metrics too good.

    Nothing is trained. Unless --dataset or --archive name others, the data are those of the newest saved
    model. The split is made as `train` would make it; saved models of the same data are checked under their
    own. A "leak" makes metrics higher than they would be in use; a "caution" is worth
    knowing beside them. Each finding says how to mend it, if it can be mended.

    Findings are information, so the exit code is 0; with `--strict`, a leak makes it 1.
    """
    from movierec_cli.cli.progress_display import ProgressDisplay
    from movierec_cli.experiment.loading import data_at_hand, load_source
    from movierec_cli.leakage.diagnosis import diagnose
    from movierec_cli.registry.store import list_runs
    from movierec_cli.reports.terminal.study_text import checks_report

    feature_sets = each_set_once(parse_feature_sets(additional_feature_sets or []), terminal.note)
    with ProgressDisplay(terminal) as observer:
        runs, _ = list_runs(saved_models_dir)
        if not {"dataset", "archive"} & {*given_options(ctx)}:
            data = data_at_hand(data, runs)
        source = load_source(data, observer, feature_sets=feature_sets or (), runs=runs)
    if source.ratings.part is not None and not {"split", "test_fraction", "folds"} & {*given_options(ctx)}:
        split = replace(split, kind=SplitKind.GIVEN)  # as `train` does
    diagnosis = diagnose(source, split, feature_sets, saved_models_dir)
    terminal.show(lambda: _document(diagnosis), lambda: checks_report(diagnosis))
    terminal.warn_all(problem.message for problem in diagnosis.problems)
    if strict and diagnosis.has_leak:
        raise typer.Exit(LEAK_FOUND)


def _document(diagnosis: Diagnosis) -> dict[str, object]:
    from movierec_cli.storage.serialization import encode

    checked = [
        {"names": list(check.names), "clean": not check.findings, "sentence": check.sentence}
        for check in diagnosis.checked
    ]
    problems = [{"folder": str(problem.folder), "message": problem.message} for problem in diagnosis.problems]
    data = {"name": diagnosis.data.name, "description": diagnosis.data.description}
    return {"data": data, "checked": checked, "findings": encode(diagnosis.findings), "problems": problems}
