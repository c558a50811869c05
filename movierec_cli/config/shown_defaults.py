"""The defaults of options as the help shows them: computed from the table of families, typed nowhere."""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from movierec_cli.config.families import TRAINABLE, Family, Settings, default_settings
from movierec_cli.config.features import DEFAULT_FEATURE_SETS, FeatureSet
from movierec_cli.config.option_values import shown
from movierec_cli.config.settings import SequenceConfig, SplitConfig, TowerConfig, TrainingConfig
from movierec_cli.config.train_options import OPTIONS, Option

_BY_FAMILY = (SplitConfig, TowerConfig, SequenceConfig, TrainingConfig)


def default_shown(name: str) -> str:
    """The default of an option; "" where there is none, or where it is decided later."""
    option = OPTIONS[name]
    if name in _COMPUTED:
        return _shown(_COMPUTED[name])
    if option.owner in _BY_FAMILY:
        return _shown(lambda settings: _word(settings, option.field))
    return own_default(option)


def own_default(option: Option) -> str:
    """The default of the class that declares an option."""
    is_flag = isinstance(option.default, bool)
    return option.setting.default_shown or (
        "" if is_flag or option.default is None else shown(option.default)
    )


_defaults = functools.cache(default_settings)


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
    rated = [f"with ratings: {with_ratings}"] if with_ratings not in ("", plain) else []
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


def sets_shown(feature_sets: Iterable[FeatureSet] = DEFAULT_FEATURE_SETS) -> str:
    """Sets as they are named on the command line."""
    return "; ".join(feature_set.label.replace(" + ", " ") for feature_set in feature_sets)


_COMPUTED: Mapping[str, Callable[[Settings], str]] = {
    "additional_feature_sets": lambda settings: sets_shown(settings.feature_sets),
    "baselines": lambda settings: " ".join(settings.baselines),
    "family": lambda settings: Settings.family.value,
    "split": lambda settings: _defaults(settings.family).split.kind,  # depends on the family alone
}
