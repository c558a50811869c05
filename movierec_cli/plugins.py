"""What a package needs that brings features, families, metrics or layouts of its own; see docs/plugins.md.

Each name is imported when it is first used, so that a package with a metric does not load what reads files.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from movierec_cli.config.entry_points import PluginError as PluginError
    from movierec_cli.config.families import Family as Family
    from movierec_cli.config.families import FamilySpec as FamilySpec
    from movierec_cli.config.families import Scoring as Scoring
    from movierec_cli.config.families import baseline as baseline
    from movierec_cli.config.features import Feature as Feature
    from movierec_cli.config.features import Kind as Kind
    from movierec_cli.config.features import Side as Side
    from movierec_cli.data.dataset import Dataset as Dataset
    from movierec_cli.data.dataset import Movies as Movies
    from movierec_cli.data.dataset import Ratings as Ratings
    from movierec_cli.data.dataset import RatingScale as RatingScale
    from movierec_cli.data.dataset import Users as Users
    from movierec_cli.data.reader.rating_rows import Rules as Rules
    from movierec_cli.data.source_files import Files as Files
    from movierec_cli.data.source_files import FileSpec as FileSpec
    from movierec_cli.data.source_files import Layout as Layout
    from movierec_cli.evaluation.metrics import Metric as Metric
    from movierec_cli.evaluation.metrics import hit_probability as hit_probability
    from movierec_cli.evaluation.metrics import n_positives as n_positives
    from movierec_cli.evaluation.metrics import user_sums as user_sums
    from movierec_cli.evaluation.outcome import Outcome as Outcome
    from movierec_cli.evaluation.ranks import Ranks as Ranks
    from movierec_cli.models.baselines.baseline import Baseline as Baseline
    from movierec_cli.models.baselines.baseline import Kept as Kept
    from movierec_cli.models.baselines.baseline import Scorer as Scorer
    from movierec_cli.models.baselines.baseline import TrainingRatings as TrainingRatings
    from movierec_cli.models.baselines.baseline import same_for_all as same_for_all
    from movierec_cli.models.baselines.baseline import (
        with_popularity_for_cold_users as with_popularity_for_cold_users,
    )
    from movierec_cli.models.feature_encodings import Encoding as Encoding
    from movierec_cli.models.trained import Fitted as Fitted
    from movierec_cli.models.trained import Fitting as Fitting
    from movierec_cli.models.two_tower.inputs import BagInput as BagInput
    from movierec_cli.models.two_tower.inputs import CategoryInput as CategoryInput
    from movierec_cli.models.two_tower.inputs import Input as Input
    from movierec_cli.models.two_tower.inputs import NumberInput as NumberInput

_HOMES = {
    "config.entry_points": ("PluginError",),
    "config.families": ("Family", "FamilySpec", "Scoring", "baseline"),
    "config.features": ("Feature", "Kind", "Side"),
    "data.dataset": ("Dataset", "Movies", "RatingScale", "Ratings", "Users"),
    "data.reader.rating_rows": ("Rules",),
    "data.source_files": ("FileSpec", "Files", "Layout"),
    "evaluation.metrics": ("Metric", "hit_probability", "n_positives", "user_sums"),
    "evaluation.outcome": ("Outcome",),
    "evaluation.ranks": ("Ranks",),
    "models.baselines.baseline": (
        "Baseline",
        "Kept",
        "Scorer",
        "TrainingRatings",
        "same_for_all",
        "with_popularity_for_cold_users",
    ),
    "models.feature_encodings": ("Encoding",),
    "models.trained": ("Fitted", "Fitting"),
    "models.two_tower.inputs": ("BagInput", "CategoryInput", "Input", "NumberInput"),
}
"""The public names, by the module that has them."""
__all__ = [name for names in _HOMES.values() for name in names]


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"movierec_cli.{module}"), name)
    raise AttributeError(f"module 'movierec_cli.plugins' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
