"""A setting is declared once: an annotated field of a frozen dataclass, with its default, check and help.

The field's check, the option of the command line and its help all come from that one declaration.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from movierec_cli.errors import UsageError


@dataclass(frozen=True)
class Check:
    """What a value must be, in words and as a test."""

    wanted: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Setting:
    """What is known of a field besides its name, its type and its default; the field is annotated with it.

    Attributes:
        help: one complete sentence.
        panel: of the help that lists the option.
        metavar: what stands for the value in the help; several values where it ends in "...".
        option: the option's name without dashes, if it is not the field's.
        check: what the value must be; None as a value is never checked.
    """

    help: str
    panel: str = ""
    metavar: str = "N"
    option: str = ""
    check: Check | None = None


@functools.cache
def settings_of(config: Any) -> Mapping[str, Setting]:
    """The settings that a dataclass declares, by field."""
    marks = {
        name: [mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Setting)]
        for name, hint in get_type_hints(config, include_extras=True).items()
    }
    return {name: found[0] for name, found in marks.items() if found}


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
        if one.check is not None and value is not None:
            require(one.check.holds(value), f"--{one.option or name}", value, one.check.wanted)


def require(holds: bool, option: str, value: object, wanted: str) -> None:
    """Refuses a value that its setting cannot have.

    Raises:
        UsageError: names the option, the value and what is wanted.
    """
    if not holds:
        raise UsageError(f"{option} is {value}; it must be {wanted}")


ONE_OR_MORE = Check("1 or more", lambda value: value >= 1)
ZERO_OR_MORE = Check("0 or more", lambda value: value >= 0)
ABOVE_ZERO = Check("above 0", lambda value: value > 0)
FRACTION = Check("between 0 and 1", lambda value: 0 < value < 1)
