"""What the commands that use saved models share: which models, on which data and split, and output."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing.option_groups import optional
from movierec_cli.cli.parsing.options import DATA_PANEL, K_CORE, MIN_RATING, complete_dataset
from movierec_cli.config import DataConfig, SplitKind, TrainerConfig

if TYPE_CHECKING:
    from movierec_cli.experiment.evaluate_saved import EvaluationConfig
    from movierec_cli.experiment.study import Study
    from movierec_cli.recommend.run_choice import Purpose
    from movierec_cli.registry.store import Run


def complete_name(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of saved models for the shell."""
    from movierec_cli.registry.store import list_runs

    runs, _ = list_runs(ctx.params.get("saved_models_dir") or TrainerConfig.saved_models_dir)
    return [run.record.name for run in runs if run.record.name.startswith(incomplete)]


def _model(best: str) -> Any:
    return optional(
        "--model",
        "NAME",
        f"A saved model, by name or its beginning. By default the one with the {best} on validation.",
        autocompletion=complete_name,
    )


Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME",
        help="Saved models, by name or its beginning, before any option. By default all that fit the data "
        "and the split.",
        autocompletion=complete_name,
        show_default=False,
    ),
]
BestModel = Annotated[str | None, _model("highest recall")]
BestRatingModel = Annotated[str | None, _model("lowest RMSE")]
Top = Annotated[int, typer.Option("--top", metavar="N", help="Number of movies.")]
CsvFile = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the result as CSV there.")]
PageFile = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Write the page there.")]
OpenPage = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]
AnyDataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="NAME",
        help="The data set. Needed if the saved models are of several.",
        autocompletion=complete_dataset,
        rich_help_panel=DATA_PANEL,
    ),
]
AnySplit = Annotated[
    SplitKind | None,
    typer.Option(
        "--split",
        metavar="KIND",
        help=f"Evaluate on this split: {', '.join(SplitKind)}. By default that of the training.",
        rich_help_panel=DATA_PANEL,
    ),
]
AnyTestFraction = Annotated[
    float | None,
    typer.Option(
        "--test_fraction",
        metavar="FRACTION",
        help="Fraction of all ratings in the test set. If smaller than in training, a subset of that set.",
        rich_help_panel=DATA_PANEL,
    ),
]
AnyMinRating = Annotated[float | None, MIN_RATING]
AnyKCore = Annotated[int | None, K_CORE]


def best_run(
    directory: Path,
    model: str | None,
    dataset: str | None,
    terminal: Terminal,
    purpose: Purpose | None = None,
) -> Run:
    """The named model, or the best one for a purpose, by default recommending to users; says which.

    Raises:
        MovierecError: there is none, the named one does not serve the purpose, or models are of several data
            sets and none is named.
    """
    from movierec_cli.recommend import run_choice

    purpose = purpose or run_choice.FOR_USERS
    chosen = run_choice.best_run(run_choice.suitable_runs(directory, purpose, model), purpose, dataset)
    terminal.note(f"Model: {chosen.run.record.name} ({chosen.reason})")
    return chosen.run


def spare_threads() -> None:
    """Keeps NumPy's matrix products on one core, for commands that make few and small ones.

    OpenBLAS' threads wait by spinning: on a busy machine they cost more than the rest of the command.
    """
    if "numpy" not in sys.modules:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def requested_data(dataset: str | None, archive: Path | None, places: DataConfig) -> DataConfig | None:
    """The data that the options name, None if they name none; `places` says where files are."""
    if dataset is None and archive is None:
        return None
    return replace(places, dataset=dataset or places.dataset, archive=archive)


def evaluated(config: EvaluationConfig, terminal: Terminal) -> Study:
    """The study of saved models, with its progress and what is left out on the terminal."""
    from movierec_cli.cli.progress_display import ProgressDisplay
    from movierec_cli.experiment.evaluate_saved import evaluate_saved

    with ProgressDisplay(terminal) as observer:
        result = evaluate_saved(config, observer)
    terminal.warn_all(f"left out: {problem.message}" for problem in result.skipped)
    return result.study
