"""Trainings whose packages are not installed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from movierec_cli import packages
from movierec_cli.config import Family
from movierec_cli.config.filled_settings import trainer_config
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.models.observer import TrainingObserver
from tests.small_dataset import small_dataset


class Warnings(TrainingObserver):
    def __init__(self) -> None:
        self.told: list[str] = []

    def warned(self, message: str) -> None:
        self.told.append(message)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def take_away(package: str) -> None:
        monkeypatch.setattr(packages, "is_installed", lambda one: one != package)

    return take_away


def trained(folder: Path, observer: TrainingObserver, **options: Any) -> list[str]:
    """The labels of the runs of a training of baselines alone, unless a family is named."""
    config = trainer_config({"dataset": "sample", **options})
    if "family" not in options:
        config = replace(config, feature_sets=())
    config = replace(config, saved_models_dir=folder)
    return [run.record.config.label for run in RunTrainer(config, observer, small_dataset("sample")).run()]


def test_a_baseline_is_left_out_with_a_warning(tmp_path: Path, without: Callable[[str], None]) -> None:
    without("scipy")
    observer = Warnings()
    assert trained(tmp_path, observer) == ["popularity"]
    assert observer.told == [
        "EASE is left out: this needs the package scipy, which is not installed: pip install movierec"
    ]


def test_a_trained_family_is_refused_before_anything_is_trained(
    tmp_path: Path, without: Callable[[str], None]
) -> None:
    without("jax")
    refused = r"SASRec cannot be trained: this needs the package jax, .*: pip install 'movierec\[sequences\]'"
    with pytest.raises(MovierecError, match=refused):
        trained(tmp_path, TrainingObserver(), family=Family.SASREC)
    assert list(tmp_path.iterdir()) == []


def test_a_saved_model_needs_no_package(tmp_path: Path, without: Callable[[str], None]) -> None:
    assert trained(tmp_path, TrainingObserver()) == ["popularity", "EASE"]
    without("scipy")
    assert trained(tmp_path, TrainingObserver()) == ["popularity", "EASE"]


def test_packages_that_are_not_known_here_do_not_count() -> None:
    assert packages.lacking(["nobody-knows-this"]) is None
    assert packages.sentence_of(ModuleNotFoundError(name="nobody_knows_this")) is None
    told = packages.sentence_of(ModuleNotFoundError(name="keras_rs.layers"))
    assert (
        told == "this needs the package keras-rs, which is not installed: pip install 'movierec[sequences]'"
    )
