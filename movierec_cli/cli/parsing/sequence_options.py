"""How a model of the order of a user's movies is built, as options of `train`."""

from __future__ import annotations

from typing import Annotated

import typer

from movierec_cli.cli.parsing.defaults_shown import of_model
from movierec_cli.config import Optimizer, Schedule

SEQUENCES_PANEL = "Sequences"

MaxLength = Annotated[
    int | None,
    typer.Option(
        "--max_length",
        metavar="N",
        help="Movies of a history that are seen, the newest.",
        show_default=of_model("max_length"),
        rich_help_panel=SEQUENCES_PANEL,
    ),
]
NumLayers = Annotated[
    int | None,
    typer.Option(
        "--num_layers",
        metavar="N",
        help="Attention blocks, or recurrent layers.",
        show_default=of_model("num_layers"),
        rich_help_panel=SEQUENCES_PANEL,
    ),
]
NumHeads = Annotated[
    int | None,
    typer.Option(
        "--num_heads",
        metavar="N",
        help="Of the attention of sasrec.",
        show_default=of_model("num_heads"),
        rich_help_panel=SEQUENCES_PANEL,
    ),
]
HiddenSize = Annotated[
    int | None,
    typer.Option(
        "--hidden_size",
        metavar="SIZE",
        help="Width of a block's feed-forward layer, or units of a recurrent layer.",
        show_default=of_model("hidden_size"),
        rich_help_panel=SEQUENCES_PANEL,
    ),
]
SharedEmbeddings = Annotated[
    bool | None,
    typer.Option(
        "--shared_embeddings/--no_shared_embeddings",
        help="One embedding of a movie in histories and as a candidate.",
        show_default=of_model("shared_embeddings"),
        rich_help_panel=SEQUENCES_PANEL,
    ),
]
WholeHistory = Annotated[
    bool | None,
    typer.Option(
        "--whole_history/--no_whole_history",
        help="Learn also what is older than the newest movies of a history.",
        show_default=of_model("whole_history"),
        rich_help_panel=SEQUENCES_PANEL,
    ),
]
Windows = Annotated[
    bool | None,
    typer.Option(
        "--windows/--no_windows",
        help="Learn each movie from a window of its own, not all of a history at once.",
        show_default=of_model("windows"),
        rich_help_panel=SEQUENCES_PANEL,
    ),
]
NumNegatives = Annotated[
    int | None,
    typer.Option(
        "--num_negatives",
        metavar="N",
        help="Movies that the losses sampled and gbce draw.",
        show_default=of_model("num_negatives"),
        rich_help_panel=SEQUENCES_PANEL,
    ),
]
OptimizerOption = Annotated[
    Optimizer | None,
    typer.Option(
        "--optimizer",
        metavar="NAME",
        help=f"What turns gradients into steps: {', '.join(Optimizer)}.",
        show_default=of_model("optimizer"),
        rich_help_panel=SEQUENCES_PANEL,
    ),
]
ScheduleOption = Annotated[
    Schedule | None,
    typer.Option(
        "--schedule",
        metavar="NAME",
        help=f"How the learning rate goes over the epochs: {', '.join(Schedule)}.",
        show_default=of_model("schedule"),
        rich_help_panel=SEQUENCES_PANEL,
    ),
]
SummedLoss = Annotated[
    bool | None,
    typer.Option(
        "--summed_loss/--no_summed_loss",
        help="Minimise the sum over a step, not its mean.",
        show_default=of_model("summed_loss"),
        rich_help_panel=SEQUENCES_PANEL,
    ),
]
