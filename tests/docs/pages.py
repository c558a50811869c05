"""The pages of the documentation and the README: the commands that they show, and the outputs under them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted((ROOT / "README.md", *DOCS.rglob("*.md")))
OUTPUT = re.compile(
    r"<!-- output of: (?P<command>movierec [^;>]*?)(?:; lines: (?P<lines>\d+))? -->\n"
    r"```text\n(?P<text>.*?)```",
    re.DOTALL,
)
"""What a command printed, under a comment that names it; with a number, its first lines alone."""


def name_of(page: Path) -> str:
    """The path of a page, from the root."""
    return page.relative_to(ROOT).as_posix()


def commands_of(page: Path) -> list[str]:
    """The lines that call movierec, in blocks of shell code and in indented ones, without their comments."""
    text = page.read_text("utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    blocks = [block for language, block in fenced if language in ("", "sh")]
    blocks += re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    return [command for block in blocks for command in _lines(block)]


def _lines(block: str) -> Iterator[str]:
    for line in re.sub(r" \\\n\s*", " ", block).splitlines():
        command = re.split(r"\s+# ", line.strip())[0].strip()
        if command.split(" ")[0] == "movierec":
            yield command


def arguments_of(command: str) -> list[str]:
    """What follows the program's name."""
    return shlex.split(command)[1:]
