"""The main job without a terminal: a frozen configuration in, trained or loaded runs out."""

from __future__ import annotations

import datetime
import importlib.metadata
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from movierec_cli import __version__
from movierec_cli.config import FeatureSet, TrainerConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import Split, split_ratings
from movierec_cli.models.features import require_features
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.registry.record import DataIdentity, EpochRecord, RunConfig, RunRecord
from movierec_cli.registry.store import Run, find_run, run_name, save_run

if TYPE_CHECKING:
    from movierec_cli.models.training import TrainedModel

FAMILY = "two-tower"

# The packages that decide a run's numbers.
_VERSIONED = ("tensorflow", "tf_keras", "tensorflow-recommenders", "numpy")


class TrainingObserver(Protocol):
    """Hears how the main job goes. Positions count from 1."""

    def data_loading(self, message: str, done: int, total: int) -> None: ...

    def set_started(self, feature_set: FeatureSet, position: int, total: int) -> None: ...

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None: ...

    def validated(self, record: EpochRecord) -> None: ...

    def refit_started(self, num_epochs: int) -> None: ...

    def set_ended(self, run: Run, *, loaded: bool) -> None: ...

    def warned(self, message: str) -> None: ...


class SilentObserver:
    """Hears everything and says nothing."""

    def data_loading(self, message: str, done: int, total: int) -> None:
        """Nothing."""

    def set_started(self, feature_set: FeatureSet, position: int, total: int) -> None:
        """Nothing."""

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        """Nothing."""

    def validated(self, record: EpochRecord) -> None:
        """Nothing."""

    def refit_started(self, num_epochs: int) -> None:
        """Nothing."""

    def set_ended(self, run: Run, *, loaded: bool) -> None:
        """Nothing."""

    def warned(self, message: str) -> None:
        """Nothing."""


class MovieLensTrainer:
    """Gets the data, then trains or loads a two-tower model for each feature set."""

    def __init__(self, config: TrainerConfig, observer: TrainingObserver | None = None):
        self.config = config
        self._observer = observer or SilentObserver()

    @cached_property
    def dataset(self) -> Dataset:
        """The data set, loaded at the first look.

        Raises:
            MovierecError: it cannot be had or read.
        """
        dataset = load_dataset(self.config.data, progress=self._observer.data_loading)
        for warning in dataset.warnings:
            self._observer.warned(warning)
        return dataset

    @cached_property
    def split(self) -> Split:
        """Train, validation and test."""
        return split_ratings(self.dataset.ratings, self.config.split)

    def run(self) -> list[Run]:
        """One run a feature set, in their order.

        Raises:
            MovierecError: the data cannot be had or lacks a feature, training diverged, or a saved
                model's folder is damaged.
        """
        for feature_set in self.config.feature_sets:
            require_features(self.dataset, feature_set)
        total = len(self.config.feature_sets)
        return [
            self._train_or_load(feature_set, position, total)
            for position, feature_set in enumerate(self.config.feature_sets, start=1)
        ]

    def _train_or_load(self, feature_set: FeatureSet, position: int, total: int) -> Run:
        self._observer.set_started(feature_set, position, total)
        config = self._run_config(feature_set)
        saved = (
            None if self.config.retrain else find_run(self.config.saved_models_dir, config, self._identity)
        )
        run = saved or self._train(config)
        self._observer.set_ended(run, loaded=saved is not None)
        return run

    def _saved(self, config: RunConfig) -> Run | None:
        return find_run(self.config.saved_models_dir, config, self._identity)

    def _run_config(self, feature_set: FeatureSet) -> RunConfig:
        return RunConfig(
            family=FAMILY,
            feature_set=feature_set,
            split=self.config.split,
            model=self.config.model,
            training=self.config.training,
        )

    @cached_property
    def _identity(self) -> DataIdentity:
        dataset = self.dataset
        return DataIdentity(
            name=dataset.name,
            description=dataset.description,
            fingerprint=dataset.fingerprint,
            n_ratings=len(dataset.ratings),
            n_movies=len(dataset.movies),
            n_users=len(dataset.users),
        )

    def _train(self, config: RunConfig) -> Run:
        start_tensorflow()
        from movierec_cli.models.training import train_two_tower  # imports TensorFlow

        trained = train_two_tower(self.dataset, self.split, config, self._observer)
        record = _record(config, self._identity, trained)
        return save_run(self.config.saved_models_dir, record, trained.artifacts)


def _versions() -> dict[str, str]:
    installed = {package: importlib.metadata.version(package) for package in _VERSIONED}
    return {"movierec": __version__, **installed}


def _record(config: RunConfig, data: DataIdentity, trained: TrainedModel) -> RunRecord:
    fit = trained.fit
    return RunRecord(
        name=run_name(config, data),
        config=config,
        data=data,
        versions=_versions(),
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        n_parameters=trained.n_parameters,
        best_epoch=fit.best_epoch,
        epochs_run=fit.epochs_run,
        training_s=fit.training_s + trained.refit_s,
        validation_s=fit.validation_s,
        history=fit.history,
        test=trained.test,
    )
