"""The settings of a training: the defaults or a preset, with the given options in their places."""

from dataclasses import replace
from typing import Any, TypeVar

from movierec_cli.config.families import (
    TRAINABLE,
    Family,
    Settings,
    check_split,
    default_settings,
)
from movierec_cli.config.idle_options import IDLE_OPTIONS, Idle, idle_fractions, refuse_idle
from movierec_cli.config.presets import PRESETS, Preset
from movierec_cli.config.processes import Processes
from movierec_cli.config.setting import option_name, settings_of
from movierec_cli.config.settings import (
    SAMPLED_LOSSES,
    DataConfig,
    ModelConfig,
    SplitConfig,
    SplitKind,
    TrainingConfig,
    Weighting,
)
from movierec_cli.config.task_options import TaskRequest
from movierec_cli.config.train_options import OPTIONS, Given, part_of
from movierec_cli.config.trainer_config import TrainerConfig
from movierec_cli.errors import UsageError
from movierec_cli.text import listed

T = TypeVar("T", SplitConfig, ModelConfig, TrainingConfig)

_IDLE = (
    Idle(
        ("num_negatives",),
        lambda settings: settings.training.loss not in SAMPLED_LOSSES,
        f"this loss samples no movies; use --loss {listed(SAMPLED_LOSSES, 'or')}",
    ),
    Idle(
        ("whole_history",),
        lambda settings: settings.model.windows,
        "--windows has a window for each movie, however old; give one of them",
    ),
    *idle_fractions(lambda settings: settings.split.kind, lambda settings: settings.split.folds),
)
"""By the settings of the training."""


def filled_settings(given: Given) -> Settings:
    """The preset, or the defaults of the family and the split, with the given options in their places.

    Args:
        given: by option.

    Raises:
        UsageError: an option has no meaning for the family, contradicts another, or has a wrong value.
    """
    preset, family, tasks = given.get("preset"), given.get("family"), part_of(TaskRequest, given)
    base = (
        _of_preset(preset, family)
        if preset
        else _of_family(family or Settings.family, given.get("split"), tasks)
    )
    _check_meanings(base.family, given)
    found = replace(
        base,
        split=changed(base.split, given),
        model=changed(base.model, given),
        other_models=tuple(changed(one, given) for one in base.other_models),
        tasks=tasks.weights() if tasks.is_given else base.tasks,
        training=changed(replace(base.training, weighting=_own_weighting(base, given)), given),
        baselines=given.get("baselines", base.baselines),
    )
    refuse_idle(given, found, _IDLE)
    return found


def _own_weighting(base: Settings, given: Given) -> Weighting | None:
    """The family's own on the split; else None, as the default depends on the loss, which may be given."""
    own = base.family.spec.on_split.get(base.split.kind, {}).get("training", {})
    return None if "loss" in given else own.get("weighting")


def trainer_config(given: Given, **parts: Any) -> TrainerConfig:
    """What is trained where these options are given.

    Args:
        given: by option.
        parts: fields in place of what the options make of them, such as `command`.

    Raises:
        UsageError: as `filled_settings`, or an option has no effect beside the others.
    """
    if "split" in parts:  # some defaults depend on it
        given = given | {"split": parts["split"].kind}
    refuse_idle(given, {name: one.default for name, one in OPTIONS.items()} | given, IDLE_OPTIONS)
    settings, tasks, preset = filled_settings(given), part_of(TaskRequest, given), given.get("preset")
    data: DataConfig = part_of(DataConfig, given)
    is_named = "dataset" in given or "archive" in given
    trainer: TrainerConfig = part_of(TrainerConfig, given)  # the options that are its own
    made = {
        "feature_sets": given.get("additional_feature_sets") or (settings.feature_sets if preset else None),
        "data": replace(data, dataset=settings.dataset) if preset and not is_named else data,
        "split": settings.split,
        "split_of_data": split_of_data(given, settings.family),
        "family": settings.family,
        "model": settings.model,
        "other_models": settings.other_models,
        "training": settings.training,
        "tasks": settings.tasks,
        "rating_baselines": tasks.baselines(settings.tasks),
        "baselines": settings.baselines,
        "processes": part_of(Processes, given),
    }
    return replace(trainer, **(made | parts))


def split_of_data(given: Given, family: Family) -> SplitConfig | None:
    """The split in place of the default one where the data come with one; None where a split is requested."""
    if not given.keys().isdisjoint(("preset", "split", "test_fraction", "folds")):
        return None
    return changed(default_settings(family, SplitKind.GIVEN).split, given)


def _of_preset(preset: Preset, family: Family | None) -> Settings:
    found = PRESETS[preset]
    if family not in (None, found.family):
        raise UsageError(
            f"--preset {preset} is of --family {found.family}, and --family is {family}; leave one"
            " of them out"
        )
    return found


def _of_family(family: Family, kind: SplitKind | None, tasks: TaskRequest) -> Settings:
    if kind is not None:
        check_split(family, kind)
    return default_settings(family, kind, rates=family.with_tasks is not None and bool(tasks.weights()))


def _check_meanings(family: Family, given: Given) -> None:
    for name in given:
        is_of_tasks = name in settings_of(TaskRequest)
        meant = [one for one in TRAINABLE if (one.with_tasks if is_of_tasks else one.has_setting(name))]
        has_meaning = family.with_tasks if is_of_tasks else family.has_setting(name)
        if not has_meaning:
            raise UsageError(
                f"--{name} has no meaning for {family.label} (--family {family}); it is for"
                f" {listed(f'--family {other}' for other in meant)}"
            )


def changed(part: T, given: Given) -> T:
    """A part of the settings with the values that are given and that it has a setting for."""
    kind: Any = type(part)
    options = {name: option_name(kind, name) for name in settings_of(kind)}
    return replace(part, **{name: given[option] for name, option in options.items() if option in given})
