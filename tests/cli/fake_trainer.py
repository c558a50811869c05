"""Trainings that take no time: data sets and fits in place of the real ones. Baselines that rank are real.

What is replaced are two public functions: the one that loads a data set, and the one that fits a run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from movierec_cli.config import RATING_BASELINES, DataConfig, TrainerConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.experiment import loading, main_job, trainer, training_task, trials
from movierec_cli.models.trained import Fitted, Fitting, fit_run
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.registry.store import Run
from tests.saved_runs import fit_figures, random_fit, random_rating_baseline
from tests.small_dataset import small_dataset

configs: list[TrainerConfig] = []
"""The configurations that trainers were built with, the newest last."""
commands: list[str] = []
"""Their command lines."""
loaded: list[DataConfig] = []
"""What was loaded, the newest last."""
interrupt_after: list[int] = []
"""If not empty, Ctrl-C is pressed after so many models."""

WARNING = "the checksum of small.zip is not the published one"


class RecordingTrainer(trainer.RunTrainer):
    def __init__(self, config: TrainerConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__(config, *args, **kwargs)
        configs.append(replace(config, command=""))
        commands.append(config.command)


def load(config: DataConfig, progress: Any = lambda *_: None, read: Any = None, **_: Any) -> Dataset:
    if read is not None:  # data frames
        return read(config, progress)  # type: ignore[no-any-return]
    loaded.append(config)
    progress("reading small", 1, 2)
    name = config.archive.stem if config.archive is not None else config.dataset
    return replace(small_dataset(name), warnings=(WARNING,))


class Fits:
    def __init__(self) -> None:
        self.n_trained = 0

    def __call__(self, fitting: Fitting) -> Fitted:
        config = fitting.config
        if config.family in RATING_BASELINES:
            return Fitted(*random_rating_baseline(fitting.dataset, config))
        if config.training is None:
            return fit_run(fitting)
        if interrupt_after and self.n_trained == interrupt_after[0]:
            raise KeyboardInterrupt
        self.n_trained += 1
        if fitting.only_validated:  # the model is not looked at
            figures, parts = fit_figures(), RunParts()
        else:
            figures, parts = random_fit(fitting.dataset, config)
        if fitting.judged is not None:
            parts = replace(parts, outcome=None, rating_outcome=None)
            return Fitted(figures | {"history": ()}, parts)
        for epoch in figures["history"]:
            fitting.observer.epoch_ended(epoch.epoch, 20, epoch.train_loss)
            fitting.observer.validated(epoch)
        return Fitted(figures, parts)


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the real functions, and forgets what was before."""
    for record in (configs, commands, loaded, interrupt_after):
        record.clear()
    monkeypatch.setattr(loading, "load_dataset", load)
    monkeypatch.setattr(training_task, "fit_run", Fits())
    monkeypatch.setattr(trials, "fit_run", Fits())
    monkeypatch.setattr(main_job, "RunTrainer", RecordingTrainer)


@contextmanager
def installed() -> Iterator[None]:
    """The same for a while, where no test has a `monkeypatch`."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        install(monkeypatch)
        yield


def trained(config: TrainerConfig) -> list[Run]:
    """The runs of a configuration, fitted in no time."""
    with installed():
        return trainer.RunTrainer(config).run()
