"""Which of the saved runs serves a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from movierec_cli.errors import MovierecError
from movierec_cli.registry.record import RunRecord
from movierec_cli.registry.store import Run, find_named, list_runs


@dataclass(frozen=True)
class ChosenRun:
    """A run, and why it was taken."""

    run: Run
    reason: str  # for people


@dataclass(frozen=True)
class Need:
    """What a run must be able to do, and which is best at it."""

    model: str  # for people: "model that predicts ratings"
    models: str  # "models that predict ratings"
    refusal: str  # after the name of a run that cannot: "predicts no ratings; train a model that does: …"
    train_one: str  # the command that trains one that can
    is_met: Callable[[RunRecord], bool]
    worth: Callable[[RunRecord], float | None]  # the highest is the best; None where nothing was measured
    measured: Callable[[RunRecord], str]  # the worth for people: "RMSE 0.871 stars on validation"

    def require(self, record: RunRecord) -> None:
        """Raises a `MovierecError` where a run cannot."""
        if not self.is_met(record):
            raise MovierecError(f"{record.name} {self.refusal}")


def able_runs(directory: Path, need: Need, name: str | None = None) -> tuple[Run, ...]:
    """The run that is named, by its beginning too, or all that can.

    Raises:
        MovierecError: there is none, or the one that is named cannot.
    """
    if name is not None:
        named = find_named(directory, name)
        need.require(named.record)
        return (named,)
    runs, problems = list_runs(directory)
    able = tuple(run for run in runs if need.is_met(run.record))
    if not able:
        unusable = f" ({problems[0].message})" if problems and not runs else ""
        raise MovierecError(
            f"no {need.model} is saved in {directory}{unusable}; train one first: {need.train_one}"
        )
    return able


def best_of(runs: Sequence[Run], need: Need, dataset: str | None = None) -> ChosenRun:
    """The run of a data set that is worth most on validation, or the newest where none was measured.

    Models are comparable on one split only, so those of the newest model's split compete. The test part
    decides nothing: it is for judging what was chosen.

    Args:
        runs: runs that can, of whatever data; one or more.
        need: what they are to do.
        dataset: the name of the data set; None where the runs are of one.

    Raises:
        MovierecError: no run is of this data set, or nobody says which of several.
    """
    own = of_one_dataset(runs, need, dataset)
    newest = max(own, key=lambda run: (run.record.created_at, run.record.name))
    peers = [run for run in own if run.record.config.split == newest.record.config.split]
    others = "" if len(peers) == len(own) else f"; {len(own) - len(peers)} judged on another split"
    measured = [(worth, run) for run in peers if (worth := need.worth(run.record)) is not None]
    of_all = "the only one" if len(peers) == 1 else f"of {len(peers)} models"
    if not measured:
        return ChosenRun(newest, (of_all if len(peers) == 1 else f"the newest {of_all}") + others)
    _, best = min(measured, key=lambda pair: (-pair[0], pair[1].record.name))
    lead = of_all if len(peers) == 1 else f"the best {of_all}"
    return ChosenRun(best, f"{lead}, {need.measured(best.record)}{others}")


def of_one_dataset(runs: Sequence[Run], need: Need, dataset: str | None = None) -> list[Run]:
    """The runs of a data set, which is the same for all of them down to its fingerprint.

    Raises:
        MovierecError: as `best_of`.
    """
    names = sorted({run.record.data.name for run in runs})
    if dataset is None and len(names) > 1:
        raise MovierecError(
            f"the saved {need.models} are of {', '.join(names)}; say which with --dataset, or name a"
            " model with --model"
        )
    own = [run for run in runs if dataset in (None, run.record.data.name)]
    if not own:
        raise MovierecError(
            f"the saved {need.models} are of {', '.join(names)}, not of '{dataset}'; train one:"
            f" {need.train_one} --dataset {dataset}"
        )
    newest = max(own, key=lambda run: (run.record.created_at, run.record.name))
    return [run for run in own if run.record.data.fingerprint == newest.record.data.fingerprint]
