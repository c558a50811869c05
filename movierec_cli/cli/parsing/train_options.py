"""The options of `train` that say what is trained and how, and what they are where they are not given."""

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any, TypeVar

import typer

from movierec_cli.cli.parsing.idle_options import Idle, idle_fractions, refuse_idle
from movierec_cli.cli.parsing.option_groups import Given, GivenOf
from movierec_cli.cli.parsing.options import baselines_option, feature_sets_option
from movierec_cli.cli.parsing.task_options import TaskRequest
from movierec_cli.cli.parsing.values import completing, sets_shown
from movierec_cli.cli.parsing.variadic import given_options
from movierec_cli.config import (
    SAMPLED_LOSSES,
    SEQUENTIAL,
    TRAINABLE,
    DataConfig,
    Family,
    ModelConfig,
    SequenceConfig,
    Settings,
    SplitConfig,
    SplitKind,
    TowerConfig,
    TrainingConfig,
    default_settings,
)
from movierec_cli.config.families import check_split
from movierec_cli.config.presets import PRESETS, Preset
from movierec_cli.config.setting import settings_of
from movierec_cli.config.settings import MODEL_PANEL
from movierec_cli.errors import UsageError
from movierec_cli.text import listed

# --- defaults, for the help: computed from the table of families, typed nowhere -----------------------

_defaults = functools.cache(default_settings)


def default_shown(name: str) -> str:
    """The default of a field of a split, a model or a training."""
    if name == "kind":  # depends on the family alone
        return _shown(lambda settings: _defaults(settings.family).split.kind)
    return _shown(lambda settings: _word(settings, name))


def _shown(text: Callable[[Settings], str]) -> str:
    """The default for two towers and, where it differs, for other splits and families.

    Such as "0.01; gru4rec, sasrec: 0.004" or "128 64; temporal: 64".

    Args:
        text: a setting as the command line has it; "" where the family has none.
    """
    plain, with_ratings = text(_defaults()), text(_defaults(rates=True))
    cases: dict[str, list[str]] = {}
    for family in TRAINABLE:
        for case, found in _cases(family, text, plain):
            cases.setdefault(found, []).append(case)
    others = [f"{', '.join(names)}: {found}" for found, names in cases.items() if found]
    rated = [f"with ratings: {with_ratings}"] if with_ratings != plain else []
    return "; ".join([plain, *others, *rated] if plain else others)


def _cases(family: Family, text: Callable[[Settings], str], plain: str) -> Iterator[tuple[str, str]]:
    """A family where it differs from two towers, then its splits that differ from most of the others."""
    found = {kind: text(_defaults(family, kind)) for kind in family.spec.splits}
    is_plain = family is Settings.family
    own = plain if is_plain else Counter(found.values()).most_common(1)[0][0]
    if own != plain:
        yield family, own
    yield from ((kind if is_plain else f"{family} {kind}", one) for kind, one in found.items() if one != own)


def _word(settings: Settings, name: str) -> str:
    """A field's value; "" where it is decided later, or has no meaning for the family."""
    parts = (settings.model, settings.training, settings.split)
    value = next((getattr(part, name) for part in parts if hasattr(part, name)), None)
    if value is None or not settings.family.has_setting(name):
        return ""
    if isinstance(value, bool):
        return name if value else f"no_{name}"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- options ------------------------------------------------------------------------------------------


_ONLY_OF_SEQUENCES = [one for one in SEQUENTIAL[0].features if one not in Family.TWO_TOWER.features]
_OF_SEQUENCES = (
    f" {listed(SEQUENTIAL)} can use {', '.join(SEQUENTIAL[0].features)}; only they can use"
    f" {listed(_ONLY_OF_SEQUENCES)}."
)
FeatureSets = Annotated[
    list[str] | None,
    feature_sets_option(_shown(lambda settings: sets_shown(settings.feature_sets)), _OF_SEQUENCES),
]
Baselines = Annotated[str | None, baselines_option(_shown(lambda settings: " ".join(settings.baselines)))]
FamilyName = Annotated[
    str | None,
    typer.Option(
        "--family",
        metavar="NAME",
        help=f"The kind of model to train: {', '.join(TRAINABLE)}. {listed(SEQUENTIAL)} learn the order of a"
        " user's movies.",
        autocompletion=completing(TRAINABLE),
        show_default=Settings.family.value,
        rich_help_panel=MODEL_PANEL,
    ),
]
PresetName = Annotated[
    Preset | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help=f"Use the model, the split and the settings of a tutorial: {', '.join(Preset)}. Options given"
        " beside it replace its own.",
        rich_help_panel=MODEL_PANEL,
    ),
]
GivenSettings = Annotated[
    Given, GivenOf((SplitConfig, TowerConfig, SequenceConfig, TrainingConfig), default_shown)
]


def parse_family(value: str | None) -> Family | None:
    """Reads the name of a family that is trained in epochs.

    Raises:
        UsageError: there is none of that name.
    """
    if value is None:
        return None
    name = value.strip().lower().replace("_", "-")
    if name not in list(TRAINABLE):
        hint = " (baselines are named with --baselines)" if name in list(Family) else ""
        raise UsageError(f"--family is '{value}'; it takes {', '.join(TRAINABLE)}{hint}")
    return Family.named(name)


# --- the request --------------------------------------------------------------------------------------

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


def filled_settings(
    given: Given, family: Family | None, preset: Preset | None, tasks: TaskRequest
) -> Settings:
    """The preset, or the defaults of the family and the split, with the given options in their places.

    Args:
        given: by field of a split, a model or a training.
        family: None where it is not given, as for the preset.
        preset: what the defaults are replaced with.
        tasks: what a model learns.

    Raises:
        UsageError: an option has no meaning for the family, contradicts another, or has a wrong value.
    """
    base = (
        _of_preset(preset, family) if preset else _of_family(family or Settings.family, given["kind"], tasks)
    )
    _check_meanings(base.family, given, vars(tasks))
    found = replace(
        base,
        split=_changed(base.split, given),
        model=_changed(base.model, given),
        other_models=tuple(_changed(one, given) for one in base.other_models),
        tasks=tasks.weights() if tasks.is_given else base.tasks,
        # The default weighting depends on the loss too, so it is found where both are known.
        training=_changed(replace(base.training, weighting=None), given),
    )
    refuse_idle((name for name, value in given.items() if value is not None), found, _IDLE)
    return found


def split_of_data(given: Given, family: Family, preset: Preset | None) -> SplitConfig | None:
    """The split in place of the default one where the data come with one; None where a split is requested."""
    if preset or any(given[name] is not None for name in ("kind", "test_fraction", "folds")):
        return None
    return _changed(default_settings(family, SplitKind.GIVEN).split, given)


def data_of_preset(ctx: typer.Context, data: DataConfig, settings: Settings) -> DataConfig:
    """The preset's data set, where none is named."""
    is_named = {"dataset", "archive"} & given_options(ctx)
    return data if is_named else replace(data, dataset=settings.dataset)


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


def _check_meanings(family: Family, given: Given, tasks: Given) -> None:
    for name, value in (given | tasks).items():
        meant = [one for one in TRAINABLE if (one.with_tasks if name in tasks else one.has_setting(name))]
        if value is not None and family not in meant:
            raise UsageError(
                f"--{name} has no meaning for {family.label} (--family {family}); it is for"
                f" {listed(f'--family {other}' for other in meant)}"
            )


def _changed(part: T, given: Given) -> T:
    """With the values that are given and that it has a setting for."""
    kind: Any = type(part)
    return replace(
        part,
        **{name: value for name, value in given.items() if value is not None and name in settings_of(kind)},
    )
