"""What a family cannot be trained on, see or learn from, and which settings say something to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from movierec_cli.config.families import Family
from movierec_cli.config.features import Feature, FeatureSet
from movierec_cli.config.sequence_config import SequenceConfig
from movierec_cli.config.split_config import SplitKind
from movierec_cli.config.tower_config import ModelConfig
from movierec_cli.config.trainer_config import TrainerConfig
from movierec_cli.config.training_config import LossKind
from movierec_cli.errors import UsageError

ONLY_OF_SEQUENCES = (Feature.TIME_GAP, Feature.QUERY_TIME)
SEQUENCE_FEATURES = (
    Feature.MOVIE_TITLE_TEXT,
    Feature.MOVIE_GENRES,
    Feature.MOVIE_YEAR,
    *ONLY_OF_SEQUENCES,
)
"""What a model of sequences can see besides the movies' ids."""
TOWER_FEATURES = tuple(feature for feature in Feature if feature not in ONLY_OF_SEQUENCES)
IN_BATCH_LOSSES = (LossKind.IN_BATCH, LossKind.IN_BATCH_CORRECTED)
SAMPLED_LOSSES = (LossKind.SAMPLED, LossKind.GBCE)
"""Losses that draw negatives by lot."""
TOWER_LOSSES = (LossKind.CATALOGUE, *IN_BATCH_LOSSES)

_TOWERS, _SEQUENCES = ({field.name for field in fields(part)} for part in (ModelConfig, SequenceConfig))
_ONLY_OF_TOWERS = (_TOWERS - _SEQUENCES) | {"weighting"}
_SAY_NOTHING = {
    Family.TWO_TOWER: _SEQUENCES - _TOWERS,
    Family.MULTI_TASK: _SEQUENCES - _TOWERS,
    Family.GRU4REC: _ONLY_OF_TOWERS | {"num_heads"},
    Family.SASREC: _ONLY_OF_TOWERS,
}


def has_meaning(setting: str, family: Family) -> bool:
    """Whether a field of a model's or a training's configuration says something to a trained family."""
    return setting not in _SAY_NOTHING[family]


def check_family(config: TrainerConfig) -> None:
    """Refuses what the family cannot be asked for.

    Raises:
        UsageError: names the feature, split, loss or task, the family and what to use instead.
    """
    check_split(config.family, config.split.kind)
    check_features(config.family, config.feature_sets)
    _check_loss(config.family, config.training.loss, config.sequence)
    if config.family.is_sequential and config.tasks:
        raise UsageError(
            f"{config.family.label} learns no task but retrieval; leave --tasks out, or use --model"
            f" {Family.TWO_TOWER}"
        )


def check_split(family: Family, kind: SplitKind) -> None:
    """Refuses a split on which the order of a user's movies has no meaning to a model of that order.

    Raises:
        UsageError: says why, and which splits there are.
    """
    if family.is_sequential and kind is SplitKind.RANDOM:
        others = [f"--split {other}" for other in SplitKind if other is not SplitKind.RANDOM]
        raise UsageError(
            f"--split {kind} holds each rating out by lot, wherever it stands in its user's order, and"
            f" {family.label} learns that order; use {_either(others)}"
        )


def check_features(family: Family, feature_sets: Iterable[FeatureSet]) -> None:
    """Refuses features that the family cannot see.

    Raises:
        UsageError: names them, and those it can see.
    """
    seen = SEQUENCE_FEATURES if family.is_sequential else TOWER_FEATURES
    asked = {feature for feature_set in feature_sets for feature in feature_set.features}
    unseen = [feature for feature in Feature if feature in asked and feature not in seen]
    if unseen:
        raise UsageError(
            f"{family.label} cannot see {_either(unseen)}; --additional_feature_sets takes, with --model"
            f" {family}: {', '.join(['None', *seen])}"
        )


def _check_loss(family: Family, loss: LossKind, sequence: SequenceConfig | None) -> None:
    if not family.is_sequential and loss not in TOWER_LOSSES:
        raise UsageError(
            f"--loss {loss} is for models of sequences; with --model {family} use {_either(TOWER_LOSSES)}"
        )
    has_windows = sequence is not None and sequence.windows
    if family.is_sequential and loss in IN_BATCH_LOSSES and not has_windows:
        others = [one for one in LossKind if one not in IN_BATCH_LOSSES]
        raise UsageError(
            f"--loss {loss} of {family.label} sets a movie of one history against those of others, which"
            f" takes --windows; add that, or use {_either(others)}"
        )


def _either(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
