"""What Typer's parser does not do: several values of one option, either spelling of its name, quick values.

Arguments are rewritten into a form that Typer knows before it sees them, see `config.arguments`. An option
takes several values where its metavar ends in "...", so that what `--help` says is what the parser does.
"""

import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from movierec_cli.config.arguments import OptionSpec, rewrite, spelling
from movierec_cli.config.idle_options import IDLE_OPTIONS, refuse_idle
from movierec_cli.records import dataclass
from movierec_cli.text import printable

_RAW_ARGS = "movierec.raw_args"
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(rf"{_WHOLE_NUMBER.pattern}(\.[0-9]{{1,18}})?")


def _specs(params: Iterable[Any]) -> dict[str, OptionSpec]:
    options = [param for param in params if isinstance(param, TyperOption)]
    return {
        spelling(name): OptionSpec(
            name=name,
            takes_value=not (option.is_flag or option.count),
            takes_several=(option.metavar or "").endswith("..."),
            once="" if option.multiple or _is_plain_flag(option) else str(option.name),
        )
        for option in options
        for name in (*option.opts, *option.secondary_opts)
    }


def _is_plain_flag(option: TyperOption) -> bool:
    return option.is_flag and not option.secondary_opts


def command_line(ctx: Any) -> str:
    """The command as it was typed, with its whole name, such as "movierec train --dataset 100k"."""
    return printable(shlex.join([*ctx.command_path.split(), *ctx.meta[_RAW_ARGS]]))


def given_options(ctx: Any) -> set[str]:
    """The parameters that are given on the command line."""
    return {name for name in ctx.params if ctx.get_parameter_source(name).name == "COMMANDLINE"}


class Command(TyperCommand):
    """A command whose options may take several values and be spelled either way."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Rewrites the arguments, then lets Typer parse them."""
        ctx.meta[_RAW_ARGS] = tuple(args)
        _keep_plain(self.get_params(ctx))
        rewritten = rewrite(args, _specs(self.get_params(ctx)), strict=not ctx.resilient_parsing)
        try:
            return super().parse_args(ctx, list(rewritten))
        except typer.BadParameter as error:
            _show_value(error, rewritten)
            raise

    def invoke(self, ctx: Any) -> Any:
        """Runs the command, unless an option is given that has no effect beside the others.

        Where a file gives options too, the command asks that of all of them together.
        """
        if "config" not in ctx.params:
            refuse_idle(given_options(ctx), ctx.params, IDLE_OPTIONS)
        return super().invoke(ctx)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Completes also a value that is not the first after its option."""
        option = self._open_option(ctx) if not incomplete.startswith("-") else None
        return option.shell_complete(ctx, incomplete) if option else super().shell_complete(ctx, incomplete)

    def _open_option(self, ctx: Any) -> TyperOption | None:
        """The option that the word being typed is a value of."""
        args: tuple[str, ...] = ctx.meta[_RAW_ARGS]
        specs = _specs(self.get_params(ctx))
        places = [place for place, token in enumerate(args) if spelling(token) in specs]
        spec = specs[spelling(args[places[-1]])] if places and "--" not in args else None
        if spec is None or not spec.takes_value or (not spec.takes_several and places[-1] != len(args) - 1):
            return None
        options = (param for param in self.get_params(ctx) if isinstance(param, TyperOption))
        return next(option for option in options if spec.name in option.opts)


class Group(TyperGroup):
    """Commands under one name; alone, it shows its help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Rewrites the group's own options, then lets Typer parse them."""
        _keep_plain(self.get_params(ctx))
        if not args and not ctx.resilient_parsing:
            args = [ctx.help_option_names[0]]
        specs = _specs(self.get_params(ctx))
        own = _own_options(args, specs)
        return super().parse_args(ctx, [*rewrite(args[:own], specs), *args[own:]])


class DefaultCommandGroup(Group):
    """A group whose options, where they are not its own, are those of its first command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the first command's name before options without a command."""
        own = _own_options(args, _specs(self.get_params(ctx)))
        if args[own:] and args[own].startswith("-"):
            args = [*args[:own], self.list_commands(ctx)[0], *args[own:]]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Offers the first command's options beside the group's own."""
        first = self.get_command(ctx, self.list_commands(ctx)[0])
        items = super().shell_complete(ctx, incomplete)
        if first is not None and incomplete.startswith("-"):
            context = first.make_context(first.name, [], parent=ctx, resilient_parsing=True)
            known = {item.value for item in items}
            items += [item for item in first.shell_complete(context, incomplete) if item.value not in known]
        return items


def _own_options(args: Sequence[str], specs: Mapping[str, OptionSpec]) -> int:
    """How many of the first arguments are a group's own options. None of a group's options takes a value."""
    flags = (spelling(token) in specs for token in args)
    return next((place for place, is_own in enumerate(flags) if not is_own), len(args))


def _show_value(error: typer.BadParameter, rewritten: Sequence[str]) -> None:
    """Adds the refused value to a message that lacks it, such as that of a wrong number."""
    names = error.param.opts if error.param is not None else ()
    values = [token.partition("=")[2] for token in rewritten if token.partition("=")[0] in names]
    if values and f"'{values[-1]}'" not in error.message:
        error.message = f"'{values[-1]}' cannot be used: {error.message}"


def _keep_plain(params: Iterable[Any]) -> None:
    """Makes options take plain values as they are.

    pydantic, which Typer converts values with, is slow to import: `recommend --liked "Toy Story"` took 0.46 s
    of a core with Typer's own conversion and 0.36 s with this (minima of 15). Whatever is not plain is left
    to it, so that values and messages are Typer's. No option here has a parser or limits of Typer's, which
    plain values would pass by.
    """
    for param in params:
        if hasattr(param, "type_descriptor") and not isinstance(param.get_runtime_param, _PlainFirst):
            param.get_runtime_param = _PlainFirst(param.type_descriptor, param.get_runtime_param)


@dataclass(frozen=True)
class _PlainFirst:
    """Stands in the place of what gives Typer's conversion of one option, and is asked before it."""

    descriptor: Any
    of_typer: Callable[[], Any]

    def __call__(self) -> Self:
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        plain = plain_value(self.descriptor.annotation, value)
        return self.of_typer().coerce(value, param=param, ctx=ctx) if plain is None else plain


def plain_value(annotation: Any, value: Any) -> Any:
    """What an option of a type makes of a value where that is plain, as Typer would; else None."""
    if get_origin(annotation) is list and isinstance(value, list | tuple):
        items = [plain_value(get_args(annotation)[0], item) for item in value]
        return None if None in items else items
    if isinstance(annotation, type) and isinstance(value, annotation):
        return value  # a default, or a text that is to be one
    means = _MEANINGS.get(annotation)
    return means(value) if means is not None and isinstance(value, str) else None


def _meant_number(text: str) -> int | None:
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else None


def _meant_fraction(text: str) -> float | None:
    return float(text) if _DECIMAL.fullmatch(text) else None


def _meant_path(text: str) -> Path | None:
    return Path(text) if os.access(text, os.R_OK) or not os.path.lexists(text) else None


_MEANINGS: Mapping[Any, Callable[[str], Any]] = {
    int: _meant_number,
    float: _meant_fraction,
    Path: _meant_path,
}
"""Of texts that are plain; None for others."""
