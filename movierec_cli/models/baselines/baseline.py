"""What a baseline says of itself: the settings that validation chooses from, and how it is fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from movierec_cli.models.baselines.scoring import Scorer
from movierec_cli.models.baselines.training_part import TrainingPart

Settings: TypeAlias = dict[str, float]

Fitter: TypeAlias = Callable[[Settings], Scorer]


@dataclass(frozen=True)
class Baseline:
    """One entry of the families table."""

    grid: tuple[Settings, ...]
    prepare: Callable[[TrainingPart], Fitter]  # does once what all settings share
    draft: Callable[[TrainingPart], Fitter] | None = None  # a cheaper `prepare`, to choose with
    climbs_from: int | None = None
    """A place in a grid along which recall rises to one top: the search starts there and walks uphill.
    None: every setting is tried."""


def one_by_one(name: str, values: tuple[float, ...]) -> tuple[Settings, ...]:
    """A grid over one setting."""
    return tuple({name: value} for value in values)
