"""movierec: train, judge and use movie recommenders, from the command line and from Python.

What is named in `__all__` is imported when it is first used, so that importing the package costs nothing.
"""

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from movierec_cli.api import MovieLensTrainer as MovieLensTrainer
    from movierec_cli.api import SavedRun as SavedRun
    from movierec_cli.api import StudyResult as StudyResult
    from movierec_cli.api import TuningResult as TuningResult
    from movierec_cli.api import compare as compare
    from movierec_cli.api import load as load
    from movierec_cli.api import tune as tune
    from movierec_cli.config import DataConfig as DataConfig
    from movierec_cli.config import FeatureSet as FeatureSet
    from movierec_cli.config import SequenceConfig as SequenceConfig
    from movierec_cli.config import SplitConfig as SplitConfig
    from movierec_cli.config import TowerConfig as TowerConfig
    from movierec_cli.config import TrainerConfig as TrainerConfig
    from movierec_cli.config import TrainingConfig as TrainingConfig
    from movierec_cli.errors import MovierecError as MovierecError
    from movierec_cli.errors import UsageError as UsageError
    from movierec_cli.models.observer import TrainingObserver as TrainingObserver

__version__ = "0.1.0"

_HOMES = {
    "api": ("MovieLensTrainer", "SavedRun", "StudyResult", "TuningResult", "compare", "load", "tune"),
    "config": (
        "DataConfig",
        "FeatureSet",
        "SequenceConfig",
        "SplitConfig",
        "TowerConfig",
        "TrainerConfig",
        "TrainingConfig",
    ),
    "errors": ("MovierecError", "UsageError"),
    "models.observer": ("TrainingObserver",),
}
"""The public names, by the module that has them."""
__all__ = [name for names in _HOMES.values() for name in names]

# TensorFlow Recommenders refuses Keras 3, and TensorFlow picks its Keras when it is first imported.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
# The C++ start-up log says nothing a user of this tool can act on.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"movierec_cli.{module}"), name)
    raise AttributeError(f"module 'movierec_cli' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
