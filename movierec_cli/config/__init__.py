"""Everything that decides what a run computes: frozen, checked when built, passed whole.

Each setting, feature and family is declared once; the command line shows these and never repeats them.
"""

from movierec_cli.config.families import BASELINES as BASELINES
from movierec_cli.config.families import DEFAULT_BASELINES as DEFAULT_BASELINES
from movierec_cli.config.families import RATING_BASELINES as RATING_BASELINES
from movierec_cli.config.families import SEQUENTIAL as SEQUENTIAL
from movierec_cli.config.families import TRAINABLE as TRAINABLE
from movierec_cli.config.families import Family as Family
from movierec_cli.config.families import Settings as Settings
from movierec_cli.config.families import default_settings as default_settings
from movierec_cli.config.features import COLUMN_KINDS as COLUMN_KINDS
from movierec_cli.config.features import DEFAULT_FEATURE_SETS as DEFAULT_FEATURE_SETS
from movierec_cli.config.features import FEATURES as FEATURES
from movierec_cli.config.features import NO_FEATURES as NO_FEATURES
from movierec_cli.config.features import QUERY_TIME as QUERY_TIME
from movierec_cli.config.features import TIME_GAP as TIME_GAP
from movierec_cli.config.features import TIMESTAMP as TIMESTAMP
from movierec_cli.config.features import USER_HISTORY as USER_HISTORY
from movierec_cli.config.features import Feature as Feature
from movierec_cli.config.features import FeatureSet as FeatureSet
from movierec_cli.config.features import Side as Side
from movierec_cli.config.features import time_features as time_features
from movierec_cli.config.processes import Processes as Processes
from movierec_cli.config.settings import GIVEN_SPLITS as GIVEN_SPLITS
from movierec_cli.config.settings import PUBLISHED_SPLITS as PUBLISHED_SPLITS
from movierec_cli.config.settings import SAMPLED_LOSSES as SAMPLED_LOSSES
from movierec_cli.config.settings import Activation as Activation
from movierec_cli.config.settings import DataConfig as DataConfig
from movierec_cli.config.settings import DropoutPlaces as DropoutPlaces
from movierec_cli.config.settings import Fairness as Fairness
from movierec_cli.config.settings import LossKind as LossKind
from movierec_cli.config.settings import ModelConfig as ModelConfig
from movierec_cli.config.settings import Monitor as Monitor
from movierec_cli.config.settings import Optimizer as Optimizer
from movierec_cli.config.settings import Precision as Precision
from movierec_cli.config.settings import RankBy as RankBy
from movierec_cli.config.settings import Schedule as Schedule
from movierec_cli.config.settings import SequenceConfig as SequenceConfig
from movierec_cli.config.settings import SplitConfig as SplitConfig
from movierec_cli.config.settings import SplitKind as SplitKind
from movierec_cli.config.settings import TargetKind as TargetKind
from movierec_cli.config.settings import Task as Task
from movierec_cli.config.settings import TaskWeights as TaskWeights
from movierec_cli.config.settings import TowerConfig as TowerConfig
from movierec_cli.config.settings import TrainingConfig as TrainingConfig
from movierec_cli.config.settings import Weighting as Weighting
from movierec_cli.config.trainer_config import DEFAULT_TOP_K as DEFAULT_TOP_K
from movierec_cli.config.trainer_config import TrainerConfig as TrainerConfig
