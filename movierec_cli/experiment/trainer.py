"""The main job without a terminal: a frozen configuration in, trained or loaded runs out."""

from __future__ import annotations

import datetime
import shutil
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from movierec_cli.config import Family, Feature, TaskWeights, TrainerConfig
from movierec_cli.config.defaults import default_settings
from movierec_cli.config.family_checks import check_family
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.restrict import restrict
from movierec_cli.data.split import Split, SplitSummary, split_ratings, summarize_split
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.ratings import rating_errors
from movierec_cli.evaluation.top_k import NO_TOP_K, top_k_of
from movierec_cli.experiment.run_fitting import Fitted, Fitting, fit_run, versions
from movierec_cli.models.baselines.ease import MOST_MOVIES
from movierec_cli.models.features import require_features
from movierec_cli.models.trained import FitObserver
from movierec_cli.registry.parts_of_data import with_data
from movierec_cli.registry.record import DataIdentity, EpochRecord, RunConfig, RunRecord
from movierec_cli.registry.store import Run, find_run, run_name, save_run


class TrainingObserver(FitObserver, Protocol):
    """Hears how the main job goes. Positions count runs, from 1."""

    def data_loading(self, message: str, done: int, total: int) -> None: ...

    def run_started(self, label: str, position: int, total: int) -> None: ...

    def run_ended(self, run: Run, *, loaded: bool) -> None: ...

    def warned(self, message: str) -> None: ...

    def noted(self, message: str) -> None: ...


class SilentObserver:
    """Hears everything and says nothing."""

    def data_loading(self, message: str, done: int, total: int) -> None:
        """Nothing."""

    def run_started(self, label: str, position: int, total: int) -> None:
        """Nothing."""

    def resumed(self, epoch: int) -> None:
        """Nothing."""

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        """Nothing."""

    def validated(self, record: EpochRecord) -> None:
        """Nothing."""

    def refit_started(self, num_epochs: int) -> None:
        """Nothing."""

    def run_ended(self, run: Run, *, loaded: bool) -> None:
        """Nothing."""

    def warned(self, message: str) -> None:
        """Nothing."""

    def noted(self, message: str) -> None:
        """Nothing."""


class MovieLensTrainer:
    """Gets the data, then trains or loads a model for each feature set, and the baselines.

    A training that was interrupted goes on where it can, unless `config.retrain` says otherwise.

    Args:
        config: what to train, on which data.
        observer: told of the progress.
        source: the data of `config`, where it is loaded already.

    Raises:
        UsageError: the family cannot be asked for a feature, split, loss or task.
    """

    def __init__(
        self,
        config: TrainerConfig,
        observer: TrainingObserver | None = None,
        source: Dataset | None = None,
    ):
        check_family(config)
        self.config = config
        self._observer = observer or SilentObserver()
        self._loaded = source

    @cached_property
    def source(self) -> Dataset:
        """The whole data set, loaded at the first look.

        Raises:
            MovierecError: it cannot be had or read.
        """
        return self._loaded if self._loaded is not None else self._load()

    def _load(self) -> Dataset:
        with_lengths = any(Feature.MOVIE_LENGTH in feature_set for feature_set in self.config.feature_sets)
        dataset = load_dataset(
            self.config.data, progress=self._observer.data_loading, with_movie_lengths=with_lengths
        )
        for warning in dataset.warnings:
            self._observer.warned(warning)
        for note in dataset.notes:
            self._observer.noted(note)
        return dataset

    @cached_property
    def dataset(self) -> Dataset:
        """What `min_rating` and `k_core` leave of it: what models are trained and judged on."""
        split = self.config.split
        return restrict(self.source, min_rating=split.min_rating, k_core=split.k_core)

    @cached_property
    def split(self) -> Split:
        """Train, validation and test."""
        return split_ratings(self.dataset.ratings, self.config.split)

    @cached_property
    def split_summary(self) -> SplitSummary:
        """What the split did."""
        n_left_out = len(self.source.ratings) - len(self.dataset.ratings)
        return summarize_split(self.dataset, self.split, n_left_out)

    def run_configs(self) -> list[RunConfig]:
        """What is asked for: each feature set with each of its seeds, then the baselines."""
        base = self._base()
        assert base.training is not None
        tasks: tuple[TaskWeights | None, ...] = self.config.tasks or (None,)
        trained = [
            replace(
                base,
                family=Family.MULTI_TASK if weights else base.family,
                feature_set=feature_set,
                training=replace(base.training, seed=base.training.seed + offset),
                tasks=weights,
            )
            for feature_set in self.config.feature_sets
            for weights in tasks
            for offset in range(self.config.n_seeds)
        ]
        families = self.config.baselines + (self.config.rating_baselines if self.config.tasks else ())
        return trained + [RunConfig(family=family, split=self.config.split) for family in families]

    def _base(self) -> RunConfig:
        """What all trained runs share, with the first seed."""
        config = self.config
        common = default_settings(config.family, config.split.kind, rates=bool(config.tasks))
        if config.family.is_sequential:
            parts: dict[str, Any] = {"sequence": config.sequence or common.sequence}
            training = config.training
        else:
            parts = {"model": config.model or common.model}
            training = config.training.resolved(config.split.kind)
        return RunConfig(family=config.family, split=config.split, training=training, **parts)

    def run(self) -> list[Run]:
        """A run for each of `run_configs`, in their order.

        Raises:
            MovierecError: the data cannot be had, lacks a feature or cannot be split, training diverged,
                or a saved model's folder is damaged.
        """
        self._require_folder()
        for feature_set in self.config.feature_sets:
            require_features(self.dataset, feature_set)
        self._require_warm_users()
        configs = [config for config in self.run_configs() if self._is_feasible(config)]
        return [
            self._train_or_load(config, position, len(configs))
            for position, config in enumerate(configs, start=1)
        ]

    def _is_feasible(self, config: RunConfig) -> bool:
        n_movies = len(self.dataset.movies)
        if config.family is not Family.EASE or n_movies <= MOST_MOVIES:
            return True
        self._observer.warned(
            f"EASE is left out: it inverts a matrix of {n_movies:,} × {n_movies:,} movies, and the limit is"
            f" {MOST_MOVIES:,}"
        )
        return False

    def _require_folder(self) -> None:
        folder = self.config.saved_models_dir
        if folder.exists() and not folder.is_dir():
            raise MovierecError(f"models cannot be saved in {folder}: it is a file; name a folder")

    def _require_warm_users(self) -> None:
        summary = self.split_summary
        if summary.n_cold_users == summary.n_test_users:
            raise MovierecError(
                f"none of the {summary.n_test_users:,} users in the test part has a rating in training, so"
                " no model can be judged; hold out less with --test_fraction, or use another --split"
            )

    def _train_or_load(self, config: RunConfig, position: int, total: int) -> Run:
        several = self.config.n_seeds > 1 and config.training is not None
        seed = f", seed {config.training.seed}" if several and config.training else ""
        self._observer.run_started(f"{config.label}{seed}", position, total)
        identity = DataIdentity.of(self.dataset, config.feature_set)
        saved = None if self.config.retrain else find_run(self.config.saved_models_dir, config, identity)
        run = saved or self._train(config)
        self._observer.run_ended(run, loaded=saved is not None)
        return run

    def _train(self, config: RunConfig) -> Run:
        identity = DataIdentity.of(self.dataset, config.feature_set)
        name = run_name(config, identity)
        unfinished = self.config.saved_models_dir / f".unfinished-{name}"
        if self.config.retrain:
            _forget(unfinished)
        fitted = fit_run(Fitting(self.dataset, self.split, config, self._observer, unfinished))
        run = self._save(config, identity, fitted)
        shutil.rmtree(unfinished, ignore_errors=True)  # the run is complete, whatever stays of this
        return run

    def _save(self, config: RunConfig, identity: DataIdentity, fitted: Fitted) -> Run:
        outcome, rating_outcome = fitted.parts.outcome, fitted.parts.rating_outcome
        record = RunRecord(
            name=run_name(config, identity),
            config=config,
            data=identity,
            versions=versions(config.family),
            created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            split_summary=self.split_summary,
            test=top_k_of(outcome) if outcome else NO_TOP_K,
            ratings=rating_errors(rating_outcome) if rating_outcome else None,
            **fitted.figures,
        )
        parts = with_data(fitted.parts, self.source, self.dataset.movies)
        return save_run(self.config.saved_models_dir, record, parts)


def _forget(unfinished: Path) -> None:
    """Deletes what an interrupted training has left, if any has."""
    try:
        shutil.rmtree(unfinished)
    except FileNotFoundError:
        return
    except OSError as error:
        raise MovierecError(
            f"{unfinished}, where an interrupted training is kept, cannot be deleted for --retrain:"
            f" {error.strerror or error}"
        ) from error
