"""Trials that take no time: validation is a closed form of the settings. They can be interrupted."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from movierec_cli.config import DEFAULT_TOP_K
from movierec_cli.config.train_options import read_options
from movierec_cli.config.tune_options import TUNE_OPTIONS
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.metrics import TopK
from movierec_cli.experiment import trials
from movierec_cli.experiment.search_plan import TuneRequest
from movierec_cli.experiment.tune import tune
from movierec_cli.experiment.tuned import Tuned
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.trained import FitResult, Fitted, Fitting
from movierec_cli.registry.record import EpochRecord, RunConfig
from movierec_cli.runners.in_process import InProcess
from movierec_cli.runners.runner import Runner
from tests.cli import fake_trainer

FEATURES_WORTH = {"movie_genres": 0.04, "movie_year": 0.02, "user_gender": -0.01}
DIVERGES_FROM = 0.5  # learning rate
EVERY = 5  # epochs


def worth(config: RunConfig) -> float:
    """The best NDCG of settings: the higher, the nearer the rate to .01 and the dropout to .4."""
    assert config.model is not None and config.training is not None
    rate, dropout = config.training.learning_rate, config.model.dropout
    of_settings = 0.3 - 0.05 * abs(math.log10(rate / 0.01)) - 0.1 * abs(dropout - 0.4)
    luck = 1e-4 * (config.training.seed % 7)
    return of_settings + luck + sum(FEATURES_WORTH.get(one, 0.0) for one in config.feature_set.features)


@dataclass
class Fits:
    """In the place of `fit_run`.

    Attributes:
        kill_at: how many validations from now Ctrl-C is pressed; 0: never.
    """

    kill_at: int = 0
    fitted: list[RunConfig] = field(default_factory=list)

    def __call__(self, fitting: Fitting) -> Fitted:
        config = fitting.config
        assert fitting.only_validated and config.training is not None
        self.fitted.append(config)
        if config.training.learning_rate >= DIVERGES_FROM:
            raise MovierecError("training diverged")
        history = []
        for epoch in range(EVERY, config.training.num_epochs + 1, EVERY):
            ndcg = worth(config) * (1 - math.exp(-epoch / 10))
            top_k = TopK(unseen={}, all={}, recall=dict.fromkeys(DEFAULT_TOP_K, ndcg / 2))
            history.append(
                EpochRecord(epoch=epoch, train_loss=1.0, elapsed_s=1.0, validation=top_k, ndcg=ndcg)
            )
            fitting.observer.epoch_ended(epoch, config.training.num_epochs, 1.0)
            if self.kill_at:
                self.kill_at -= 1
                if not self.kill_at:
                    raise KeyboardInterrupt
            fitting.observer.validated(history[-1])
        best = max(history, key=lambda one: one.ndcg or 0.0).epoch
        return Fitted.only_validated(
            FitResult(training_s=1.0, history=tuple(history), best_epoch=best, epochs_run=best)
        )


def install(monkeypatch: pytest.MonkeyPatch) -> Fits:
    """Replaces what fits trials, and what loads data and fits the winner."""
    fake_trainer.install(monkeypatch)
    fits = Fits()
    monkeypatch.setattr(trials, "fit_run", fits)
    return fits


class Notes(TrainingObserver):
    """What a search says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def noted(self, message: str) -> None:
        self.lines.append(message)


def searched(
    folder: Path, runner: Runner | None = None, observer: TrainingObserver | None = None, **options: Any
) -> Tuned:
    """The result of a search of the small data set."""
    given = {"dataset": "100k", "saved_models_dir": folder, "num_epochs": 50, **options}
    request = TuneRequest.of(read_options(given, TUNE_OPTIONS))
    return tune(request, observer, new_runner=lambda: runner or InProcess())
