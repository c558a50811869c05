"""`movierec demo` is a command of `train`."""

import shlex
from pathlib import Path

import pytest

from movierec_cli.cli.commands.demo import command_of_demo
from tests.cli import fake_trainer
from tests.cli.running import check_row, run


def test_the_demo_is_the_training_that_it_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_trainer.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert run("demo", "--output", "a folder").exit_code == 0
    named = command_of_demo(Path("a folder"))
    assert fake_trainer.commands[-1] == named
    assert run(*shlex.split(named)[1:]).exit_code == 0
    assert fake_trainer.configs[-1] == fake_trainer.configs[-2]
    assert fake_trainer.configs[-1].data.dataset == "sample"
    assert len(fake_trainer.configs[-1].feature_sets or ()) == 4


def test_the_demo_makes_a_page_and_models_and_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_trainer.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    said = run("demo", width=300)
    assert {file.name for file in Path("demo").iterdir()} == {"movierec.html", "saved_models"}
    line = said.stderr.partition("Next: movierec ")[2].splitlines()[0]
    assert run(line, width=300).exit_code == 0


def test_the_demo_takes_no_options_of_a_training() -> None:
    check_row("2 | demo --num_epochs 3 | --num_epochs")
