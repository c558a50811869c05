"""What the commands that use one saved model share: which model, how many movies, and where output goes."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing.option_groups import complete_dataset, optional
from movierec_cli.cli.parsing.options import SavedModelsDir
from movierec_cli.config import TrainerConfig
from movierec_cli.config.settings import DATA_PANEL

if TYPE_CHECKING:
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


@dataclass(frozen=True)
class ModelOptions:
    """One saved model; see `with_option_groups`."""

    model: Annotated[str | None, _model("highest recall")] = None
    dataset: AnyDataset = None
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir

    def best(self, terminal: Terminal, purpose: Purpose | None = None) -> Run:
        """The named model, or the best one for a purpose, by default recommending to users; says which.

        Raises:
            MovierecError: there is none, the named one does not serve the purpose, or models are of several
                data sets and none is named.
        """
        from movierec_cli.recommend.run_choice import FOR_USERS, best_run, suitable_runs

        needed = purpose or FOR_USERS
        runs = suitable_runs(self.saved_models_dir, needed, self.model)
        chosen = best_run(runs, needed, self.dataset)
        terminal.note(f"Model: {chosen.run.record.name} ({chosen.reason})")
        return chosen.run


@dataclass(frozen=True)
class RatingModelOptions(ModelOptions):
    """One saved model that predicts ratings."""

    model: Annotated[str | None, _model("lowest RMSE")] = None


def spare_threads() -> None:
    """Keeps NumPy's matrix products on one core, for commands that make few and small ones.

    OpenBLAS' threads wait by spinning: on a busy machine they cost more than the rest of the command.
    """
    if "numpy" not in sys.modules:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
