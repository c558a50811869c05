"""The keywords of this package's functions, for type checkers and editors.

They are the options of the command line, whose declarations say what each means; a test compares both.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from movierec_cli.config import FeatureSet

Space = str | Sequence[str] | Mapping[str, object]
"""What is searched, by option: a range such as "0.001..0.03:log", or choices."""
FeatureSets = Sequence["FeatureSet | str | Sequence[str] | None"]
"""One entry a model: names of features, or None for the ids alone."""


class TrainKeywords(TypedDict, total=False):
    """Of `MovieLensTrainer`: the options of `movierec train`."""

    activation: str | None
    additional_feature_sets: FeatureSets | None
    archive: str | Path | None
    average_weights: bool | None
    baselines: str | Sequence[str] | None
    batch_size: int | None
    cluster: str | None
    columns: Sequence[str] | Mapping[str, str] | None
    coordinator: str | None
    csv_log: str | Path | None
    datasets_dir: str | Path | None
    deploy: bool | None
    details: bool | None
    device: str | None
    dropout: float | None
    dropout_places: str | None
    embedding_size: int | None
    family: str | None
    feature_kinds: Sequence[str] | Mapping[str, str] | None
    feature_l2: float | None
    feature_sets: FeatureSets | None
    folds: int | None
    generate_recommendations_for_user: int | str | None
    hidden_size: int | None
    imdb_titles: str | Path | None
    include_seen: bool | None
    item_bias: bool | None
    item_vectors: str | Path | Sequence[str | Path] | None
    jobs: int | None
    k_core: int | None
    l2: float | None
    layer_sizes: int | Sequence[int] | None
    learning_rate: float | None
    loss: str | None
    max_failures: int | None
    max_length: int | None
    max_validation_users: int | None
    members: int | None
    merge_duplicates: bool | None
    metric: str | None
    min_rating: float | None
    mlflow: str | None
    monitor: str | None
    movie_lengths: str | Path | None
    num_epochs: int | None
    num_heads: int | None
    num_layers: int | None
    num_negatives: int | None
    open: bool | None
    optimizer: str | None
    orphans: str | None
    output: str | Path | None
    patience: int | None
    precision: str | None
    preset: str | None
    process_id: int | None
    processes: int | None
    rank_by: str | None
    rating_baselines: str | Sequence[str] | None
    rating_scale: float | Sequence[float] | None
    rating_weight: float | Sequence[float] | None
    refit: bool | None
    repeats: str | None
    retrain: bool | None
    retrieval_weight: float | Sequence[float] | None
    saved_models_dir: str | Path | None
    schedule: str | None
    seed: int | None
    seeds: int | None
    shared_embeddings: bool | None
    skip_bad_rows: bool | None
    split: str | None
    start_from: str | None
    summed_loss: bool | None
    targets: str | None
    tasks: str | Sequence[str] | None
    temperature: float | None
    tensorboard: str | Path | None
    test: str | Path | None
    test_fraction: float | None
    top_k: int | Sequence[int] | None
    validation: str | Path | None
    validation_fraction: float | None
    validation_freq: int | None
    weighting: str | None
    weights: str | None
    whole_history: bool | None
    windows: bool | None


class TuneKeywords(TypedDict, total=False):
    """Of `tune`: the options of `movierec tune`."""

    activation: str | None
    additional_feature_sets: FeatureSets | None
    archive: str | Path | None
    average_weights: bool | None
    batch_size: int | None
    cluster: str | None
    columns: Sequence[str] | Mapping[str, str] | None
    datasets_dir: str | Path | None
    dropout: float | None
    dropout_places: str | None
    embedding_size: int | None
    families: str | Sequence[str] | None
    feature_kinds: Sequence[str] | Mapping[str, str] | None
    feature_l2: float | None
    feature_sets: FeatureSets | None
    finalists: int | None
    hidden_size: int | None
    imdb_titles: str | Path | None
    item_bias: bool | None
    item_vectors: str | Path | Sequence[str | Path] | None
    jobs: int | None
    k_core: int | None
    l2: float | None
    layer_sizes: int | Sequence[int] | None
    learning_rate: float | None
    loss: str | None
    max_length: int | None
    max_validation_users: int | None
    members: int | None
    merge_duplicates: bool | None
    metric: str | None
    min_rating: float | None
    monitor: str | None
    movie_lengths: str | Path | None
    num_epochs: int | None
    num_heads: int | None
    num_layers: int | None
    num_negatives: int | None
    open: bool | None
    optimizer: str | None
    orphans: str | None
    output: str | Path | None
    patience: int | None
    precision: str | None
    pruning: bool | None
    rating_scale: float | Sequence[float] | None
    refit: bool | None
    repeats: str | None
    saved_models_dir: str | Path | None
    schedule: str | None
    seed: int | None
    seeds: int | None
    select_features: str | None
    shared_embeddings: bool | None
    skip_bad_rows: bool | None
    space: Space | None
    split: str | None
    summed_loss: bool | None
    targets: str | None
    temperature: float | None
    test: str | Path | None
    test_fraction: float | None
    timeout: str | None
    trials: int | None
    validation: str | Path | None
    validation_fraction: float | None
    validation_freq: int | None
    weighting: str | None
    weights: str | None
    whole_history: bool | None
    windows: bool | None
    write_config: str | Path | None


class CompareKeywords(TypedDict, total=False):
    """Of `compare`: options of `movierec evaluate`."""

    archive: str | Path | None
    baselines: str | Sequence[str] | None
    datasets_dir: str | Path | None
    k_core: int | None
    metric: str | None
    min_rating: float | None
    split: str | None
    targets: str | None
    test_fraction: float | None
    top_k: int | Sequence[int] | None


class FilterKeywords(TypedDict, total=False):
    """Of `SavedRun.similar`: the options of `movierec similar`."""

    exclude: str | Path | None
    genre: str | Sequence[str] | None
    max_minutes: int | None
    max_popularity: int | None
    min_popularity: int | None
    not_genre: str | Sequence[str] | None
    top: int | None
    year: int | str | None


class RecommendKeywords(TypedDict, total=False):
    """Of `SavedRun.recommend`: the options of `movierec recommend`."""

    as_of: str | None
    disliked: int | str | Sequence[int | str] | None
    diversity: float | None
    exclude: str | Path | None
    fairness: str | None
    genre: str | Sequence[str] | None
    include_seen: bool | None
    liked: int | str | Sequence[int | str] | None
    likes: str | Sequence[str] | None
    max_minutes: int | None
    max_popularity: int | None
    min_popularity: int | None
    not_genre: str | Sequence[str] | None
    rank_by: str | None
    ratings_file: str | Path | Sequence[str | Path] | None
    together: bool | Sequence[int | str] | None
    top: int | None
    user: int | str | Sequence[int | str] | None
    users: int | str | Sequence[int | str] | None
    watched: int | str | Sequence[int | str] | None
    year: int | str | None
