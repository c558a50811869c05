"""The second time: everything is saved, so nothing is trained and TensorFlow is not imported."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from movierec_cli.config import DEFAULT_BASELINES, DEFAULT_FEATURE_SETS
from movierec_cli.config.filled_settings import trainer_config
from movierec_cli.experiment.trainer import RunTrainer
from tests.saved_runs import judged_run, multi_task_config
from tests.small_dataset import small_dataset

HEAVY = {"tensorflow", "keras", "tf_keras", "tensorflow_datasets"}
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from movierec_cli.cli.program import main
try:
    main()
finally:
    print("LOADED", *sys.modules, file=sys.stderr)
"""
SEVERAL = """
import shlex, sys
from movierec_cli.cli.program import main
for line in sys.argv[1:]:
    sys.argv[1:] = shlex.split(line)
    try:
        main()
    except SystemExit as ending:
        print("LOADED", line, "|", ending.code or 0, *sys.modules, file=sys.stderr)
"""


SETS = [f"--additional_feature_sets={','.join(one.features) or None}" for one in DEFAULT_FEATURE_SETS]


def save_default_runs(directory: Path) -> None:
    """Everything that `train` asks for by default but the hybrid; the baselines are real."""
    config = trainer_config({"dataset": "sample", "additional_feature_sets": DEFAULT_FEATURE_SETS})
    config = replace(config, saved_models_dir=directory)
    trainer = RunTrainer(config)
    for one in trainer.run_configs():
        if one.training is not None:
            judged_run(directory, trainer.data.source, one)
    RunTrainer(replace(config, feature_sets=())).run()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved path")
    save_default_runs(folder / "saved")
    return folder


def run(folder: Path, *args: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """The command's result and the modules that it loaded."""
    command = [sys.executable, "-c", SCRIPT, *args, "--saved_models_dir", str(folder / "saved")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return result, set(result.stderr.partition("LOADED")[2].split())


def test_saved_models_are_loaded_without_tensorflow(saved: Path) -> None:
    plot = ("--plot", str(saved / "plot.html"))
    result, loaded = run(
        saved, "--dataset", "sample", *SETS, "--json", *plot, "--generate-recommendations-for-user", "1"
    )
    models = json.loads(result.stdout)["recommendations"]["models"]
    assert [len(model["movies"]) for model in models] == [10] * len(DEFAULT_FEATURE_SETS)
    assert result.stderr.count(": loaded") == len(DEFAULT_FEATURE_SETS) + len(DEFAULT_BASELINES)
    assert not HEAVY & loaded


NOT_FOR_ANSWERS = HEAVY | {
    *("jax", "plotly", "scipy", "surprise", "threadpoolctl", "cachier", "pandas", "pyarrow", "polars"),
    *("pydantic", "numpy.ma", "importlib.metadata"),
    *("movierec_cli.data.reader", "movierec_cli.data.split_data", "movierec_cli.evaluation.ranks"),
}
_OF_PAGES = {"numpy.ma", "movierec_cli.data.reader", "movierec_cli.evaluation.ranks"}
ANSWERS: dict[str, set[str]] = {
    "recommend --user 1": set(),
    "recommend --liked id:105": set(),
    "similar id:105": set(),
    "recommend --user 1 --diversity 0.5 --top 3 --json": set(),
    "explore --output {folder}/page.html": _OF_PAGES,
    "predict --user 1 --movie id:105": _OF_PAGES,
}
"""What each command that asks a saved model needs of that; one process runs them all, in this order."""


def test_a_saved_model_answers_without_heavy_modules(tmp_path: Path) -> None:
    judged_run(tmp_path / "saved", small_dataset(), multi_task_config())
    lines = [f"{line.format(folder=tmp_path)} --saved_models_dir {tmp_path / 'saved'}" for line in ANSWERS]
    result = subprocess.run(
        [sys.executable, "-c", SEVERAL, *lines], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    loaded = [line.partition(" | ")[2].split() for line in result.stderr.splitlines() if "LOADED" in line]
    assert len(loaded) == len(ANSWERS), result.stderr[-500:]
    for (line, needed), (code, *modules) in zip(ANSWERS.items(), loaded, strict=True):
        assert code == "0", line
        assert set(modules) & NOT_FOR_ANSWERS <= needed, line


def test_saved_models_are_evaluated_and_reported_without_tensorflow(saved: Path) -> None:
    _, loaded = run(saved, "report", "--output", str(saved / "report.html"))
    assert not HEAVY & loaded
    assert (saved / "report.html").stat().st_size > 1_000_000
