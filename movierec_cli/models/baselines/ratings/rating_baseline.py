"""What a rating baseline says of itself, and what every fitted one is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from movierec_cli.models.baselines.baseline import Settings
from movierec_cli.models.baselines.training_ratings import TrainingRatings

Stars: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class RatingPredictor:
    """A rating baseline fitted with one setting."""

    stars: Callable[[Rows, Rows], Stars]  # rows of users and of movies, [n] each, to stars not yet clipped
    n_parameters: int


@dataclass(frozen=True)
class RatingBaseline:
    """One entry of the families table."""

    grid: tuple[Settings, ...]
    fit: Callable[[TrainingRatings, Settings], RatingPredictor]
    draft: Callable[[TrainingRatings, Settings], RatingPredictor] | None = (
        None  # a cheaper one, to choose with
    )
    climbs_from: int | None = None  # as of `Baseline`, with the RMSE falling to one bottom
