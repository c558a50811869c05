"""The values of options, from whatever names them: a text of the command line, a file or Python.

Several values are a text such as "10 100" or "10,100", or a sequence. What is refused is refused in the same
sentence, wherever it came from.
"""

import enum
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

from movierec_cli.config.entry_points import EntryKind, names_of
from movierec_cli.config.families import BASELINES, RATING_BASELINES, TRAINABLE, Family
from movierec_cli.config.features import FeatureSet
from movierec_cli.config.setting import COUNT
from movierec_cli.config.settings import Task
from movierec_cli.errors import UsageError

N = TypeVar("N", int, float)
Reader = Callable[[str, object], Any]
"""From an option's name, with its dashes, and a value to the value that is meant."""

ALL, NONE = "all", "None"
_SEPARATORS = re.compile(r"[,\s]+")


def words_of(value: object) -> list[str]:
    """The values of an option that takes several, as texts; none of an empty text."""
    if isinstance(value, str):
        return [word for word in _SEPARATORS.split(value) if word]
    return [str(one) for one in value] if isinstance(value, Iterable) else [str(value)]


def split_words(value: object, option: str) -> list[str]:
    """As `words_of`.

    Raises:
        UsageError: there is none; names the option.
    """
    words = words_of(value)
    if not words:
        raise UsageError(f"{option} is '{shown(value)}'; it needs one value or more")
    return words


def shown(value: object) -> str:
    """A value as the command line has it: several separated by spaces."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(map(shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def parse_numbers(value: object, option: str, wanted: str, kind: type[N]) -> tuple[N, ...]:
    """Reads "64,32", "64 32" or [64, 32].

    Args:
        value: as given.
        option: for the message.
        wanted: for the message, such as "whole numbers such as 64 32".
        kind: of the numbers.

    Raises:
        UsageError: something in it is no such number.
    """
    words = split_words(value, option)
    try:
        numbers = tuple(kind(word) for word in words)
    except ValueError:
        numbers = ()
    if not numbers or not all(-math.inf < number < math.inf for number in numbers):
        raise UsageError(f"{option} is '{' '.join(words)}'; it takes {wanted}")
    return numbers


def parse_top_k(value: object) -> tuple[int, ...]:
    """Reads "10 100" into ascending numbers, each once.

    Raises:
        UsageError: one is not a whole number of `COUNT`.
    """
    ks = sorted(set(parse_numbers(value, "--top_k", "whole numbers such as 10 100", int)))
    for k in (ks[0], ks[-1]):
        if not COUNT.holds(k):
            raise UsageError(f"--top_k has {k}; each must be {COUNT.wanted}")
    return tuple(ks)


def parse_feature_sets(values: object) -> tuple[FeatureSet, ...] | None:
    """One set a value such as "timestamp,movie_genres" or a sequence of names; None where none is named.

    Raises:
        UsageError: a name is unknown.
    """
    several = [values] if isinstance(values, str | FeatureSet) else _several(values)
    return tuple(map(_feature_set, several)) or None


def each_set_once(
    sets: Iterable[FeatureSet] | None, note: Callable[[str], object]
) -> tuple[FeatureSet, ...] | None:
    """The sets without those that are named again, which the note says."""
    found: list[FeatureSet] = []
    for one in sets or ():
        if one in found:
            note(f"The feature set '{one.label}' is named twice; it counts once.")
        else:
            found.append(one)
    return tuple(found) or None


def _several(values: object) -> Iterable[object]:
    return values if isinstance(values, Iterable) else [values]


def _feature_set(value: object) -> FeatureSet:
    if isinstance(value, FeatureSet):
        return value
    is_empty = value is None or (not isinstance(value, str) and isinstance(value, Sequence) and not value)
    return FeatureSet.parse([NONE] if is_empty else split_words(value, "--additional_feature_sets"))


def parse_families(
    value: object, option: str = "--baselines", known: Sequence[Family] = BASELINES
) -> tuple[Family, ...]:
    """Reads names among the known ones, "all" of them or "None".

    Raises:
        UsageError: a name is unknown, or all or None stands beside another.
    """
    if value == () or value == []:
        return ()
    given = split_words(value, option)
    words = [word.lower().replace("_", "-") for word in given]
    for alone, families in ((ALL, known), (NONE, ())):
        if alone.lower() in words:
            if len(words) > 1:
                raise UsageError(f"{option} is '{' '.join(given)}'; '{alone}' cannot stand with others")
            return tuple(families)
    rates = all(family.rates for family in known)
    found = {word: family_named(word) for word in words}
    for word, family in found.items():
        if family is None or not family.is_baseline or family.rates != rates:
            names = ", ".join([*known, *names_of(EntryKind.FAMILY, list(Family)), ALL, NONE])
            raise UsageError(f"{option}: unknown baseline '{word}'; known: {names}")
    return tuple(family for family in found.values() if family is not None)


def family_named(name: str) -> Family | None:
    """The family of a name, of the table or of a package; None where there is none.

    Raises:
        PluginError: that of a package cannot be used.
    """
    try:
        return Family.named(name)
    except ValueError:
        return None


def parse_family(value: object, option: str = "--family") -> Family:
    """Reads the name of a family that is trained in epochs.

    Raises:
        UsageError: there is none of that name.
    """
    name = str(value).strip().lower().replace("_", "-")
    family = family_named(name)
    if family is None or not family.is_trained or family.rates:
        hint = " (baselines are named with --baselines)" if family and family.is_baseline else ""
        names = ", ".join([*TRAINABLE, *names_of(EntryKind.FAMILY, list(Family))])
        raise UsageError(f"{option} is '{value}'; it takes {names}{hint}")
    return family


def parse_tasks(value: object) -> tuple[Task, ...]:
    """Reads "retrieval rating".

    Raises:
        UsageError: a task is unknown.
    """
    words = split_words(value, "--tasks")
    unknown = [word for word in words if word.lower() not in list(Task)]
    if unknown:
        raise UsageError(f"--tasks: unknown task '{unknown[0]}'; known: {', '.join(Task)}")
    return tuple(Task(word.lower()) for word in words)


# --- by the type of a setting -------------------------------------------------------------------------


def _flag(option: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{option} is {value!r}; it takes true or false")
    return value


def _one_number(kind: type[N], wanted: str) -> Reader:
    def read(option: str, value: object) -> N:
        try:
            if isinstance(value, bool):  # which is a number in Python
                raise ValueError
            return kind(str(value))
        except ValueError:
            raise UsageError(f"{option} is '{value}'; it takes {wanted}") from None

    return read


def _text(option: str, value: object) -> str:
    if isinstance(value, bool | dict) or (not isinstance(value, str) and isinstance(value, Sequence)):
        raise UsageError(f"{option} is '{shown(value)}'; it takes one text")
    return str(value)


def _path(option: str, value: object) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise UsageError(f"{option} is '{shown(value)}'; it takes a path")
    return Path(value)


def _numbers(kind: type[N], wanted: str) -> Reader:
    def read(option: str, value: object) -> tuple[N, ...]:
        if kind is int and (value == () or value == [] or str(value).strip().lower() == NONE.lower()):
            return ()
        return parse_numbers(value, option, wanted, kind)

    return read


def _texts(option: str, value: object) -> tuple[str, ...]:
    """Values that may have blanks, such as the names of columns; a table is "key=value"s."""
    if isinstance(value, Mapping):
        return tuple(f"{key}={one}" for key, one in value.items())
    words = value.split(",") if isinstance(value, str) else words_of(value)
    found = tuple(word.strip() for word in words if word.strip())
    if not found:
        raise UsageError(f"{option} is '{shown(value)}'; it needs one value or more")
    return found


def _paths(option: str, value: object) -> tuple[Path, ...]:
    return tuple(map(Path, _texts(option, [value] if isinstance(value, os.PathLike) else value)))


def _families(option: str, value: object) -> tuple[Family, ...]:
    return tuple(dict.fromkeys(parse_family(word, option) for word in split_words(value, option)))


def _space(option: str, value: object) -> tuple[str, ...]:
    """The words of "learning_rate=0.001..0.03:log embedding_size=32,64,128"; a table is the same."""
    if not isinstance(value, Mapping):
        return tuple(split_words(value, option))
    entries = (f"{name}={_choices(found)}" for name, found in value.items())
    return tuple(word for entry in entries for word in words_of(entry))


def _choices(found: object) -> str:
    return found if isinstance(found, str) else ",".join("+".join(words_of(one)) for one in _several(found))


_BY_TYPE: Mapping[Any, Reader] = {
    bool: _flag,
    int: _one_number(int, "a whole number"),
    float: _one_number(float, "a number"),
    str: _text,
    Path: _path,
    tuple[int, ...]: _numbers(int, "whole numbers such as 64 32"),
    tuple[float, ...]: _numbers(float, "numbers such as 1 10"),
    tuple[str, ...]: _texts,
    tuple[Path, ...]: _paths,
    list[Path]: lambda option, value: [
        _path(option, one) for one in ([value] if isinstance(value, str | os.PathLike) else _several(value))
    ],
    list[str]: lambda _, value: [value] if isinstance(value, str) else list(map(str, _several(value))),
    Family: lambda _, value: parse_family(value),
    tuple[Task, ...]: lambda _, value: parse_tasks(value),
    tuple[FeatureSet, ...]: lambda _, value: parse_feature_sets(value),
}
_BY_OPTION: Mapping[str, Reader] = {
    "users": lambda _, value: value if isinstance(value, str) else tuple(map(str, _several(value))),
    "top_k": lambda _, value: parse_top_k(value),
    "families": _families,
    "space": _space,
    "retrieval_weight": _numbers(float, "numbers such as 0 0.3 1"),
    "rating_weight": _numbers(float, "numbers such as 0 0.3 1"),
    "baselines": lambda option, value: parse_families(value, option),
    "rating_baselines": lambda option, value: parse_families(value, option, RATING_BASELINES),
}
"""Of those of which the type does not say all."""


def type_of(hint: Any) -> Any:
    """The type that is meant, without None."""
    parts = [one for one in get_args(hint) if one is not NoneType]
    return parts[0] if parts and get_origin(hint) is not tuple else hint


def read_value(name: str, hint: Any, value: object) -> Any:
    """The value of an option as its setting has it.

    Args:
        name: the option's, without dashes.
        hint: the type of the setting.
        value: a text, or a value of Python or of a file.

    Raises:
        UsageError: it is none that the option takes; says which one is.
    """
    kind, option = type_of(hint), f"--{name}"
    if isinstance(kind, type) and issubclass(kind, enum.Enum) and kind is not Family:
        return _member(kind, option, value)
    return _BY_OPTION.get(name, _BY_TYPE.get(kind, _text))(option, value)


def _member(kind: type[enum.Enum], option: str, value: object) -> enum.Enum:
    try:
        return kind(str(value))
    except ValueError:
        names = ", ".join(str(one.value) for one in kind)
        raise UsageError(f"{option} is '{value}'; it takes {names}") from None
