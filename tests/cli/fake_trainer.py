"""A trainer that makes models in no time, in place of the real one. Baselines that rank are real."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from movierec_cli.config import RATING_BASELINES, TrainerConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.experiment import saved_study, trainer
from movierec_cli.experiment.trainer import MovieLensTrainer as RealTrainer
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run
from tests.saved_runs import judged_multi_task_run, judged_run, rating_baseline_run
from tests.small_dataset import small_dataset

configs: list[TrainerConfig] = []
"""The configurations that trainers were built with, the newest last."""
interrupt_after: list[int] = []
"""If not empty, Ctrl-C is pressed after so many models."""


class MovieLensTrainer(RealTrainer):
    def __init__(self, config: TrainerConfig, observer: Any = None, source: Dataset | None = None) -> None:
        super().__init__(config, observer, source)
        configs.append(config)
        self.n_trained = 0

    def _load(self) -> Dataset:
        self._observer.data_loading("reading small", 1, 2)
        self._observer.warned("the checksum of small.zip is not the published one")
        archive = self.config.data.archive
        return small_dataset(archive.stem if archive is not None else self.config.data.dataset)

    def _train(self, config: RunConfig) -> Run:
        if config.family in RATING_BASELINES:
            directory, split = self.config.saved_models_dir, config.split
            return rating_baseline_run(directory, self.source, config.family, split=split)
        if config.training is None:
            return super()._train(config)
        if interrupt_after and self.n_trained == interrupt_after[0]:
            raise KeyboardInterrupt
        self.n_trained += 1
        save = judged_run if config.tasks is None else judged_multi_task_run
        run = save(self.config.saved_models_dir, self.source, config)
        for epoch in run.record.history:
            self._observer.epoch_ended(epoch.epoch, 20, epoch.train_loss)
            is_judged_by_it = config.family.is_sequential
            self._observer.validated(replace(epoch, ndcg=epoch.epoch / 100 if is_judged_by_it else None))
        return run


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts it in the real one's place, and forgets what was before."""
    configs.clear()
    interrupt_after.clear()
    for user in (trainer, saved_study):
        monkeypatch.setattr(user, "MovieLensTrainer", MovieLensTrainer)
