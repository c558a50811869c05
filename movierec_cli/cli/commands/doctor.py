"""`movierec doctor`: whether figures are too good to be true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing.feature_sets import parse_feature_sets
from movierec_cli.cli.parsing.options import (
    ArchivePath,
    AsJson,
    DatasetName,
    DatasetsDir,
    FeatureSets,
    ImdbTitles,
    KCore,
    MinRating,
    MovieLengths,
    Quiet,
    SavedModelsDir,
    SplitOption,
    TestFraction,
    ValidationFraction,
)
from movierec_cli.config import DataConfig, SplitConfig, TrainerConfig

if TYPE_CHECKING:
    from movierec_cli.leakage import Diagnosis

LEAK_FOUND = 1
"""The exit code of `--strict` where something leaks."""


def doctor_command(
    additional_feature_sets: FeatureSets = None,
    dataset: DatasetName = DataConfig.dataset,
    archive: ArchivePath = DataConfig.archive,
    imdb_titles: ImdbTitles = DataConfig.imdb_titles,
    movie_lengths: MovieLengths = DataConfig.movie_lengths,
    datasets_dir: DatasetsDir = DataConfig.datasets_dir,
    split: SplitOption = SplitConfig.kind,
    test_fraction: TestFraction = SplitConfig.test_fraction,
    validation_fraction: ValidationFraction = SplitConfig.validation_fraction,
    min_rating: MinRating = SplitConfig.min_rating,
    k_core: KCore = SplitConfig.k_core,
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 where something leaks, for scripts.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check data, split and saved models for what makes figures too good.

    Nothing is trained. The split is made as `train` would make it; saved models of the same data are
    checked under their own. A "leak" makes figures higher than they would be in use, a "caution" is worth
    knowing beside them; each comes with what mends it, if something does.

    Findings are information, so the exit code is 0; with `--strict`, a leak makes it 1.
    """
    from movierec_cli.cli.progress_display import ProgressDisplay
    from movierec_cli.experiment.loading import load_source
    from movierec_cli.leakage import diagnose
    from movierec_cli.registry.store import list_runs

    terminal = Terminal(quiet=quiet)
    terminal.take_logs()
    feature_sets = parse_feature_sets(additional_feature_sets or [], terminal)
    data = DataConfig(
        dataset=dataset,
        archive=archive,
        datasets_dir=datasets_dir,
        imdb_titles=imdb_titles,
        movie_lengths=movie_lengths,
    )
    config = SplitConfig(
        kind=split,
        test_fraction=test_fraction,
        validation_fraction=validation_fraction,
        min_rating=min_rating,
        k_core=k_core,
    )
    with ProgressDisplay(terminal) as observer:
        runs, _ = list_runs(saved_models_dir)
        source = load_source(data, observer, feature_sets=feature_sets, runs=runs)
    diagnosis = diagnose(source, config, feature_sets, saved_models_dir)
    show_diagnosis(diagnosis, terminal, as_json=as_json)
    if strict and diagnosis.has_leak:
        raise typer.Exit(LEAK_FOUND)


def show_diagnosis(diagnosis: Diagnosis, terminal: Terminal, *, as_json: bool) -> None:
    """Prints what was found; folders that could not be checked are warnings."""
    if as_json:
        terminal.document(diagnosis_document(diagnosis))
    else:
        from movierec_cli.reports.terminal.study_text import checks_report

        terminal.out.print(checks_report(diagnosis.checked, diagnosis.findings))
    terminal.warn_all(problem.message for problem in diagnosis.problems)


def diagnosis_document(diagnosis: Diagnosis) -> dict[str, object]:
    """The same for programs."""
    from movierec_cli.registry.serialization import encode

    checked = [
        {"names": list(check.names), "clean": not check.findings, "sentence": check.sentence}
        for check in diagnosis.checked
    ]
    problems = [{"folder": str(problem.folder), "message": problem.message} for problem in diagnosis.problems]
    return {"checked": checked, "findings": encode(diagnosis.findings), "problems": problems}
