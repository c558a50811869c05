"""What the README says of make, and how it is cut."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import commands_of

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TARGETS = sorted({word for line in re.findall(r"make [a-z -]+", README) for word in line.split()[1:2]})


@pytest.mark.parametrize("target", [*TARGETS, "clean", "fmt", "lint", "type", "bench"])
def test_every_make_target_exists(target: str) -> None:
    made = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


def test_the_readme_shows_the_main_parts() -> None:
    assert len(commands_of(ROOT / "README.md")) == 3
    assert {"demo", "test", "install", "help", "docs"} <= set(TARGETS)
