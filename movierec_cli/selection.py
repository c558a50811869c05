"""Which saved runs can be judged on a split without testing on what they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import SplitConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.restrict import restrict
from movierec_cli.data.split import Split, split_ratings
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.registry.store import Problem, Run, find_named, list_runs


class InconsistentSplitError(MovierecError):
    """A run was trained on ratings that the split would test it on."""


@dataclass(frozen=True)
class Judged:
    """A run with what it did on the test part that is asked about."""

    run: Run
    outcome: Outcome


@dataclass(frozen=True)
class Selection:
    """Runs to compare, all on one data set and the same test ratings."""

    dataset: Dataset  # after --min_rating and --k_core
    config: SplitConfig
    split: Split  # train and validation are the runs' own, test is what is asked about
    judged: tuple[Judged, ...]
    skipped: tuple[Problem, ...]  # saved models that are not among them, each with the reason


def select_runs(
    directory: Path, names: Sequence[str], source: Dataset, config: SplitConfig | None
) -> Selection:
    """The saved runs on a data set that can be judged on a split.

    Args:
        directory: the saved models.
        names: of runs, or their beginnings; none for all trained models that fit.
        source: the data set, before --min_rating and --k_core.
        config: the split to judge on; None for the split that the runs were trained with.

    Raises:
        InconsistentSplitError: a named run cannot be judged on this split, or no saved run can.
        MovierecError: there is no such run, or the runs are of different data sets or splits.
    """
    if names:
        runs, skipped = [find_named(directory, name) for name in names], list[Problem]()
    else:
        runs, skipped = list_runs(directory)
        of_other_data = [run for run in runs if run.record.data.fingerprint != source.fingerprint]
        runs = [run for run in runs if run not in of_other_data and run.record.config.training is not None]
        skipped += [Problem(run.folder, _other_data(run, source)) for run in of_other_data]
    for run in runs:
        if run.record.data.fingerprint != source.fingerprint:
            raise MovierecError(f"{run.record.name}: {_other_data(run, source)}")
    if not runs:
        raise MovierecError(
            f"no saved model in {directory} is of '{source.name}'; train one first: movierec train"
        )
    config = config or _common_split(runs)
    return _judge(runs, source, config, skipped, strict=bool(names))


def _judge(
    runs: Sequence[Run], source: Dataset, config: SplitConfig, skipped: list[Problem], *, strict: bool
) -> Selection:
    dataset = restrict(source, min_rating=config.min_rating, k_core=config.k_core)
    asked = split_ratings(dataset.ratings, config)
    judged = []
    for run in runs:
        try:
            judged.append(Judged(run, asked_part(run, config, asked.test)))
        except InconsistentSplitError as error:
            if strict:
                raise
            skipped.append(Problem(run.folder, str(error)))
    if not judged:
        raise InconsistentSplitError(f"no saved model can be judged on this split: {skipped[-1].message}")
    own = split_ratings(dataset.ratings, judged[0].run.record.config.split)
    kept = [one for one in judged if one.run.record.config.split == judged[0].run.record.config.split]
    skipped += [
        Problem(one.run.folder, "it was trained on another part of the ratings than the models before it")
        for one in judged
        if one not in kept
    ]
    return Selection(dataset, config, replace(own, test=asked.test), tuple(kept), tuple(skipped))


def asked_part(run: Run, config: SplitConfig, test: npt.NDArray[np.int64]) -> Outcome:
    """The run's outcome on the test ratings that are asked about.

    A rating is in the run's own test part or was trained on, so what is asked about has to be a part of
    the run's own test.

    Raises:
        InconsistentSplitError: it is not.
    """
    own = run.record.config.split
    if (own.min_rating, own.k_core) != (config.min_rating, config.k_core):
        raise InconsistentSplitError(
            f"{run.record.name} was trained with --min_rating {own.min_rating:g} --k_core {own.k_core},"
            " which leaves other ratings; judge it with the same"
        )
    outcome = run.outcome
    asked = np.isin(outcome.rows, test)
    n_trained_on = len(test) - int(asked.sum())
    if n_trained_on:
        raise InconsistentSplitError(
            f"{run.record.name} was trained on {n_trained_on:,} of the {len(test):,} ratings that --split"
            f" {config.kind} tests on; judge it on its own split (--split {own.kind}"
            f" --test_fraction {own.test_fraction:g}), or train with this one"
        )
    return outcome if asked.all() else outcome.of_targets(asked)


def _common_split(runs: Sequence[Run]) -> SplitConfig:
    splits = {run.record.config.split for run in runs}
    if len(splits) > 1:
        kinds = ", ".join(sorted(f"{split.kind} ({split.test_fraction:g})" for split in splits))
        raise MovierecError(
            f"the saved models were trained on {len(splits)} different splits: {kinds}; say which to judge"
            " on with --split, or name the models"
        )
    return next(iter(splits))


def _other_data(run: Run, source: Dataset) -> str:
    return f"it was trained on {run.record.data.description}, not on the '{source.name}' that is asked for"
