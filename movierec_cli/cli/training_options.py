"""How a model is built and trained, as options. Defaults stay with the command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from movierec_cli.cli.tasks import complete_rating_baseline, complete_task
from movierec_cli.config import (
    RATING_BASELINES,
    LossKind,
    ModelConfig,
    SplitKind,
    Task,
    TaskWeights,
    Weighting,
    usual_model,
)

TASKS_PANEL, MODEL_PANEL, TRAINING_PANEL = "Tasks", "Model", "Training"


def _by_split(shown: Callable[[ModelConfig], str]) -> str:
    """Defaults that depend on the split, for `--help`: "128 64; temporal: 64"."""
    usual = shown(ModelConfig())
    others = {kind: shown(usual_model(kind)) for kind in SplitKind}
    return "; ".join([usual, *(f"{kind}: {text}" for kind, text in others.items() if text != usual)])


Tasks = Annotated[
    str | None,
    typer.Option(
        "--tasks",
        metavar="TASK...",
        help="What each model learns: retrieval (which movies someone will watch), rating (how many stars "
        "they will give), or both.",
        autocompletion=complete_task,
        show_default=Task.RETRIEVAL.value,
        rich_help_panel=TASKS_PANEL,
    ),
]
RetrievalWeight = Annotated[
    str | None,
    typer.Option(
        "--retrieval_weight",
        metavar="WEIGHT...",
        help="How much the loss of retrieval counts; 0 switches it off.",
        show_default=f"{TaskWeights.retrieval:g}",
        rich_help_panel=TASKS_PANEL,
    ),
]
RatingWeight = Annotated[
    str | None,
    typer.Option(
        "--rating_weight",
        metavar="WEIGHT...",
        help="How much the loss of rating counts; 0 switches it off. Several weights give a model each. "
        "A weight weighs one task against the other, so without --tasks it means both.",
        show_default=f"{TaskWeights.rating:g}",
        rich_help_panel=TASKS_PANEL,
    ),
]
RatingBaselines = Annotated[
    str | None,
    typer.Option(
        "--rating_baselines",
        metavar="NAME...",
        help=f"What predicted ratings have to beat: {', '.join(RATING_BASELINES)}, or all, or None.",
        autocompletion=complete_rating_baseline,
        show_default="all",
        rich_help_panel=TASKS_PANEL,
    ),
]
EmbeddingSize = Annotated[
    int,
    typer.Option(
        "--embedding_size", metavar="SIZE", help="Width of each embedding.", rich_help_panel=MODEL_PANEL
    ),
]
LayerSizes = Annotated[
    str | None,
    typer.Option(
        "--layer_sizes",
        metavar="SIZE...",
        help="Widths of each tower's dense layers, separated by spaces or commas.",
        show_default=_by_split(lambda model: " ".join(map(str, model.layer_sizes))),
        rich_help_panel=MODEL_PANEL,
    ),
]
Dropout = Annotated[
    float | None,
    typer.Option(
        "--dropout",
        metavar="SHARE",
        help="Of each tower's inputs.",
        show_default=_by_split(lambda model: f"{model.dropout:g}"),
        rich_help_panel=MODEL_PANEL,
    ),
]
L2 = Annotated[
    float | None,
    typer.Option(
        "--l2",
        metavar="WEIGHT",
        help="Penalty on large embeddings, whatever the data's size.",
        show_default=f"{ModelConfig.l2:g}; with ratings: {usual_model(SplitKind.RANDOM, rates=True).l2:g}",
        rich_help_panel=MODEL_PANEL,
    ),
]
NumEpochs = Annotated[
    int, typer.Option("--num_epochs", metavar="N", help="At most.", rich_help_panel=TRAINING_PANEL)
]
Loss = Annotated[
    LossKind,
    typer.Option(
        "--loss",
        metavar="LOSS",
        help=f"What is minimised: {', '.join(LossKind)}.",
        rich_help_panel=TRAINING_PANEL,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch_size",
        metavar="N",
        help="Queries a step, or interactions with an in-batch loss. If not given, it fits the data.",
        rich_help_panel=TRAINING_PANEL,
    ),
]
LearningRate = Annotated[
    float,
    typer.Option("--learning_rate", metavar="RATE", help="Of the optimizer.", rich_help_panel=TRAINING_PANEL),
]
ValidationFreq = Annotated[
    int,
    typer.Option(
        "--validation_freq",
        metavar="N",
        help="Validate after every N epochs.",
        rich_help_panel=TRAINING_PANEL,
    ),
]
Patience = Annotated[
    int,
    typer.Option(
        "--patience",
        metavar="N",
        help="Stop after so many validations without a better one; 0: never.",
        rich_help_panel=TRAINING_PANEL,
    ),
]
Refit = Annotated[
    bool,
    typer.Option(
        "--refit/--no_refit",
        help="Train the best epoch's model on, with the validation part added.",
        rich_help_panel=TRAINING_PANEL,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="N",
        help="Of the training's random numbers. The split does not change with it.",
        rich_help_panel=TRAINING_PANEL,
    ),
]
Retrain = Annotated[
    bool,
    typer.Option(
        "--retrain",
        help="Train also what is saved; the new model replaces the old one when it is complete.",
        rich_help_panel=TRAINING_PANEL,
    ),
]
WeightingOption = Annotated[
    Weighting | None,
    typer.Option(
        "--weighting",
        metavar="KIND",
        help="How much a rating of a query with n of them counts: ratings (1), root (1/√n) or queries (1/n). "
        "If not given, it fits the split.",
        rich_help_panel=TRAINING_PANEL,
    ),
]
Seeds = Annotated[
    int,
    typer.Option(
        "--seeds",
        metavar="N",
        help="Train each set with N seeds; the intervals then cover the training's own randomness.",
        rich_help_panel=TRAINING_PANEL,
    ),
]
