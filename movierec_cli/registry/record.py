"""What is known of a trained model, without its arrays: the content of `run.json`."""

from __future__ import annotations

from dataclasses import dataclass

from movierec_cli.config import FeatureSet, ModelConfig, SplitConfig, TrainingConfig

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What decides a run's numbers, the data apart. Equal configurations are one run."""

    family: str  # a key of the families table, such as "two-tower"
    feature_set: FeatureSet
    split: SplitConfig
    model: ModelConfig
    training: TrainingConfig


@dataclass(frozen=True, kw_only=True)
class DataIdentity:
    """Which data a run saw."""

    name: str
    description: str
    fingerprint: str  # SHA-256 (hex) of the archive, and of the movie lengths where they were used
    n_ratings: int
    n_movies: int
    n_users: int


@dataclass(frozen=True, kw_only=True)
class TopK:
    """Top-k accuracy by k: the share of positives among the k best, 0 … 1."""

    unseen: dict[int, float]  # the user's training movies masked
    all: dict[int, float]  # ranked over every movie


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One validation during training."""

    epoch: int  # epochs trained so far, from 1
    train_loss: float  # mean over interactions, nats, L2 left out
    elapsed_s: float  # training time so far, validation left out
    validation: TopK


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One trained model: what it was asked, what it saw, how it went."""

    name: str  # the folder's name: readable part and hash
    config: RunConfig
    data: DataIdentity
    versions: dict[str, str]  # of movierec and of the packages that decide numbers
    created_at: str  # ISO 8601, UTC
    n_parameters: int
    best_epoch: int  # by validation top-100 accuracy, seen movies masked
    epochs_run: int  # epochs until training stopped
    training_s: float  # with the epochs on train and validation, where the model was trained on
    validation_s: float
    history: tuple[EpochRecord, ...]
    test: TopK
    format_version: int = FORMAT_VERSION
