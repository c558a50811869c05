"""Options that several commands share, each declared once: its name, its help and its completion.

Defaults stay with the commands, which take them from `config`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from movierec_cli.cli.parsing.feature_sets import FEATURE_NAMES, complete_feature, sets_shown
from movierec_cli.cli.parsing.values import complete_baseline
from movierec_cli.config import BASELINES, DEFAULT_BASELINES, DEFAULT_TOP_K, SplitKind

DATA_PANEL, EVALUATION_PANEL = "Data", "Judging"

DEFAULT_BASELINES_SHOWN = " ".join(DEFAULT_BASELINES)
DEFAULT_TOP_K_SHOWN = " ".join(map(str, DEFAULT_TOP_K))


def complete_dataset(incomplete: str) -> list[tuple[str, str]]:
    """Data set names and titles for the shell."""
    from movierec_cli.data.sources import SOURCES

    return [(key, source.title) for key, source in SOURCES.items() if key.startswith(incomplete)]


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else, on stdout.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing on the way; warnings and errors still come.")
]
SavedModelsDir = Annotated[
    Path, typer.Option("--saved_models_dir", metavar="FOLDER", help="Where trained models are kept.")
]
DatasetsDir = Annotated[
    Path,
    typer.Option(
        "--datasets_dir", metavar="FOLDER", help="Where archives and the columns read from them are kept."
    ),
]
FEATURE_SETS = typer.Option(
    "--additional_feature_sets",
    metavar="FEATURE...",
    help="What a model sees besides the ids of user and movie: one feature or several, separated by "
    "spaces or commas, or None. Name the option again for another model. "
    f"Features: {', '.join(FEATURE_NAMES)}.",
    autocompletion=complete_feature,
    show_default=sets_shown(),
)
FeatureSets = Annotated[list[str] | None, FEATURE_SETS]
DatasetName = Annotated[
    str,
    typer.Option(
        "--dataset",
        metavar="NAME",
        help="1m, 100k, latest-small, 20m, 25m, 32m (MovieLens) or sample (embedded, simulated ratings).",
        autocompletion=complete_dataset,
        rich_help_panel=DATA_PANEL,
    ),
]
ArchivePath = Annotated[
    Path | None,
    typer.Option(
        "--archive",
        metavar="PATH",
        help="Use this zip or folder: MovieLens', or your own ratings.csv and movies.csv.",
        rich_help_panel=DATA_PANEL,
    ),
]
ImdbTitles = Annotated[
    Path | None,
    typer.Option(
        "--imdb_titles",
        metavar="FILE",
        help="IMDb's title.basics.tsv.gz for movie_length. If not given: downloaded once.",
        rich_help_panel=DATA_PANEL,
    ),
]
MovieLengths = Annotated[
    Path | None,
    typer.Option(
        "--movie_lengths",
        metavar="FILE",
        help="Your corrections of lengths: title, year, minutes.",
        rich_help_panel=DATA_PANEL,
    ),
]
SPLIT = typer.Option(
    "--split",
    metavar="KIND",
    help=f"How ratings are held out: {', '.join(SplitKind)}.",
    rich_help_panel=DATA_PANEL,
)
SplitOption = Annotated[SplitKind, SPLIT]
TEST_FRACTION = typer.Option(
    "--test_fraction", metavar="SHARE", help="Of all ratings, for the test.", rich_help_panel=DATA_PANEL
)
TestFraction = Annotated[float, TEST_FRACTION]
VALIDATION_FRACTION = typer.Option(
    "--validation_fraction",
    metavar="SHARE",
    help="Of what the test leaves, for validation.",
    rich_help_panel=DATA_PANEL,
)
ValidationFraction = Annotated[float, VALIDATION_FRACTION]
MIN_RATING = typer.Option(
    "--min_rating",
    metavar="STARS",
    help="Only ratings of so many stars or more count.",
    rich_help_panel=DATA_PANEL,
)
MinRating = Annotated[float, MIN_RATING]
K_CORE = typer.Option(
    "--k_core",
    metavar="N",
    help="Leave out users and movies until each has N ratings or more.",
    rich_help_panel=DATA_PANEL,
)
KCore = Annotated[int, K_CORE]
BASELINE_NAMES = typer.Option(
    "--baselines",
    metavar="NAME...",
    help=f"What the models have to beat: {', '.join(BASELINES)}, or all, or None.",
    autocompletion=complete_baseline,
    rich_help_panel=EVALUATION_PANEL,
)
Baselines = Annotated[str, BASELINE_NAMES]
TopKOption = Annotated[
    str,
    typer.Option(
        "--top_k",
        metavar="K...",
        help="At how many of the best movies accuracy is given.",
        rich_help_panel=EVALUATION_PANEL,
    ),
]
