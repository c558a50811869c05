"""Arguments of the command line as people type them, rewritten into one form.

Several values of one option, and either spelling of its name: `--layer-sizes 64 32` becomes
`--layer_sizes=64,32`.
"""

import re
from collections import deque
from collections.abc import Mapping, Sequence

from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass

_NEGATIVE_NUMBER = re.compile(r"-\.?\d")


@dataclass(frozen=True)
class OptionSpec:
    """What the rewriting needs to know of an option."""

    name: str  # as documented
    takes_value: bool
    takes_several: bool
    once: str = ""  # what may be given once only; the same for all names of an option


def rewrite(args: Sequence[str], specs: Mapping[str, OptionSpec], *, strict: bool = True) -> list[str]:
    """Joins each known option with its value or values, under its documented name.

    Several values are taken up to the next token that starts with "-" and is no number. Everything from
    "--" on, and every token that is not a known option or its value, stays as it is.

    Args:
        args: the arguments of one command.
        specs: its options by `spelling`.
        strict: whether a missing value is an error; completion meets options still without one.

    Raises:
        UsageError: an option has no value, or is given twice although only the last would count.
    """
    pending, rewritten, given = deque(args), list[str](), dict[str, str]()
    while pending and pending[0] != "--":
        token = pending.popleft()
        name, equals, value = token.partition("=")
        spec = specs.get(spelling(name))
        if spec is not None and spec.once and strict:
            if spec.once in given:
                raise UsageError(f"{given[spec.once]} and {token} are the same option; give it once")
            given[spec.once] = token
        if spec is None:
            rewritten.append(token)
        elif not spec.takes_value:
            rewritten.append(f"{spec.name}{equals}{value}")
        else:
            values = [value] if equals else _next_value(pending, specs)
            values += _further_values(pending) if spec.takes_several and any(values) else []
            rewritten.append(_joined(spec, values, pending, strict))
    return [*rewritten, *pending]


def spelling(name: str) -> str:
    """One form for both spellings of an option's name."""
    return name.replace("_", "-") if name.startswith("--") else name


def _next_value(pending: deque[str], specs: Mapping[str, OptionSpec]) -> list[str]:
    """Takes a value, which may start with one "-" if no option has that name."""
    if pending and not pending[0].startswith("--") and pending[0] not in specs:
        return [pending.popleft()]
    return []


def _further_values(pending: deque[str]) -> list[str]:
    values: list[str] = []
    while pending and _cannot_be_option(pending[0]):
        values.append(pending.popleft())
    return values


def _cannot_be_option(token: str) -> bool:
    return not token.startswith("-") or _NEGATIVE_NUMBER.match(token) is not None


def _joined(spec: OptionSpec, values: Sequence[str], pending: Sequence[str], strict: bool) -> str:
    if any(values):
        between = "=" if spec.name.startswith("--") else ""  # -o=FILE would be the file "=FILE"
        return f"{spec.name}{between}{','.join(value for value in values if value)}"
    if strict:
        wanted = "one value or more" if spec.takes_several else "a value"
        instead = f", but '{pending[0]}' follows" if pending else ""
        raise UsageError(f"{spec.name} needs {wanted}{instead}")
    return spec.name
