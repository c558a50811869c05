"""`movierec train`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from movierec_cli.cli.parsing.variadic import command_line
from movierec_cli.cli.train_result import show_result
from movierec_cli.config import DataConfig, RankBy, TrainerConfig

DEFAULT_PLOT = Path("movierec.html")
_OUTPUT = "Output"


def train_command(
    ctx: typer.Context,
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
    from movierec_cli.experiment.train import train
    from movierec_cli.experiment.user_lists import ListRequest
    from movierec_cli.reports.web.pages import check_writable
    from movierec_cli.reports.web.report_page import write_report

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
        command=command_line(ctx),
    )
    user_id = generate_recommendations_for_user
    lists = ListRequest(() if user_id is None else (user_id,), include_seen, rank_by)
    check_writable(plot)
    with ProgressDisplay(terminal) as observer:
        trained = train(config, observer, ks=parse_top_k(top_k), lists=lists)
    page = write_report(trained.study, plot)
    show_result(trained, page, terminal, as_json=as_json)
    if open_plot:
        typer.launch(page.as_uri())
