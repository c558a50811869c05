"""One run of the trainer: what is trained, on what, and what it is held against."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from movierec_cli.config.data_config import DataConfig
from movierec_cli.config.families import DEFAULT_BASELINES, RATING_BASELINES, Family
from movierec_cli.config.features import DEFAULT_FEATURE_SETS, FeatureSet
from movierec_cli.config.require import require
from movierec_cli.config.sequence_config import SequenceConfig
from movierec_cli.config.split_config import SplitConfig
from movierec_cli.config.task_config import TaskWeights
from movierec_cli.config.tower_config import ModelConfig
from movierec_cli.config.training_config import TrainingConfig

DEFAULT_TOP_K = (1, 5, 10, 50, 100)
"""At how many of the best movies accuracy is given."""


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """One run of the trainer: each feature set becomes a model, trained or loaded."""

    feature_sets: tuple[FeatureSet, ...] = DEFAULT_FEATURE_SETS
    data: DataConfig = field(default_factory=DataConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    family: Family = Family.TWO_TOWER  # with tasks, of two towers with both
    model: ModelConfig | None = None  # of the towers; None: what `default_settings` says
    sequence: SequenceConfig | None = None  # of a sequential family; None: what `default_settings` says
    training: TrainingConfig = field(default_factory=TrainingConfig)
    tasks: tuple[TaskWeights, ...] = ()  # each feature set with each of them; none: retrieval alone
    rating_baselines: tuple[Family, ...] = RATING_BASELINES  # where there are tasks
    baselines: tuple[Family, ...] = DEFAULT_BASELINES
    n_seeds: int = 1  # trainings of each feature set, with the seeds from `training.seed` on
    saved_models_dir: Path = Path("saved_models")
    retrain: bool = False
    command: str = ""  # the command line, which is kept with what it trains

    def __post_init__(self) -> None:
        require(self.n_seeds > 0, "--seeds", self.n_seeds, "1 or more")
