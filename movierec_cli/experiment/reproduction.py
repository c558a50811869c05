"""The command that trains some runs again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from movierec_cli.config import (
    BASELINES,
    DEFAULT_BASELINES,
    NO_FEATURES,
    RATING_BASELINES,
    DataConfig,
    Family,
    FeatureSet,
    SplitConfig,
    Task,
    TaskWeights,
)
from movierec_cli.config.defaults import PRESETS, Settings, default_settings
from movierec_cli.config.family_checks import SAMPLED_LOSSES
from movierec_cli.registry.record import RunConfig

_NONE, _FEATURES, _TASKS = "None", "--additional_feature_sets", "--tasks"
# Where an option is not called as its field.
_OPTIONS = {"kind": "split"}


@dataclass(frozen=True)
class _Training:
    """What one command can train: sets that share everything but their features and task weights."""

    config: RunConfig  # without features and tasks, with the first seed
    n_seeds: int
    tasks: tuple[TaskWeights, ...] = ()


@dataclass(frozen=True)
class _Command:
    """One command without its baselines."""

    words: list[str]
    predicts_ratings: bool
    baselines: tuple[Family, ...] = DEFAULT_BASELINES  # that it has if none are named


def train_command_line(configs: Sequence[RunConfig], data: DataConfig) -> str:
    """`movierec train` with the options that differ from what is usual for its model, or from a preset.

    Where the runs were trained in several ways it is several commands, joined by `&&`. The seed of the
    split is no option, so it is left out; runs of baselines alone come with the default feature sets.

    Args:
        configs: of the runs, all with one split.
        data: which data set.
    """
    split = replace(configs[0].split, seed=SplitConfig.seed)
    families = [config.family for config in configs]
    commands = [_command(*one, split, data) for one in _trainings(configs).items()]
    rating_baselines = tuple(family for family in families if family in RATING_BASELINES)
    if rating_baselines and not any(one.predicts_ratings for one in commands):
        commands.append(_without_models(split, data, [_FEATURES, _NONE, _TASKS, Task.RATING]))
    commands = commands or [_without_models(split, data, [])]
    baselines = tuple(family for family in families if family in BASELINES)
    with_ratings = [one for one in commands if one.predicts_ratings]
    _name("--baselines", baselines, [(one.words, one.baselines) for one in commands])
    _name("--rating_baselines", rating_baselines, [(one.words, RATING_BASELINES) for one in with_ratings])
    return " && ".join(shlex.join(["movierec", "train", *one.words]) for one in commands)


def _name(
    option: str,
    asked: tuple[Family, ...],
    commands: Iterable[tuple[list[str], tuple[Family, ...]]],
) -> None:
    """Asks for baselines in the first command, and for none in the others."""
    for number, (words, default) in enumerate(commands):
        wanted = () if number else asked
        if wanted != default:
            words += [option, *(wanted or [_NONE])]


def _without_models(split: SplitConfig, data: DataConfig, words: Iterable[str]) -> _Command:
    start = [
        *_changed(data, DataConfig()),
        *_changed(split, _named_split(default_settings(split=split.kind))),
    ]
    return _Command([*start, *words], predicts_ratings=_TASKS in words)


def _trainings(configs: Iterable[RunConfig]) -> dict[_Training, list[FeatureSet]]:
    """The feature sets of each command."""
    seeds: dict[tuple[RunConfig, FeatureSet, TaskWeights | None], set[int]] = {}
    for config in configs:
        if config.training is not None:
            key = (_shared(config), config.feature_set, config.tasks)
            seeds.setdefault(key, set()).add(config.training.seed)
    weights: dict[tuple[_Training, FeatureSet], list[TaskWeights | None]] = {}
    for (shared, feature_set, tasks), found in seeds.items():
        for first, n_seeds in _runs_of_numbers(found):
            assert shared.training is not None
            config = replace(shared, training=replace(shared.training, seed=first))
            weights.setdefault((_Training(config, n_seeds), feature_set), []).append(tasks)
    trainings: dict[_Training, list[FeatureSet]] = {}
    for (one, feature_set), sweep in weights.items():
        for tasks_of_one in _sweeps(sweep):
            trainings.setdefault(replace(one, tasks=tasks_of_one), []).append(feature_set)
    return trainings


def _shared(config: RunConfig) -> RunConfig:
    """Equal for what one command can train, seeds and sweeps of task weights apart."""
    family = Family.TWO_TOWER if config.family is Family.MULTI_TASK else config.family
    return replace(config.without_seed, family=family, feature_set=NO_FEATURES, tasks=None)


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


def _command(
    one: _Training, feature_sets: Sequence[FeatureSet], split: SplitConfig, data: DataConfig
) -> _Command:
    """The shortest that trains it: from what is usual, or from a preset."""
    family, rates = one.config.family, bool(one.tasks)
    start = default_settings(family, split.kind, rates=rates)
    named = replace(start, split=_named_split(start))
    starts = [([] if family is Settings.family else ["--model", family.value], named)]
    starts += [
        (["--preset", preset.value], found) for preset, found in PRESETS.items() if found.family is family
    ]
    words = [
        ([*first, *_changed(data, DataConfig()), *_training_words(one, feature_sets, split, found)], found)
        for first, found in starts
    ]
    shortest, found = min(words, key=lambda pair: (_names_idle_negatives(one.config, pair[1]), len(pair[0])))
    return _Command(shortest, rates, found.baselines)


def _names_idle_negatives(config: RunConfig, start: Settings) -> bool:
    """Whether the command would name how many negatives a loss draws that draws none: it is refused."""
    if config.sequence is None or start.sequence is None or config.training is None:
        return False
    differs = config.sequence.num_negatives != start.sequence.num_negatives
    return differs and config.training.loss not in SAMPLED_LOSSES


def _named_split(start: Settings) -> SplitConfig:
    """The usual split of its kind, under the kind that is usual: what it differs in has to be named."""
    return replace(start.split, kind=default_settings(start.family).split.kind)


def _training_words(
    one: _Training, feature_sets: Sequence[FeatureSet], split: SplitConfig, start: Settings
) -> list[str]:
    """The options that differ from `start`."""
    words = [*_changed(split, start.split)]
    if tuple(feature_sets) != start.feature_sets:
        for feature_set in feature_sets:
            words += [_FEATURES, *(feature_set.features or [_NONE])]
    words += _task_words(one.tasks)
    for part in ("model", "sequence", "training"):
        if getattr(start, part) is not None:
            words += _changed(getattr(one.config, part), getattr(start, part))
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
        if value is None or value == getattr(default, field.name):  # no option says None
            continue
        option = f"--{_OPTIONS.get(field.name, field.name)}"
        if isinstance(value, bool):
            yield option if value else option.replace("--", "--no_", 1)
        elif isinstance(value, tuple):
            yield from (option, *map(str, value))
        else:
            yield from (option, str(value))
