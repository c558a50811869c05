"""A search for settings, or for sets of features: load → trials → finalists → the winner on test.

Trials are trained on train and judged on validation alone. The finalists are trained with several seeds, and
judged on validation again. The winner is then trained as every model is, kept, and judged on test, once, with
the settings that the search began with beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import field, replace
from functools import partial
from itertools import count
from typing import Any

from movierec_cli.config.search_space import Value
from movierec_cli.config.train_options import Given
from movierec_cli.config.tune_options import DEFAULT_TRIALS, MOST_TRIALS, TuneOptions, seconds_of
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split_data import SplitData
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.comparison import compare_runs, headline_metric
from movierec_cli.experiment.proposals import (
    GreedyProposer,
    MedianPruner,
    Proposer,
    TpeProposer,
    importance,
    lag_of,
)
from movierec_cli.experiment.search_plan import FamilyPlan, TuneRequest
from movierec_cli.experiment.selection import on_own_test
from movierec_cli.experiment.trainer import RunTrainer, train_or_load
from movierec_cli.experiment.training_task import listener_of
from movierec_cli.experiment.trial_ledger import (
    Identity,
    TrialLedger,
    like,
    opened,
    require_optuna,
    search_name,
)
from movierec_cli.experiment.trials import (
    Outcome,
    Trial,
    TrialState,
    TrialTask,
    failed,
    require_measured,
)
from movierec_cli.experiment.tuned import FIRST, FamilySearch, Finalist, Tuned
from movierec_cli.experiment.tuning_sentences import trial_sentence, tuning_sentences
from movierec_cli.leakage.data_checks import check_data
from movierec_cli.models.feature_encodings import require_features
from movierec_cli.models.memory_estimate import beyond_memory, require_memory_at_once
from movierec_cli.models.observer import TrainingObserver, pass_on
from movierec_cli.records import dataclass
from movierec_cli.registry.record import DataIdentity, RunConfig
from movierec_cli.registry.store import Run
from movierec_cli.runners.open_runner import open_runner
from movierec_cli.runners.runner import Listener, Runner
from movierec_cli.storage.serialization import encode
from movierec_cli.text import counted

TASK = "movierec_cli.experiment.trials:do_trial"
FORMAT_VERSION = 1
"""Of a search; another is another search."""


def tune(
    request: TuneRequest,
    observer: TrainingObserver | None = None,
    source: Dataset | None = None,
    new_runner: Callable[[], Runner] | None = None,
) -> Tuned:
    """Searches, and judges what was found.

    What is known of the same search is gone on with.

    Args:
        request: what is searched, and how.
        observer: told of the progress.
        source: the data set, if it is loaded already.
        new_runner: makes what does the trials, to be entered; by default what the request asks for.

    Raises:
        MovierecError: the data cannot be had or split, no trial finished, or the trials cannot be kept.
        UsageError: the metric is not measured on validation, or nothing is left to search.
    """
    require_optuna()
    listener, workers = observer or TrainingObserver(), request.workers
    make = new_runner or partial(open_runner, workers.jobs, workers.cluster)
    base = replace(request.plans[0].config, feature_sets=request.widest_sets, baselines=())
    data = RunTrainer(base, listener, source).data  # loaded and split
    metric = headline_metric(len(data.dataset.movies), noun=data.dataset.noun, metric=request.metric)
    require_measured(metric)
    with ExitStack() as stack:
        searches = [
            _Search.opened(request, plan, data, metric, stack, listener) for plan in request.on(data.dataset)
        ]
        with make() as runner:
            for one in searches:
                one.run_trials(runner, listener)
            finalists = _judged_finalists(searches, request.options, runner, listener)
        winner, search = _winner(finalists, searches)
        return _tested(request, searches, search, [winner, *_others(finalists, winner)], listener, make)


@dataclass
class _Search:
    """The search of one family, with its trials on disk."""

    plan: FamilyPlan
    data: SplitData
    metric: str
    options: TuneOptions
    proposer: Proposer
    ledger: TrialLedger
    name: str
    first: Mapping[str, Value]
    _held: dict[int, tuple[Mapping[str, Value], Outcome]] = field(default_factory=dict)
    """What has ended before a trial of a lower number."""

    @classmethod
    def opened(
        cls,
        request: TuneRequest,
        plan: FamilyPlan,
        data: SplitData,
        metric: str,
        stack: ExitStack,
        observer: TrainingObserver,
    ) -> _Search:
        """Opens the trials that there are, or begins; says which."""
        options, direction = request.options, request.options.select_features
        seed = plan.config.training.seed
        proposer: Proposer
        if direction is not None:
            features = request.features(plan.family, data.dataset, data.config, observer.noted)
            proposer = GreedyProposer(direction, features)
            first = proposer.first
            searched: Any = {"direction": str(direction), "features": list(map(str, features.features))}
        else:
            proposer, first = TpeProposer(plan.space, plan.first, seed), plan.first
            searched = {name: str(one) for name, one in plan.space.items()}
        config = plan.run_config(first, data.config, 0)
        seen = DataIdentity.of(data.dataset, config.feature_set if direction is None else features)
        identity: Identity = {
            "format": FORMAT_VERSION,
            "data": [seen.fingerprint, seen.lengths_fingerprint],
            "first": encode(config),
            "space": searched,
            "metric": metric,
            "pruning": options.pruning,
        }
        front = f"{seen.name}-{plan.family}{'-features' if direction else ''}".lower()
        name, folder = search_name(front, identity), plan.config.saved_models_dir
        ledger = stack.enter_context(opened(folder, name, identity, plan.space))
        if ledger.trials:
            observer.noted(f"{plan.family.label}: going on after {counted(len(ledger.trials), 'trial')}.")
        elif others := like(folder, name, front):
            observer.noted(_another_search(identity, others))
        search = cls(plan, data, metric, options, proposer, ledger, name, first)
        search._require_possible(config)
        return search

    def _require_possible(self, config: RunConfig) -> None:
        """Refuses a model that the data lack a feature for, or this machine the memory.

        Raises:
            MovierecError: says which.
        """
        require_features(self.data.dataset, config.feature_set)
        for problem in beyond_memory(self.data.dataset, self.data.split, [config]).values():
            raise MovierecError(problem)

    def run_trials(self, runner: Runner, observer: TrainingObserver) -> None:
        """Does the trials that are missing."""
        trials, lag = self.ledger.trials, lag_of(runner.n_jobs)
        first = self.plan.run_config(self.first, self.data.config, 0)
        n_jobs = runner.n_jobs
        require_memory_at_once(self.data.dataset, self.data.split, [first] * n_jobs, n_jobs)
        ends_at = _end_of(self.options, trials, runner.n_jobs)
        most = self._most_trials
        work: list[tuple[int, Mapping[str, Value]]] = []  # number and values of what is handed out
        listeners: list[TrainingObserver] = []

        def is_over() -> bool:
            return len(trials) >= most or time.monotonic() >= ends_at or self.proposer.is_over(trials)

        def tasks() -> Iterator[TrialTask]:
            for number in count(len(trials)):
                if number >= most or time.monotonic() >= ends_at:
                    return
                proposal = self.proposer.propose(number, trials, lag)
                if proposal is None:
                    return
                try:
                    config = self.plan.run_config(proposal.values, self.data.config, number)
                    self._require_possible(config)
                except MovierecError as error:
                    self._end(number, proposal.values, failed(error), observer)
                    continue
                assert config.training is not None
                pruner = MedianPruner(proposal.seen, config.training.num_epochs)
                work.append((number, proposal.values))
                listeners.append(listener_of(observer, runner))
                listeners[-1].run_started(f"{self.plan.family} trial {number}", number + 1, most)
                yield TrialTask(config, self.metric, pruner if self.options.pruning else None)

        while not is_over():
            work.clear()
            listeners.clear()
            for place, outcome in runner.run(TASK, tasks(), shared=self.data, told=_teller(listeners)):
                self._end(*work[place], outcome, listeners[place])

    @property
    def _most_trials(self) -> int:
        options = self.options
        if options.trials is not None:
            return options.trials
        is_open = options.timeout is not None or options.select_features is not None
        return MOST_TRIALS if is_open else DEFAULT_TRIALS

    def _end(
        self, number: int, values: Mapping[str, Value], outcome: Outcome, observer: TrainingObserver
    ) -> None:
        """Keeps a trial once those before it are kept."""
        self._held[number] = values, outcome
        trials = self.ledger.trials
        while (following := self._held.pop(len(trials), None)) is not None:
            self.ledger.add(Trial(number=len(trials), values=following[0], outcome=following[1]))
        ended = Trial(number=number, values=values, outcome=outcome)
        observer.trial_ended(trial_sentence(ended, self.metric, best_of([*trials, ended])))

    def found(self) -> FamilySearch:
        """What came of it."""
        trials = tuple(self.ledger.trials)
        return FamilySearch(
            family=self.plan.family,
            name=self.name,
            space=self.plan.space,
            first=self.first,
            trials=trials,
            importance=importance(trials, self.plan.space) if self.plan.space else {},
        )


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The finished trial with the highest score, the first of equals; None where none finished."""
    finished = [one for one in trials if one.outcome.state is TrialState.FINISHED]
    return max(finished, key=lambda one: one.score, default=None)


def _end_of(options: TuneOptions, trials: Sequence[Trial], n_jobs: int) -> float:
    """When no further trial begins, on the clock that only rises; what earlier processes took counts."""
    if options.timeout is None:
        return float("inf")
    used_s = sum(one.outcome.seconds for one in trials) / n_jobs
    return time.monotonic() + max(seconds_of(options.timeout) - used_s, 0.0)


def _teller(listeners: Sequence[TrainingObserver]) -> Listener:
    """Hands on what trials tell, by their places."""
    return lambda place, event: pass_on(listeners[place], event)


def _another_search(identity: Identity, others: Sequence[tuple[Identity, int]]) -> str:
    """Why nothing is gone on with, though there are searches of the same data and family."""

    def differing_from(other: Identity) -> list[str]:
        return [name for name in identity if other.get(name) != identity[name]]

    other, n_trials = min(others, key=lambda one: len(differing_from(one[0])))
    differing = differing_from(other)
    words = {"data": "the data", "first": "the first settings", "space": "the space", "format": "the version"}
    what = ", ".join(words.get(name, name) for name in differing)
    return f"A new search: {what} differ from those of the one with {counted(n_trials, 'trial')}."


# --- the finalists ------------------------------------------------------------------------------------


def _judged_finalists(
    searches: Sequence[_Search], options: TuneOptions, runner: Runner, observer: TrainingObserver
) -> list[Finalist]:
    """The best trials of all families and the first settings of these, with several seeds; the best first.

    Raises:
        MovierecError: no trial finished.
    """
    every = [(search, trial) for search in searches for trial in search.ledger.trials]
    finished = [one for one in every if one[1].outcome.state is TrialState.FINISHED]
    if not finished:
        problems = [trial.outcome.problem for _, trial in every if trial.outcome.problem]
        why = f"; the first failed: {problems[0]}" if problems else "; give it more time with --timeout"
        raise MovierecError(f"none of {counted(len(every), 'trial')} finished{why}")
    finished.sort(key=lambda one: -one[1].score)
    chosen: dict[tuple[int, int], tuple[_Search, int, Mapping[str, Value]]] = {}
    for search, trial in finished[: options.finalists]:
        chosen[searches.index(search), trial.number] = search, trial.number, trial.values
    for place in sorted({place for place, _ in chosen}):
        own = searches[place]
        number = next((one.number for one in own.ledger.trials if one.values == own.first), FIRST)
        chosen[place, number] = own, number, own.first
    found = [_judged(*one, options.seeds, runner, observer) for one in chosen.values()]
    return sorted(found, key=lambda one: (-(one.mean or 0.0), not one.is_first, one.number))


def _judged(
    search: _Search,
    number: int,
    values: Mapping[str, Value],
    n_seeds: int,
    runner: Runner,
    observer: TrainingObserver,
) -> Finalist:
    """Trains what is not known yet of a finalist."""
    missing = [seed for seed in range(n_seeds) if not search.ledger.has_score(number, seed)]
    configs = [search.plan.run_config(values, search.data.config, seed) for seed in missing]
    tasks = [TrialTask(config, search.metric) for config in configs]
    label = "first settings" if number == FIRST else f"trial {number}"

    listeners: list[TrainingObserver] = []

    def announced() -> Iterator[TrialTask]:
        for seed, task in zip(missing, tasks, strict=True):
            listeners.append(listener_of(observer, runner))
            listeners[-1].run_started(f"finalist: {search.plan.family} {label}", seed + 1, n_seeds)
            yield task

    for place, outcome in runner.run(TASK, announced(), shared=search.data, told=_teller(listeners)):
        seed, score = missing[place], outcome.score
        search.ledger.keep_score(number, seed, score)
        reached = f"failed ({outcome.problem})" if score is None else f"{search.metric} {score:.4f}"
        listeners[place].trial_ended(
            f"finalist {search.plan.family} {label}, seed {seed + 1} of {n_seeds}: {reached}"
        )
    scores = tuple(search.ledger.score_of(number, seed) for seed in range(n_seeds))
    return Finalist(
        family=search.plan.family,
        number=number,
        values=values,
        is_first=values == search.first,
        scores=scores,
    )


def _winner(finalists: Sequence[Finalist], searches: Sequence[_Search]) -> tuple[Finalist, _Search]:
    winner = finalists[0]
    if winner.mean is None:
        raise MovierecError("no finalist could be trained with each of its seeds; search a narrower --space")
    return winner, next(one for one in searches if one.plan.family is winner.family)


def _others(finalists: Sequence[Finalist], winner: Finalist) -> list[Finalist]:
    return [one for one in finalists if one is not winner]


# --- the winner ---------------------------------------------------------------------------------------


def _tested(
    request: TuneRequest,
    searches: Sequence[_Search],
    search: _Search,
    finalists: Sequence[Finalist],
    observer: TrainingObserver,
    new_runner: Callable[[], Runner],
) -> Tuned:
    """Trains the winner and the first settings, keeps them, and compares them on test."""
    winner, n_seeds, data = finalists[0], request.options.seeds, search.data
    options = _options(search.plan, winner.values, n_seeds)
    runs = _trained(request, search, winner.values, observer, new_runner())
    if not winner.is_first:
        runs += _trained(request, search, search.first, observer, new_runner())
    ranked, _ = on_own_test(runs)
    sets = list(dict.fromkeys(run.record.config.feature_set for run in runs))
    study = compare_runs(
        data,
        ranked,
        findings=check_data(data.dataset, data.split, data.config, sets),
        metric=search.metric,
    )
    name = runs[0].record.name
    looks = len([one for one in search.ledger.tested if one != name])
    search.ledger.keep_tested(name)
    found = [one.found() for one in searches]
    sentences = tuning_sentences(
        found,
        finalists,
        study,
        metric=search.metric,
        direction=request.options.select_features,
        n_validation=len(data.split.validation),
        looks=looks,
    )
    return Tuned(
        data=runs[0].record.data,
        split=data.config,
        split_summary=data.summary,
        direction=request.options.select_features,
        metric=search.metric,
        searches=tuple(found),
        finalists=tuple(finalists),
        options=options,
        command=request.command(options),
        study=study,
        runs=tuple(runs),
        looks=looks,
        answer=tuple(sentences),
    )


def _options(plan: FamilyPlan, values: Mapping[str, Value], n_seeds: int) -> Given:
    """The options of a training with these values."""
    return plan.options(values) | ({"seeds": n_seeds} if n_seeds > 1 else {})


def _trained(
    request: TuneRequest,
    search: _Search,
    values: Mapping[str, Value],
    observer: TrainingObserver,
    runner: Runner,
) -> list[Run]:
    """Trains or loads settings with each seed, as `movierec train` does."""
    plan, n_seeds = search.plan, request.options.seeds
    configs = [plan.run_config(values, search.data.config, offset) for offset in range(n_seeds)]
    command = request.command(_options(plan, values, n_seeds))
    folder = plan.config.saved_models_dir
    return train_or_load(search.data, configs, folder, observer, command=command, runner=runner)
