"""All code of every page runs, from the page's top to its end, as a reader would type it."""

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from movierec_cli.cli.app import app
from tests.all_tests import needs
from tests.docs.archives import write_archives
from tests.docs.page_world import BEFORE, World
from tests.docs.pages import DOCS, PAGES, PYTHON, ROOT, SHELL, blocks_of, name_of

Names = dict[str, Any]
ELSEWHERE = {
    r"pip install|python3 -m pip": "It needs the package index; tests/packaging installs the package.",
    r"python3 -m venv|\. \.venv/bin/activate": "The environment is the one that the tests run in.",
    r"docker run|curl http://localhost:8501": "It needs a container of TensorFlow Serving.",
    r"ray start": "It starts a cluster that would run for ever; tests/runners starts one of its own.",
    r"movierec data fetch": "It downloads; tests/data/test_download.py downloads from a server of its own.",
    r"srun": "It needs Slurm.",
}
"""Commands that no test can run, and why."""
PACKAGES = {
    "movierec tune": ("optuna",),
    "movierec serve": ("fastapi", "prometheus_client", "uvicorn"),
    "import pandas": ("pandas",),
}
"""Those that are optional, by what needs them."""
SHOWN: dict[str, Callable[[Names], object]] = {
    "docs/python.md": lambda names: names["result"].runs and len(names["frame"]) == 10,
    "docs/tuning.md": lambda names: names["tuned"].answer and len(names["tuned"].trials()) >= 40,
    "docs/watch-a-training.md": lambda names: isinstance(names["trainer"]._observer, names["Losses"]),
    "docs/your-data.md": lambda names: names["dataset"].movies.movie_id.tolist() == [7, 8],
}
"""What is true at the end of a page of the names that its Python gave."""
CODE = [name_of(page) for page in PAGES if {SHELL, PYTHON} & {block.language for block in blocks_of(page)}]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archives")
    write_archives(folder)
    return folder


@pytest.mark.parametrize("page", CODE)
def test_all_code_of_a_page_runs_in_its_order(
    page: str, tmp_path: Path, archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code, packages in PACKAGES.items():
        if any(code in block.text for block in blocks_of(ROOT / page)):
            for package in packages:
                needs(package)
    with World(page, tmp_path, archives, monkeypatch) as world:
        for command in BEFORE.get(page, ()):
            world.run(command)
        for block in blocks_of(ROOT / page):
            if block.language == PYTHON:
                world.execute(block.text)
            for command in block.commands_of_shell:
                if not any(re.match(one, command) for one in ELSEWHERE):
                    world.run(command)
        assert SHOWN.get(page, bool)(world.names) or page not in SHOWN


def test_every_exception_is_of_a_command_that_a_page_shows() -> None:
    shown = [command for page in PAGES for block in blocks_of(page) for command in block.commands_of_shell]
    begun = [one for exceptions in ELSEWHERE for one in exceptions.split("|")]
    assert [one for one in begun if not any(re.match(one, command) for command in shown)] == []


NAMED = sorted(
    {
        code
        for page in (*PAGES, ROOT / "CONTRIBUTING.md")
        for code in re.findall(
            r"`((?:movierec |make |\S*python (?:-m )?tests)[^`]+)`", page.read_text("utf-8")
        )
    }
)


@pytest.mark.parametrize("code", NAMED)
def test_what_a_sentence_names_is_there(code: str) -> None:
    """A command and its options, a target of make, a program of the tests with the names that it takes."""
    program, *typed = shlex.split(code)
    if program == "make":
        assert set(typed) <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    elif program == "movierec":
        command = typer.main.get_command(app)
        while isinstance(command, TyperGroup) and typed and not typed[0].startswith("-"):
            command = command.commands[typed.pop(0)]
        known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        assert {one for one in typed if one.startswith("-")} <= known | {"--help"}
    else:
        module, *names = (one for one in typed if one != "-m")
        path = ROOT / (module if module.endswith(".py") else f"{module.replace('.', '/')}.py")
        assert all(f'"{name}"' in path.read_text("utf-8") for name in names)


def test_all_code_says_its_language_so_that_none_is_left_out() -> None:
    languages = {block.language for page in PAGES for block in blocks_of(page)}
    assert languages == {SHELL, PYTHON, "text", "json", "toml"}
    for page in PAGES:
        outside = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        assert "```" not in outside and not re.search(r"^ {4}(movierec|python)", outside, re.MULTILINE)


def test_five_lines_of_python_are_enough() -> None:
    programs = [block.text for block in blocks_of(DOCS / "python.md") if block.language == PYTHON]
    assert len(programs) == 2
    assert all(len([line for line in one.splitlines() if line]) <= 5 for one in programs)


def test_a_command_that_fails_and_python_that_raises_are_found(
    tmp_path: Path, archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with World("", tmp_path, archives, monkeypatch) as world:
        for wrong in ("movierec recommend --user 1", "movierec recomend", "false"):
            with pytest.raises((AssertionError, subprocess.CalledProcessError)):
                world.run(wrong)
        with pytest.raises(NameError):
            world.execute("unknown_name")
