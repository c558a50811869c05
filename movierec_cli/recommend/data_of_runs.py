"""Where the data set that saved runs were trained on is to be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from movierec_cli.config import DataConfig
from movierec_cli.data.sources import SOURCES
from movierec_cli.errors import MovierecError
from movierec_cli.registry.store import Run


def data_of(runs: Sequence[Run], places: DataConfig) -> DataConfig:
    """The one data set that the runs were trained on.

    Args:
        runs: one or more.
        places: where files are.

    Raises:
        MovierecError: they were trained on several, or on one that has no name here.
    """
    names = sorted({run.record.data.name for run in runs})
    if len(names) > 1:
        raise MovierecError(
            f"the saved models are of {', '.join(names)}; say which with --dataset, or with --archive where"
            " the data is your own"
        )
    if names[0] not in SOURCES:
        raise MovierecError(f"the saved models are of your own data '{names[0]}'; name it with --archive")
    return replace(places, dataset=names[0], archive=None)
