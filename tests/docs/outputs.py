"""Runs the commands whose outputs the pages show, and writes these: `make outputs`. Takes minutes.

The commands of all pages run one after the other in one folder, on the embedded sample. What depends on the
folder is taken out; figures are those of this machine. The picture is what the demo prints.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.docs.pages import DOCS, OUTPUT, PAGES, name_of

COLUMNS = 100
PICTURE = DOCS / "images" / "demo.svg"
PICTURE_LINES = 24
_FETCHED = re.compile(r"\s*@font-face \{.*?\}\n", re.DOTALL)  # fonts from elsewhere


def printed(command: str, folder: Path) -> str:
    """What a command prints to stdout in a folder. Raises a `CalledProcessError`."""
    words = [sys.executable, "-m", "movierec_cli", *shlex.split(command)[1:]]
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "PYTHONPATH": os.getcwd()}
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True, env=environment)
    text = done.stdout.replace(f"{folder.resolve()}{os.sep}", "")
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def renew(folder: Path) -> None:
    """Replaces the outputs on all pages, and the picture."""
    pages = sorted(PAGES, key=lambda page: name_of(page) != "docs/start.md")  # which trains what others ask
    shown = (match["command"] for page in pages for match in OUTPUT.finditer(page.read_text("utf-8")))
    known = {}
    for command in dict.fromkeys(shown):
        print(command, flush=True)
        known[command] = printed(command, folder)
    for page in pages:
        text = page.read_text("utf-8")
        page.write_text(OUTPUT.sub(lambda match: _with(match, known[match["command"]]), text), "utf-8")
    draw(known["movierec demo"])


def _with(match: re.Match[str], output: str) -> str:
    lines = output.splitlines(keepends=True)
    if match["lines"] and len(lines) > int(match["lines"]):
        lines = [*lines[: int(match["lines"])], "…\n"]
    head = match[0].partition("```text\n")[0]
    return f"{head}```text\n{''.join(lines)}```"


def draw(output: str) -> None:
    """Writes the picture: the first lines of an output as a terminal shows them, with the reader's font."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for line in output.splitlines()[:PICTURE_LINES]:
        console.print(line, highlight=True, markup=False)
    drawn = console.export_svg(title="movierec demo", unique_id="demo")
    PICTURE.write_text(_FETCHED.sub("\n", drawn), "utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        renew(Path(name))
