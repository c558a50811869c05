"""Defaults that hang on the model and the split, for `--help`: computed from the table, typed nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from movierec_cli.cli.parsing.family_options import TRAINABLE, has_meaning
from movierec_cli.cli.parsing.feature_sets import sets_shown
from movierec_cli.config import Family, SplitKind
from movierec_cli.config.defaults import Settings, default_settings

_SPLITS = {
    family: [kind for kind in SplitKind if not (family.is_sequential and kind is SplitKind.RANDOM)]
    for family in TRAINABLE
}


def shown_default(text: Callable[[Settings], str]) -> str:
    """What is usual for two towers and, where it differs, for other splits and models.

    Such as "0.01; gru4rec, sasrec: 0.004" or "128 64; temporal: 64".

    Args:
        text: a setting as the command line has it; "" where the model has none.
    """
    plain = text(default_settings())
    cases: dict[str, list[str]] = {}
    for family in TRAINABLE:
        for case, found in _cases(family, text, plain):
            cases.setdefault(found, []).append(case)
    others = [f"{', '.join(names)}: {found}" for found, names in cases.items() if found]
    return "; ".join([plain, *others] if plain else others)


def _cases(family: Family, text: Callable[[Settings], str], plain: str) -> Iterator[tuple[str, str]]:
    """A model where it differs from two towers, then its splits that differ from most of the others."""
    found = {kind: text(default_settings(family, kind)) for kind in _SPLITS[family]}
    is_plain = family is Family.TWO_TOWER
    own = plain if is_plain else Counter(found.values()).most_common(1)[0][0]
    if own != plain:
        yield family, own
    yield from ((kind if is_plain else f"{family} {kind}", one) for kind, one in found.items() if one != own)


def of_split(name: str) -> str:
    """A field of `SplitConfig`; its kind hangs on the model alone."""
    if name == "kind":
        return shown_default(lambda settings: default_settings(settings.family).split.kind)
    return shown_default(lambda settings: _word(settings.split, name))


def of_training(name: str) -> str:
    """A field of `TrainingConfig`."""
    return shown_default(lambda settings: _of_part(settings, settings.training, name))


def of_model(name: str) -> str:
    """A field of `ModelConfig` or `SequenceConfig`, or of both."""
    return shown_default(lambda settings: _of_part(settings, settings.model or settings.sequence, name))


def with_ratings(name: str) -> str:
    """A field of `ModelConfig` where ratings are predicted too."""
    return _word(default_settings(rates=True).model, name)


def of_feature_sets() -> str:
    """The sets that are compared."""
    return shown_default(lambda settings: sets_shown(settings.feature_sets))


def of_baselines() -> str:
    """What the models have to beat."""
    return shown_default(lambda settings: " ".join(settings.baselines))


def _of_part(settings: Settings, part: object, name: str) -> str:
    return _word(part, name) if has_meaning(name, settings.family) else ""


def _word(part: object, name: str) -> str:
    """A field's value; "" where it is decided later, or the model has no such part."""
    value = getattr(part, name, None)
    if value is None:
        return ""
    if isinstance(value, bool):
        return name if value else f"no_{name}"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
