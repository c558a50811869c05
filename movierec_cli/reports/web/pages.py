"""What every web page of this package shares: how it is filled, written and coloured."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from movierec_cli.errors import MovierecError
from movierec_cli.files import written_whole

# Okabe and Ito's palette, told apart with any colour vision; black and yellow give way to what the
# background lets be seen.
PALETTE = {
    "light": ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1c1e21"],
    "dark": ["#56b4e9", "#e69f00", "#2ec492", "#e39bc4", "#f0e442", "#ff8142", "#e8eaed"],
}
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "triangle-down", "cross")
DASHES = ("solid", "dash", "dot", "dashdot")
FONT = {"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 14}


def colour(index: int) -> str:
    """The CSS variable, declared by `palette_css`, with the colour of line `index`."""
    return f"--c{index % len(PALETTE['light'])}"


def palette_css() -> str:
    """The palette as CSS variables; dark where the reader's system is, unless the page is being printed."""
    light, dark = (
        " ".join(f"--c{index}: {value};" for index, value in enumerate(PALETTE[scheme]))
        for scheme in ("light", "dark")
    )
    return (
        f":root {{ {light} }}\n"
        f"  @media screen and (prefers-color-scheme: dark) {{ :root:not(.printing) {{ {dark} }} }}"
    )


def dash(index: int) -> str:
    """The dash of line `index`: solid until the palette's colours come round again."""
    return DASHES[index // len(PALETTE["light"]) % len(DASHES)]


def symbol(index: int) -> str:
    """The marker of line `index`."""
    return SYMBOLS[index % len(SYMBOLS)]


def model_colour(index: int, *, is_baseline: bool) -> str:
    """The CSS variable with a model's colour: the palette is for what was trained."""
    return "--faint" if is_baseline else colour(index)


def filled(template: str, parts: Mapping[str, str]) -> str:
    """A template of this package with its @{names} replaced.

    Args:
        template: a file beside this module.
        parts: by name, HTML or embedded JSON; inserted as it is. @{palette} is there already.
    """
    known = {"palette": palette_css(), **parts}
    return re.sub(r"@\{(\w+)\}", lambda match: known[match[1]], file_beside(template))


def file_beside(name: str) -> str:
    """The text of a file that lies beside this module, such as a template, style or script."""
    return resources.files("movierec_cli.reports.web").joinpath(name).read_text(encoding="utf-8")


def embedded(json_text: str) -> str:
    """JSON that cannot end the script element it stands in."""
    return json_text.replace("<", "\\u003c")


def write_page(page: str, file: Path) -> Path:
    """Writes a page; what was there before stays until the new page is complete.

    Args:
        page: the whole page.
        file: where it goes; missing folders are made.

    Returns:
        The absolute path of the page.

    Raises:
        MovierecError: the file cannot be written.
    """
    try:
        with written_whole(file) as unfinished:
            unfinished.write_text(page, encoding="utf-8")
    except OSError as error:
        raise MovierecError(f"the page cannot be written to {file}: {error.strerror or error}") from error
    return file.resolve()


def check_writable(file: Path) -> None:
    """Finds out before a long piece of work what would hinder `write_page` after it.

    Raises:
        MovierecError: the path is a folder, or lies in a place where nothing can be written.
    """
    problem = f"the page cannot be written to {file}"
    if file.is_dir():
        raise MovierecError(f"{problem}: it is a folder; name a file such as {file / 'page.html'}")
    parent = next(folder for folder in file.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise MovierecError(f"{problem}: {parent} is not a folder in which you can write")
