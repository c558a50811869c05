"""The main job, from top to bottom: load → split → train or load each model → evaluate → compare.

`train` returns the study and the runs behind it; the command then writes the page, prints and recommends.
`evaluate_saved` does the same for models that are saved already: it takes the same steps, but trains nothing
except baselines that are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from pathlib import Path

import numpy as np

from movierec_cli.config import DEFAULT_BASELINES, DEFAULT_TOP_K, DataConfig, Family, RankBy, TrainerConfig
from movierec_cli.data.dataset import Dataset, Id, id_at
from movierec_cli.data.split_data import SplitData, split_data
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.comparison import compare_runs, headline_metric
from movierec_cli.experiment.foreign import OtherModel, judge_others
from movierec_cli.experiment.loading import data_of, load_source
from movierec_cli.experiment.selection import Selection, SplitRequest, on_own_test, outcome_on, select_runs
from movierec_cli.experiment.study import Study, UserLists
from movierec_cli.experiment.trainer import RunTrainer, deploy, train_or_load
from movierec_cli.leakage.data_checks import check_data
from movierec_cli.leakage.diagnosis import check_run, unchecked
from movierec_cli.leakage.finding import Finding
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.many_users import NO_USERS, UserSelection
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.run_choice import FOR_USERS, best_run
from movierec_cli.recommend.users import known_user, no_user, rated_by, user_of
from movierec_cli.records import dataclass
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Problem, Run, find_named, list_runs
from movierec_cli.runners.runner import Runner

TYPICAL_USERS = (0.1, 0.5, 0.9)
"""Quantiles of the number of training ratings that `typical_users` have."""


@dataclass(frozen=True)
class ListRequest:
    """Whose lists to show, and how they are made."""

    user_ids: tuple[Id, ...] = ()  # or as they were typed, see `typed_id`
    include_seen: bool = False  # whether movies that the user rated may be recommended
    rank_by: RankBy = RankBy.SCORE

    def of(self, source: Dataset) -> ListRequest:
        """With the ids of the data set's users. Raises a `MovierecError` where a user is not in it."""
        return replace(self, user_ids=tuple(known_user(source, one) for one in self.user_ids))


@dataclass(frozen=True)
class Trained:
    """What the main job returns."""

    runs: tuple[Run, ...]  # in the order of the feature sets and their seeds or folds, then the baselines
    study: Study
    deployed: Run | None = None  # where it is asked for: the best run trained on with all ratings


def train(
    config: TrainerConfig,
    observer: TrainingObserver | None = None,
    *,
    ks: Sequence[int] = DEFAULT_TOP_K,
    metric: str | None = None,
    lists: ListRequest | None = None,
    source: Dataset | None = None,
    runner: Runner | None = None,
) -> Trained:
    """Trains or loads a model for each feature set and task weights, evaluates and compares them.

    Args:
        config: the feature sets, the data and all settings.
        observer: told of the progress.
        ks: the k of the top-k accuracies.
        metric: that decides which model is best; None: NDCG at 10.
        lists: to whom the models recommend.
        source: the data set of `config`, if it is loaded already.
        runner: where the models are trained; by default here, one after the other.

    Raises:
        MovierecError: the data cannot be had, lacks a feature or a user, or cannot be split; a training
            diverged; or a saved model's folder is damaged.
        UsageError: every k is as large as the catalogue, or that of the metric is.
    """
    trainer = RunTrainer(config, observer, source)
    data = trainer.data  # loaded and split
    # What cannot work is refused before the training.
    headline_metric(len(data.dataset.movies), ks, data.dataset.noun, metric)
    request = (lists or ListRequest()).of(data.source)
    runs = tuple(trainer.run(runner))  # trained or loaded
    ranked, rated = on_own_test(runs)  # evaluated: how each run did on the test set is saved with it
    study = compare_runs(
        data,
        ranked,
        rated=rated,
        findings=check_data(data.dataset, data.split, data.config, trainer.feature_sets),
        user_lists=lists_of(data.source, runs, request),
        ks=ks,
        metric=metric,
    )
    if not config.deploy:
        return Trained(runs, study)
    judged = _for_use(runs)
    deployed = deploy(
        data,
        judged,
        config.saved_models_dir,
        observer or TrainingObserver(),
        retrain=config.retrain,
        command=config.command,
        processes=config.processes,
    )
    return Trained(runs, study, deployed)


def _for_use(runs: Sequence[Run]) -> Run:
    """The run to deploy: the best on validation, or where one model is trained, that one."""
    suitable = [run for run in runs if FOR_USERS.is_served_by(run.record)]
    trained = [run for run in suitable if run.record.config.family.is_trained]
    is_one = len({run.record.config.repeated for run in trained}) == 1
    return best_run(trained if is_one else suitable, FOR_USERS).run


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """Which saved models to evaluate, and on what."""

    names: tuple[str, ...] = ()  # of runs; none for all that fit
    data: DataConfig | None = None  # None: the data set that the runs were trained on
    places: DataConfig = field(default_factory=DataConfig)  # where files are, for the runs' own data set
    split: SplitRequest = field(default_factory=SplitRequest)  # what is not given is as in training
    others: tuple[OtherModel, ...] = ()  # files of what another library made, to be judged as well
    baselines: tuple[Family, ...] = DEFAULT_BASELINES
    ks: tuple[int, ...] = DEFAULT_TOP_K
    metric: str | None = None  # that decides which model is best; None: NDCG at 10
    users: UserSelection | None = NO_USERS  # whose lists to show; None: a few typical users
    saved_models_dir: Path = TrainerConfig.saved_models_dir
    command: str = ""  # the command line, which is kept with the baselines that it fits


@dataclass(frozen=True)
class Evaluation:
    """A study, and the saved models that are not in it."""

    study: Study
    skipped: tuple[Problem, ...]


def evaluate_saved(
    config: EvaluationConfig, observer: TrainingObserver | None = None, source: Dataset | None = None
) -> Evaluation:
    """Evaluates saved models, others' lists, and baselines on the same split: fitted if not saved yet.

    Args:
        config: which models, and on what.
        observer: told of the progress.
        source: the data set, if it is loaded already.

    Raises:
        MovierecError: there is no such run or user, the data cannot be had, the runs do not belong
            together, or a run was trained on what the split would test it on.
        UsageError: every k is as large as the catalogue.
    """
    listener = observer or TrainingObserver()
    saved = _saved_runs(config)
    if source is None:
        data_config = config.data or (data_of(saved, config.places) if saved else config.places)
        source = load_source(data_config, listener, runs=saved)
    selection = select_runs(
        config.saved_models_dir, config.names, source, config.split, or_none=bool(config.others)
    )
    data = selection.data
    # What cannot work is refused before the fitting.
    headline = headline_metric(len(data.dataset.movies), config.ks, source.noun, config.metric)
    if config.users is None:
        user_ids = typical_users(data)
    else:
        ids, k_core = data.dataset.users.user_id, data.config.k_core
        batch = config.users.among(
            ids, lambda one: no_user(one, source.name, ids, k_core), source.reading.columns
        )
        user_ids = batch.wanted
        for message in batch.warnings:
            listener.warned(message)
    user_lists = lists_of(source, [one.run for one in selection.evaluated], ListRequest(user_ids))
    others, notes = judge_others(data, config.others)
    for note in notes:
        listener.warned(note)
    for one in others:
        if not one.tells(headline):
            listener.warned(
                f"{one.run.record.name}: its lists of {one.known_k:g} do not tell {headline}, which decides;"
                " give longer ones"
            )
    named = {one.run.record.config.family for one in selection.evaluated}
    baselines = train_or_load(
        split_data(source, selection.own),
        [RunConfig(family=one, split=selection.own) for one in config.baselines if one not in named],
        config.saved_models_dir,
        listener,
        command=config.command,
    )
    ranked = [outcome_on(one, data.config, data.split.test) for one in on_own_test(baselines)[0]]
    study = compare_runs(
        data,
        [*selection.evaluated, *others, *ranked],
        rated=selection.rated,
        findings=_findings(selection, listener),
        user_lists=user_lists,
        ks=config.ks,
        metric=config.metric,
    )
    return Evaluation(study, selection.skipped)


def _saved_runs(config: EvaluationConfig) -> list[Run]:
    """The runs that are named, or all.

    Raises:
        MovierecError: there is none, and nothing else to evaluate.
    """
    directory = config.saved_models_dir
    if config.names:
        return [find_named(directory, name) for name in config.names]
    runs, problems = list_runs(directory)
    if not runs and not config.others:
        unusable = f" that can be used ({problems[0].message})" if problems else ""
        raise MovierecError(f"no model is saved in {directory}{unusable}; train one first: movierec train")
    return runs


def _findings(selection: Selection, observer: TrainingObserver) -> Sequence[Finding]:
    """Of the data and the split, then of what each model was fitted on; the same of two seeds once."""
    dataset, split = selection.data.dataset, selection.data.split
    runs = [one.run for one in selection.evaluated]
    feature_sets = list(dict.fromkeys(run.record.config.feature_set for run in runs))
    findings = check_data(dataset, split, selection.own, feature_sets)
    for run in runs:
        if run.record.config.family.is_trained:
            findings += check_run(run, dataset, split)
            if message := unchecked(run, dataset):
                observer.warned(message)
    return tuple(dict.fromkeys(findings))


def lists_of(source: Dataset, runs: Iterable[Run], request: ListRequest) -> list[UserLists]:
    """The lists of each user; of a model that was trained several times, the first run's.

    Raises:
        MovierecError: a user is unknown, or a run cannot rank in the requested way.
    """
    firsts: dict[RunConfig, Run] = {}
    for run in runs:
        if run.record.config.training is not None:
            firsts.setdefault(run.record.config.repeated, run)
    filters = Filters(include_seen=request.include_seen)
    return [
        UserLists(
            user_id=user_id,
            rated=rated_by(source, user_id),
            recommended=tuple(
                recommend(run, user_of(run, user_id), filters=filters, rank_by=request.rank_by)
                for run in firsts.values()
            ),
        )
        for user_id in request.user_ids
    ]


def typical_users(data: SplitData) -> tuple[Id, ...]:
    """Ids of test users with few, an average number of, and many training ratings."""
    ratings, users = data.dataset.ratings, data.dataset.users
    counts = np.bincount(ratings.user_index[data.split.fit], minlength=len(users))
    tested = np.unique(ratings.user_index[data.split.test])
    warm = tested[counts[tested] > 0]
    ordered = warm[np.argsort(counts[warm], kind="stable")]
    chosen = [ordered[int(share * (len(ordered) - 1))] for share in TYPICAL_USERS] if len(ordered) else []
    return tuple(dict.fromkeys(id_at(users.user_id, int(user)) for user in chosen))
