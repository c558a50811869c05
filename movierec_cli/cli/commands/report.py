"""`movierec report`: a study as one web page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing import saved_models as saved
from movierec_cli.cli.parsing.option_groups import optional
from movierec_cli.cli.parsing.options import (
    DEFAULT_BASELINES_SHOWN,
    DEFAULT_TOP_K_SHOWN,
    ArchivePath,
    Baselines,
    DatasetsDir,
    ImdbTitles,
    MovieLengths,
    Quiet,
    SavedModelsDir,
    TopKOption,
)
from movierec_cli.cli.parsing.user_options import parse_users
from movierec_cli.cli.parsing.values import parse_baselines, parse_top_k
from movierec_cli.cli.parsing.variadic import command_line
from movierec_cli.config import DataConfig, TrainerConfig

DEFAULT_REPORT = Path("report.html")


def report_command(
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
    users: Annotated[
        str | None,
        optional(
            "--users",
            "ID...",
            "Users whose recommendations to show: ids, a file with one id per line, or all. By default three"
            " users with few, an average number of, and many ratings.",
        ),
    ] = None,
    output: saved.PageFile = DEFAULT_REPORT,
    open_page: saved.OpenPage = False,
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
    quiet: Quiet = False,
) -> None:
    """Write one web page on what saved models and baselines reach, and which features help.

    The page needs no network. It has the answer first, then accuracy with intervals, what each feature
    adds, segments, findings of the leakage check, recommendations side by side, and how to reproduce it.
    """
    from movierec_cli.experiment.evaluate_saved import EvaluationConfig
    from movierec_cli.experiment.selection import SplitRequest
    from movierec_cli.reports.web.pages import check_writable
    from movierec_cli.reports.web.report_page import write_report

    terminal = Terminal(quiet=quiet)
    terminal.take_logs()
    check_writable(output)
    places = DataConfig(datasets_dir=datasets_dir, imdb_titles=imdb_titles, movie_lengths=movie_lengths)
    config = EvaluationConfig(
        names=tuple(names or ()),
        data=saved.requested_data(dataset, archive, places),
        places=places,
        split=SplitRequest(kind=split, test_fraction=test_fraction, min_rating=min_rating, k_core=k_core),
        baselines=parse_baselines(baselines),
        ks=parse_top_k(top_k),
        users=None if users is None else parse_users(users),
        saved_models_dir=saved_models_dir,
        command=command_line(ctx),
    )
    study = saved.evaluated(config, terminal)
    page = write_report(study, output)
    terminal.line(study.answer[0])
    terminal.line(f"Report: {page}")
    if open_page:
        typer.launch(page.as_uri())
