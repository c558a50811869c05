"""The steps of the main job for saved models: load → split → choose the models → evaluate → compare."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from movierec_cli.config import DEFAULT_BASELINES, DEFAULT_TOP_K, DataConfig, Family, TrainerConfig
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.comparison import compare_runs, headline_metric
from movierec_cli.experiment.loading import data_of, load_source
from movierec_cli.experiment.selection import Selection, SplitRequest, on_own_test, outcome_on, select_runs
from movierec_cli.experiment.study import Study
from movierec_cli.experiment.trainer import train_or_load
from movierec_cli.experiment.user_lists import ListRequest, lists_of, typical_users
from movierec_cli.leakage.data_checks import check_data
from movierec_cli.leakage.diagnosis import check_run, unchecked
from movierec_cli.leakage.finding import Finding
from movierec_cli.models.trained import SilentObserver, TrainingObserver
from movierec_cli.recommend.many_users import NO_USERS, UserSelection
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Problem, Run, find_named, list_runs


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """Which saved models to evaluate, and on what."""

    names: tuple[str, ...] = ()  # of runs; none for all that fit
    data: DataConfig | None = None  # None: the data set that the runs were trained on
    places: DataConfig = field(default_factory=DataConfig)  # where files are, for the runs' own data set
    split: SplitRequest = field(default_factory=SplitRequest)  # what is not given is as in training
    baselines: tuple[Family, ...] = DEFAULT_BASELINES
    ks: tuple[int, ...] = DEFAULT_TOP_K
    users: UserSelection | None = NO_USERS  # whose lists to show; None: a few typical users
    saved_models_dir: Path = TrainerConfig.saved_models_dir
    command: str = ""  # the command line, which is kept with the baselines that it fits


@dataclass(frozen=True)
class Evaluation:
    """A study, and the saved models that are not in it."""

    study: Study
    skipped: tuple[Problem, ...]


def evaluate_saved(config: EvaluationConfig, observer: TrainingObserver | None = None) -> Evaluation:
    """Evaluates saved models, and baselines on the same split: these are fitted if they are not saved yet.

    Raises:
        MovierecError: there is no such run or user, the data cannot be had, the runs do not belong
            together, or a run was trained on what the split would test it on.
        UsageError: every k is as large as the catalogue.
    """
    listener = observer or SilentObserver()
    saved = _saved_runs(config)
    source = load_source(config.data or data_of(saved, config.places), listener, runs=saved)
    selection = select_runs(config.saved_models_dir, config.names, source, config.split)
    data = selection.data
    headline_metric(len(data.dataset.movies), config.ks)  # what cannot work is refused before the fitting
    if config.users is None:
        user_ids = typical_users(data)
    else:
        user_ids = config.users.among(data.dataset.users.user_id.tolist(), f"in '{source.name}'")
    user_lists = lists_of(source, [one.run for one in selection.evaluated], ListRequest(user_ids))
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
        [*selection.evaluated, *ranked],
        rated=selection.rated,
        findings=_findings(selection, listener),
        user_lists=user_lists,
        ks=config.ks,
    )
    return Evaluation(study, selection.skipped)


def _saved_runs(config: EvaluationConfig) -> list[Run]:
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
