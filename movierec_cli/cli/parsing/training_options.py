"""How a model is built and trained, and on which part of the data, as options of `train`.

What is usual hangs on the model and the split: an option that is not given is None, and `asked_training`
says what it is then.
"""

from __future__ import annotations

from copy import copy
from typing import Annotated

import typer
from typer.models import OptionInfo

from movierec_cli.cli.parsing import options
from movierec_cli.cli.parsing.defaults_shown import (
    of_baselines,
    of_feature_sets,
    of_model,
    of_split,
    of_training,
    with_ratings,
)
from movierec_cli.cli.parsing.family_options import TRAINABLE
from movierec_cli.cli.parsing.task_options import complete_rating_baseline, complete_task
from movierec_cli.cli.parsing.training_request import complete_model
from movierec_cli.config import RATING_BASELINES, Family, LossKind, SplitKind, Task, TaskWeights, Weighting
from movierec_cli.config.defaults import Preset
from movierec_cli.config.family_checks import (
    ONLY_OF_SEQUENCES,
    SAMPLED_LOSSES,
    SEQUENCE_FEATURES,
    TOWER_LOSSES,
)

TASKS_PANEL, MODEL_PANEL, TRAINING_PANEL = "Tasks", "Model", "Training"


def _showing(option: OptionInfo, default: str, more_help: str = "") -> OptionInfo:
    """The same option of another command, with a default that is shown as text."""
    own = copy(option)
    own.show_default = default
    own.help = f"{option.help}{more_help}"
    return own


_OF_SEQUENCES = (
    f" gru4rec and sasrec see {', '.join(SEQUENCE_FEATURES)}; only they see"
    f" {' and '.join(ONLY_OF_SEQUENCES)}."
)
FeatureSets = Annotated[
    list[str] | None, _showing(options.FEATURE_SETS, of_feature_sets(), more_help=_OF_SEQUENCES)
]
SplitOption = Annotated[SplitKind | None, _showing(options.SPLIT, of_split("kind"))]
TestFraction = Annotated[float | None, _showing(options.TEST_FRACTION, of_split("test_fraction"))]
ValidationFraction = Annotated[
    float | None, _showing(options.VALIDATION_FRACTION, of_split("validation_fraction"))
]
MinRating = Annotated[float | None, _showing(options.MIN_RATING, of_split("min_rating"))]
KCore = Annotated[int | None, _showing(options.K_CORE, of_split("k_core"))]
Baselines = Annotated[str | None, _showing(options.BASELINE_NAMES, of_baselines())]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help=f"What is trained: {', '.join(TRAINABLE)}. The last two learn the order of a user's movies.",
        autocompletion=complete_model,
        show_default=Family.TWO_TOWER.value,
        rich_help_panel=MODEL_PANEL,
    ),
]
PresetOption = Annotated[
    Preset | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help=f"A tutorial's model, split and settings, to compare with: {', '.join(Preset)}. Options given "
        "beside it replace its own.",
        rich_help_panel=MODEL_PANEL,
    ),
]
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
    int | None,
    typer.Option(
        "--embedding_size",
        metavar="SIZE",
        help="Width of each embedding.",
        show_default=of_model("embedding_size"),
        rich_help_panel=MODEL_PANEL,
    ),
]
LayerSizes = Annotated[
    str | None,
    typer.Option(
        "--layer_sizes",
        metavar="SIZE...",
        help="Widths of each tower's dense layers, separated by spaces or commas.",
        show_default=of_model("layer_sizes"),
        rich_help_panel=MODEL_PANEL,
    ),
]
Dropout = Annotated[
    float | None,
    typer.Option(
        "--dropout",
        metavar="SHARE",
        help="Of each tower's inputs; of sequences, of inputs, attention and layers' outputs.",
        show_default=of_model("dropout"),
        rich_help_panel=MODEL_PANEL,
    ),
]
L2 = Annotated[
    float | None,
    typer.Option(
        "--l2",
        metavar="WEIGHT",
        help="Penalty on large embeddings, whatever the data's size.",
        show_default=f"{of_model('l2')}; with ratings: {with_ratings('l2')}",
        rich_help_panel=MODEL_PANEL,
    ),
]
NumEpochs = Annotated[
    int | None,
    typer.Option(
        "--num_epochs",
        metavar="N",
        help="At most.",
        show_default=of_training("num_epochs"),
        rich_help_panel=TRAINING_PANEL,
    ),
]
Loss = Annotated[
    LossKind | None,
    typer.Option(
        "--loss",
        metavar="LOSS",
        help=f"What is minimised: {', '.join(TOWER_LOSSES)}, and of sequences {', '.join(SAMPLED_LOSSES)}.",
        show_default=of_training("loss"),
        rich_help_panel=TRAINING_PANEL,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch_size",
        metavar="N",
        help="Queries a step, or interactions with an in-batch loss; of sequences, movies to learn from. Of "
        "two towers, if not given, it fits the data.",
        show_default=of_training("batch_size"),
        rich_help_panel=TRAINING_PANEL,
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        "--learning_rate",
        metavar="RATE",
        help="Of the optimizer.",
        show_default=of_training("learning_rate"),
        rich_help_panel=TRAINING_PANEL,
    ),
]
ValidationFreq = Annotated[
    int | None,
    typer.Option(
        "--validation_freq",
        metavar="N",
        help="Validate after every N epochs.",
        show_default=of_training("validation_freq"),
        rich_help_panel=TRAINING_PANEL,
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        metavar="N",
        help="Stop after so many validations without a better one; 0: never.",
        show_default=of_training("patience"),
        rich_help_panel=TRAINING_PANEL,
    ),
]
Refit = Annotated[
    bool | None,
    typer.Option(
        "--refit/--no_refit",
        help="Train the best epoch's model on, with the validation part added.",
        show_default=of_training("refit"),
        rich_help_panel=TRAINING_PANEL,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        help="Of the training's random numbers. The split does not change with it.",
        show_default=of_training("seed"),
        rich_help_panel=TRAINING_PANEL,
    ),
]
Retrain = Annotated[
    bool,
    typer.Option(
        "--retrain",
        help="Train also what is saved or was interrupted; the new model replaces the old one when it is "
        "complete.",
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
        show_default=of_training("weighting"),
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
