"""What every web page of this package shares: how it is filled, written and coloured."""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from movierec_cli.errors import problems_named
from movierec_cli.files.atomic import check_place, written_whole

N_COLOURS = 14  # declared by base.css, for light and for dark
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "triangle-down", "cross")
DASHES = ("solid", "dash", "dot", "dashdot")
FONT = {"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 14}


def colour(index: int) -> str:
    """The CSS variable with the colour of line `index`."""
    return f"--c{index % N_COLOURS}"


def symbol(index: int) -> str:
    """The marker of line `index`."""
    return SYMBOLS[index % len(SYMBOLS)]


def filled(name: str, scripts: Sequence[str], parts: Mapping[str, str]) -> str:
    """A page, whose body and style are files beside this module, with its @{names} replaced.

    It runs the scripts after base.js, in their order; the parts, HTML or embedded JSON, are inserted
    as they are.
    """
    files = {
        "style": _file("base.css") + _file(f"{name}.css"),
        "script": "".join(map(_file, ("base.js", *scripts))),
    }
    page = _file("frame.html").replace("@{body}", _file(f"{name}.html"))
    every = {"connect": "", **files, **parts}
    return re.sub(r"@\{(\w+)\}", lambda match: every[match[1]], page)


def _file(name: str) -> str:
    return resources.files("movierec_cli.reports.web").joinpath(name).read_text(encoding="utf-8")


def embedded(json_text: str) -> str:
    """JSON that cannot end the script element it stands in."""
    return json_text.replace("<", "\\u003c")


def write_page(page: str, file: Path) -> Path:
    """Writes a whole page and gives its absolute path; missing folders are made.

    What was there before stays until the new page is complete.

    Raises:
        MovierecError: the file cannot be written.
    """
    with problems_named(f"the page cannot be written to {file}"), written_whole(file) as unfinished:
        unfinished.write_text(page, encoding="utf-8")
    return file.absolute()


def check_writable(file: Path, what: str = "the page", such_as: str = "page.html") -> None:
    """Finds out before a long piece of work what would hinder `write_page` after it.

    Args:
        file: its place.
        what: is to be written, for the message.
        such_as: a name for it.

    Raises:
        MovierecError: the path is a folder, or lies in a place where nothing can be written.
    """
    with problems_named(f"{what} cannot be written to {file}"):
        if file.is_dir():
            raise OSError(f"it is a folder; name a file such as {file / such_as}")
        check_place(file)
