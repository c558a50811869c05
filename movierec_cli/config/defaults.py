"""What a model is trained with where the user does not say: one table for every family, split and preset."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Any

from movierec_cli.config.families import DEFAULT_BASELINES, Family
from movierec_cli.config.features import DEFAULT_FEATURE_SETS, NO_FEATURES, Feature, FeatureSet
from movierec_cli.config.sequence_config import Optimizer, Schedule, SequenceConfig
from movierec_cli.config.split_config import SplitConfig, SplitKind
from movierec_cli.config.tower_config import ModelConfig
from movierec_cli.config.training_config import LossKind, TrainingConfig


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of a training, and what it is held against.

    Of `model` and `sequence` one is there: that of the family.
    """

    family: Family = Family.TWO_TOWER
    split: SplitConfig
    feature_sets: tuple[FeatureSet, ...] = DEFAULT_FEATURE_SETS
    model: ModelConfig | None = None
    sequence: SequenceConfig | None = None
    training: TrainingConfig
    baselines: tuple[Family, ...] = DEFAULT_BASELINES


class Preset(enum.StrEnum):
    """Somebody else's model and protocol, to be compared with."""

    TFRS_GRU = "tfrs-gru"
    """The sequential tutorial of TensorFlow Recommenders."""
    KERAS_RS_GRU = "keras-rs-gru"
    """The sequential example of KerasRS, with each user's last film as test."""


def default_settings(
    family: Family = Family.TWO_TOWER, split: SplitKind | None = None, *, rates: bool = False
) -> Settings:
    """What serves a family on a kind of split, with or without a rating task beside it.

    Args:
        family: two towers or a sequential one.
        split: None: the kind that the family is usually judged on.
        rates: whether two towers also predict ratings.
    """
    if family.is_sequential:
        return _of_sequences(family, split or SplitKind.LEAVE_LAST)
    kind = split or SplitConfig.kind
    model = _TOWERS.get(kind, ModelConfig())
    return Settings(
        split=SplitConfig(kind=kind),
        model=replace(model, l2=_L2_WITH_RATINGS) if rates else model,
        training=TrainingConfig().resolved(kind),
    )


_TOWERS = {
    # The future holds other sessions than those trained on: one layer and much dropout carry over better.
    # Chosen on the months before 1M's temporal test part.
    SplitKind.TEMPORAL: ModelConfig(layer_sizes=(64,), dropout=0.5),
}

# Stars overfit shared embeddings sooner than retrieval does. Chosen on validation parts of 100K.
_L2_WITH_RATINGS = 20.0


def _of_sequences(family: Family, kind: SplitKind) -> Settings:
    """Published figures leave out movies with fewer than five ratings, and so does leave-last here."""
    as_windows = kind is SplitKind.WINDOWS
    sequence, training = _SEQUENCES[family], _SEQUENCE_TRAININGS[family]
    return Settings(
        family=family,
        split=SplitConfig(kind=kind, k_core=5 if kind is SplitKind.LEAVE_LAST else SplitConfig.k_core),
        feature_sets=(_TIMED,),
        sequence=replace(sequence, **_AS_WINDOWS) if as_windows else sequence,
        training=replace(training, **_TRAINING_OF_WINDOWS) if as_windows else training,
        baselines=_SEQUENCE_BASELINES,
    )


# When the films of the history were rated is known; only when the next one will be is not.
_TIMED = FeatureSet((Feature.TIME_GAP,))

# Histories are cut into pieces of ten films, of which every film is learned. A window for each film is ten
# times the work and no better in the end: on 1M, validation found .214 of the films among the ten best after
# 12 epochs of windows and .233 after 30 of pieces, which took a third of the time.
_AS_WINDOWS: dict[str, Any] = {"max_length": 10}
_TRAINING_OF_WINDOWS: dict[str, Any] = {"num_epochs": 60, "batch_size": 6400}

_SEQUENCES = {
    Family.SASREC: SequenceConfig(num_negatives=512),
    Family.GRU4REC: SequenceConfig(num_layers=1, num_heads=1, hidden_size=128, num_negatives=512),
}
# Chosen on the validation part of 1M.
_SEQUENCE_TRAINING = TrainingConfig(
    num_epochs=50,
    loss=LossKind.SAMPLED,
    learning_rate=0.004,
    batch_size=12_800,
    validation_freq=3,
    patience=5,
    refit=False,  # gained nothing on 1M
)
_SEQUENCE_TRAININGS = {
    Family.SASREC: replace(_SEQUENCE_TRAINING, learning_rate=0.003, batch_size=6_400),
    # A recurrent step is one small product after another, and pays for every row it does not have.
    Family.GRU4REC: _SEQUENCE_TRAINING,
}

_SEQUENCE_BASELINES = (*DEFAULT_BASELINES, Family.IALS)

_TUTORIAL = SequenceConfig(
    max_length=10,
    embedding_size=32,
    hidden_size=32,
    num_layers=1,
    num_heads=1,
    dropout=0.0,
    shared_embeddings=False,
    windows=True,
    schedule=Schedule.CONSTANT,
)


def _tutorial(
    split: SplitConfig,
    optimizer: Optimizer,
    learning_rate: float,
    batch_size: int,
    num_epochs: int,
    *,
    summed_loss: bool = False,
) -> Settings:
    return Settings(
        family=Family.GRU4REC,
        split=split,
        feature_sets=(NO_FEATURES,),
        sequence=replace(_TUTORIAL, optimizer=optimizer, summed_loss=summed_loss),
        training=TrainingConfig(
            num_epochs=num_epochs,
            loss=LossKind.IN_BATCH,
            batch_size=batch_size,
            learning_rate=learning_rate,
            validation_freq=1,
            patience=0,
            refit=False,
        ),
        baselines=_SEQUENCE_BASELINES,
    )


PRESETS = {
    Preset.TFRS_GRU: _tutorial(
        SplitConfig(kind=SplitKind.WINDOWS, min_rating=2.0, test_fraction=0.1, validation_fraction=0.01),
        Optimizer.ADAGRAD,
        learning_rate=0.1,
        batch_size=12_800,
        num_epochs=3,
        summed_loss=True,
    ),
    Preset.KERAS_RS_GRU: _tutorial(
        SplitConfig(kind=SplitKind.LEAVE_LAST, min_rating=2.0),
        Optimizer.ADAMW,
        learning_rate=0.05,
        batch_size=4096,
        num_epochs=5,
    ),
}
"""Adapted where a tutorial has no part of its own: a validation part, which chooses nothing there."""
