"""The families table: how a run of each is fitted, and with which packages."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from movierec_cli import __version__
from movierec_cli.config import BASELINES, RATING_BASELINES, SEQUENTIAL, Family
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import Split
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.models.baselines import fit_baseline, fit_rating_baseline
from movierec_cli.models.sequential.engine import start_keras
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.models.trained import FitObserver, TrainedModel
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.run_parts import RunParts


@dataclass(frozen=True)
class Fitting:
    """What is to be fitted, and on what."""

    dataset: Dataset
    split: Split
    config: RunConfig
    observer: FitObserver
    unfinished: Path  # where a training that can be gone on with keeps what it has reached


@dataclass(frozen=True)
class Fitted:
    """A model of any family as the registry takes it."""

    figures: dict[str, Any]  # of the record
    parts: RunParts


def fit_run(fitting: Fitting) -> Fitted:
    """Fits a model of whatever family.

    Raises:
        MovierecError: it cannot be fitted to this data, or training diverged.
    """
    return _FAMILIES[fitting.config.family].fit(fitting)


def versions(family: Family) -> dict[str, str]:
    """Of movierec and of the packages that decide the numbers of a family's runs."""
    packages = _FAMILIES[family].packages
    return {"movierec": __version__} | {package: importlib.metadata.version(package) for package in packages}


def _towers(fitting: Fitting) -> Fitted:
    start_tensorflow()
    from movierec_cli.models.two_tower.tower_training import train_model  # imports TensorFlow

    return _trained(train_model(fitting.dataset, fitting.split, fitting.config, fitting.observer))


def _sequences(fitting: Fitting) -> Fitted:
    start_keras()
    from movierec_cli.models.sequential.sequence_training import train_sequences  # imports Keras and JAX

    return _trained(
        train_sequences(fitting.dataset, fitting.split, fitting.config, fitting.observer, fitting.unfinished)
    )


def _trained(trained: TrainedModel) -> Fitted:
    fit = trained.fit
    figures = {
        "n_parameters": trained.n_parameters,
        "settings": {},
        "best_epoch": fit.best_epoch,
        "epochs_run": fit.epochs_run,
        "training_s": fit.training_s + trained.refit_s,
        "validation_s": fit.validation_s,
        "history": fit.history,
    }
    parts = RunParts(
        outcome=trained.outcome,
        artifacts=trained.artifacts,
        towers=trained.towers,
        rating_outcome=trained.rating_outcome,
        rating_head=trained.rating_head,
    )
    return Fitted(figures, parts)


def _baseline(fitting: Fitting) -> Fitted:
    split = fitting.split
    baseline = fit_baseline(fitting.config.family, fitting.dataset, split)
    outcome = evaluate(fitting.dataset, split.fit, split.test, baseline.model)
    figures = _untrained(baseline.n_parameters, baseline.settings, baseline.training_s)
    return Fitted(figures, RunParts(outcome=outcome))


def _rating_baseline(fitting: Fitting) -> Fitted:
    baseline = fit_rating_baseline(fitting.config.family, fitting.dataset, fitting.split)
    ratings, rows = fitting.dataset.ratings, fitting.split.test
    outcome = RatingOutcome(rows, ratings.user_index[rows], ratings.rating[rows], baseline.predict(rows))
    figures = _untrained(baseline.n_parameters, baseline.settings, baseline.training_s)
    return Fitted(figures, RunParts(rating_outcome=outcome))


def _untrained(n_parameters: int, settings: dict[str, float], training_s: float) -> dict[str, Any]:
    """The record's figures of what has no epochs."""
    return {
        "n_parameters": n_parameters,
        "settings": settings,
        "best_epoch": 0,
        "epochs_run": 0,
        "training_s": training_s,
        "validation_s": 0.0,
        "history": (),
    }


@dataclass(frozen=True)
class _FamilyFit:
    """One entry of the table."""

    fit: Callable[[Fitting], Fitted]
    packages: tuple[str, ...]  # that decide a run's numbers


_TENSORFLOW = ("tensorflow", "tf_keras", "tensorflow-recommenders", "numpy")
_JAX = ("jax", "keras", "keras-rs", "numpy")
_BASELINE_PACKAGES = {
    Family.ITEM_KNN: ("numpy", "implicit"),
    Family.IALS: ("numpy", "implicit"),
    Family.EASE: ("numpy", "scipy"),
    Family.BIASED_MF: ("numpy", "scikit-surprise"),
}
_FAMILIES = {
    **dict.fromkeys((Family.TWO_TOWER, Family.MULTI_TASK), _FamilyFit(_towers, _TENSORFLOW)),
    **dict.fromkeys(SEQUENTIAL, _FamilyFit(_sequences, _JAX)),
    **{family: _FamilyFit(_baseline, _BASELINE_PACKAGES.get(family, ("numpy",))) for family in BASELINES},
    **{
        family: _FamilyFit(_rating_baseline, _BASELINE_PACKAGES.get(family, ("numpy",)))
        for family in RATING_BASELINES
    },
}
