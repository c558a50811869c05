"""Options that several commands share, each declared once: its name, its help and its completion.

Defaults stay with the commands, which take them from `config`.
"""

from pathlib import Path
from typing import Annotated

import typer

from movierec_cli.cli.parsing.option_groups import setting_option
from movierec_cli.cli.parsing.values import complete_baseline, complete_feature, sets_shown
from movierec_cli.config import BASELINES, DEFAULT_BASELINES, DEFAULT_TOP_K, DataConfig, TrainerConfig
from movierec_cli.config.features import feature_names

EVALUATION_PANEL = "Evaluation"

DEFAULT_BASELINES_SHOWN = " ".join(DEFAULT_BASELINES)
DEFAULT_TOP_K_SHOWN = " ".join(map(str, DEFAULT_TOP_K))


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else, on stdout.")]
CsvSafe = Annotated[
    bool,
    typer.Option(
        "--csv_safe",
        help="For spreadsheets: put an apostrophe before a text in the CSV that would be a formula.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print no progress and no notes; warnings and errors are still printed."
    ),
]
SavedModelsDir = Annotated[Path, setting_option(TrainerConfig, "saved_models_dir")]
DatasetsDir = Annotated[Path, setting_option(DataConfig, "datasets_dir")]
FEATURE_SETS = typer.Option(
    "--additional_feature_sets",
    metavar="FEATURE...",
    help="The features of one model besides the ids of user and movie, separated by spaces or commas, or "
    "None. Repeat the option for another model. "
    f"Features: {', '.join(feature_names())}.",
    autocompletion=complete_feature,
    show_default=sets_shown(),
)
FeatureSets = Annotated[list[str] | None, FEATURE_SETS]
ArchivePath = Annotated[Path | None, setting_option(DataConfig, "archive")]
ImdbTitles = Annotated[Path | None, setting_option(DataConfig, "imdb_titles")]
MovieLengths = Annotated[Path | None, setting_option(DataConfig, "movie_lengths")]
BASELINE_NAMES = typer.Option(
    "--baselines",
    metavar="NAME...",
    help=f"The baselines that the models are compared with: {', '.join(BASELINES)}, or all, or None.",
    autocompletion=complete_baseline,
    rich_help_panel=EVALUATION_PANEL,
)
Baselines = Annotated[str, BASELINE_NAMES]
TopKOption = Annotated[
    str,
    typer.Option(
        "--top_k",
        metavar="K...",
        help="The values of k for the top-k accuracies.",
        rich_help_panel=EVALUATION_PANEL,
    ),
]
