"""What a search found: its trials, its finalists, its winner, and how that did on the test part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from movierec_cli.config import Family, SplitConfig
from movierec_cli.config.search_space import Space, Value
from movierec_cli.config.train_options import Given
from movierec_cli.config.tune_options import Direction
from movierec_cli.data.split import SplitSummary
from movierec_cli.experiment.study import Study
from movierec_cli.experiment.trials import Trial, TrialState
from movierec_cli.records import dataclass
from movierec_cli.registry.record import DataIdentity
from movierec_cli.registry.store import Run

FIRST = -1
"""The number that the settings that a search begins with have, where they are no trial's."""


@dataclass(frozen=True, kw_only=True)
class FamilySearch:
    """The search of one family.

    Attributes:
        name: that its trials are kept under.
        space: of settings; empty where sets of features were searched.
        first: the values that the search began with.
        trials: in their order.
        importance: of each setting, in sum 1, the most important first; empty where it cannot be told.
    """

    family: Family
    name: str
    space: Space
    first: Mapping[str, Value]
    trials: tuple[Trial, ...]
    importance: Mapping[str, float]

    def n_of(self, state: TrialState) -> int:
        """How many trials ended so."""
        return sum(one.outcome.state is state for one in self.trials)

    @property
    def best(self) -> Trial | None:
        """The trial with the highest score on validation; None where none finished."""
        finished = [one for one in self.trials if one.outcome.state is TrialState.FINISHED]
        return max(finished, key=lambda one: one.score, default=None)


@dataclass(frozen=True, kw_only=True)
class Finalist:
    """Settings that were trained with several seeds.

    Attributes:
        number: of the trial; `FIRST` for the settings that the search began with, if they are no trial's.
        values: by option.
        is_first: whether they are the settings that the search began with.
        scores: on validation, one a seed; None for one that could not be trained.
    """

    family: Family
    number: int
    values: Mapping[str, Value]
    is_first: bool
    scores: tuple[float | None, ...]

    @property
    def mean(self) -> float | None:
        """Of the scores; None where a seed could not be trained."""
        known = [one for one in self.scores if one is not None]
        return fmean(known) if len(known) == len(self.scores) else None

    @property
    def label(self) -> str:
        """For people: "trial 17", "the first settings (trial 0)"."""
        trial = "" if self.number == FIRST else f"trial {self.number}"
        return f"the first settings{trial and f' ({trial})'}" if self.is_first else trial


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The result of a search.

    Attributes:
        direction: of a search among sets of features.
        metric: that the search went by.
        searches: one a family.
        finalists: the best mean first.
        options: of a training with the winner.
        command: that training.
        study: the winner on the test part, beside the first settings of its family.
        runs: of the winner, one a seed, then of the first settings.
        looks: how many winners of this search were judged on the test part before.
        answer: sentences for people, the most important first.
    """

    data: DataIdentity
    split: SplitConfig
    split_summary: SplitSummary
    direction: Direction | None
    metric: str
    searches: tuple[FamilySearch, ...]
    finalists: tuple[Finalist, ...]
    options: Given
    command: str
    study: Study
    runs: tuple[Run, ...]
    looks: int
    answer: tuple[str, ...]

    @property
    def winner(self) -> Finalist:
        """The finalist with the best mean on validation."""
        return self.finalists[0]

    @property
    def trials_folder(self) -> Path:
        """Where the trials are kept."""
        from movierec_cli.experiment.trial_ledger import FOLDER

        return self.runs[0].folder.parent / FOLDER
