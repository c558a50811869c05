"""What MkDocs calls while it builds the site: it makes pages of the commands and of the Python names."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.core import TyperGroup

import movierec_cli
from movierec_cli.cli.app import app

COMMANDS, API = "commands", "api.md"
SERVING = "serving.md"  # of an extra, which may lack its page


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the pages that are made to the navigation."""
    pages = [{path: page_of(path)} for path, _ in commands()]
    assert config.nav is not None
    if Path(config.docs_dir, SERVING).is_file():
        (how_to,) = (part["How to"] for part in config.nav if "How to" in part)
        how_to.insert(-1, {"Serve": SERVING})
    config.nav.append({"Reference": [{"Commands": [f"{COMMANDS}/index.md", *pages]}, {"Python": API}]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages themselves."""
    made = {page_of(path): command_page(path, command) for path, command in commands()}
    made[f"{COMMANDS}/index.md"] = index_page()
    made[API] = api_page()
    for uri, content in made.items():
        files.append(File.generated(config, uri, content=content))
    return files


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its whole name, in the order of the help; groups are left out."""

    def below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(command, TyperGroup):
            for name, child in command.commands.items():
                yield from below(f"{path} {name}", child)
        else:
            yield path, command

    return below("movierec", typer.main.get_command(app))


def page_of(path: str) -> str:
    """Where the page of a command is, among the documents."""
    return f"{COMMANDS}/{path.partition(' ')[2].replace(' ', '-')}.md"


def index_page() -> str:
    """All commands, each with the first line of its help."""
    rows = []
    for path, command in commands():
        first, page = (command.help or "").partition("\n")[0], page_of(path).partition("/")[2]
        rows.append(f"| [`{path}`]({page}) | {_cell(first)} |")
    return "\n".join(["# Commands", "", "| command | what it does |", "|---|---|", *rows, ""])


def command_page(path: str, command: Any) -> str:
    """A command's help, and its options by topic."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    usage = " ".join([path, "[OPTIONS]", *(f"[{one.metavar or one.name.upper()}]" for one in arguments)])
    lines = [f"# `{path}`", "", *inspect.cleandoc(command.help or "").splitlines(), ""]
    lines += ["```text", usage, "```", ""]
    topics: dict[str, list[Any]] = {}
    for param in command.params:
        if not getattr(param, "hidden", False):
            topics.setdefault(getattr(param, "rich_help_panel", None) or "Options", []).append(param)
    for topic, params in topics.items():
        lines += [f"## {topic}", "", "| option | what it does |", "|---|---|", *map(_option_row, params), ""]
    return "\n".join(lines)


def _option_row(param: Any) -> str:
    names = [f"`{name}`" for name in (*param.opts, *param.secondary_opts) if name.startswith("-")]
    value = f" `{param.metavar}`" if param.metavar else ""
    default = _default(param)
    told = f" (default: `{default}`)" if default else ""
    return f"| {', '.join(names) or f'`{param.name.upper()}`'}{value} | {_cell((param.help or '') + told)} |"


def _default(param: Any) -> str:
    """As the help shows it; "" where it shows none."""
    shown = getattr(param, "show_default", False)
    if isinstance(shown, str):
        return shown
    if (
        not shown
        or param.default in (None, False, (), [])
        or not isinstance(param.default, int | float | str)
    ):
        return ""
    return str(param.default)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def api_page() -> str:
    """The public names of the package, each documented from its source."""
    names = sorted(movierec_cli.__all__, key=str.lower)
    lines = [
        "# Python",
        "",
        "The names that `movierec_cli` has. [From Python](python.md) shows them at work.",
        "",
    ]
    for name in names:
        value = getattr(movierec_cli, name)
        home = getattr(value, "__module__", "")
        if home.startswith("movierec_cli"):
            lines += [f"::: {home}.{value.__qualname__}", ""]
    return "\n".join(lines)
