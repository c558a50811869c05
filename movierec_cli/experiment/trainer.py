"""Train or load: a frozen configuration in, the runs of its models out."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from movierec_cli.config import (
    GIVEN_SPLITS,
    Family,
    FeatureSet,
    Processes,
    SplitConfig,
    SplitKind,
    Task,
    TaskWeights,
    TrainerConfig,
    default_settings,
)
from movierec_cli.config.entry_points import EntryKind, PluginError, shadowed
from movierec_cli.config.families import fitting_spec
from movierec_cli.data.dataset import VALIDATION, Dataset
from movierec_cli.data.split_data import SplitData, split_data
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.loading import load_source
from movierec_cli.experiment.starting import parent_of, require_same, require_unlearned, started
from movierec_cli.experiment.training_task import Training, drop_checkpoint, listener_of, train_all
from movierec_cli.models.feature_encodings import require_features, told_sets, why_not_encoded
from movierec_cli.models.memory_estimate import beyond_memory, require_memory_at_once
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.packages import lacking, need_of
from movierec_cli.registry.forget import require_all_users
from movierec_cli.registry.record import DataIdentity, RunConfig
from movierec_cli.registry.run_parts import least_bytes, least_shared_bytes
from movierec_cli.registry.store import Run, find_run, require_room
from movierec_cli.runners.in_process import InProcess
from movierec_cli.runners.runner import Runner
from movierec_cli.text import with_article

T = TypeVar("T")


class RunTrainer:
    """Loads and splits the data, then trains or loads a model for each feature set, and the baselines.

    An interrupted training is resumed from its checkpoint, unless `config.retrain` is set.

    Args:
        config: what to train, on which data.
        observer: told of the progress.
        source: the data set of `config`, if it is loaded already.
    """

    def __init__(
        self, config: TrainerConfig, observer: TrainingObserver | None = None, source: Dataset | None = None
    ):
        self.config = config
        self._observer = observer or TrainingObserver()
        self._source = source

    @cached_property
    def data(self) -> SplitData:
        """The data set, loaded and split at the first look.

        Raises:
            MovierecError: it cannot be had, read or split, or has no times or no ratings to learn from.
        """
        source = self._source or load_source(
            self.config.data, self._observer, feature_sets=self.config.widest_sets
        )
        _require_kinds(self.config, source)
        split = requested_split(source, self.config.split, self.config.split_of_data, self._observer)
        data = split_data(source, split)
        if self.config.family.is_sequential and data.config.kind is SplitKind.GIVEN:
            _require_order(data, self.config.family.label)
        return data

    @cached_property
    def parent(self) -> Run | None:
        """The saved model that the trainings go on from, where there is one.

        Raises:
            MovierecError: there is none of its name, or it cannot be trained on.
            UsageError: it is another kind of model.
        """
        config = self.config
        if config.start_from is None:
            return None
        parent = parent_of(config.start_from, config.saved_models_dir)
        require_same(parent, config.family, config.feature_sets, self._base().model)
        return parent

    @cached_property
    def feature_sets(self) -> tuple[FeatureSet, ...]:
        """Those that are named, or the family's without what the data set does not tell."""
        if self.config.feature_sets is not None:
            return self.config.feature_sets
        sets, missing = told_sets(self.data.dataset, self.config.widest_sets)
        if missing:
            self._observer.noted(f"The default feature sets are without {missing}.")
        return sets

    def run_configs(self) -> list[RunConfig]:
        """What is requested: each feature set with each of its seeds or folds, then the baselines."""
        base = self._base()
        assert base.training is not None
        tasks: tuple[TaskWeights | None, ...] = self.config.tasks or (None,)
        trained = [
            replace(
                base,
                family=(base.family.with_tasks or base.family) if weights else base.family,
                feature_set=feature_set,
                training=replace(base.training, seed=base.training.seed + offset),
                tasks=weights,
                model=model,
            )
            for feature_set in self.feature_sets
            for model in dict.fromkeys((base.model, *self.config.other_models))
            for weights in tasks
            for offset in range(self.config.n_seeds)
        ]
        trained += self._beside(base)
        trained = started(trained, self.parent) if self.parent is not None else trained
        families = self.config.baselines + (self.config.rating_baselines if self.config.tasks else ())
        split = self.data.config
        configs = trained + [RunConfig(family=family, split=split) for family in families]
        splits = [replace(split, fold=fold) for fold in range(split.folds)] or [split]
        return [replace(config, split=one) for config in configs for one in splits]

    def _beside(self, base: RunConfig) -> list[RunConfig]:
        """The families that are trained, too, where no set is named; what is set for `base` is for them."""
        config, split = self.config, self.data.config
        if config.feature_sets is not None or config.tasks:
            return []
        usual = default_settings(config.family, split.kind)
        configs = []
        for family in config.family.beside:
            if config.training.loss not in family.spec.losses:
                continue
            own = default_settings(family, split.kind)
            model = _changed_alike(own.model, usual.model, base.model)
            training = _changed_alike(own.training, usual.training, config.training.resolved(split.kind))
            sets, _ = told_sets(self.data.dataset, own.feature_sets)
            configs += [
                RunConfig(
                    family=family,
                    split=split,
                    feature_set=feature_set,
                    model=model,
                    training=replace(training, seed=training.seed + offset),
                )
                for feature_set in sets
                for offset in range(config.n_seeds)
            ]
        return configs

    def _base(self) -> RunConfig:
        return common_config(self.config, self.data.config)

    def run(self, runner: Runner | None = None) -> list[Run]:
        """A run for each of `run_configs`, in their order.

        Args:
            runner: where they are trained; by default here, one after the other.

        Raises:
            MovierecError: the data cannot be had, lacks a feature or cannot be split, training diverged,
                or a saved model's folder is damaged.
        """
        config, configs, folder = self.config, self.run_configs(), self.config.saved_models_dir
        if self.parent is not None:
            require_unlearned(self.data, self.parent, self._observer)
        if folder.exists() and not folder.is_dir():
            raise MovierecError(f"models cannot be saved in {folder}: it is a file; name a folder")
        _require_warm_users(self.data)
        for sentence in shadowed(_built_in(configs)):
            self._observer.noted(sentence)
        return train_or_load(
            self.data,
            configs,
            folder,
            self._observer,
            retrain=config.retrain,
            command=config.command,
            processes=config.processes,
            runner=runner,
            parent=self.parent,
        )


def common_config(config: TrainerConfig, split: SplitConfig) -> RunConfig:
    """What all runs that are trained on a split share, with the first seed and no features."""
    common = default_settings(config.family, split.kind, rates=bool(config.tasks))
    has_weighting = config.family.has_setting("weighting")
    return RunConfig(
        family=config.family,
        split=split,
        model=config.model or common.model,
        training=config.training.resolved(split.kind) if has_weighting else config.training,
    )


def _changed_alike(own: T, usual: T, given: T) -> T:
    """One family's settings with what is given (not None) and not usual in those of another."""
    changes = {
        field.name: value
        for field in fields(given)  # type: ignore[arg-type]
        if (value := getattr(given, field.name)) not in (None, getattr(usual, field.name))
    }
    return replace(own, **changes)  # type: ignore[type-var]


def requested_split(
    source: Dataset, requested: SplitConfig, of_data: SplitConfig | None, observer: TrainingObserver
) -> SplitConfig:
    """The requested split; where none is and the data come with one, that (`of_data`)."""
    if source.ratings.part is None or requested.kind is SplitKind.GIVEN:
        return requested
    if of_data is None:
        observer.noted("The data come with a split, which is not used; --split given uses it.")
        return requested
    drawn = "" if (source.ratings.part == VALIDATION).any() else "; validation ratings are drawn from train"
    observer.noted(f"The data come with a split, which is used: --split given{drawn}.")
    return of_data


def train_or_load(
    data: SplitData,
    configs: Sequence[RunConfig],
    directory: Path,
    observer: TrainingObserver,
    *,
    retrain: bool = False,
    command: str = "",
    processes: Processes | None = None,
    runner: Runner | None = None,
    parent: Run | None = None,
) -> list[Run]:
    """A run for each configuration, in their order: loaded where it is saved, else trained and saved.

    A baseline that the data set is too large for, or whose package is not installed, is left out, with a
    warning.

    Args:
        data: what the models are trained and evaluated on.
        configs: of the runs, all with the split of `data`, or another fold of it.
        directory: the saved models.
        observer: told of the progress.
        retrain: train saved models, too; an interrupted training begins anew instead of being resumed.
        command: the command line, which is kept with what is trained.
        processes: that train each model of a sequential family together; None: this one alone.
        runner: where they are trained; by default here, one after the other.
        parent: the saved model that those which name one go on from.

    Raises:
        MovierecError: the data lacks a feature, a package is not installed, a training diverged, or a saved
            model's folder is damaged.
    """
    for config in configs:  # what cannot work is refused before the first training
        require_features(data.dataset, config.feature_set)
    feasible = [config for config in configs if _is_feasible(config, data.dataset, observer)]
    identities = {config: DataIdentity.of(data.dataset, config.feature_set) for config in feasible}
    saved = {
        config: None if retrain else find_run(directory, config, identities[config]) for config in feasible
    }
    require_all_users([run.record for run in saved.values() if run])
    unsaved = [config for config, run in saved.items() if run is None]
    left_out = _without_packages(unsaved) | beyond_memory(data.dataset, data.split, unsaved)
    for config, problem in left_out.items():
        if config.family.is_trained:
            raise MovierecError(problem)
        if config.split.fold == 0:
            observer.warned(f"{config.label} is left out: {problem}")
    feasible, unsaved = ([one for one in some if one not in left_out] for some in (feasible, unsaved))
    if runner is not None and runner.shares_files:
        require_memory_at_once(data.dataset, data.split, unsaved, runner.n_jobs)
    if unsaved:
        shared = max(least_shared_bytes(config, identities[config]) for config in unsaved)
        require_room(directory, shared + sum(least_bytes(config, identities[config]) for config in unsaved))
    several_seeds = len({config.training.seed for config in feasible if config.training}) > 1
    runs: dict[int, Run] = {}  # by the place of their configuration
    places: list[int] = []  # of what is trained, by number
    observers: list[TrainingObserver] = []
    with runner if runner is not None and unsaved else InProcess() as workers:

        def missing() -> Iterator[Training]:
            for place, config in enumerate(feasible):
                is_one_of_several = config.split.folds or (several_seeds and config.training)
                which = f", {config.repetition}" if is_one_of_several else ""
                listener = listener_of(observer, workers)
                listener.run_started(f"{config.label}{which}", place + 1, len(feasible))
                identity, found = identities[config], saved[config]
                if found is None and not retrain:  # another process may have trained it meanwhile
                    found = find_run(directory, config, identity)
                if found is not None:
                    runs[place] = found
                    drop_checkpoint(directory, found.record.name)  # of a process killed after it had saved
                    listener.run_ended(found, loaded=True)
                    continue
                places.append(place)
                observers.append(listener)
                checkpoints = directory.absolute() if workers.shares_files else None
                yield Training(
                    config,
                    identity,
                    retrain,
                    command,
                    checkpoints,
                    processes=processes,
                    parent=parent if config.parent else None,
                )

        trained = train_all(workers, data, missing(), observers, directory)
    runs |= {places[number]: run for number, run in trained.items()}
    return [runs[place] for place in sorted(runs)]


def deploy(
    data: SplitData,
    judged: Run,
    directory: Path,
    observer: TrainingObserver,
    *,
    retrain: bool = False,
    command: str = "",
    processes: Processes | None = None,
) -> Run:
    """A judged run trained on with all ratings, for use, which is a run of its own; loaded where it is saved.

    Args:
        data: what the run was trained on and judged by.
        judged: it stays as it is.
        directory: the saved models.
        observer: told of the progress.
        retrain: train a saved one, too.
        command: the command line, which is kept with it.
        processes: as `train_or_load`.

    Raises:
        MovierecError: the training diverged, or a saved model's folder is damaged.
    """
    config, identity = replace(judged.record.config, deployed=True), judged.record.data
    require_all_users([judged.record])
    _require_packages(config)
    found = None if retrain else find_run(directory, config, identity)
    if found is None:
        require_room(directory, least_bytes(config, identity))
    observer.run_started(f"{config.label}, on all ratings", 1, 1)
    if found is not None:
        drop_checkpoint(directory, found.record.name)
        observer.run_ended(found, loaded=True)
        return found
    training = Training(config, identity, retrain, command, directory, judged, processes)
    return train_all(InProcess(), data, [training], [observer], directory)[0]


def _built_in(configs: Sequence[RunConfig]) -> dict[EntryKind, set[str]]:
    """The names of what is movierec's own in what is trained, by kind."""
    features = {str(one) for config in configs for one in config.feature_set.features if one.origin is None}
    families = {config.family.value for config in configs if config.family.origin is None}
    return {EntryKind.FAMILY: families, EntryKind.FEATURE: features}


def _require_packages(config: RunConfig) -> None:
    """Refuses to train on what a package brought that is not there any more, or is another one."""
    fitting_spec(config.family)
    for why in filter(None, map(why_not_encoded, config.feature_set.features)):
        raise PluginError(why)


def _without_packages(configs: Sequence[RunConfig]) -> dict[RunConfig, str]:
    """Those whose family needs a package that is not installed, with what to type."""
    lacked = {config: lacking(config.family.spec.packages) for config in configs}
    return {
        config: f"{config.family.label} cannot be trained: {need_of(package)}"
        if config.family.is_trained
        else need_of(package)
        for config, package in lacked.items()
        if package is not None
    }


def _is_feasible(config: RunConfig, dataset: Dataset, observer: TrainingObserver) -> bool:
    n_movies, limit = len(dataset.movies), config.family.spec.most_movies
    if n_movies > limit and config.split.fold == 0:
        observer.warned(
            f"{config.family.label} is left out: it inverts a matrix of {n_movies:,} × {n_movies:,}"
            f" {dataset.noun}s, and the limit is {limit:,}"
        )
    return n_movies <= limit


def _require_kinds(config: TrainerConfig, dataset: Dataset) -> None:
    """Refuses a family, a baseline or a task for which the data set lacks a kind of values."""
    ratings = dataset.ratings
    needing = [family for family in (config.family, *config.baselines) if family.spec.needs_times]
    if needing and not ratings.has_times:
        family = needing[0]
        option, remedy = (
            ("--baselines", "leave it out")
            if family.is_baseline
            else ("--family", f"use --family {Family.TWO_TOWER}")
        )
        raise MovierecError(
            f"{option} {family} {family.spec.needs_times.format(noun=dataset.noun)}, which needs times, and"
            f" the data have none ({ratings.why_no_times}); {remedy}"
        )
    if config.tasks and ratings.scale is None:
        raise MovierecError(
            f"--tasks {Task.RATING} needs ratings, and the data have none: every row is a positive; leave"
            " --tasks and its weights out"
        )


def _require_warm_users(data: SplitData) -> None:
    n_users = data.summary.n_test_users
    if data.summary.n_cold_users == n_users:
        less = "" if data.config.kind in GIVEN_SPLITS else "hold out less with --test_fraction, or "
        raise MovierecError(
            f"none of the {n_users:,} users of the test set has"
            f" {with_article(data.dataset.ratings.called)} in training, so no model can be"
            f" evaluated; {less}use another --split"
        )


def _require_order(data: SplitData, label: str) -> None:
    """Refuses the data's own split where it tests a model of the order on what came before its training."""
    ratings, split = data.dataset.ratings, data.split
    newest = np.full(len(data.dataset.users), np.iinfo(np.int64).min)  # [n_users], seconds
    np.maximum.at(newest, ratings.user_index[split.fit], ratings.timestamp[split.fit])
    is_older = ratings.timestamp[split.test] < newest[ratings.user_index[split.test]]  # [n_test]
    if is_older.any():
        raise MovierecError(
            f"--split {data.config.kind}: {int(is_older.sum()):,} of {len(is_older):,} test ratings are older"
            f" than their user's newest training rating, and {label} learns the order of a user's movies; use"
            f" --split {SplitKind.LEAVE_LAST} or {SplitKind.TEMPORAL}"
        )
