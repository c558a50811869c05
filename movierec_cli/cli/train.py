"""`movierec train`: the main job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.feature_sets import (
    FEATURE_NAMES,
    complete_feature,
    default_sets,
    parse_feature_sets,
    split_words,
)
from movierec_cli.cli.options import AsJson, DatasetsDir, Quiet, SavedModelsDir, complete_dataset
from movierec_cli.config import (
    DataConfig,
    LossKind,
    ModelConfig,
    SplitConfig,
    SplitKind,
    TrainerConfig,
    TrainingConfig,
)
from movierec_cli.errors import UsageError

if TYPE_CHECKING:
    from movierec_cli.recommend import RatedMovie, Recommendations
    from movierec_cli.registry.store import Run
    from movierec_cli.trainer import TrainingObserver

DEFAULT_PLOT = Path("movierec.html")


@dataclass(frozen=True)
class TrainResult:
    """What the main job gives."""

    runs: tuple[Run, ...]  # in the order of the feature sets
    plot: Path
    user_id: int | None = None
    rated: tuple[RatedMovie, ...] = ()
    recommendations: tuple[Recommendations, ...] = ()  # one a run


def train(
    config: TrainerConfig,
    *,
    plot: Path = DEFAULT_PLOT,
    user_id: int | None = None,
    include_seen: bool = False,
    observer: TrainingObserver | None = None,
) -> TrainResult:
    """Trains or loads a model for each feature set, draws their comparison and recommends for a user.

    Args:
        config: the feature sets, the data and all settings.
        plot: where the page goes.
        user_id: whom to recommend to, if anybody.
        include_seen: whether movies the user rated may be recommended.
        observer: told of the progress.

    Raises:
        MovierecError: the data cannot be had, lacks a feature or the user, or a file cannot be written.
    """
    from movierec_cli.recommend import rated_by, recommend
    from movierec_cli.reports.plot import check_writable, write_plot
    from movierec_cli.trainer import MovieLensTrainer

    check_writable(plot)
    trainer = MovieLensTrainer(config, observer)
    # An unknown user is to be told before the training, not after it.
    rated = rated_by(trainer.dataset, user_id) if user_id is not None else ()
    runs = tuple(trainer.run())
    page = write_plot([run.record for run in runs], plot)
    if user_id is None:
        return TrainResult(runs, page)
    recommended = (recommend(trainer.dataset, run, user_id, include_seen=include_seen) for run in runs)
    return TrainResult(runs, page, user_id, rated, tuple(recommended))


def parse_layer_sizes(value: str) -> tuple[int, ...]:
    """Reads "64,32".

    Raises:
        UsageError: something in it is not a whole number.
    """
    words = split_words(value, "--layer_sizes")
    try:
        return tuple(int(word) for word in words)
    except ValueError:
        raise UsageError(
            f"--layer_sizes is '{' '.join(words)}'; it takes whole numbers such as 64 32"
        ) from None


_DATA, _MODEL, _TRAINING, _OUTPUT = "Data", "Model", "Training", "Output"


def train_command(
    additional_feature_sets: Annotated[
        list[str] | None,
        typer.Option(
            "--additional_feature_sets",
            metavar="FEATURE...",
            help="What a model sees besides the ids of user and movie: one feature or several, separated by "
            "spaces or commas, or None. Name the option again for another model. "
            f"Features: {', '.join(FEATURE_NAMES)}.",
            autocompletion=complete_feature,
            show_default=default_sets(),
        ),
    ] = None,
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            metavar="NAME",
            help="1m, 100k, latest-small, 20m, 25m, 32m (MovieLens) or sample (embedded, simulated ratings).",
            autocompletion=complete_dataset,
            rich_help_panel=_DATA,
        ),
    ] = DataConfig.dataset,
    archive: Annotated[
        Path | None,
        typer.Option(
            "--archive",
            metavar="PATH",
            help="Use this zip or folder: MovieLens', or your own ratings.csv and movies.csv.",
            rich_help_panel=_DATA,
        ),
    ] = DataConfig.archive,
    movie_lengths: Annotated[
        Path | None,
        typer.Option(
            "--movie_lengths",
            metavar="FILE",
            help="Running times for movie_length: title, year, minutes.",
            rich_help_panel=_DATA,
        ),
    ] = DataConfig.movie_lengths,
    datasets_dir: DatasetsDir = DataConfig.datasets_dir,
    split: Annotated[
        SplitKind,
        typer.Option(
            "--split",
            metavar="KIND",
            help=f"How ratings are held out: {', '.join(SplitKind)}.",
            rich_help_panel=_DATA,
        ),
    ] = SplitConfig.kind,
    test_fraction: Annotated[
        float,
        typer.Option(
            "--test_fraction", metavar="SHARE", help="Of all ratings, for the test.", rich_help_panel=_DATA
        ),
    ] = SplitConfig.test_fraction,
    validation_fraction: Annotated[
        float,
        typer.Option(
            "--validation_fraction",
            metavar="SHARE",
            help="Of what the test leaves, for validation.",
            rich_help_panel=_DATA,
        ),
    ] = SplitConfig.validation_fraction,
    embedding_size: Annotated[
        int,
        typer.Option(
            "--embedding_size", metavar="SIZE", help="Width of each embedding.", rich_help_panel=_MODEL
        ),
    ] = ModelConfig.embedding_size,
    layer_sizes: Annotated[
        str,
        typer.Option(
            "--layer_sizes",
            metavar="SIZE...",
            help="Widths of each tower's dense layers, separated by spaces or commas.",
            rich_help_panel=_MODEL,
        ),
    ] = " ".join(map(str, ModelConfig.layer_sizes)),
    dropout: Annotated[
        float,
        typer.Option("--dropout", metavar="SHARE", help="Of each tower's inputs.", rich_help_panel=_MODEL),
    ] = ModelConfig.dropout,
    l2: Annotated[
        float,
        typer.Option(
            "--l2",
            metavar="WEIGHT",
            help="Penalty on large embeddings, whatever the data's size.",
            rich_help_panel=_MODEL,
        ),
    ] = ModelConfig.l2,
    num_epochs: Annotated[
        int, typer.Option("--num_epochs", metavar="N", help="At most.", rich_help_panel=_TRAINING)
    ] = TrainingConfig.num_epochs,
    loss: Annotated[
        LossKind,
        typer.Option(
            "--loss",
            metavar="LOSS",
            help=f"What is minimised: {', '.join(LossKind)}.",
            rich_help_panel=_TRAINING,
        ),
    ] = TrainingConfig.loss,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch_size",
            metavar="N",
            help="Queries a step, or interactions with an in-batch loss. If not given, it fits the data.",
            rich_help_panel=_TRAINING,
        ),
    ] = TrainingConfig.batch_size,
    learning_rate: Annotated[
        float,
        typer.Option("--learning_rate", metavar="RATE", help="Of the optimizer.", rich_help_panel=_TRAINING),
    ] = TrainingConfig.learning_rate,
    validation_freq: Annotated[
        int,
        typer.Option(
            "--validation_freq",
            metavar="N",
            help="Validate after every N epochs.",
            rich_help_panel=_TRAINING,
        ),
    ] = TrainingConfig.validation_freq,
    patience: Annotated[
        int,
        typer.Option(
            "--patience",
            metavar="N",
            help="Stop after so many validations without a better one; 0: never.",
            rich_help_panel=_TRAINING,
        ),
    ] = TrainingConfig.patience,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit/--no_refit",
            help="Train the best epoch's model on, with the validation part added.",
            rich_help_panel=_TRAINING,
        ),
    ] = TrainingConfig.refit,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            metavar="N",
            help="Of the training's random numbers. The split does not change with it.",
            rich_help_panel=_TRAINING,
        ),
    ] = TrainingConfig.seed,
    retrain: Annotated[
        bool,
        typer.Option(
            "--retrain",
            help="Train also what is saved; the new model replaces the old one when it is complete.",
            rich_help_panel=_TRAINING,
        ),
    ] = TrainerConfig.retrain,
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
    generate_recommendations_for_user: Annotated[
        int | None,
        typer.Option(
            "--generate_recommendations_for_user",
            metavar="ID",
            help="Show what this user rated, and ten movies from each model.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    include_seen: Annotated[
        bool,
        typer.Option("--include_seen", help="Recommend also what they rated.", rich_help_panel=_OUTPUT),
    ] = False,
    plot: Annotated[
        Path, typer.Option("--plot", metavar="FILE", help="Where the page goes.", rich_help_panel=_OUTPUT)
    ] = DEFAULT_PLOT,
    open_plot: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser.", rich_help_panel=_OUTPUT)
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train or load a model for each feature set, and show which features help.

    Several values after one option belong together: `--layer_sizes 64 32`,
    `--additional_feature_sets timestamp movie_genres`. So do `64,32` and `timestamp,movie_genres`.

    With `--generate_recommendations_for_user 1`, each model also recommends ten movies to user 1.
    """
    from movierec_cli.cli.progress import ProgressDisplay

    terminal = Terminal(quiet=quiet)
    terminal.take_logs()
    config = TrainerConfig(
        feature_sets=parse_feature_sets(additional_feature_sets or [], terminal),
        data=DataConfig(
            dataset=dataset, archive=archive, datasets_dir=datasets_dir, movie_lengths=movie_lengths
        ),
        split=SplitConfig(kind=split, test_fraction=test_fraction, validation_fraction=validation_fraction),
        model=ModelConfig(
            embedding_size=embedding_size, layer_sizes=parse_layer_sizes(layer_sizes), dropout=dropout, l2=l2
        ),
        training=TrainingConfig(
            num_epochs=num_epochs,
            loss=loss,
            batch_size=batch_size,
            learning_rate=learning_rate,
            validation_freq=validation_freq,
            patience=patience,
            refit=refit,
            seed=seed,
        ),
        saved_models_dir=saved_models_dir,
        retrain=retrain,
    )
    with ProgressDisplay(terminal) as observer:
        result = train(
            config,
            plot=plot,
            user_id=generate_recommendations_for_user,
            include_seen=include_seen,
            observer=observer,
        )
    show_result(result, terminal, as_json=as_json)
    if open_plot:
        typer.launch(result.plot.as_uri())


def show_result(result: TrainResult, terminal: Terminal, *, as_json: bool) -> None:
    """Prints the main job's result."""
    if as_json:
        terminal.document(result_document(result))
        return
    from movierec_cli.reports.recommendations import user_report
    from movierec_cli.reports.table import comparison

    terminal.out.print(comparison([run.record for run in result.runs], terminal.out))
    if result.user_id is not None:
        terminal.out.print(user_report(result.user_id, result.rated, result.recommendations, terminal.out))
    terminal.out.print(f"Plot: {result.plot}", markup=False, highlight=False, soft_wrap=True)


def result_document(result: TrainResult) -> dict[str, object]:
    """The main job's result for programs."""
    from dataclasses import asdict

    from movierec_cli.registry.serialization import encode

    user = None
    if result.user_id is not None:
        user = {
            "user_id": result.user_id,
            "rated": [asdict(movie) for movie in result.rated],
            "models": [
                {
                    "run": recommended.run_name,
                    "feature_set": encode(recommended.feature_set),
                    "movies": [asdict(movie) for movie in recommended.movies],
                }
                for recommended in result.recommendations
            ],
        }
    runs = [{"folder": str(run.folder), "record": encode(run.record)} for run in result.runs]
    return {"runs": runs, "recommendations": user, "plot": str(result.plot)}
