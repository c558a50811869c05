"""The command that trains some runs again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from movierec_cli.config import (
    BASELINES,
    RATING_BASELINES,
    DataConfig,
    Family,
    FeatureSet,
    ModelConfig,
    SplitConfig,
    Task,
    TaskWeights,
    TrainingConfig,
    usual_model,
)
from movierec_cli.registry.record import RunConfig

_NONE, _FEATURES, _TASKS = "None", "--additional_feature_sets", "--tasks"
# Where an option is not called as its field.
_OPTIONS = {"kind": "split"}


@dataclass(frozen=True)
class _Training:
    """What one command can train: sets that share everything but their features and task weights."""

    model: ModelConfig
    training: TrainingConfig  # with the first seed
    n_seeds: int
    tasks: tuple[TaskWeights, ...] = ()


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
    families = [config.family for config in configs]
    commands = [_training_words(*one, split) for one in _trainings(configs).items()]
    if any(family in RATING_BASELINES for family in families) and not any(_TASKS in one for one in commands):
        commands.append([_FEATURES, _NONE, _TASKS, Task.RATING])
    commands = commands or [[]]
    with_ratings = [words for words in commands if _TASKS in words]
    _name(commands, "--baselines", [family for family in families if family in BASELINES])
    _name(with_ratings, "--rating_baselines", [family for family in families if family in RATING_BASELINES])
    return " && ".join(shlex.join(["movierec", "train", *shared, *words]) for words in commands)


def _name(commands: Iterable[list[str]], option: str, baselines: Sequence[Family]) -> None:
    """Asks for baselines in the first command, and for none in the others."""
    for number, words in enumerate(commands):
        words += [option, *(baselines if number == 0 and baselines else [_NONE])]


def _trainings(configs: Iterable[RunConfig]) -> dict[_Training, list[FeatureSet]]:
    """The feature sets of each command."""
    seeds: dict[tuple[ModelConfig, TrainingConfig, FeatureSet, TaskWeights | None], set[int]] = {}
    for config in configs:
        if config.model is not None and config.training is not None:
            key = (config.model, replace(config.training, seed=0), config.feature_set, config.tasks)
            seeds.setdefault(key, set()).add(config.training.seed)
    weights: dict[tuple[_Training, FeatureSet], list[TaskWeights | None]] = {}
    for (model, training, feature_set, tasks), found in seeds.items():
        for first, n_seeds in _runs_of_numbers(found):
            one = _Training(model, replace(training, seed=first), n_seeds)
            weights.setdefault((one, feature_set), []).append(tasks)
    trainings: dict[_Training, list[FeatureSet]] = {}
    for (one, feature_set), sweep in weights.items():
        for tasks_of_one in _sweeps(sweep):
            trainings.setdefault(replace(one, tasks=tasks_of_one), []).append(feature_set)
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


def _sweeps(weights: Sequence[TaskWeights | None]) -> Iterator[tuple[TaskWeights, ...]]:
    """What one command can sweep, each: all combinations of some weights, or retrieval by itself."""
    if None in weights:
        yield ()
    rest = [one for one in weights if one is not None]
    combined = _combined(*_axes(rest))
    if set(combined) == set(rest):
        yield from [combined] if combined else []
    else:
        for retrieval in dict.fromkeys(one.retrieval for one in rest):
            yield tuple(one for one in rest if one.retrieval == retrieval)


def _axes(weights: Sequence[TaskWeights]) -> tuple[list[float], list[float]]:
    """The weights of retrieval and of rating, in the order of a row that has none left out."""
    rows: dict[float, list[float]] = {}
    for one in weights:
        rows.setdefault(one.retrieval, []).append(one.rating)
    longest_first = sorted(rows.values(), key=len, reverse=True)
    return list(rows), list(dict.fromkeys(rating for row in longest_first for rating in row))


def _combined(retrievals: Iterable[float], ratings: Sequence[float]) -> tuple[TaskWeights, ...]:
    pairs = ((retrieval, rating) for retrieval in retrievals for rating in ratings)
    return tuple(TaskWeights(retrieval=one, rating=other) for one, other in pairs if one or other)


def _training_words(one: _Training, feature_sets: Iterable[FeatureSet], split: SplitConfig) -> list[str]:
    words: list[str] = []
    for feature_set in feature_sets:
        words += [_FEATURES, *(feature_set.features or [_NONE])]
    words += _task_words(one.tasks)
    words += _changed(one.model, usual_model(split.kind, rates=bool(one.tasks)))
    words += _changed(one.training, TrainingConfig().resolved(split.kind))
    return words + (["--seeds", str(one.n_seeds)] if one.n_seeds > 1 else [])


def _task_words(tasks: Sequence[TaskWeights]) -> Iterator[str]:
    if not tasks:
        return
    yield from (_TASKS, *Task)
    for task, weights in zip(Task, _axes(tasks), strict=True):
        if weights != [getattr(TaskWeights, task)]:
            yield from (f"--{task}_weight", *map(_shown, weights))


def _shown(weight: float) -> str:
    """As short as it can be without being another number."""
    short = f"{weight:g}"
    return short if float(short) == weight else repr(weight)


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
