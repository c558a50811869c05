import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from movierec_cli.errors import MovierecError
from movierec_cli.export import saved_model
from movierec_cli.export.export_run import export_run
from movierec_cli.export.kinds import ExportFormat, IndexKind
from movierec_cli.export.model_arrays import ModelArrays
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.registry.store import Run
from tests.export.expected_lists import expected_ids, timed_run
from tests.saved_runs import run_artifacts, run_record, save_run

ALONE = """
import importlib.abc, json, sys
BLOCKED = {"tensorflow_recommenders", "tf_keras", "movierec_cli"}
class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocker())
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
requests = json.load(sys.stdin)
answers = []
for one in requests:
    given = {"user_id": tf.constant(one["user_id"], tf.int64), "k": tf.constant(5),
             "exclude": tf.constant([[-1]], tf.int64), "include_seen": tf.constant(False)}
    if one["signature"] == "at_time":
        given["seconds"] = tf.constant(one["seconds"], tf.int64)
    answer = model.signatures[one["signature"]](**given)
    answers.append(answer["movie_id"].numpy().tolist())
assert not BLOCKED & {name.partition(".")[0] for name in sys.modules}
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return timed_run(tmp_path_factory.mktemp("saved_models"))


@pytest.fixture(scope="module")
def folder(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the SavedModel's version."""
    return export_run(run, ExportFormat.SAVEDMODEL, tmp_path_factory.mktemp("saved_model") / "served").path


def test_a_process_with_tensorflow_alone_runs_it(run: Run, folder: Path) -> None:
    users = run.artifacts.user_ids.tolist()
    second = int(run.user_ratings.seconds.mean())
    requests = [
        {"signature": "serving_default", "user_id": users},
        {"signature": "at_time", "user_id": users, "seconds": [second]},
    ]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("TF_", "PYTHON"))
    }
    process = subprocess.run(
        [sys.executable, "-c", ALONE, str(folder)],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout) == [
        [expected_ids(run, user_id, 5) for user_id in users],
        [expected_ids(run, user_id, 5, seconds=second) for user_id in users],
    ]


def test_signatures_are_named_for_who_serves_them(folder: Path) -> None:
    from tensorflow.python.tools import saved_model_utils

    meta = saved_model_utils.get_meta_graph_def(str(folder), "serve")
    inputs = {
        name: {
            key: (info.dtype, [one.size for one in info.tensor_shape.dim])
            for key, info in meta.signature_def[name].inputs.items()
        }
        for name in ("serving_default", "at_time")
    }
    int32, int64, truth = 3, 9, 10
    named = {
        "user_id": (int64, [-1]),
        "k": (int32, []),
        "exclude": (int64, [-1, -1]),
        "include_seen": (truth, []),
    }
    assert inputs == {"serving_default": named, "at_time": named | {"seconds": (int64, [-1])}}
    outputs = meta.signature_def["serving_default"].outputs
    assert sorted(outputs) == ["known", "movie_id", "score", "title"]


def test_a_full_disk_is_an_error_for_people(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    def full(*args: object, **options: object) -> None:
        raise tf.errors.ResourceExhaustedError(
            None, None, "{{node}} /a/b; No space left on device [Op:SaveV2]"
        )

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(MovierecError, match=r"served cannot be written: No space left on device$"):
        export_run(run, ExportFormat.SAVEDMODEL, tmp_path / "served")
    assert list(tmp_path.iterdir()) == []


def test_scanns_lists_are_those_of_all_scores_where_it_finds_the_best(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a search that forgets the order of equal scores and finds nothing else."""
    start_tensorflow()
    import tensorflow as tf

    class Layer:
        _serialized_searcher = None

        def __call__(self, query: Any, k: Any) -> tuple[Any, Any]:
            distance, rows = tf.math.top_k(query @ run.artifacts.movie_embeddings.T, k)
            return distance[:, ::-1], rows[:, ::-1]

    monkeypatch.setattr(saved_model, "_scann_layer", lambda arrays: Layer())
    _, signatures = saved_model._built(ModelArrays(run), IndexKind.SCANN)
    users = run.artifacts.user_ids
    for k in (1, 6, 50):
        answer = signatures["serving_default"](
            user_id=tf.constant(users), k=k, exclude=tf.constant([[103]], tf.int64), include_seen=False
        )
        expected = [expected_ids(run, int(user), k, exclude=[103]) for user in users]
        assert answer["movie_id"].numpy().tolist() == expected


def test_scann_is_for_more_movies(run: Run, tmp_path: Path) -> None:
    with pytest.raises(MovierecError, match=r"500 or more; this one has \d+\. Leave it out"):
        export_run(run, ExportFormat.SAVEDMODEL, tmp_path / "served", index=IndexKind.SCANN)


def test_without_scann_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_tensorflow()
    from tensorflow_recommenders.layers import factorized_top_k

    monkeypatch.setattr(factorized_top_k, "_HAVE_SCANN", False)
    run = save_run(tmp_path, run_record(), run_artifacts(n_movies=600))
    with pytest.raises(MovierecError, match="needs the package scann: pip install"):
        export_run(run, ExportFormat.SAVEDMODEL, tmp_path / "served", index=IndexKind.SCANN)


def test_without_the_package_of_onnx_the_command_that_installs_it_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MovierecError, match=r"needs the package onnx: pip install 'movierec\[onnx\]'"):
        export_run(run, ExportFormat.ONNX, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
