import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.config.features import FEATURES, Side
from movierec_cli.errors import MovierecError
from movierec_cli.export.contexts import code, embed
from movierec_cli.export.export_run import export_run
from movierec_cli.export.kinds import ExportFormat, IndexKind
from movierec_cli.export.model_arrays import ContextTower, model_arrays
from movierec_cli.export.tensorflow_graph import TensorFlowGraph
from movierec_cli.models.feature_encodings import context_codes
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import Run
from movierec_cli.scoring.towers import Tower, TowerInput
from tests.export.expected_lists import (
    CONTEXTS,
    UNKNOWN,
    Call,
    Response,
    check_edges,
    check_lists,
    check_switches,
    check_times,
    check_unknown_users,
    expected_ids,
    timed_run,
)
from tests.saved_runs import (
    judged_multi_task_run,
    judged_run,
    multi_task_config,
    run_artifacts,
    run_config,
    run_record,
    save_run,
    sequence_config,
)
from tests.small_dataset import small_dataset

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


def loaded(folder: Path) -> Call:
    """A SavedModel as a function that fills in the inputs that are not given."""
    start_tensorflow()
    import tensorflow as tf

    signatures = tf.saved_model.load(str(folder)).signatures

    def call(
        user_id: Sequence[int],
        k: int,
        *,
        exclude: Sequence[Sequence[int]] = ((-1,),),
        include_seen: bool = False,
        seconds: Sequence[int] | None = None,
    ) -> Response:
        given = {
            "user_id": tf.constant(user_id, tf.int64),
            "k": tf.constant(k),
            "exclude": tf.constant(exclude, tf.int64),
            "include_seen": tf.constant(include_seen),
        }
        if seconds is not None:
            given["seconds"] = tf.constant(seconds, tf.int64)
        answer = signatures["serving_default" if seconds is None else "at_time"](**given)
        arrays = {name: tensor.numpy() for name, tensor in answer.items()}
        titles = [[title.decode() for title in row] for row in arrays["title"]]
        return arrays | {"title": np.array(titles, object).reshape(arrays["title"].shape)}

    return call


def exported(run: Run, directory: Path) -> Call:
    return loaded(export_run(run, ExportFormat.SAVEDMODEL, directory / "served").path)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saved_model")


@pytest.fixture(scope="module")
def run(directory: Path) -> Run:
    return timed_run(directory / "saved_models")


@pytest.fixture(scope="module")
def call(run: Run, directory: Path) -> Call:
    return exported(run, directory)


def test_it_gives_every_user_what_recommend_gives(run: Run, call: Call) -> None:
    check_lists(run, call)


def test_it_recommends_as_of_any_time(run: Run, call: Call) -> None:
    check_times(run, call)


def test_seconds_are_what_as_of_is_to_recommend(tmp_path: Path) -> None:
    run = judged_run(tmp_path, small_dataset(), run_config("timestamp"))
    times = np.linspace(run.user_ratings.seconds.min() + 1, run.user_ratings.seconds.max(), 20).astype(int)
    user_ids = run.artifacts.user_ids.tolist()
    answer = exported(run, tmp_path)(user_ids, 5, seconds=times.tolist())
    assert answer["movie_id"].tolist() == [
        [movie.movie_id for movie in recommend(run, user_of(run, user_id, int(second)), top=5).movies]
        for user_id, second in zip(user_ids, times, strict=True)
    ]


def test_exclusions_and_seen_movies_are_inputs(run: Run, call: Call) -> None:
    check_switches(run, call)


def test_unknown_users_get_the_popular_movies(run: Run, call: Call) -> None:
    check_unknown_users(run, call)


def test_too_many_and_no_movies_can_be_requested(run: Run, call: Call) -> None:
    check_edges(run, call)


def test_unknown_users_get_movies_at_any_time_too(run: Run, call: Call) -> None:
    answer = call([UNKNOWN], 4, seconds=[0])
    assert answer["known"].tolist() == [False]
    assert answer["movie_id"].tolist() == call([UNKNOWN], 4)["movie_id"].tolist()


def test_a_process_with_tensorflow_alone_runs_it(run: Run, call: Call, directory: Path) -> None:
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
        [sys.executable, "-c", ALONE, str(directory / "served" / "1")],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        cwd=directory,
        env=environment,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout) == [
        [expected_ids(run, user_id, 5) for user_id in users],
        [expected_ids(run, user_id, 5, seconds=second) for user_id in users],
    ]


def test_signatures_are_named_for_who_serves_them(call: Call, directory: Path) -> None:
    from tensorflow.python.tools import saved_model_utils

    meta = saved_model_utils.get_meta_graph_def(str(directory / "served" / "1"), "serve")
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


def test_equal_scores_come_in_the_order_of_the_catalogue(tmp_path: Path) -> None:
    tied = replace(
        run_artifacts(n_movies=40),
        user_embeddings=np.array([[1, 0], [0.1, 0.7], [1, 1]], np.float32),
        movie_embeddings=np.tile(np.array([[0.3, 0.1], [0.2, 0.6]], np.float32), (20, 1)),
    )
    run = save_run(tmp_path, run_record(), tied)
    ids = exported(run, tmp_path)([1, 2], 39)["movie_id"].tolist()
    even, odd = list(range(12, 50, 2)), list(range(11, 50, 2))  # 10 is seen
    assert ids == [[*even, *odd], [*odd, *even]]


@pytest.mark.parametrize("kind", ["ids", "multi-task", "sequences"])
def test_every_kind_of_trained_model_can_be_exported(kind: str, tmp_path: Path) -> None:
    source = small_dataset()
    make = {
        "ids": lambda: judged_run(tmp_path, source, run_config("movie_genres")),
        "multi-task": lambda: judged_multi_task_run(tmp_path, source, multi_task_config("week")),
        "sequences": lambda: judged_run(tmp_path, source, sequence_config("query_time")),
    }[kind]
    run = make()
    assert (model_arrays(run).context_tower is not None) == (kind == "multi-task")
    check_lists(run, exported(run, tmp_path), k=3)


def times_to_try(run: Run) -> Any:
    vocabularies = run.artifacts.vocabularies
    edges = np.array(vocabularies["timestamp"]["edges"][:50]).astype(np.int64)  # type: ignore[index,call-overload]
    spread = np.random.default_rng(5).integers(-(2**40), 2**40, 2000)
    near = np.random.default_rng(6).choice(run.user_ratings.seconds, 500)
    days = np.array([-86_401, -86_400, -1, 0, 1, 86_399, 86_400, 604_800])
    late = near[:, None] + np.array([0, 3600, 43_200, 86_400, 7 * 86_400])
    return np.concatenate([spread, near, days, edges, edges - 1, edges + 1, late.ravel()])


@pytest.mark.parametrize("name", CONTEXTS)
def test_codes_of_contexts_are_those_of_training(name: str, run: Run) -> None:
    import tensorflow as tf

    feature, seconds = FEATURES[name], times_to_try(run)
    rows = np.random.default_rng(1).integers(0, len(run.artifacts.user_ids), len(seconds))
    vocabulary: Any = run.artifacts.vocabularies[name]
    given = tf.constant(rows), tf.constant(seconds)
    codes = code(TensorFlowGraph(), feature, vocabulary, *given).numpy()
    expected = context_codes({feature: vocabulary}, rows.astype(np.int32), seconds)[:, 0]
    np.testing.assert_array_equal(codes, expected)
    assert len(np.unique(expected)) > 1


def test_every_context_can_be_exported() -> None:
    assert {FEATURES[name] for name in CONTEXTS} == {
        feature for feature in FEATURES.values() if feature.side is Side.CONTEXT
    }


def deep_context_tower(run: Run) -> ContextTower:
    """Two layers, and contexts in another order than in the vocabularies."""
    rng = np.random.default_rng(8)

    def floats(*shape: int) -> Any:
        return rng.normal(size=shape).astype(np.float32)

    names = ("user_tenure", "day_of_week")
    contexts = tuple((FEATURES[name], run.artifacts.vocabularies[name]) for name in names)
    inputs = (
        TowerInput("user_id", False, floats(len(run.artifacts.user_ids), 4)),
        TowerInput("user_tenure", True, floats(12, 3)),
        TowerInput("user_history", False, floats(len(run.artifacts.user_ids), 2)),
        TowerInput("day_of_week", True, floats(7, 3)),
    )
    return ContextTower(Tower(inputs, ((floats(12, 6), floats(6)), (floats(6, 4), floats(4)))), contexts)  # type: ignore[arg-type]


def test_embeddings_at_any_time_are_the_towers(run: Run) -> None:
    import tensorflow as tf

    tower, seconds = deep_context_tower(run), times_to_try(run)
    rows = np.random.default_rng(1).integers(0, len(run.artifacts.user_ids), len(seconds))
    codes = np.stack(
        [
            context_codes({feature: one}, rows.astype(np.int32), seconds)[:, 0]
            for feature, one in tower.contexts
        ],
        axis=1,
    )
    embeddings = embed(TensorFlowGraph(), tower, tf.constant(rows), tf.constant(seconds)).numpy()
    np.testing.assert_allclose(embeddings, tower.tower.embed(rows, codes), rtol=1e-4, atol=1e-5)


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


def test_scann_is_for_more_movies(run: Run, tmp_path: Path) -> None:
    with pytest.raises(MovierecError, match=r"500 movies or more; this one has \d+\. Leave it out"):
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
