"""Fit a baseline: settings chosen on validation, then fitted on train and validation."""

from __future__ import annotations

import pkgutil
import time
from dataclasses import dataclass
from typing import Protocol

from movierec_cli.config import Family
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import Split
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.evaluation.queries import Scorer
from movierec_cli.models.baselines.baseline import Baseline, Settings
from movierec_cli.models.baselines.setting_search import choose_settings
from movierec_cli.models.baselines.training_ratings import TrainingRatings
from movierec_cli.models.trained import Fitted, Fitting
from movierec_cli.registry.run_parts import RunParts


class BaselineObserver(Protocol):
    """Hears how the choice of settings goes."""

    def setting_evaluated(self, family: Family, settings: Settings, recall: float) -> None:
        """A setting's recall@100 on validation, seen movies masked, mean over users: 0 … 1."""


@dataclass(frozen=True)
class FittedBaseline:
    """A fitted baseline, ready to be evaluated."""

    model: Scorer
    settings: dict[str, float]  # what validation chose; empty where there is nothing to choose
    training_s: float  # seconds of choosing and fitting
    n_parameters: int


def fit_baseline(
    family: Family, dataset: Dataset, split: Split, observer: BaselineObserver | None = None
) -> FittedBaseline:
    """Chooses the family's settings on validation and fits it on train and validation; test is not looked at.

    A user without a rating in train and validation gets scores by popularity from the personal families.
    Deterministic.

    Args:
        family: one of `config.BASELINES`.
        dataset: the data set.
        split: of its ratings.
        observer: told of each setting that is evaluated.

    Raises:
        MovierecError: the catalogue is too large for the family, or settings cannot be chosen because no
            validation rating is by a user of the training set.
    """

    def evaluated(settings: Settings, recall: float) -> None:
        if observer is not None:
            observer.setting_evaluated(family, settings, recall)

    started = time.perf_counter()
    baseline: Baseline = pkgutil.resolve_name(family.spec.baseline)
    settings = choose_settings(baseline, dataset, split, evaluated)
    scorer = baseline.prepare(TrainingRatings.of(dataset, split.fit))(settings)
    return FittedBaseline(scorer, dict(settings), time.perf_counter() - started, scorer.n_parameters)


def fit_run(fitting: Fitting) -> Fitted:
    """Fits and evaluates a run of a baseline that ranks."""
    split = fitting.split
    baseline = fit_baseline(fitting.config.family, fitting.dataset, split)
    outcome = evaluate(fitting.dataset, split.fit, split.test, baseline.model)
    parts = RunParts(outcome=outcome)
    return Fitted.baseline(parts, baseline.n_parameters, baseline.settings, baseline.training_s)
