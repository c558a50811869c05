"""Which saved runs can be evaluated on a split without testing on what they were trained on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from movierec_cli.config import GIVEN_SPLITS, RATING_BASELINES, SplitConfig, SplitKind, TargetKind
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split_data import SplitData, split_data
from movierec_cli.errors import MovierecError, SavedModelError, UsageError
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.experiment.study import Evaluated
from movierec_cli.records import dataclass
from movierec_cli.registry.forget import require_all_users
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Problem, Run, find_named, list_runs


class InconsistentSplitError(MovierecError):
    """A run was trained on ratings that the split would test it on."""


_WITHOUT_FRACTION = (SplitKind.LEAVE_LAST, *GIVEN_SPLITS)

SomeOutcome = TypeVar("SomeOutcome", Outcome, RatingOutcome)
EvaluatedRun = Evaluated[Outcome]
"""How it ranked."""
EvaluatedRatings = Evaluated[RatingOutcome]
"""What it made of the ratings."""


def on_own_test(runs: Sequence[Run]) -> tuple[list[EvaluatedRun], list[EvaluatedRatings]]:
    """How runs did on their own test set: those that rank, and those that predict ratings.

    Raises:
        SavedModelError: a run has forgotten users.
    """
    require_all_users([run.record for run in runs])
    ranked = [EvaluatedRun(run, run.outcome) for run in runs if run.record.config.family.ranks]
    rated = [EvaluatedRatings(run, run.rating_outcome) for run in runs if run.record.config.family.rates]
    return ranked, rated


@dataclass(frozen=True)
class Selection:
    """Runs to compare, all on one data set and the same test ratings."""

    data: SplitData  # train and validation are the runs' own; config and test set are the requested ones
    own: SplitConfig  # of the runs' training
    evaluated: tuple[EvaluatedRun, ...]
    rated: tuple[EvaluatedRatings, ...]  # those of them that predict ratings, and baselines that are saved
    skipped: tuple[Problem, ...]  # saved models that are not among them, each with the reason


@dataclass(frozen=True, kw_only=True)
class SplitRequest:
    """The split to evaluate on; what is not given is as in the training of the runs.

    Raises:
        UsageError: a value is out of its range, or has no effect.
    """

    kind: SplitKind | None = None
    test_fraction: float | None = None
    min_rating: float | None = None
    k_core: int | None = None
    targets: TargetKind | None = None

    def __post_init__(self) -> None:
        self.changed(SplitConfig())  # checks the values

    def changed(self, split: SplitConfig) -> SplitConfig:
        """The split with what is said."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if self.targets is TargetKind.SUCCESSIVE:
            given = {"kind": SplitKind.TEMPORAL} | given  # there are no others
        elif self.kind not in (None, SplitKind.TEMPORAL):
            given["targets"] = TargetKind.TOGETHER
        changed = replace(split, **given)
        if changed.kind in _WITHOUT_FRACTION and self.test_fraction is not None:
            raise UsageError(f"--test_fraction has no effect here: --split {changed.kind} needs none")
        return changed

    def of(self, runs: Sequence[Run]) -> SplitConfig:
        """The split to evaluate on: like that of the runs that were split in the requested way.

        Raises:
            MovierecError: these were trained on several splits, and the request does not say which.
        """
        way = replace(self, test_fraction=None)
        splits = [run.record.config.split for run in runs]
        alike = [split for split in splits if split == way.changed(split)] or [SplitConfig()]
        # Where only the validation parts differ, the test part is one.
        tests = {replace(split, validation_fraction=0.5): split for split in map(self.changed, alike)}
        if len(tests) > 1:
            options = "; ".join(sorted(split_options(split) for split in tests.values()))
            raise MovierecError(
                f"the saved models were trained on {len(tests)} different splits: {options}; say which to"
                " evaluate on with these, or name the models"
            )
        return self.changed(alike[0])


def select_runs(
    directory: Path,
    names: Sequence[str],
    source: Dataset,
    request: SplitRequest | None = None,
    *,
    or_none: bool = False,
) -> Selection:
    """The saved runs on a data set that can be evaluated on a split.

    Args:
        directory: the saved models.
        names: of runs, or their beginnings; none for all trained models that fit.
        source: the data set, before --min_rating and --k_core.
        request: the split to evaluate on; by default that of the training.
        or_none: whether no saved run need fit, as something else is evaluated.

    Raises:
        InconsistentSplitError: a named run cannot be evaluated on this split, or no saved run can.
        MovierecError: there is no such run, or the runs are of different data sets or splits.
    """
    runs, skipped = _runs_of(directory, names, source, or_none=or_none)
    config = (request or SplitRequest()).of(runs)
    data = split_data(source, config)
    test = data.split.test
    evaluated: list[EvaluatedRun] = []
    rated: list[EvaluatedRatings] = []
    for run in runs:
        try:
            ranks, stars = on_own_test([run])
            ranked = [outcome_on(one, config, test) for one in ranks]
            predicted = [outcome_on(one, config, test) for one in stars]
        except (InconsistentSplitError, SavedModelError) as error:
            if names:
                raise
            skipped.append(Problem(run.folder, str(error)))
        else:
            evaluated += ranked
            rated += predicted
    if not evaluated and not rated and not or_none:
        raise InconsistentSplitError(f"no saved model can be evaluated: {skipped[-1].message}")
    if not evaluated and not or_none:
        raise MovierecError(f"{rated[0].run.record.name} only predicts ratings; name a model that ranks, too")
    splits = [one.run.record.config.split for one in evaluated]
    own = (
        config if config in splits or not splits else splits[0]
    )  # the requested one where there is such a run
    others = [one for one in evaluated if one.run.record.config.split != own]
    skipped += [Problem(one.run.folder, _other_training_part(one.run, own)) for one in others]
    split = replace(split_data(source, own).split, test=test)
    rated = [one for one in rated if one.run.record.config.split == own]
    if rated:
        baselines = _saved_rating_baselines(directory, source, own, [one.run for one in rated])
        rated += [outcome_on(one, config, test) for one in on_own_test(baselines)[1]]
    kept = tuple(one for one in evaluated if one.run.record.config.split == own)
    return Selection(replace(data, split=split), own, kept, tuple(rated), tuple(skipped))


def _saved_rating_baselines(
    directory: Path, source: Dataset, own: SplitConfig, rated: Sequence[Run]
) -> list[Run]:
    """Those of the same data and training part that are not among the runs already."""
    known = {run.record.config.family for run in rated}
    wanted = [RunConfig(family=family, split=own) for family in RATING_BASELINES if family not in known]
    found = {
        run.record.config: run
        for run in list_runs(directory)[0]
        if run.record.data.fingerprint == source.fingerprint
    }
    return [found[config] for config in wanted if config in found]


_OF_CROSS_VALIDATION = (
    "it is of one fold of a cross-validation; repeat its train command (movierec models show), which loads"
    " all folds and compares them"
)


def _age(run: Run, source: Dataset) -> tuple[bool, str]:
    """What sees the lengths of now comes last, then the newest."""
    sees_these = run.record.data.lengths_fingerprint in ("", source.lengths_fingerprint)
    return sees_these, run.record.created_at


def _runs_of(
    directory: Path, names: Sequence[str], source: Dataset, *, or_none: bool
) -> tuple[list[Run], list[Problem]]:
    """The runs on a data set, and what is not among them."""
    if names:
        named = [find_named(directory, name) for name in names]
        runs, problems = list({run.folder: run for run in named}.values()), list[Problem]()
    else:
        runs, problems = list_runs(directory)
        runs = [run for run in runs if run.record.config.family.is_trained]
    folded = [run for run in runs if run.record.config.split.folds]
    if names and folded:
        raise MovierecError(f"{folded[0].record.name}: {_OF_CROSS_VALIDATION}")
    problems += [Problem(run.folder, f"{run.record.name}: {_OF_CROSS_VALIDATION}") for run in folded]
    runs = [run for run in runs if not run.record.config.split.folds]
    deployed = [run.record for run in runs if run.record.judged]
    if names and deployed and deployed[0].judged:
        raise MovierecError(
            f"{deployed[0].name} was trained on all ratings, the test set included; evaluate"
            f" {deployed[0].judged.name}, which it was trained on from"
        )
    runs = [run for run in runs if not run.record.config.deployed]
    others = [run for run in runs if run.record.data.fingerprint != source.fingerprint]
    if names and others:
        raise MovierecError(f"{others[0].record.name}: {_other_data(others[0], source)}")
    problems += [Problem(run.folder, f"{run.record.name}: {_other_data(run, source)}") for run in others]
    fitting = [run for run in runs if run.record.data.fingerprint == source.fingerprint]
    if not fitting and not or_none:
        of_these = [one for one in problems if one.message.startswith(f"{source.name}-")]
        why = f" ({(of_these or problems)[-1].message})" if problems else ""
        raise MovierecError(
            f"no saved model in {directory} is of '{source.name}'{why}; train one first: movierec train"
        )
    kept = {run.record.config: run for run in sorted(fitting, key=lambda run: _age(run, source))}
    older = [run for run in fitting if run is not kept[run.record.config]]
    why = (
        "it was trained with other movie lengths than another model of the same settings, which is evaluated"
    )
    problems += [Problem(run.folder, f"{run.record.name}: {why}") for run in older]
    return [run for run in fitting if run not in older], problems


def _other_training_part(run: Run, own: SplitConfig) -> str:
    theirs, evaluated = (
        f"{split_options(split)} --validation_fraction {split.validation_fraction:g}"
        for split in (run.record.config.split, own)
    )
    return (
        f"{run.record.name} was trained on another part of the ratings ({theirs}) than the models that are"
        f" evaluated ({evaluated})"
    )


def split_options(split: SplitConfig) -> str:
    """The options that name a split's test part."""
    words = [f"--split {split.kind}"]
    words += [f"--test_fraction {split.test_fraction:g}"] if split.kind not in _WITHOUT_FRACTION else []
    words += [f"--min_rating {split.min_rating:g}"] if split.min_rating is not None else []
    words += [f"--k_core {split.k_core}"] if split.k_core else []
    words += [f"--targets {split.targets}"] if split.is_successive else []
    return " ".join(words)


def _left_with(split: SplitConfig) -> str:
    lowest = "" if split.min_rating is None else f"--min_rating {split.min_rating:g} "
    return f"{lowest}--k_core {split.k_core}"


def outcome_on(
    one: Evaluated[SomeOutcome], config: SplitConfig, test: npt.NDArray[np.int64]
) -> Evaluated[SomeOutcome]:
    """A run with its outcome on the requested test ratings.

    A rating is in the run's own test set or was trained on, so the requested ratings must be a part of
    the run's own test.

    Raises:
        InconsistentSplitError: it is not.
    """
    run, own = one.run, one.run.record.config.split
    if (own.min_rating, own.k_core) != (config.min_rating, config.k_core):
        raise InconsistentSplitError(
            f"{run.record.name} was trained with {_left_with(own)}, which leaves other ratings; evaluate it"
            " with the same"
        )
    if own.targets is not config.targets and isinstance(one.outcome, Outcome):
        raise InconsistentSplitError(
            f"{run.record.name} was tested with --targets {own.targets}, which asks for the same ratings"
            " after another history; evaluate it with the same"
        )
    requested = np.isin(one.outcome.rows, test)
    n_trained_on = len(test) - int(requested.sum())
    if n_trained_on:
        raise InconsistentSplitError(
            f"{run.record.name} was trained on {n_trained_on:,} of the {len(test):,} ratings that"
            f" {split_options(config)} tests on; evaluate it on its own split ({split_options(own)}), or"
            " train with this one"
        )
    return one if requested.all() else replace(one, outcome=one.outcome.of_targets(requested))


def _other_data(run: Run, source: Dataset) -> str:
    data = run.record.data
    if data.name == source.name and data.merged_duplicates != source.merged_duplicates:
        way = "add" if data.merged_duplicates else "leave out"
        return f"it was trained on '{data.name}' in another form; {way} --merge_duplicates"
    if data.name == source.name and data.reading != source.reading:
        return f"it was trained on '{data.name}' read with other options; see movierec models show"
    if data.name == source.name:
        return f"it was trained on '{data.name}' with other content, from another file"
    return f"it was trained on {data.description}, not on the '{source.name}' that is requested"
