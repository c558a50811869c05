"""Which of the saved runs serves a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from movierec_cli.data.dataset import Dataset
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


def best_of(runs: Sequence[Run], dataset: Dataset, need: Need) -> ChosenRun:
    """The run of a data set that is worth most on validation, or the newest where none was measured.

    The test part decides nothing: it is for judging what was chosen.

    Args:
        runs: runs that can, of whatever data.
        dataset: the data set.
        need: what they are to do.

    Raises:
        MovierecError: no run is of this data set.
    """
    own = [run for run in runs if run.record.data.fingerprint == dataset.fingerprint]
    if not own:
        others = ", ".join(sorted({run.record.data.name for run in runs}))
        raise MovierecError(
            f"the saved {need.models} are of {others}, not of '{dataset.name}' as it is now;"
            f" train one with the same data options: {need.train_one}"
        )
    measured = [(worth, run) for run in own if (worth := need.worth(run.record)) is not None]
    of_all = "the only one" if len(own) == 1 else f"of {len(own)} models"
    if not measured:
        newest = max(own, key=lambda run: (run.record.created_at, run.record.name))
        return ChosenRun(newest, of_all if len(own) == 1 else f"the newest {of_all}")
    _, best = min(measured, key=lambda pair: (-pair[0], pair[1].record.name))
    lead = of_all if len(own) == 1 else f"the best {of_all}"
    return ChosenRun(best, f"{lead}, {need.measured(best.record)}")
