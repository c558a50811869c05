"""What the commands that use saved models have in common: which models, on which data and split."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.commands.models import complete_name
from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing.options import DATA_PANEL, K_CORE, MIN_RATING, complete_dataset
from movierec_cli.config import DataConfig, SplitKind

if TYPE_CHECKING:
    from movierec_cli.experiment.evaluate_saved import EvaluationConfig
    from movierec_cli.experiment.study import Study
    from movierec_cli.registry.store import Run

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME",
        help="Saved models, by name or its beginning, before any option; all that fit the data and the split "
        "if none is named.",
        autocompletion=complete_name,
        show_default=False,
    ),
]
BestModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A saved model, by name or its beginning. If not given: the one with the highest recall on "
        "validation.",
        autocompletion=complete_name,
        show_default=False,
    ),
]
AnyDataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="NAME",
        help="The data set, if the saved models are of several.",
        autocompletion=complete_dataset,
        rich_help_panel=DATA_PANEL,
    ),
]
AnySplit = Annotated[
    SplitKind | None,
    typer.Option(
        "--split",
        metavar="KIND",
        help=f"Judge on this split: {', '.join(SplitKind)}. If not given: the one of the training.",
        rich_help_panel=DATA_PANEL,
    ),
]
AnyTestFraction = Annotated[
    float | None,
    typer.Option(
        "--test_fraction",
        metavar="SHARE",
        help="Of all ratings, for the test; a smaller share than in training is a part of it.",
        rich_help_panel=DATA_PANEL,
    ),
]
AnyMinRating = Annotated[float | None, MIN_RATING]
AnyKCore = Annotated[int | None, K_CORE]


def best_run(
    directory: Path, model: str | None, dataset: str | None, terminal: Terminal, *, from_history: bool = False
) -> Run:
    """The model that is named, or the best that can recommend; says which.

    Raises:
        MovierecError: there is none, the one that is named cannot, or nobody says which data set.
    """
    from movierec_cli.recommend import recommending_runs

    able = recommending_runs.recommending_runs(directory, model, from_history=from_history)
    chosen = recommending_runs.best_run(able, dataset, from_history=from_history)
    terminal.note(f"Model: {chosen.run.record.name} ({chosen.reason})")
    return chosen.run


def spare_threads() -> None:
    """Keeps NumPy's products on one core, for commands that make few and small ones.

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
