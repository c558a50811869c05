"""A study of saved runs: which ones, on which data and split, beside which baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from movierec_cli.config import (
    DEFAULT_BASELINES,
    DEFAULT_TOP_K,
    DataConfig,
    Family,
    Feature,
    SplitConfig,
    TrainerConfig,
)
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.running_times.apply import lengths_at_hand, with_lengths
from movierec_cli.data.split import Split, summarize_split
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.comparison import compare_runs, headline_metric
from movierec_cli.experiment.reproduction import train_command_line
from movierec_cli.experiment.selection import (
    EvaluatedRatings,
    EvaluatedRun,
    Selection,
    SplitRequest,
    outcome_on,
    select_runs,
)
from movierec_cli.experiment.study import Study, UserLists
from movierec_cli.experiment.trainer import MovieLensTrainer, SilentObserver, TrainingObserver
from movierec_cli.leakage import Finding, check_data, check_run, unchecked
from movierec_cli.recommend.data_of_runs import data_of
from movierec_cli.recommend.rated_movies import rated_by
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Problem, Run, find_named, list_runs

TYPICAL_USERS = (0.1, 0.5, 0.9)  # quantiles of how much the users shown have rated


@dataclass(frozen=True, kw_only=True)
class SavedStudyConfig:
    """What to judge."""

    names: tuple[str, ...] = ()  # of runs; none for all that fit
    data: DataConfig | None = None  # None: the data set that the runs were trained on
    places: DataConfig = field(default_factory=DataConfig)  # where files are, for the runs' own data set
    split: SplitRequest = field(default_factory=SplitRequest)  # what is left open is as in training
    baselines: tuple[Family, ...] = DEFAULT_BASELINES
    ks: tuple[int, ...] = DEFAULT_TOP_K
    user_ids: tuple[int, ...] | None = ()  # whose recommendations to show; None: a few typical users
    saved_models_dir: Path = TrainerConfig.saved_models_dir


@dataclass(frozen=True)
class SavedStudy:
    """A study, and the saved models that are not in it."""

    study: Study
    skipped: tuple[Problem, ...]


def study_saved(config: SavedStudyConfig, observer: TrainingObserver | None = None) -> SavedStudy:
    """Judges saved runs, and baselines on the same split: these are fitted if they are not saved yet.

    Raises:
        MovierecError: there is no such run or user, the data cannot be had, the runs do not belong
            together, or a run was trained on what the split would test it on.
        UsageError: every k is as large as the catalogue.
    """
    saved = _saved_runs(config)
    data = config.data or data_of(saved, config.places)
    listener = observer or SilentObserver()
    source = _source(saved, data, listener)
    selection = select_runs(config.saved_models_dir, config.names, source, config.split)
    dataset, split = selection.dataset, selection.split
    headline_metric(len(dataset.movies), config.ks)  # what cannot work is told before baselines are fitted
    user_ids = config.user_ids if config.user_ids is not None else typical_users(dataset, split)
    user_lists = _user_lists(source, [one.run for one in selection.evaluated], user_ids)
    wanted = _wanted_baselines(config, data, selection)
    runs = MovieLensTrainer(wanted, listener, source).run()
    baselines = [EvaluatedRun(run, outcome_on(run, selection.config, split.test)) for run in runs]
    evaluated = [*selection.evaluated, *baselines]
    study = compare_runs(
        dataset,
        split,
        selection.config,
        summarize_split(dataset, split, len(source.ratings) - len(dataset.ratings)),
        evaluated,
        rated=selection.rated,
        findings=_findings(selection, listener),
        user_lists=user_lists,
        ks=config.ks,
        command=train_command_line(_configs(evaluated, selection.rated), data),
    )
    return SavedStudy(study, selection.skipped)


def _configs(evaluated: Sequence[EvaluatedRun], rated: Sequence[EvaluatedRatings]) -> list[RunConfig]:
    runs = [*(one.run for one in evaluated), *(one.run for one in rated)]
    return list(dict.fromkeys(run.record.config for run in runs))


def _saved_runs(config: SavedStudyConfig) -> list[Run]:
    """The runs that are named, or all.

    Raises:
        MovierecError: there is none.
    """
    directory = config.saved_models_dir
    if config.names:
        return [find_named(directory, name) for name in config.names]
    runs, problems = list_runs(directory)
    if not runs:
        unusable = f" that can be used ({problems[0].message})" if problems else ""
        raise MovierecError(f"no model is saved in {directory}{unusable}; train one first: movierec train")
    return runs


def _source(runs: Sequence[Run], data: DataConfig, observer: TrainingObserver) -> Dataset:
    loaded = MovieLensTrainer(TrainerConfig(data=data), observer).source
    source = with_lengths_of(runs, loaded, data, observer.data_loading)
    for warning in source.warnings[len(loaded.warnings) :]:
        observer.warned(warning)
    for note in source.notes[len(loaded.notes) :]:
        observer.noted(note)
    return source


def with_lengths_of(
    runs: Sequence[Run], source: Dataset, data: DataConfig, progress: Progress = unreported
) -> Dataset:
    """The data set with movie lengths where a run of it has seen some, and nothing has to be downloaded.

    Raises:
        DataError: a file of lengths cannot be used.
    """
    own = [run for run in runs if run.record.data.fingerprint == source.fingerprint]
    if not any(Feature.MOVIE_LENGTH in run.record.config.feature_set for run in own):
        return source
    return with_lengths(source, data, progress) if lengths_at_hand(source, data) else source


def _findings(selection: Selection, observer: TrainingObserver) -> tuple[Finding, ...]:
    """Of the data and the split, then of what each model was fitted on; the same of two seeds once."""
    runs = [one.run for one in selection.evaluated]
    feature_sets = list(dict.fromkeys(run.record.config.feature_set for run in runs))
    findings = check_data(selection.dataset, selection.split, _split_of(selection), feature_sets)
    for run in runs:
        if run.record.config.family.is_trained:
            findings += check_run(run, selection.dataset, selection.split)
            if message := unchecked(run, selection.dataset):
                observer.warned(message)
    return tuple(dict.fromkeys(findings))


def _split_of(selection: Selection) -> SplitConfig:
    """What the runs were trained with."""
    return selection.evaluated[0].run.record.config.split


def _wanted_baselines(config: SavedStudyConfig, data: DataConfig, selection: Selection) -> TrainerConfig:
    """Those that are asked for and not named already."""
    named = {one.run.record.config.family for one in selection.evaluated}
    return TrainerConfig(
        feature_sets=(),
        data=data,
        split=_split_of(selection),
        baselines=tuple(family for family in config.baselines if family not in named),
        saved_models_dir=config.saved_models_dir,
    )


def typical_users(dataset: Dataset, split: Split) -> tuple[int, ...]:
    """Ids of test users who rated little, middling and much."""
    ratings = dataset.ratings
    counts = np.bincount(ratings.user_index[split.fit], minlength=len(dataset.users))
    tested = np.unique(ratings.user_index[split.test])
    warm = tested[counts[tested] > 0]
    ordered = warm[np.argsort(counts[warm], kind="stable")]
    chosen = [ordered[int(share * (len(ordered) - 1))] for share in TYPICAL_USERS] if len(ordered) else []
    return tuple(dict.fromkeys(int(dataset.users.user_id[user]) for user in chosen))


def _user_lists(source: Dataset, runs: Sequence[Run], user_ids: Sequence[int]) -> list[UserLists]:
    trained: dict[RunConfig, Run] = {}
    for run in runs:  # the first seed speaks for its set
        if run.record.config.training is not None:
            trained.setdefault(run.record.config.without_seed, run)
    return [
        UserLists(
            user_id=user_id,
            rated=rated_by(source, user_id),
            recommended=tuple(recommend(run, user_of(run, user_id)) for run in trained.values()),
        )
        for user_id in user_ids
    ]
