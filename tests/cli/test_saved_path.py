"""The second time: everything is saved, so nothing is trained and TensorFlow is not imported."""

import json
import subprocess
import sys
from pathlib import Path

from movierec_cli.config import DEFAULT_BASELINES, DEFAULT_FEATURE_SETS, DataConfig, TrainerConfig
from movierec_cli.trainer import MovieLensTrainer
from tests.saved_runs import judged_run

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from movierec_cli.cli.app import main
try:
    main()
finally:
    print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def save_default_runs(directory: Path) -> None:
    """Everything that `train` asks for by default; the baselines are real."""
    data = DataConfig(dataset="sample")
    trainer = MovieLensTrainer(TrainerConfig(data=data, saved_models_dir=directory))
    for config in trainer.run_configs():
        if config.training is not None:
            judged_run(directory, trainer.source, config)
    MovieLensTrainer(TrainerConfig(feature_sets=(), data=data, saved_models_dir=directory)).run()


def test_saved_models_are_loaded_without_tensorflow(tmp_path: Path) -> None:
    save_default_runs(tmp_path / "saved")
    folders = ["--saved_models_dir", str(tmp_path / "saved"), "--plot", str(tmp_path / "plot.html")]
    command = [sys.executable, "-c", SCRIPT, "--dataset", "sample", "--json", *folders]
    command += ["--generate-recommendations-for-user", "1"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    models = document["recommendations"]["models"]
    assert [len(model["movies"]) for model in models] == [10] * len(DEFAULT_FEATURE_SETS)
    notes, _, loaded = result.stderr.partition("LOADED")
    assert notes.count(": loaded") == len(DEFAULT_FEATURE_SETS) + len(DEFAULT_BASELINES)
    assert not {"tensorflow", "keras", "tf_keras", "tensorflow_datasets"} & set(loaded.split())
