"""Published tutorials' models and protocols, to compare with."""

import enum
from dataclasses import replace

from movierec_cli.config.families import Family, Settings
from movierec_cli.config.features import NO_FEATURES
from movierec_cli.config.settings import (
    LossKind,
    Optimizer,
    Schedule,
    SequenceConfig,
    SplitConfig,
    SplitKind,
    TrainingConfig,
)


class Preset(enum.StrEnum):
    """Another's model and protocol, to compare with."""

    TFRS_GRU = "tfrs-gru"
    """The sequential tutorial of TensorFlow Recommenders."""
    KERAS_RS_GRU = "keras-rs-gru"
    """The sequential example of KerasRS, with each user's last movie as test."""


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
_TRAINING = TrainingConfig(loss=LossKind.IN_BATCH, validation_freq=1, patience=0, refit=False)
_SETTINGS = Settings(
    family=Family.GRU4REC,
    split=SplitConfig(kind=SplitKind.LEAVE_LAST, min_rating=2.0),
    feature_sets=(NO_FEATURES,),
    model=replace(_TUTORIAL, optimizer=Optimizer.ADAMW),
    training=replace(_TRAINING, num_epochs=5, batch_size=4096, learning_rate=0.05),
    baselines=(Family.POPULARITY, Family.EASE, Family.IALS),
)

PRESETS = {
    Preset.TFRS_GRU: replace(
        _SETTINGS,
        split=SplitConfig(
            kind=SplitKind.WINDOWS, min_rating=2.0, test_fraction=0.1, validation_fraction=0.01
        ),
        model=replace(_TUTORIAL, optimizer=Optimizer.ADAGRAD, summed_loss=True),
        training=replace(_TRAINING, num_epochs=3, batch_size=12_800, learning_rate=0.1),
    ),
    Preset.KERAS_RS_GRU: _SETTINGS,
}
"""Adapted where a tutorial has no validation set, which chooses nothing there."""
