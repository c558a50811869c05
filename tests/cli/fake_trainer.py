"""A trainer that makes runs in no time, in place of the real one."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from movierec_cli.config import Family, TrainerConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.registry.identity import run_name
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run, find_run
from tests.saved_runs import run_artifacts, run_record, save_run
from tests.tiny_dataset import identity, tiny_dataset

configs: list[TrainerConfig] = []
"""The configurations that trainers were built with, the newest last."""
interrupt_after: list[int] = []
"""If not empty, Ctrl-C is pressed after so many sets."""


class MovieLensTrainer:
    def __init__(self, config: TrainerConfig, observer: Any = None) -> None:
        configs.append(config)
        self.config, self._observer = config, observer

    @cached_property
    def dataset(self) -> Dataset:
        self._observer.data_loading("reading tiny", 1, 2)
        self._observer.warned("the checksum of tiny.zip is not the published one")
        return tiny_dataset()

    def run(self) -> list[Run]:
        return [self._one(position) for position in range(len(self.config.feature_sets))]

    def _one(self, position: int) -> Run:
        if interrupt_after and position == interrupt_after[0]:
            raise KeyboardInterrupt
        config, data = self.config, identity(self.dataset)
        feature_set = config.feature_sets[position]
        asked = RunConfig(
            family=Family.TWO_TOWER,
            feature_set=feature_set,
            split=config.split,
            model=config.model,
            training=config.training,
        )
        self._observer.run_started(feature_set.label, position + 1, len(config.feature_sets))
        found = None if config.retrain else find_run(config.saved_models_dir, asked, data)
        run = found or self._trained(asked, data)
        self._observer.run_ended(run, loaded=found is not None)
        return run

    def _trained(self, asked: RunConfig, data: Any) -> Run:
        record = replace(run_record(), config=asked, data=data, name=run_name(asked, data))
        for epoch in record.history:
            self._observer.epoch_ended(epoch.epoch, 20, epoch.train_loss)
            self._observer.validated(epoch)
        artifacts = replace(run_artifacts(), movie_ids=np.array([10, 11, 12, 13], np.int64))
        return save_run(self.config.saved_models_dir, record, artifacts)


def module() -> ModuleType:
    fake = ModuleType("movierec_cli.trainer")
    fake.MovieLensTrainer = MovieLensTrainer  # type: ignore[attr-defined]
    return fake
