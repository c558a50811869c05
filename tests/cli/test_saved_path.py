"""The second time: everything is saved, so nothing is trained and TensorFlow is not imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from movierec_cli.config import DEFAULT_BASELINES, DEFAULT_FEATURE_SETS, DataConfig, TrainerConfig
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
    print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def save_default_runs(directory: Path) -> None:
    """Everything that `train` asks for by default; the baselines are real."""
    data = DataConfig(dataset="sample")
    trainer = RunTrainer(TrainerConfig(data=data, saved_models_dir=directory))
    for config in trainer.run_configs():
        if config.training is not None:
            judged_run(directory, trainer.data.source, config)
    RunTrainer(TrainerConfig(feature_sets=(), data=data, saved_models_dir=directory)).run()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved path")
    save_default_runs(folder / "saved")
    return folder


def run(folder: Path, *args: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """The command's result and the packages that it loaded."""
    command = [sys.executable, "-c", SCRIPT, *args, "--saved_models_dir", str(folder / "saved")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return result, set(result.stderr.partition("LOADED")[2].split())


def test_saved_models_are_loaded_without_tensorflow(saved: Path) -> None:
    plot = ("--plot", str(saved / "plot.html"))
    result, loaded = run(
        saved, "--dataset", "sample", "--json", *plot, "--generate-recommendations-for-user", "1"
    )
    models = json.loads(result.stdout)["recommendations"]["models"]
    assert [len(model["movies"]) for model in models] == [10] * len(DEFAULT_FEATURE_SETS)
    assert result.stderr.count(": loaded") == len(DEFAULT_FEATURE_SETS) + len(DEFAULT_BASELINES)
    assert not HEAVY & loaded


NOT_FOR_ANSWERS = HEAVY | {"jax", "plotly", "scipy", "surprise", "threadpoolctl", "cachier"}


@pytest.mark.parametrize(
    "line",
    [
        "recommend --user 1",
        "similar id:105",
        "predict --user 1 --movie id:105",
        "explore --output {folder}/page.html",
    ],
)
def test_one_saved_model_answers_without_heavy_packages(line: str, tmp_path: Path) -> None:
    judged_run(tmp_path / "saved", small_dataset(), multi_task_config())
    _, loaded = run(tmp_path, *line.format(folder=tmp_path).split())
    assert not NOT_FOR_ANSWERS & loaded


def test_saved_models_are_evaluated_and_reported_without_tensorflow(saved: Path) -> None:
    _, loaded = run(saved, "report", "--output", str(saved / "report.html"))
    assert not HEAVY & loaded
    assert (saved / "report.html").stat().st_size > 1_000_000
