"""`movierec train`: the main job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing import sequence_options
from movierec_cli.cli.parsing import training_options as options
from movierec_cli.cli.parsing.feature_sets import parse_feature_sets
from movierec_cli.cli.parsing.options import (
    DEFAULT_TOP_K_SHOWN,
    ArchivePath,
    AsJson,
    DatasetName,
    DatasetsDir,
    ImdbTitles,
    MovieLengths,
    Quiet,
    SavedModelsDir,
    TopKOption,
)
from movierec_cli.cli.parsing.task_options import TaskRequest
from movierec_cli.cli.parsing.training_request import TrainingRequest, parse_model
from movierec_cli.cli.parsing.values import parse_baselines, parse_top_k, parse_whole_numbers
from movierec_cli.cli.train_result import TrainResult, show_result
from movierec_cli.config import DEFAULT_TOP_K, DataConfig, RankBy, TrainerConfig

if TYPE_CHECKING:
    from movierec_cli.experiment.trainer import TrainingObserver

DEFAULT_PLOT = Path("movierec.html")
_OUTPUT = "Output"


def train(
    config: TrainerConfig,
    *,
    plot: Path = DEFAULT_PLOT,
    user_id: int | None = None,
    include_seen: bool = False,
    rank_by: RankBy = RankBy.SCORE,
    ks: Sequence[int] = DEFAULT_TOP_K,
    observer: TrainingObserver | None = None,
) -> TrainResult:
    """Trains or loads a model for each feature set and task weights, judges and draws them, and recommends.

    Args:
        config: the feature sets, the data and all settings.
        plot: where the page goes.
        user_id: whom to recommend to, if anybody.
        include_seen: whether movies the user rated may be recommended.
        rank_by: what orders the recommendations.
        ks: at which top-k accuracy is given.
        observer: told of the progress.

    Raises:
        MovierecError: the data cannot be had, lacks a feature or the user, or a file cannot be written.
        UsageError: every k is as large as the catalogue.
    """
    from movierec_cli.experiment.comparison import compare_runs, headline_metric
    from movierec_cli.experiment.selection import EvaluatedRatings, EvaluatedRun
    from movierec_cli.experiment.trainer import MovieLensTrainer
    from movierec_cli.leakage import check_data
    from movierec_cli.recommend.filters import Filters
    from movierec_cli.recommend.rated_movies import rated_by
    from movierec_cli.recommend.recommend import check_rank_by, recommend
    from movierec_cli.recommend.users import user_of
    from movierec_cli.reports.web.pages import check_writable
    from movierec_cli.reports.web.plot import write_plot

    check_writable(plot, what="plot")
    check_rank_by(rank_by, config.tasks)
    trainer = MovieLensTrainer(config, observer)
    # What cannot work is to be told before the training, not after it.
    headline_metric(len(trainer.dataset.movies), ks)
    rated = rated_by(trainer.source, user_id) if user_id is not None else ()
    runs = tuple(trainer.run())
    study = compare_runs(
        trainer.dataset,
        trainer.split,
        config.split,
        trainer.split_summary,
        [EvaluatedRun(run, run.outcome) for run in runs if run.record.config.family.ranks],
        rated=[EvaluatedRatings(run, run.rating_outcome) for run in runs if run.record.config.family.rates],
        findings=check_data(trainer.dataset, trainer.split, config.split, config.feature_sets),
        ks=ks,
    )
    trained = [run for run in runs if run.record.config.family.is_trained]
    page = write_plot([run.record for run in trained], plot, study)
    if user_id is None:
        return TrainResult(runs, study, page)
    firsts = trained[:: config.n_seeds]
    filters = Filters(include_seen=include_seen)
    recommended = tuple(
        recommend(run, user_of(run, user_id), filters=filters, rank_by=rank_by) for run in firsts
    )
    return TrainResult(runs, study, page, user_id, rated, recommended)


def train_command(
    additional_feature_sets: options.FeatureSets = None,
    dataset: DatasetName = DataConfig.dataset,
    archive: ArchivePath = DataConfig.archive,
    imdb_titles: ImdbTitles = DataConfig.imdb_titles,
    movie_lengths: MovieLengths = DataConfig.movie_lengths,
    datasets_dir: DatasetsDir = DataConfig.datasets_dir,
    split: options.SplitOption = None,
    test_fraction: options.TestFraction = None,
    validation_fraction: options.ValidationFraction = None,
    min_rating: options.MinRating = None,
    k_core: options.KCore = None,
    baselines: options.Baselines = None,
    tasks: options.Tasks = None,
    retrieval_weight: options.RetrievalWeight = None,
    rating_weight: options.RatingWeight = None,
    rating_baselines: options.RatingBaselines = None,
    seeds: options.Seeds = TrainerConfig.n_seeds,
    top_k: TopKOption = DEFAULT_TOP_K_SHOWN,
    model: options.Model = None,
    preset: options.PresetOption = None,
    embedding_size: options.EmbeddingSize = None,
    layer_sizes: options.LayerSizes = None,
    dropout: options.Dropout = None,
    l2: options.L2 = None,
    max_length: sequence_options.MaxLength = None,
    num_layers: sequence_options.NumLayers = None,
    num_heads: sequence_options.NumHeads = None,
    hidden_size: sequence_options.HiddenSize = None,
    shared_embeddings: sequence_options.SharedEmbeddings = None,
    whole_history: sequence_options.WholeHistory = None,
    windows: sequence_options.Windows = None,
    num_negatives: sequence_options.NumNegatives = None,
    optimizer: sequence_options.OptimizerOption = None,
    schedule: sequence_options.ScheduleOption = None,
    summed_loss: sequence_options.SummedLoss = None,
    num_epochs: options.NumEpochs = None,
    loss: options.Loss = None,
    weighting: options.WeightingOption = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    validation_freq: options.ValidationFreq = None,
    patience: options.Patience = None,
    refit: options.Refit = None,
    seed: options.Seed = None,
    retrain: options.Retrain = TrainerConfig.retrain,
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
    rank_by: Annotated[
        RankBy,
        typer.Option(
            "--rank_by",
            metavar="KIND",
            help="What orders recommendations: score, rating (predicted stars) or blend (both).",
            rich_help_panel=_OUTPUT,
        ),
    ] = RankBy.SCORE,
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
    `--additional_feature_sets timestamp movie_genres`; commas do as well.

    With `--model sasrec` or `gru4rec`, what is learned is the next movie:
    each user's last one is the test.

    With `--tasks retrieval rating`, each model also predicts ratings, in
    stars. `--rating_weight 0 0.3 1` gives a model for each weight, and a
    chart of what either task costs the other.

    With `--generate_recommendations_for_user 1`, each model also recommends
    ten movies to user 1.
    """
    from movierec_cli.cli.progress_display import ProgressDisplay

    terminal = Terminal(quiet=quiet)
    terminal.take_logs()
    asked_tasks = TaskRequest(tasks, retrieval_weight, rating_weight, rating_baselines)
    settings = TrainingRequest(
        family=parse_model(model),
        preset=preset,
        tasks=asked_tasks,
        split={
            "kind": split,
            "test_fraction": test_fraction,
            "validation_fraction": validation_fraction,
            "min_rating": min_rating,
            "k_core": k_core,
        },
        model={
            "embedding_size": embedding_size,
            "layer_sizes": None
            if layer_sizes is None
            else parse_whole_numbers(layer_sizes, "--layer_sizes", "64 32"),
            "dropout": dropout,
            "l2": l2,
            "max_length": max_length,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "hidden_size": hidden_size,
            "shared_embeddings": shared_embeddings,
            "whole_history": whole_history,
            "windows": windows,
            "num_negatives": num_negatives,
            "optimizer": optimizer,
            "schedule": schedule,
            "summed_loss": summed_loss,
        },
        training={
            "num_epochs": num_epochs,
            "loss": loss,
            "weighting": weighting,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "validation_freq": validation_freq,
            "patience": patience,
            "refit": refit,
            "seed": seed,
        },
    ).filled()
    config = TrainerConfig(
        feature_sets=parse_feature_sets(additional_feature_sets or [], terminal, settings.feature_sets),
        data=DataConfig(
            dataset=dataset,
            archive=archive,
            datasets_dir=datasets_dir,
            imdb_titles=imdb_titles,
            movie_lengths=movie_lengths,
        ),
        split=settings.split,
        family=settings.family,
        model=settings.model,
        sequence=settings.sequence,
        training=settings.training,
        tasks=asked_tasks.weights(),
        rating_baselines=asked_tasks.baselines(),
        baselines=settings.baselines if baselines is None else parse_baselines(baselines),
        n_seeds=seeds,
        saved_models_dir=saved_models_dir,
        retrain=retrain,
    )
    with ProgressDisplay(terminal) as observer:
        result = train(
            config,
            plot=plot,
            user_id=generate_recommendations_for_user,
            include_seen=include_seen,
            rank_by=rank_by,
            ks=parse_top_k(top_k),
            observer=observer,
        )
    show_result(result, terminal, as_json=as_json)
    if open_plot:
        typer.launch(result.plot.as_uri())
