"""Everything that decides what a run computes: frozen, checked when built, passed whole.

One default, one home: the command line shows these defaults and never repeats them.
"""

from movierec_cli.config.data_config import DataConfig
from movierec_cli.config.families import BASELINES, DEFAULT_BASELINES, RATING_BASELINES, SEQUENTIAL, Family
from movierec_cli.config.features import (
    DEFAULT_FEATURE_SETS,
    FEATURE_ALIASES,
    NO_FEATURES,
    Feature,
    FeatureSet,
)
from movierec_cli.config.sequence_config import Optimizer, Schedule, SequenceConfig
from movierec_cli.config.split_config import SplitConfig, SplitKind
from movierec_cli.config.task_config import RankBy, Task, TaskWeights
from movierec_cli.config.tower_config import ModelConfig
from movierec_cli.config.trainer_config import DEFAULT_TOP_K, TrainerConfig
from movierec_cli.config.training_config import (
    DEFAULT_WEIGHTING,
    MAX_SEED,
    LossKind,
    TrainingConfig,
    Weighting,
)

__all__ = [
    "BASELINES",
    "DEFAULT_BASELINES",
    "DEFAULT_FEATURE_SETS",
    "DEFAULT_TOP_K",
    "DEFAULT_WEIGHTING",
    "FEATURE_ALIASES",
    "MAX_SEED",
    "NO_FEATURES",
    "RATING_BASELINES",
    "SEQUENTIAL",
    "DataConfig",
    "Family",
    "Feature",
    "FeatureSet",
    "LossKind",
    "ModelConfig",
    "Optimizer",
    "RankBy",
    "Schedule",
    "SequenceConfig",
    "SplitConfig",
    "SplitKind",
    "Task",
    "TaskWeights",
    "TrainerConfig",
    "TrainingConfig",
    "Weighting",
]
