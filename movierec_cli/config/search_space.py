"""What a search looks among: by option, a range or choices, as `--space` and the families table write them.

"0.001..0.03" is a range, "0.001..0.03:log" one whose orders of magnitude count alike, and "32,64,128" are
choices. Of an option that takes several values, a choice has "+" between them: "64,128+64".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from movierec_cli.config.families import Family
from movierec_cli.config.option_values import NONE, shown, type_of
from movierec_cli.config.settings import SequenceConfig, TowerConfig, TrainingConfig
from movierec_cli.config.train_options import OPTIONS, Given, Option
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass
from movierec_cli.text import did_you_mean, listed

Value = bool | int | float | str
"""As an option reads it."""

_DIGITS = 3  # that values of a range have, so that a command with them can be read
_NOT_SEARCHED = {
    "seed": "luck is no setting; each trial has a seed of its own",
    "refit": "it has no effect on validation",
    "additional_feature_sets": "sets of features are searched by --select_features",
    "family": "name the families with --families",
}
"""Options of a training that a search may not change, and why."""


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included."""

    low: float
    high: float
    is_log: bool = False  # whether orders of magnitude count alike
    is_whole: bool = False

    def __contains__(self, value: object) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and self.low <= value <= self.high  # type: ignore[operator]

    def __str__(self) -> str:
        return f"{_written(self.low)}..{_written(self.high)}{':log' if self.is_log else ''}"

    @property
    def ends(self) -> tuple[Value, ...]:
        """What has to be possible where the range is to be."""
        return self.low, self.high

    def with_value(self, value: Value) -> Range:
        """The range widened to have a value, where it can be."""
        if isinstance(value, str | bool) or (self.is_log and value <= 0):
            return self
        return Range(min(self.low, value), max(self.high, value), self.is_log, self.is_whole)

    def rounded(self, value: float) -> Value:
        """A number of the range in few digits."""
        if self.is_whole:
            return int(value)
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)


@dataclass(frozen=True)
class Choices:
    """Several values in no order."""

    values: tuple[Value, ...]

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def __str__(self) -> str:
        return ",".join(_written(value) for value in self.values)

    @property
    def ends(self) -> tuple[Value, ...]:
        """What has to be possible."""
        return self.values

    def with_value(self, value: Value) -> Choices:
        """The choices with another one."""
        return self if value in self.values else Choices((*self.values, value))


Dimension = Range | Choices
Space = Mapping[str, Dimension]
"""By option."""


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value).replace(" ", "+")


def value_of(setting: Any) -> Value:
    """A setting's value as a choice or a number of a range is one: several are a text such as "128 64"."""
    if isinstance(setting, tuple):
        return " ".join(map(str, setting)) or NONE
    is_plain = isinstance(setting, bool | int | float) and not isinstance(setting, str)
    return setting if is_plain else str(setting)


def is_searched(name: str) -> bool:
    """Whether a search may change an option."""
    option = OPTIONS.get(name)
    owners = (TowerConfig, SequenceConfig, TrainingConfig)
    return option is not None and name not in _NOT_SEARCHED and option.owner in owners


def requested(words: Sequence[str]) -> dict[str, Dimension | None]:
    """What `--space` says, by option; None where an option is named without values.

    Raises:
        UsageError: an option is unknown or cannot be searched, or its values are none to search among.
    """
    entries: dict[str, list[str]] = {}
    last = ""
    for word in words:
        name, equals, text = word.partition("=")
        plain = name.replace("-", "_").lstrip("_")
        if equals or plain in OPTIONS:
            _require_searched(plain)
            if plain in entries:
                raise UsageError(f"--space names {plain} twice; name it once")
            entries[plain] = [text] if equals else []
            last = plain
        elif not last:
            _require_searched(plain)
        elif not entries[last] or ".." in entries[last][0]:
            raise UsageError(
                f"--space has '{word}' after {last}, which is no option"
                f"{did_you_mean(plain, filter(is_searched, OPTIONS))}; write OPTION=LOW..HIGH or OPTION=A,B"
            )
        else:
            entries[last].append(word)
    return {name: dimension(name, ",".join(texts)) if texts else None for name, texts in entries.items()}


def _require_searched(name: str) -> None:
    if is_searched(name):
        return
    if name not in OPTIONS:
        known = [one for one in OPTIONS if is_searched(one)]
        alike = did_you_mean(name, known)
        own = f"; of two towers for example {listed(Family.TWO_TOWER.spec.space)}"
        raise UsageError(f"--space: there is no option '{name}'{alike or own}")
    why = _NOT_SEARCHED.get(name, f"it is the same for all trials; give it as --{name}")
    raise UsageError(f"--space cannot search {name}: {why}")


def dimension(name: str, text: str) -> Dimension:
    """The values that a text such as "0.001..0.03:log" or "32,64,128" names.

    Raises:
        UsageError: there are none, or not two; the option does not take them; or they are no range.
    """
    option = OPTIONS[name]
    values, _, scale = text.partition(":")
    if ".." in values:
        return _range(option, values, scale)
    words = [word for word in values.split(",") if word]
    choices = tuple(dict.fromkeys(_choice(option, word) for word in words))
    example = Family.TWO_TOWER.spec.space.get(name, "LOW..HIGH")
    if scale or not choices:
        raise UsageError(
            f"--space {name}={text} is neither a range nor choices; write such as {name}={example}"
        )
    if len(choices) == 1:
        raise UsageError(
            f"--space {name}={text} has one value, so there is nothing to search; give it as --{name}"
            f" {shown(choices[0])}, or write such as {name}={example}"
        )
    return Choices(choices)


def _range(option: Option, text: str, scale: str) -> Range:
    kind, name = type_of(option.hint), option.name
    if kind not in (int, float):
        raise UsageError(f"--space {name}={text}: --{name} takes no numbers of a range; name its values: A,B")
    if scale not in ("", "log"):
        raise UsageError(f"--space {name}={text}:{scale}: the scale is '{scale}'; it is log, or left out")
    first, _, second = text.partition("..")
    low, high = (_read(option, one) for one in (first, second))
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(
            f"--space {name}={text} goes from {first} to {second}; the first number must be the lower one"
        )
    if scale and low <= 0:
        raise UsageError(f"--space {name}={text}:log begins at {first}; with log it must begin above 0")
    return Range(low, high, bool(scale), kind is int)


def _choice(option: Option, word: str) -> Value:
    is_flag, lower = option.is_flag, word.lower()
    if is_flag and lower not in ("true", "false"):
        raise UsageError(f"--space {option.name}={word}: it takes true,false")
    return value_of(lower == "true" if is_flag else _read(option, word.replace("+", " ")))


def _read(option: Option, text: str) -> Any:
    """A value of an option. Raises a `UsageError` where it takes none such, or its setting refuses it."""
    value, check = option.read(text), option.setting.check
    if check is not None and not check.holds(value):
        raise UsageError(f"--space has {option.name} {text}; it must be {check.wanted}")
    return value


def space_of(family: Family, wanted: Mapping[str, Dimension | None], given: Given, settings: Given) -> Space:
    """What is searched for a family: what is wanted, and of its own space what is not given.

    Its own is widened to have the settings that the search begins with.

    Args:
        family: of `TRAINABLE`.
        wanted: see `requested`; what has no meaning for the family is left out.
        given: options that are given, which are searched only where that is wanted.
        settings: the family's settings with what is given, by option.

    Raises:
        UsageError: an option without values has none in the family's own space, or nothing is left.
    """
    own = {
        name: dimension(name, text).with_value(value_of(settings[name]))
        for name, text in family.spec.space.items()
        if name not in given or name in wanted
    }
    found = dict(own)
    for name, values in wanted.items():
        if not family.has_setting(name):
            continue
        if values is None and name not in own:
            raise UsageError(
                f"--space {name}: {family.label} has no values for it; write {name}=LOW..HIGH or {name}=A,B"
            )
        found[name] = values if values is not None else own[name]
    if not found:
        raise UsageError(
            f"nothing is left to search for {family.label}: all of its space ({', '.join(family.spec.space)})"
            " is given; name options with --space"
        )
    return found


def shown_values(values: Mapping[str, Value]) -> str:
    """For people: "learning_rate 0.003, layer_sizes 128 64"."""
    return ", ".join(f"{name} {_written(value).replace('+', ' ')}" for name, value in values.items())


def read_values(values: Mapping[str, Value]) -> Given:
    """A trial's values as the options of a training."""
    return {name: OPTIONS[name].read(value) for name, value in values.items()}
