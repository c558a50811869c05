"""Options that several commands share, each declared once, alone or in groups.

Defaults of single options stay with the commands, which take them from `config`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from movierec_cli.cli.console import ResultTerminal, Terminal
from movierec_cli.cli.parsing.option_groups import optional, setting_option
from movierec_cli.cli.parsing.values import (
    complete_baseline,
    complete_feature,
    parse_families,
    parse_metric_name,
    parse_top_k,
)
from movierec_cli.config import (
    BASELINES,
    DEFAULT_BASELINES,
    DEFAULT_TOP_K,
    DataConfig,
    SplitConfig,
    SplitKind,
    TrainerConfig,
)
from movierec_cli.config.features import feature_names
from movierec_cli.config.setting import COUNT, check_settings, setting
from movierec_cli.config.settings import DATA_PANEL

if TYPE_CHECKING:
    from rich.console import RenderableType

    from movierec_cli.experiment.study import Study
    from movierec_cli.recommend.run_choice import Purpose
    from movierec_cli.registry.store import Run


EVALUATION_PANEL = "Evaluation"

DEFAULT_BASELINES_SHOWN = " ".join(DEFAULT_BASELINES)
DEFAULT_TOP_K_SHOWN = " ".join(map(str, DEFAULT_TOP_K))


CsvSafe = Annotated[
    bool,
    typer.Option(
        "--csv_safe",
        help="For spreadsheets: put an apostrophe before a text in the CSV that would be a formula.",
    ),
]
SavedModelsDir = Annotated[Path, setting_option(TrainerConfig, "saved_models_dir")]
DatasetsDir = Annotated[Path, setting_option(DataConfig, "datasets_dir")]


def feature_sets_option(default_shown: str, more_help: str = "") -> Any:
    """The option that names feature sets, one each time it is given."""
    return typer.Option(
        "--additional_feature_sets",
        metavar="FEATURE...",
        help="The features of one model besides the ids of user and movie, separated by spaces or commas, or "
        "None. Repeat the option for another model. "
        f"Features: {', '.join(feature_names())}; and the columns of your own data (movierec data describe)."
        f"{more_help}",
        autocompletion=complete_feature,
        show_default=default_shown,
    )


def baselines_option(default_shown: str) -> Any:
    """The option that names the baselines of rankings."""
    return typer.Option(
        "--baselines",
        metavar="NAME...",
        help=f"The baselines that the models are compared with: {', '.join(BASELINES)}, or all, or None.",
        autocompletion=complete_baseline,
        rich_help_panel=EVALUATION_PANEL,
        show_default=default_shown,
    )


TopKOption = Annotated[
    str,
    typer.Option(
        "--top_k",
        metavar="K...",
        help="The values of k for the top-k accuracies.",
        rich_help_panel=EVALUATION_PANEL,
    ),
]


MetricOption = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        help="The metric that decides which model is best and which features help: recall@K, ndcg@K, map@K or"
        " mrr@K, among unseen movies.",
        show_default="ndcg@10",
        rich_help_panel=EVALUATION_PANEL,
    ),
]


DetailsOption = Annotated[
    bool,
    typer.Option(
        "--details",
        help="Also print the split, top-k accuracy, costs, what is recommended, and each finding.",
    ),
]


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
class _OfSavedModels:
    dataset: str | None = setting(
        None, "The data set. Needed if the saved models are of several.", "NAME", panel=DATA_PANEL
    )
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir


@dataclass(frozen=True)
class ModelOptions(_OfSavedModels):
    """One saved model; see `with_option_groups`."""

    model: Annotated[str | None, _model("highest NDCG@10")] = None

    def best(self, terminal: Terminal, purpose: Purpose | None = None) -> Run:
        """The named model, or the best one for a purpose, by default recommending to users; says which.

        Raises:
            MovierecError: there is none, the named one does not serve the purpose, or models are of several
                data sets and none is named.
        """
        from movierec_cli.recommend.run_choice import FOR_USERS, best_run, suitable_runs

        needed = purpose or FOR_USERS
        runs = suitable_runs(self.saved_models_dir, needed, self.model, self.dataset)
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
        document: Callable[[], object],
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
class ListOptions(ResultOptions):
    """How many movies, and where they go; see `with_option_groups`.

    Raises:
        UsageError: that many movies cannot be had.
    """

    top: int = setting(10, "Number of movies.", check=COUNT)

    def __post_init__(self) -> None:
        check_settings(self)


def _of_others(name: str, what: str) -> Any:
    return typer.Option(
        name,
        metavar="FILE",
        help=f"{what} NAME=FILE names the model. Repeat the option for another file.",
        show_default=False,
        rich_help_panel=EVALUATION_PANEL,
    )


@dataclass(frozen=True)
class EvaluationOptions(_OfSavedModels):
    """Which saved models to evaluate, and on what; see `with_option_groups`."""

    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Saved models, by name or its beginning, before any option. By default all that fit the data"
            " and the split.",
            autocompletion=complete_name,
            show_default=False,
        ),
    ] = None
    archive: Annotated[Path | None, setting_option(DataConfig, "archive")] = None
    imdb_titles: Annotated[Path | None, setting_option(DataConfig, "imdb_titles")] = None
    movie_lengths: Annotated[Path | None, setting_option(DataConfig, "movie_lengths")] = None
    merge_duplicates: Annotated[bool, setting_option(DataConfig, "merge_duplicates")] = False
    datasets_dir: DatasetsDir = DataConfig.datasets_dir
    split: SplitKind | None = setting(  # noqa: RUF009
        None,
        f"Evaluate on this split: {', '.join(SplitKind)}. By default that of the training.",
        "KIND",
        panel=DATA_PANEL,
    )
    test_fraction: float | None = setting(
        None,
        "Fraction of all ratings in the test set. If smaller than in training, a subset of it.",
        "FRACTION",
        panel=DATA_PANEL,
    )
    min_rating: Annotated[float | None, setting_option(SplitConfig, "min_rating")] = None
    k_core: Annotated[int | None, setting_option(SplitConfig, "k_core")] = None
    baselines: Annotated[str, baselines_option(DEFAULT_BASELINES_SHOWN)] = DEFAULT_BASELINES_SHOWN
    top_k: TopKOption = DEFAULT_TOP_K_SHOWN
    metric: MetricOption = None
    lists: Annotated[
        list[str] | None,
        _of_others(
            "--lists",
            "Judge also these ranked lists of another library: a table with the columns user, item, and rank"
            " or score, or in order.",
        ),
    ] = None
    scores: Annotated[
        list[str] | None,
        _of_others(
            "--scores", "The same of the scores of many items for each user: columns user, item, score."
        ),
    ] = None

    def study(self, terminal: Terminal, **settings: Any) -> Study:
        """Evaluates; progress and the models that are left out are shown on the terminal.

        Args:
            terminal: of the command.
            settings: others of the `EvaluationConfig`.
        """
        from movierec_cli.cli.progress_display import ProgressDisplay
        from movierec_cli.experiment.foreign import OtherModel
        from movierec_cli.experiment.main_job import EvaluationConfig, evaluate_saved
        from movierec_cli.experiment.selection import SplitRequest

        places = DataConfig(
            datasets_dir=self.datasets_dir,
            imdb_titles=self.imdb_titles,
            movie_lengths=self.movie_lengths,
            merge_duplicates=self.merge_duplicates,
        )
        named = replace(places, dataset=self.dataset or places.dataset, archive=self.archive)
        config = EvaluationConfig(
            names=tuple(self.names or ()),
            data=None if self.dataset is None and self.archive is None else named,
            places=places,
            split=SplitRequest(
                kind=self.split,
                test_fraction=self.test_fraction,
                min_rating=self.min_rating,
                k_core=self.k_core,
            ),
            others=(
                *(OtherModel.named(one) for one in self.lists or ()),
                *(OtherModel.named(one, is_scores=True) for one in self.scores or ()),
            ),
            baselines=parse_families(self.baselines),
            ks=parse_top_k(self.top_k),
            metric=parse_metric_name(self.metric),
            saved_models_dir=self.saved_models_dir,
            **settings,
        )
        with ProgressDisplay(terminal) as observer:
            result = evaluate_saved(config, observer)
        terminal.warn_all(f"left out: {problem.message}" for problem in result.skipped)
        return result.study


def spare_threads() -> None:
    """Keeps NumPy's matrix products on one core, for commands that make few and small ones.

    OpenBLAS' threads wait by spinning: on a busy machine they cost more than the rest of the command.
    """
    if "numpy" not in sys.modules:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
