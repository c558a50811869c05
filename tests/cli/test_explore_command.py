"""`movierec explore` on saved models of a small data set."""

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from movierec_cli.cli.commands.explore import explore_command
from movierec_cli.cli.parsing.variadic import Command
from movierec_cli.registry.store import Run
from tests.saved_runs import judged_run, run_config, sequence_config
from tests.small_dataset import small_dataset

program = typer.Typer()
program.command("explore", cls=Command)(explore_command)


@pytest.fixture(autouse=True)
def towers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return judged_run(Path("saved_models"), small_dataset(), run_config("timestamp"))


def explore(*args: str) -> Any:
    return CliRunner().invoke(program, list(args))


def test_the_page_lies_in_explore_html_and_the_model_is_named(towers: Run) -> None:
    result = explore()
    assert result.exit_code == 0
    assert result.stdout == f"Page: {Path('explore.html').resolve()}\n"
    assert f"Model: {towers.record.name} (the only one" in result.stderr
    assert towers.record.name in Path("explore.html").read_text()


def test_a_model_of_sequences_can_be_explored() -> None:
    run = judged_run(Path("saved_models"), small_dataset(), sequence_config())
    assert explore("--model", run.record.name).exit_code == 0
    assert "SASRec" in Path("explore.html").read_text()


def test_the_page_opens_in_the_browser_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)
    assert explore("--open").exit_code == 0
    assert opened == [Path("explore.html").resolve().as_uri()]
