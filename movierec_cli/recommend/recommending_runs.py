"""Which saved run recommends, to a user of its data or to somebody whose films are named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from movierec_cli.evaluation.top_k import VALIDATION_K
from movierec_cli.recommend.run_choice import ChosenRun, Need, able_runs, best_of, of_one_dataset
from movierec_cli.registry.record import RunRecord
from movierec_cli.registry.store import Run

TRAIN_SEQUENTIAL = "movierec train --model sasrec"


def validation_recall(record: RunRecord) -> float | None:
    """Recall@100 of the best epoch, 0 … 1; None where it was not measured."""
    best = next((epoch.validation for epoch in record.history if epoch.epoch == record.best_epoch), None)
    return None if best is None else best.recall.get(VALIDATION_K)


def _measured(record: RunRecord) -> str:
    """With the split, as another one asks for something else."""
    recall = validation_recall(record)
    assert recall is not None
    return f"recall@{VALIDATION_K} {100 * recall:.1f} % on validation, {record.config.split.kind} split"


FOR_USERS = Need(
    model="model that recommends",
    models="models that recommend",
    refusal="is a baseline and keeps nothing to recommend with; train a model that does: movierec train",
    train_one="movierec train",
    is_met=lambda record: record.config.family.is_trained,
    worth=validation_recall,
    measured=_measured,
)
FOR_HISTORIES = Need(
    model="model of sequences, which --watched needs,",
    models="models of sequences, which --watched needs,",
    refusal="knows its own users only, so it cannot go on from --watched; train a model that does: "
    f"{TRAIN_SEQUENTIAL}",
    train_one=TRAIN_SEQUENTIAL,
    is_met=lambda record: record.config.family.is_sequential,
    worth=validation_recall,
    measured=_measured,
)


def recommending_runs(
    directory: Path, name: str | None = None, *, from_history: bool = False
) -> tuple[Run, ...]:
    """The run that is named, by its beginning too, or all that can recommend.

    Args:
        directory: of the saved models.
        name: of one of them.
        from_history: whether they must go on from films that are named, and not know the user.

    Raises:
        MovierecError: there is none, or the one that is named cannot.
    """
    return able_runs(directory, _need(from_history), name)


def best_run(runs: Sequence[Run], dataset: str | None = None, *, from_history: bool = False) -> ChosenRun:
    """The run of a data set with the highest recall on validation, or the newest where none was measured.

    Args:
        runs: of `recommending_runs`, of whatever data.
        dataset: the name of the data set; None where the runs are of one.
        from_history: as there.

    Raises:
        MovierecError: no run is of this data set, or nobody says which of several.
    """
    return best_of(runs, _need(from_history), dataset)


def comparable_runs(
    runs: Sequence[Run], dataset: str | None = None, *, from_history: bool = False
) -> list[Run]:
    """All runs of a data set, by name.

    Args and errors: as `best_run`.
    """
    return of_one_dataset(runs, _need(from_history), dataset)


def _need(from_history: bool) -> Need:
    return FOR_HISTORIES if from_history else FOR_USERS
