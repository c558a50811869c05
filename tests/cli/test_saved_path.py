"""The second time: everything is saved, so nothing is trained and TensorFlow is not imported."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from movierec_cli.config import DEFAULT_FEATURE_SETS, DataConfig, TrainerConfig
from movierec_cli.registry.identity import run_name
from movierec_cli.trainer import MovieLensTrainer
from tests.saved_runs import run_artifacts, run_record, save_run

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
    trainer = MovieLensTrainer(TrainerConfig(data=DataConfig(dataset="sample"), saved_models_dir=directory))
    users, movies = trainer.dataset.users.user_id, trainer.dataset.movies.movie_id
    arrays = run_artifacts(n_users=len(users), n_movies=len(movies), dim=32)
    arrays = replace(arrays, user_ids=users.astype(np.int64), movie_ids=movies.astype(np.int64))
    for feature_set in DEFAULT_FEATURE_SETS:
        config, data = trainer._run_config(feature_set), trainer._identity
        save_run(
            directory, replace(run_record(), name=run_name(config, data), config=config, data=data), arrays
        )


def test_saved_models_are_loaded_without_tensorflow(tmp_path: Path) -> None:
    save_default_runs(tmp_path / "saved")
    folders = ["--saved_models_dir", str(tmp_path / "saved"), "--plot", str(tmp_path / "plot.html")]
    command = [sys.executable, "-c", SCRIPT, "--dataset", "sample", "--json", *folders]
    command += ["--generate-recommendations-for-user", "1"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert [len(model["movies"]) for model in document["recommendations"]["models"]] == [10] * 4
    notes, _, loaded = result.stderr.partition("LOADED")
    assert notes.count(": loaded") == len(DEFAULT_FEATURE_SETS)
    assert not {"tensorflow", "keras", "tf_keras", "tensorflow_datasets"} & set(loaded.split())
