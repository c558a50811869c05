"""The command that trains some runs again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from movierec_cli.config import (
    DataConfig,
    Family,
    FeatureSet,
    ModelConfig,
    SplitConfig,
    TrainingConfig,
    usual_model,
)
from movierec_cli.registry.record import RunConfig

_NONE = "None"
# Where an option is not called as its field.
_OPTIONS = {"kind": "split"}


@dataclass(frozen=True)
class _Training:
    """What one command can train: sets that share everything but their features."""

    model: ModelConfig
    training: TrainingConfig  # with the first seed
    n_seeds: int


def train_command_line(configs: Sequence[RunConfig], data: DataConfig) -> str:
    """`movierec train` with the options that differ from the defaults.

    Where the runs were trained in several ways it is several commands, joined by `&&`. The seed of the
    split is no option, so it is left out; runs of baselines alone come with the default feature sets.

    Args:
        configs: of the runs, all with one split.
        data: which data set.
    """
    split = configs[0].split
    shared = [*_changed(data, DataConfig()), *_changed(replace(split, seed=SplitConfig.seed), SplitConfig())]
    baselines = [str(config.family) for config in configs if config.family is not Family.TWO_TOWER]
    trainings = [_training_words(*one, split) for one in _trainings(configs).items()] or [[]]
    commands = []
    for number, words in enumerate(trainings):
        wanted = baselines if number == 0 and baselines else [_NONE]
        commands.append(shlex.join(["movierec", "train", *shared, *words, "--baselines", *wanted]))
    return " && ".join(commands)


def _trainings(configs: Iterable[RunConfig]) -> dict[_Training, list[FeatureSet]]:
    """The feature sets of each command."""
    seeds: dict[tuple[ModelConfig, TrainingConfig, FeatureSet], set[int]] = {}
    for config in configs:
        if config.model is not None and config.training is not None:
            key = (config.model, replace(config.training, seed=0), config.feature_set)
            seeds.setdefault(key, set()).add(config.training.seed)
    trainings: dict[_Training, list[FeatureSet]] = {}
    for (model, training, feature_set), found in seeds.items():
        for first, n_seeds in _runs_of_numbers(found):
            one = _Training(model, replace(training, seed=first), n_seeds)
            trainings.setdefault(one, []).append(feature_set)
    return trainings


def _runs_of_numbers(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The first and the length of each run of numbers that follow one another: 4 5 9 gives (4, 2), (9, 1)."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and number == sum(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((number, 1))
    return runs


def _training_words(one: _Training, feature_sets: Iterable[FeatureSet], split: SplitConfig) -> list[str]:
    words: list[str] = []
    for feature_set in feature_sets:
        words += ["--additional_feature_sets", *(feature_set.features or [_NONE])]
    words += _changed(one.model, usual_model(split.kind))
    words += _changed(one.training, TrainingConfig().resolved(split.kind))
    return words + (["--seeds", str(one.n_seeds)] if one.n_seeds > 1 else [])


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
