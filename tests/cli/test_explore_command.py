"""`movierec explore` on saved models of a small data set."""

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from movierec_cli.cli.commands.explore import explore_command
from movierec_cli.cli.parsing.variadic import Command
from movierec_cli.config import Family
from movierec_cli.errors import MovierecError
from movierec_cli.registry.store import Run
from tests.saved_runs import judged_run, rating_baseline_run, run_config, sequence_config
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


def test_a_model_is_chosen_by_the_beginning_of_its_name(towers: Run) -> None:
    other = judged_run(Path("saved_models"), small_dataset(), run_config("movie_genres"))
    result = explore("--model", other.record.name[:-4], "--output", "pages/one.html", "--quiet")
    assert result.exit_code == 0 and result.stderr == ""
    assert other.record.name in Path("pages/one.html").read_text()


def test_a_model_of_sequences_can_be_explored() -> None:
    run = judged_run(Path("saved_models"), small_dataset(), sequence_config())
    assert explore("--model", run.record.name).exit_code == 0
    assert "SASRec" in Path("explore.html").read_text()


def test_a_baseline_has_nothing_to_explore() -> None:
    baseline = rating_baseline_run(Path("saved_models"), small_dataset(), Family.GLOBAL_MEAN)
    result = explore("--model", baseline.record.name)
    assert isinstance(result.exception, MovierecError)
    assert f"{baseline.record.name} is a baseline" in str(result.exception)
    assert not Path("explore.html").exists()


def test_of_several_data_sets_one_is_named() -> None:
    other = judged_run(Path("saved_models"), small_dataset("other"), run_config("movie_genres"))
    assert "--dataset" in str(explore().exception)
    assert explore("--dataset", "other").exit_code == 0
    assert other.record.name in Path("explore.html").read_text()


def test_a_place_that_cannot_be_written_to_is_said_before_anything_is_read() -> None:
    Path("folder").mkdir()
    result = explore("--output", "folder", "--saved_models_dir", "nowhere")
    assert "the page cannot be written to folder: it is a folder" in str(result.exception)


def test_no_models_is_a_clear_error() -> None:
    assert "movierec train" in str(explore("--saved_models_dir", "nowhere").exception)


def test_the_page_opens_in_the_browser_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)
    assert explore("--open").exit_code == 0
    assert opened == [Path("explore.html").resolve().as_uri()]
