import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from movierec_cli.cli.commands import export
from movierec_cli.cli.parsing.variadic import Command
from movierec_cli.cli.program import Program
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import small_dataset


@pytest.fixture(autouse=True)
def in_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def saved(tmp_path: Path) -> list[str]:
    """Names of two runs of the same data."""
    configs = (run_config(), run_config("timestamp"))
    return [judged_run(tmp_path / "saved_models", small_dataset(), config).record.name for config in configs]


program = typer.Typer(cls=Program, callback=lambda: None)
program.command("export", cls=Command)(export.export_command)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(program, ["export", *arguments])


def test_what_was_written_its_size_and_what_to_try_are_said(saved: list[str], tmp_path: Path) -> None:
    result = run("--model", saved[0], "--format", "npz")
    assert result.exit_code == 0, result.output
    file = tmp_path / f"{saved[0]}.npz"
    assert result.stdout == f"Written: {file}, 0.0 MB\n"
    assert f"Model: {saved[0]} (the only one" in result.stderr
    assert "Try it: python -c '" in result.stderr and str(file) in result.stderr
    assert np.load(file)["movie_id"].tolist() == list(small_dataset().movies.movie_id)


def test_the_best_model_is_exported_if_none_is_named(saved: list[str]) -> None:
    result = run("--format", "npz")
    assert result.exit_code == 0, result.output
    best = min(saved)  # equally good: the first by name
    assert f"Model: {best} (the best of 2 models" in result.stderr
    assert Path(f"{best}.npz").is_file()


def test_programs_get_one_document(saved: list[str], tmp_path: Path) -> None:
    result = run("--model", saved[1], "--format", "npz", "--output", "out/model.npz", "--json", "--quiet")
    assert result.exit_code == 0, result.output
    file = tmp_path / "out" / "model.npz"
    document = json.loads(result.stdout)
    next_command = document.pop("next_command")
    assert document == {
        "run": saved[1],
        "model": "timestamp",
        "format": "npz",
        "path": str(file),
        "size_bytes": file.stat().st_size,
        "sees_time": True,
    }
    assert next_command.startswith("python -c") and next_command.endswith(str(file))
    assert result.stderr == ""


def test_a_file_that_exists_is_kept(saved: list[str]) -> None:
    Path("model.npz").write_text("mine")
    refused = run("--model", saved[0], "--format", "npz", "--output", "model.npz")
    assert refused.exit_code == 1 and "--overwrite" in refused.stderr
    assert Path("model.npz").read_text() == "mine"
    assert run("--model", saved[0], "--format", "npz", "--output", "model.npz", "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["a"], 2, "extra argument"),
        (
            ["--index", "scann", "--format", "onnx"],
            2,
            "--index has no effect here: it is for --format savedmodel",
        ),
        (["--format", "zip"], 2, "'zip' is not one of 'savedmodel'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str], exit_code: int, message: str, saved: list[str]
) -> None:
    result = run(*arguments)
    assert result.exit_code == exit_code
    assert message in result.stderr
