"""The pages of the documentation and the README: the code that they show, and the outputs under it."""

import re
import shlex
from dataclasses import dataclass
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
SHELL, PYTHON = "sh", "python"
_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """Code as a page shows it."""

    language: str
    text: str

    @property
    def commands_of_shell(self) -> list[str]:
        """What a shell would be given at a time: a line, or several that belong together; no comments."""
        found, begun = [], ""
        for line in self.text.splitlines() if self.language == SHELL else ():
            begun += line
            try:
                words = shlex.split(begun, comments=True)
            except ValueError:  # a quotation or an escape that goes on
                begun = begun.removesuffix("\\") + ("" if begun.endswith("\\") else "\n")
                continue
            if words:
                found.append(re.split(r"\s+# ", begun.strip())[0])
            begun = ""
        assert not begun, f"a command has no end: {begun}"
        return found


def blocks_of(page: Path) -> list[Block]:
    """All of a page's code, from its top to its end."""
    return [Block(*found) for found in _BLOCK.findall(page.read_text("utf-8"))]


def name_of(page: Path) -> str:
    """The path of a page, from the root."""
    return page.relative_to(ROOT).as_posix()


def commands_of(page: Path) -> list[str]:
    """The commands that call movierec."""
    shown = [command for block in blocks_of(page) for command in block.commands_of_shell]
    return [command for command in shown if shlex.split(command)[0] == "movierec"]
