"""A setting is declared once: a field of a frozen dataclass, with its default, help and check.

The field's check, the option of the command line and its help all come from that one declaration.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import field, fields
from typing import Any, TypeVar

from movierec_cli.config.entry_points import EntryKind, names_of
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass

T = TypeVar("T")

_SETTING = "setting"


@dataclass(frozen=True)
class Check:
    """What a value must be, in words and as a test."""

    wanted: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Setting:
    """What is known of a field besides its name, its type and its default; see `setting`."""

    help: str
    metavar: str
    check: Check | None
    option: str
    panel: str
    default_shown: str
    also: tuple[str, ...]
    entries: EntryKind | None

    @property
    def full_help(self) -> str:
        """The help with the names of what installed packages bring."""
        names = names_of(self.entries) if self.entries else ()
        return f"{self.help} Of installed packages: {', '.join(names)}." if names else self.help


def setting(
    default: T,
    help: str,
    metavar: str = "N",
    check: Check | None = None,
    *,
    option: str = "",
    panel: str = "",
    default_shown: str = "",
    also: tuple[str, ...] = (),
    entries: EntryKind | None = None,
) -> T:
    """A field that declares a setting.

    Args:
        default: the field's.
        help: one complete sentence.
        metavar: what stands for the value in the help; several values where it ends in "...".
        check: what the value must be; None as a value is never checked.
        option: the option's name without dashes, if it is not the field's.
        panel: of the help that lists the option.
        default_shown: in the help, where it is not the field's.
        also: other names of the option on the command line, such as "-o".
        entries: the kind of entries that it names, which installed packages may bring.
    """
    declared = Setting(help, metavar, check, option, panel, default_shown, also, entries)
    return field(default=default, metadata={_SETTING: declared})


@functools.cache
def settings_of(config: Any) -> Mapping[str, Setting]:
    """The settings that a dataclass declares, by field."""
    return {one.name: one.metadata[_SETTING] for one in fields(config) if _SETTING in one.metadata}


def option_name(config: type, name: str) -> str:
    """The option of a field, without its dashes."""
    return settings_of(config)[name].option or name


def check_settings(config: Any) -> None:
    """Refuses a value that its setting cannot have.

    Raises:
        UsageError: names the option, the value and what is wanted.
    """
    for name, one in settings_of(config.__class__).items():
        value = getattr(config, name)
        if isinstance(value, float):
            require(math.isfinite(value), f"--{one.option or name}", value, "a finite number")
        if one.check is not None and value is not None:
            require(one.check.holds(value), f"--{one.option or name}", value, one.check.wanted)


def require(holds: bool, option: str, value: object, wanted: str) -> None:
    """Refuses a value that its setting cannot have.

    Raises:
        UsageError: names the option, the value and what is wanted.
    """
    if not holds:
        raise UsageError(f"{option} is {value}; it must be {wanted}")


LARGEST_COUNT = 1_000_000
"""More than any catalogue has."""
COUNT = Check(f"1 to {LARGEST_COUNT:,}", lambda value: 1 <= value <= LARGEST_COUNT)
ONE_OR_MORE = Check("1 or more", lambda value: value >= 1)
ZERO_OR_MORE = Check("0 or more", lambda value: value >= 0)
MOST_JOBS = 256
"""The largest number of tasks at once."""
JOBS = Check(f"1 to {MOST_JOBS}", lambda value: 1 <= value <= MOST_JOBS)
ABOVE_ZERO = Check("above 0", lambda value: value > 0)
FRACTION = Check("between 0 and 1", lambda value: 0 < value < 1)
