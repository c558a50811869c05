"""The command that trains some runs again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from movierec_cli.config import DataConfig, Family, SplitConfig, TrainerConfig
from movierec_cli.registry.record import RunConfig

# Where an option is not called as its field.
_OPTIONS = {"kind": "split"}


def train_command_line(configs: Sequence[RunConfig], data: DataConfig) -> str:
    """`movierec train` with the options that differ from the defaults.

    Args:
        configs: of the runs, all with one split; model and training are the first trained one's.
        data: which data set.
    """
    words = ["movierec", "train", *_changed(data, DataConfig()), *_changed(configs[0].split, SplitConfig())]
    trained = [config for config in configs if config.training is not None]
    words += _sets(trained)
    if trained:
        default = TrainerConfig()
        first = trained[0]
        words += _changed(first.model, default.model)
        words += _changed(first.training, default.training.resolved(first.split.kind))
        n_seeds = len({config.training.seed for config in trained if config.training})
        words += ["--seeds", str(n_seeds)] if n_seeds > 1 else []
    baselines = [config.family for config in configs if config.family is not Family.TWO_TOWER]
    words += ["--baselines", *(map(str, baselines) if baselines else ("None",))]
    return shlex.join(words)


def _sets(trained: Sequence[RunConfig]) -> Iterator[str]:
    for feature_set in dict.fromkeys(config.feature_set for config in trained):
        yield "--additional_feature_sets"
        yield from feature_set.features or ["None"]


def _changed(config: Any, default: Any) -> Iterator[str]:
    """Options for the fields that differ from the default's."""
    for field in fields(config):
        value = getattr(config, field.name)
        if value == getattr(default, field.name):
            continue
        option = f"--{_OPTIONS.get(field.name, field.name)}"
        if isinstance(value, bool):
            yield option if value else option.replace("--", "--no_", 1)
        elif isinstance(value, tuple):
            yield from (option, *map(str, value))
        else:
            yield from (option, str(value))
