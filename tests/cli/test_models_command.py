import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from movierec_cli.cli.app import app
from movierec_cli.registry.store import Run
from tests.saved_runs import run_artifacts, run_record, save_run


def run(*args: str) -> Any:
    return CliRunner().invoke(app, ["models", *args], env={"COLUMNS": "200"})


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saved_models" / "foreign").mkdir(parents=True)
    return [
        save_run(tmp_path / "saved_models", run_record(*names), run_artifacts())
        for names in ((), ("timestamp",))
    ]


def test_models_are_listed_and_foreign_folders_named(saved: list[Run]) -> None:
    result = run("list")
    assert result.exit_code == 0
    for model in saved:
        assert model.record.name in result.stdout
    assert "0.4000" in result.stdout
    assert "foreign" in result.stderr


def test_listing_as_json_has_records_and_problems(saved: list[Run]) -> None:
    document = json.loads(run("list", "--json").stdout)
    assert [item["record"]["name"] for item in document["runs"]] == [model.record.name for model in saved]
    assert [Path(item["folder"]).name for item in document["problems"]] == ["foreign"]


def test_an_empty_folder_says_how_to_train(tmp_path: Path) -> None:
    result = run("list", "--saved-models-dir", str(tmp_path / "none"))
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "movierec train" in result.stderr


def test_one_model_is_shown_by_the_beginning_of_its_name(saved: list[Run]) -> None:
    result = run("show", "1m-time")
    assert result.exit_code == 0, result.output
    for text in (saved[1].record.data.fingerprint, "2.21.0", "learning_rate", "6.5000"):
        assert text in result.stdout
    assert json.loads(run("show", "1m-time", "--json").stdout)["record"]["name"] == saved[1].record.name


@pytest.mark.parametrize(("name", "words"), [("1m-", ["2 models"]), ("x", ["no saved model 'x'", "1m-none"])])
def test_a_name_that_is_not_one_models_is_refused(saved: list[Run], name: str, words: list[str]) -> None:
    result = run("show", name)
    assert result.exit_code == 1
    assert all(word in result.stderr for word in words)


def test_models_are_removed_by_full_name_only(saved: list[Run]) -> None:
    assert run("remove", "1m-none").exit_code == 1
    result = run("remove", saved[0].record.name, saved[1].record.name)
    assert result.exit_code == 0
    assert [path.name for path in saved[0].folder.parent.iterdir()] == ["foreign"]


def test_foreign_folders_are_not_removed(saved: list[Run]) -> None:
    result = run("remove", "foreign")
    assert result.exit_code == 1
    assert "left alone" in result.stderr
    assert (saved[0].folder.parent / "foreign").exists()
