"""Logs as other programs read them."""

import csv
from pathlib import Path

from movierec_cli.registry.store import Run
from movierec_cli.training_logs.training_log import validation_values

Curves = dict[str, list[tuple[int, float]]]
"""The values by name, each with its epoch."""


def of_tensorboard(folder: Path) -> Curves:
    """The scalars that TensorBoard's reader finds in a run's folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder)).Reload()
    return {name: [(one.step, one.value) for one in found.Scalars(name)] for name in found.Tags()["scalars"]}


def of_csv(file: Path, run: str) -> Curves:
    """A run's rows."""
    curves: Curves = {}
    with file.open(encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened):
            if row["run"] == run:
                curves.setdefault(row["name"], []).append((int(row["epoch"]), float(row["value"])))
    return curves


def expected_validations(run: Run) -> Curves:
    """What the record of a run says of its validations."""
    curves: Curves = {}
    for record in run.record.history:
        for name, value in validation_values(record).items():
            curves.setdefault(name, []).append((record.epoch, value))
    return curves
