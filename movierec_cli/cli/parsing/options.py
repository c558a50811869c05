"""Options that several commands share, each declared once, alone or in groups.

Defaults of single options stay with the commands, which take them from `config`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from movierec_cli.cli.console import ResultTerminal, Terminal
from movierec_cli.cli.parsing.option_groups import optional, setting_option
from movierec_cli.config import (
    DataConfig,
    TrainerConfig,
)
from movierec_cli.config.setting import setting
from movierec_cli.config.settings import DATA_PANEL
from movierec_cli.recommend.list_options import Length
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from rich.console import RenderableType

    from movierec_cli.recommend.run_choice import Purpose
    from movierec_cli.registry.store import Run


CsvSafe = Annotated[
    bool,
    typer.Option(
        "--csv_safe",
        help="For spreadsheets: put an apostrophe before a text in the CSV that would be a formula.",
    ),
]
SavedModelsDir = Annotated[Path, setting_option(TrainerConfig, "saved_models_dir")]
DatasetsDir = Annotated[Path, setting_option(DataConfig, "datasets_dir")]


def complete_name(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of saved models for the shell."""
    from movierec_cli.registry.store import list_runs

    runs, _ = list_runs(ctx.params.get("saved_models_dir") or TrainerConfig.saved_models_dir)
    names = (run.record.name for run in runs)
    return [name for name in names if name.startswith(incomplete) and name.isprintable()]


def _model(best: str) -> Any:
    return optional(
        "--model",
        "NAME",
        f"A saved model, by name or its beginning. By default the one with the {best} on validation, unless a"
        " leak makes it so.",
        autocompletion=complete_name,
    )


CsvFile = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the result as CSV there.")]
PageFile = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Write the page there.")]
OpenPage = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]


@dataclass(frozen=True)
class OfSavedModels:
    """Saved models of one data set; see `with_option_groups`."""

    dataset: str | None = setting(
        None, "The data set. Needed if the saved models are of several.", "NAME", panel=DATA_PANEL
    )
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir


@dataclass(frozen=True)
class ModelOptions(OfSavedModels):
    """One saved model; see `with_option_groups`."""

    model: Annotated[str | None, _model("highest NDCG@10")] = None

    def best(
        self, terminal: Terminal, purpose: Purpose | None = None, preferred: Purpose | None = None
    ) -> Run:
        """The named model, or the best one for a purpose, by default recommending to users; says which.

        Among the unnamed, those that serve `preferred` as well come before all others.

        Raises:
            MovierecError: there is none, the named one does not serve the purpose, or models are of several
                data sets and none is named.
        """
        from movierec_cli.recommend.run_choice import FOR_USERS, best_run, comparable_runs, suitable_runs

        needed = purpose or FOR_USERS
        runs = suitable_runs(self.saved_models_dir, needed, self.model, self.dataset)
        if preferred is not None:
            comparable = comparable_runs(runs, needed, self.dataset)
            runs = tuple(run for run in comparable if preferred.is_served_by(run.record)) or runs
        chosen = best_run(runs, needed, self.dataset)
        terminal.note(f"Model: {chosen.run.record.name} ({chosen.reason})")
        return chosen.run


@dataclass(frozen=True)
class RatingModelOptions(ModelOptions):
    """One saved model that predicts ratings."""

    model: Annotated[str | None, _model("lowest RMSE")] = None


@dataclass(frozen=True)
class ResultOptions:
    """Where a result goes; see `with_option_groups`."""

    csv: CsvFile = None
    csv_safe: CsvSafe = False

    def show(
        self,
        terminal: ResultTerminal,
        table: tuple[Sequence[str], Iterable[Sequence[object]]],
        *,
        document: Callable[[], Mapping[str, object]],
        what: str,
        text: Callable[[], RenderableType] = str,
    ) -> None:
        """Writes and prints a result.

        Args:
            terminal: of the command.
            table: columns and rows of the CSV file.
            document: what `--json` prints.
            what: is in the file, such as "3 movies".
            text: what is printed else, if no file is written.
        """
        if self.csv is not None:
            from movierec_cli.files.csv_tables import write_csv

            write_csv(*table, self.csv, safe=self.csv_safe)
        if self.csv is not None and not terminal.as_json:
            terminal.written(self.csv, what)
        else:
            terminal.show(document, text)


@dataclass(frozen=True)
class ListOptions(ResultOptions, Length):
    """How many movies, and where they go; see `with_option_groups`."""


def spare_threads() -> None:
    """Keeps NumPy's matrix products on one core, for commands that make few and small ones.

    OpenBLAS' threads wait by spinning: on a busy machine they cost more than the rest of the command.
    """
    if "numpy" not in sys.modules:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
