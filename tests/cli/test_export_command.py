import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.running import check_row, rows, run
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import small_dataset


@pytest.fixture
def saved(own_folder: Path) -> list[str]:
    """Names of two runs of the same data."""
    configs = (run_config(), run_config("timestamp"))
    return [judged_run(Path("saved_models"), small_dataset(), config).record.name for config in configs]


def test_what_was_written_its_size_and_what_to_try_are_said(saved: list[str], own_folder: Path) -> None:
    result = run("export", "--model", saved[0], "--format", "npz")
    assert result.exit_code == 0, result.output
    file = own_folder / f"{saved[0]}.npz"
    assert result.stdout == f"Written: {file}, 0.0 MB\n"
    assert f"Model: {saved[0]} (the only one" in result.stderr
    assert "Try it: python -c '" in result.stderr and str(file) in result.stderr
    assert np.load(file)["movie_id"].tolist() == list(small_dataset().movies.movie_id)


def test_the_best_model_is_exported_if_none_is_named_and_an_older_file_replaced_on_request_only(
    saved: list[str],
) -> None:
    best = min(saved)  # equally good: the first by name
    Path(f"{best}.npz").write_text("mine")
    check_row("1 | export --format npz | --overwrite")
    assert Path(f"{best}.npz").read_text() == "mine"
    result = run("export", "--format", "npz", "--overwrite")
    assert result.exit_code == 0, result.output
    assert f"Model: {best} (the best of 2 models" in result.stderr
    assert "movie_id" in np.load(f"{best}.npz")


def test_programs_get_one_document(saved: list[str], own_folder: Path) -> None:
    line = "export --format npz --output out/model.npz --json --quiet --model"
    result = run(*line.split(), saved[1])
    assert result.exit_code == 0, result.output
    file = own_folder / "out" / "model.npz"
    document = json.loads(result.stdout)
    next_command = document.pop("next_command")
    assert document == {
        "schema_version": 1,
        "run": saved[1],
        "model": "timestamp",
        "format": "npz",
        "path": str(file),
        "size_bytes": file.stat().st_size,
        "sees_time": True,
        "reads_history": False,
    }
    assert next_command.startswith("python -c") and next_command.endswith(str(file))
    assert result.stderr == ""


REFUSED = """
2 | export a | extra argument
2 | export --index scann --format onnx | --index has no effect here: it is for --format savedmodel
2 | export --format zip | --format is 'zip'; it takes savedmodel
"""


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("row", rows(REFUSED))
def test_what_makes_no_sense_is_refused(row: str) -> None:
    check_row(row)
