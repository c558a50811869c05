"""The help of a command: how it is used, what it does, its options by topic, and two examples.

Typer's own has a column for each of an option's parts: of 80 columns a third is left for sentences.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperGroup

from movierec_cli.cli.parsing.help_texts import EXAMPLES, FIRST
from movierec_cli.text import counted

HELP_ALL = "help_all"
_ALWAYS = ("help", HELP_ALL)
_MOST_COLUMNS = 100
_NAMES = 28  # columns, behind which sentences begin
_PANEL = "rich_help_panel"


def _show_all(ctx: typer.Context, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        ctx.meta[HELP_ALL] = True
        typer.echo(ctx.get_help())
        raise typer.Exit


HelpAll = Annotated[
    bool,
    typer.Option(
        f"--{HELP_ALL}",
        is_eager=True,
        expose_value=False,
        callback=_show_all,
        help="Show all options, by topic.",
    ),
]
"""The option of a command that is in `FIRST`."""


def help_page(command: Any, ctx: Any, name: str) -> str:
    """The help of a command of this name, whose program's name is left out."""
    width = min(shutil.get_terminal_size().columns, _MOST_COLUMNS)
    params = [param for param in command.get_params(ctx) if not getattr(param, "hidden", False)]
    first = () if ctx.meta.get(HELP_ALL) else FIRST.get(name, ())
    shown = [param for param in params if not first or _name(param) in (*first, *_ALWAYS)]
    parts = [
        f"{_title('Usage:')} {ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}",
        *_paragraphs(command.help or "", width),
        *_panels(shown, ctx, width),
        *_commands(command, ctx, width),
    ]
    if len(shown) < len(params):
        n = counted(len(params) - len(shown), "more option")
        parts.append(f"{n}, by topic: {ctx.command_path} --{HELP_ALL}")
    if name in EXAMPLES:
        parts.append("\n".join([_title("Examples:"), *(f"  {line}" for line in EXAMPLES[name])]))
    return "\n\n".join(parts)


def _title(text: str) -> str:
    styled: str = typer.style(text, bold=True)
    return styled


def _name(param: Any) -> str:
    name: str = max(param.opts, key=len)
    return name.lstrip("-").replace("-", "_")


def _paragraphs(text: str, width: int) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield textwrap.fill(" ".join(paragraph.split()), width, break_on_hyphens=False)


def _panels(params: Sequence[Any], ctx: Any, width: int) -> Iterator[str]:
    by_title: dict[str, list[str]] = {"Arguments": [], "Options": []}
    for param in params:
        is_argument = isinstance(param, TyperArgument)
        title = getattr(param, _PANEL, None) or ("Arguments" if is_argument else "Options")
        by_title.setdefault(title, []).append(_entry(_names_of(param), _sentences_of(param, ctx), width))
    for title, entries in by_title.items():
        if entries:
            yield "\n".join([_title(title + ":"), *entries])


def _names_of(param: Any) -> str:
    """Such as "--output, -o FILE"; of a flag, how it is switched off where it is on."""
    if isinstance(param, TyperArgument):
        return param.metavar or str(param.name).upper()
    names = ", ".join(sorted(param.opts, key=lambda one: not one.startswith("--")))
    if param.is_flag:
        return f"{names} / {param.secondary_opts[0]}" if param.secondary_opts else names
    return f"{names} {param.metavar or 'VALUE'}"


def _sentences_of(param: Any, ctx: Any) -> str:
    """The help with its default."""
    record = param.get_help_record(ctx)
    text = record[1] if record else param.help or ""
    return " ".join(text.replace("[default: (", "[default: ").replace(")]", "]").split())


def _entry(names: str, text: str, width: int) -> str:
    indent = " " * _NAMES
    lines = textwrap.wrap(text, width - _NAMES, break_on_hyphens=False) or [""]
    if len(names) + 4 > _NAMES:
        return "\n".join([f"  {names}", *(indent + line for line in lines)])
    return "\n".join([f"  {names:<{_NAMES - 2}}{lines[0]}", *(indent + line for line in lines[1:])])


def _commands(command: Any, ctx: Any, width: int) -> Iterator[str]:
    if not isinstance(command, TyperGroup):
        return
    children = {name: command.get_command(ctx, name) for name in command.list_commands(ctx)}
    entries = (
        _entry(name, " ".join((child.help or "").partition("\n\n")[0].split()), width)
        for name, child in children.items()
        if child is not None and not child.hidden
    )
    yield "\n".join([_title("Commands:"), *entries])
