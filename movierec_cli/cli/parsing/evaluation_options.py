"""Options of the commands that evaluate saved models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing.option_groups import setting_option
from movierec_cli.cli.parsing.options import DatasetsDir, OfSavedModels, complete_name
from movierec_cli.config import DEFAULT_BASELINES, DataConfig, SplitConfig, SplitKind, TargetKind
from movierec_cli.config.option_values import parse_families, parse_top_k
from movierec_cli.config.setting import setting
from movierec_cli.config.settings import DATA_PANEL
from movierec_cli.config.shown_defaults import default_shown
from movierec_cli.config.train_options import EVALUATION_PANEL, Judging, Shown
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from movierec_cli.experiment.study import Study

DEFAULT_BASELINES_SHOWN = " ".join(DEFAULT_BASELINES)
DEFAULT_TOP_K_SHOWN = default_shown("top_k")

BaselinesOption = Annotated[str, setting_option(Judging, "baselines", DEFAULT_BASELINES_SHOWN)]
TopKOption = Annotated[str, setting_option(Judging, "top_k")]
MetricOption = Annotated[str | None, setting_option(Judging, "metric")]
DetailsOption = Annotated[bool, setting_option(Shown, "details")]


def _of_others(name: str, what: str) -> Any:
    return typer.Option(
        name,
        metavar="FILE",
        help=f"{what} NAME=FILE names the model. Repeat the option for another file.",
        show_default=False,
        rich_help_panel=EVALUATION_PANEL,
    )


@dataclass(frozen=True)
class EvaluationOptions(OfSavedModels):
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
    split: SplitKind | None = setting(
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
    targets: Annotated[TargetKind | None, setting_option(SplitConfig, "targets")] = None
    baselines: BaselinesOption = DEFAULT_BASELINES_SHOWN
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
        from movierec_cli.evaluation.metrics import deciding_metric
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
                targets=self.targets,
            ),
            others=(
                *(OtherModel.named(one) for one in self.lists or ()),
                *(OtherModel.named(one, is_scores=True) for one in self.scores or ()),
            ),
            baselines=parse_families(self.baselines),
            ks=parse_top_k(self.top_k),
            metric=None if self.metric is None else deciding_metric(self.metric),
            saved_models_dir=self.saved_models_dir,
            **settings,
        )
        with ProgressDisplay(terminal) as observer:
            result = evaluate_saved(config, observer)
        terminal.warn_all(f"left out: {problem.message}" for problem in result.skipped)
        return result.study
