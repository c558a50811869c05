"""Which saved models to evaluate, and on what, as options."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from movierec_cli.cli.parsing.option_groups import setting_option
from movierec_cli.cli.parsing.options import (
    DEFAULT_BASELINES_SHOWN,
    DEFAULT_TOP_K_SHOWN,
    ArchivePath,
    Baselines,
    DatasetsDir,
    ImdbTitles,
    MovieLengths,
    SavedModelsDir,
    TopKOption,
)
from movierec_cli.cli.parsing.saved_models import AnyDataset, complete_name
from movierec_cli.cli.parsing.values import parse_baselines, parse_top_k
from movierec_cli.config import DataConfig, SplitConfig, SplitKind, TrainerConfig
from movierec_cli.config.setting import setting
from movierec_cli.config.settings import DATA_PANEL

if TYPE_CHECKING:
    from movierec_cli.cli.console import Terminal
    from movierec_cli.experiment.study import Study


@dataclass(frozen=True)
class EvaluationOptions:
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
    dataset: AnyDataset = None
    archive: ArchivePath = DataConfig.archive
    imdb_titles: ImdbTitles = DataConfig.imdb_titles
    movie_lengths: MovieLengths = DataConfig.movie_lengths
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
    baselines: Baselines = DEFAULT_BASELINES_SHOWN
    top_k: TopKOption = DEFAULT_TOP_K_SHOWN
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir

    def study(self, terminal: Terminal, **settings: Any) -> Study:
        """Evaluates; progress and the models that are left out are shown on the terminal.

        Args:
            terminal: of the command.
            settings: others of the `EvaluationConfig`.
        """
        from movierec_cli.cli.progress_display import ProgressDisplay
        from movierec_cli.experiment.evaluate_saved import EvaluationConfig, evaluate_saved
        from movierec_cli.experiment.selection import SplitRequest

        places = DataConfig(
            datasets_dir=self.datasets_dir, imdb_titles=self.imdb_titles, movie_lengths=self.movie_lengths
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
            baselines=parse_baselines(self.baselines),
            ks=parse_top_k(self.top_k),
            saved_models_dir=self.saved_models_dir,
            **settings,
        )
        with ProgressDisplay(terminal) as observer:
            result = evaluate_saved(config, observer)
        terminal.warn_all(f"left out: {problem.message}" for problem in result.skipped)
        return result.study
