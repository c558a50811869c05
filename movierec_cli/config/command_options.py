"""Options of a training as its command line, and back."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from movierec_cli.config.arguments import OptionSpec, rewrite, spelling
from movierec_cli.config.option_values import NONE
from movierec_cli.config.train_options import OPTIONS, Given, Option, read_options
from movierec_cli.text import printable


def command_of(given: Mapping[str, Any]) -> str:
    """The command line of options."""
    words = (word for name, value in given.items() for word in _arguments(name, value))
    return printable(shlex.join(["movierec", "train", *words]))


def _arguments(name: str, value: Any) -> Iterable[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no_{name}"]
    if OPTIONS[name].is_repeated:
        return [word for one in value for word in (f"--{name}", *(one.features or (NONE,)))]
    several = value if isinstance(value, tuple) else (value,)
    return [f"--{name}", *([str(one) for one in several] or [NONE])]


def options_of_command(command: str) -> Given:
    """The options that the command line of a training gives; what is none of a training is left out.

    Raises:
        UsageError: an option has no value, or a wrong one.
        ValueError: quotation marks do not match.
    """
    found: dict[str, Any] = {}
    for token in rewrite(shlex.split(command), _SPECS):
        name, _, value = token.removeprefix("--").partition("=")
        option = OPTIONS.get(name.removeprefix("no_"))
        if option is None:
            continue
        if option.is_flag:
            found[option.name] = name == option.name
        elif option.is_repeated:
            found.setdefault(option.name, []).append(value)
        else:
            found[option.name] = value
    return read_options(found)


def _spec(option: Option) -> OptionSpec:
    return OptionSpec(f"--{option.name}", not option.is_flag, option.setting.metavar.endswith("..."))


_SPECS = {
    spelling(name): _spec(option)
    for option in OPTIONS.values()
    for name in (f"--{option.name}", *option.setting.also)
} | {
    spelling(f"--no_{option.name}"): replace(_spec(option), name=f"--no_{option.name}")
    for option in OPTIONS.values()
    if option.is_flag
}
