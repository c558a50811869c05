"""What a search tries next: by Optuna's TPE, or by adding or taking away one feature after the other.

A proposal is a function of the trial's number, the seed and the trials before it. So a search that was
interrupted goes on as if it had not been, and the one with several jobs does not depend on which trial ends
first: its trial n knows the trials before n − `lag_of`.

TPE: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from movierec_cli.config import NO_FEATURES, FeatureSet
from movierec_cli.config.search_space import Choices, Range, Space, Value
from movierec_cli.config.tune_options import Direction
from movierec_cli.experiment.trials import Curve, Trial, TrialState
from movierec_cli.records import dataclass

STARTUP_TRIALS = 10
"""So many are drawn at random before TPE has a model of what is good."""
PRUNED_FROM = 5
"""Trials that must have finished before others are pruned."""
WARMUP_SHARE = 0.2
"""Of the epochs, in which no trial is pruned: a low learning rate begins slowly."""
IMPORTANCE_FROM = 8
"""Trials that must have finished before it is told what each setting matters."""
FEATURES = "additional_feature_sets"


@dataclass(frozen=True)
class Proposal:
    """Values to try, and the trials that decided them."""

    values: Mapping[str, Value]
    seen: tuple[Trial, ...]


class Proposer(Protocol):
    """Proposes the values of a trial."""

    def propose(self, number: int, done: Sequence[Trial], lag: int) -> Proposal | None:
        """Of the trial with a number, where all before `len(done)` are done; None where it must wait."""

    def is_over(self, done: Sequence[Trial]) -> bool:
        """Whether nothing is left to propose."""


def lag_of(n_jobs: int) -> int:
    """How many of the trials right before it a trial does not know.

    Twice as many as there are jobs, so that one that takes long does not keep the others waiting.
    """
    return 0 if n_jobs == 1 else 2 * n_jobs


@dataclass(frozen=True)
class TpeProposer:
    """Settings by TPE. The first trial has those that the search begins with, if the space has them."""

    space: Space
    first: Mapping[str, Value]
    seed: int

    def propose(self, number: int, done: Sequence[Trial], lag: int) -> Proposal | None:
        if number - lag > len(done):
            return None
        seen = tuple(done[: max(number - lag, 0)])
        is_first = number == 0 and all(self.first.get(name) in one for name, one in self.space.items())
        return Proposal(self.first if is_first else self._sampled(number, seen), seen)

    def is_over(self, done: Sequence[Trial]) -> bool:
        return False

    def _sampled(self, number: int, seen: Sequence[Trial]) -> Mapping[str, Value]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, constant_liar=False)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials([frozen(one, self.space) for one in seen])
        asked = study.ask(distributions(self.space)).params
        return {
            name: one.rounded(asked[name]) if isinstance(one, Range) else asked[name]
            for name, one in self.space.items()
        }


@dataclass(frozen=True)
class GreedyProposer:
    """Sets of features: round by round, each with one feature more, or one less, than the best so far.

    It is over when no set of a round is better than the one that the round began with.
    """

    direction: Direction
    features: FeatureSet  # to choose among

    @property
    def first(self) -> Mapping[str, Value]:
        """What the search begins with."""
        return {FEATURES: _named(self._start)}

    @property
    def _start(self) -> FeatureSet:
        return NO_FEATURES if self.direction is Direction.FORWARD else self.features

    def propose(self, number: int, done: Sequence[Trial], lag: int) -> Proposal | None:
        start, sets = self._round(done)
        if number >= start + len(sets):
            return None
        return Proposal({FEATURES: _named(sets[number - start])}, tuple(done[:start]))

    def is_over(self, done: Sequence[Trial]) -> bool:
        start, sets = self._round(done)
        return start == len(done) and not sets

    def _round(self, done: Sequence[Trial]) -> tuple[int, list[FeatureSet]]:
        """Where the round begins that is not done yet, and its sets; none where the search is over."""
        start, sets = 0, [self._start]
        best: Trial | None = None
        while sets and start + len(sets) <= len(done):
            leader = max(done[start : start + len(sets)], key=lambda one: one.score)
            start += len(sets)
            if best is not None and leader.score <= best.score:
                return start, []
            best, sets = leader, self._neighbours(set_of(leader))
        return start, sets

    def _neighbours(self, base: FeatureSet) -> list[FeatureSet]:
        if self.direction is Direction.BACKWARD:
            return [base.without([feature]) for feature in base.features]
        others = [feature for feature in self.features.features if feature not in base]
        return [FeatureSet((*base.features, feature)) for feature in others]


def _named(features: FeatureSet) -> str:
    return " ".join(features.features) or "None"


def set_of(trial: Trial) -> FeatureSet:
    """The features of a trial of a search among sets."""
    return FeatureSet.parse(str(trial.values[FEATURES]).split())


class MedianPruner:
    """Gives up on what is below the median of the trials before it, at the same epoch (Optuna's)."""

    def __init__(self, seen: Sequence[Trial], num_epochs: int):
        self._seen = tuple(one for one in seen if one.outcome.state is TrialState.FINISHED)
        self._warmup = int(WARMUP_SHARE * num_epochs)
        self._study: Any = None

    def gives_up(self, curve: Curve) -> bool:
        import optuna

        if self._study is None:
            optuna.logging.set_verbosity(optuna.logging.WARNING)
            self._study = optuna.create_study(direction="maximize")
            self._study.add_trials([frozen(one, {}) for one in self._seen])
        pruner = optuna.pruners.MedianPruner(PRUNED_FROM, self._warmup)
        running = optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING, intermediate_values=dict(curve)
        )
        return bool(pruner.prune(self._study, running))


def distributions(space: Space) -> dict[str, Any]:
    """A space as Optuna has it."""
    return {name: _distribution(one) for name, one in space.items()}


def _distribution(one: Range | Choices) -> Any:
    import optuna

    if isinstance(one, Choices):
        return optuna.distributions.CategoricalDistribution(one.values)
    if one.is_whole:
        return optuna.distributions.IntDistribution(int(one.low), int(one.high), log=one.is_log)
    return optuna.distributions.FloatDistribution(one.low, one.high, log=one.is_log)


def frozen(trial: Trial, space: Space) -> Any:
    """A trial as Optuna has it, with the values of a space.

    One that failed is as one that was pruned before its first validation: worse than all others.
    """
    import optuna

    outcome, states = trial.outcome, optuna.trial.TrialState
    is_finished = outcome.state is TrialState.FINISHED
    curve = () if outcome.state is TrialState.FAILED else outcome.curve
    return optuna.trial.create_trial(
        state=states.COMPLETE if is_finished else states.PRUNED,
        value=outcome.score,
        params={name: trial.values[name] for name in space},
        distributions=distributions(space),
        intermediate_values=dict(curve),
    )


def importance(trials: Sequence[Trial], space: Space) -> dict[str, float]:
    """How much each setting decides whether a trial is among the good ones, in sum 1; the most first.

    Nothing where too few trials finished, or all are alike. PED-ANOVA: Watanabe et al. 2023, "PED-ANOVA:
    Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces".
    """
    import optuna

    finished = [one for one in trials if one.outcome.state is TrialState.FINISHED]
    if len(finished) < IMPORTANCE_FROM or len({one.score for one in finished}) < 2:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    study.add_trials([frozen(one, space) for one in finished])
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(value) for name, value in found.items()}
