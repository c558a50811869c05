"""`movierec evaluate`: saved models and baselines on test ratings that none of them has seen."""

from __future__ import annotations

from typing import Annotated

import typer

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing import saved_models as saved
from movierec_cli.cli.parsing.options import (
    DEFAULT_BASELINES_SHOWN,
    DEFAULT_TOP_K_SHOWN,
    ArchivePath,
    AsJson,
    Baselines,
    DatasetsDir,
    ImdbTitles,
    MovieLengths,
    Quiet,
    SavedModelsDir,
    TopKOption,
)
from movierec_cli.cli.parsing.values import parse_baselines, parse_top_k
from movierec_cli.cli.parsing.variadic import command_line
from movierec_cli.config import DataConfig, TrainerConfig


def evaluate_command(
    ctx: typer.Context,
    names: saved.Names = None,
    dataset: saved.AnyDataset = None,
    archive: ArchivePath = DataConfig.archive,
    imdb_titles: ImdbTitles = DataConfig.imdb_titles,
    movie_lengths: MovieLengths = DataConfig.movie_lengths,
    datasets_dir: DatasetsDir = DataConfig.datasets_dir,
    split: saved.AnySplit = None,
    test_fraction: saved.AnyTestFraction = None,
    min_rating: saved.AnyMinRating = None,
    k_core: saved.AnyKCore = None,
    baselines: Baselines = DEFAULT_BASELINES_SHOWN,
    top_k: TopKOption = DEFAULT_TOP_K_SHOWN,
    segments: Annotated[
        bool,
        typer.Option("--segments", help="Break the accuracy down by users, movies, ages and genres."),
    ] = False,
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Judge saved models and baselines on test ratings that none of them has seen.

    A split that would test a model on what it was trained on is refused. Nothing is trained but baselines
    that are not saved yet.
    """
    from movierec_cli.experiment.evaluate_saved import EvaluationConfig
    from movierec_cli.experiment.selection import SplitRequest
    from movierec_cli.reports.study_document import study_document
    from movierec_cli.reports.terminal.study_text import study_text

    terminal = Terminal(quiet=quiet)
    terminal.take_logs()
    places = DataConfig(datasets_dir=datasets_dir, imdb_titles=imdb_titles, movie_lengths=movie_lengths)
    config = EvaluationConfig(
        names=tuple(names or ()),
        data=saved.requested_data(dataset, archive, places),
        places=places,
        split=SplitRequest(kind=split, test_fraction=test_fraction, min_rating=min_rating, k_core=k_core),
        baselines=parse_baselines(baselines),
        ks=parse_top_k(top_k),
        saved_models_dir=saved_models_dir,
        command=command_line(ctx),
    )
    study = saved.evaluated(config, terminal)
    if as_json:
        terminal.document(study_document(study))
    else:
        terminal.out.print(study_text(study, terminal.out, with_segments=segments))
