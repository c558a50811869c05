import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.config import FEATURES
from movierec_cli.errors import MovierecError
from movierec_cli.export.export_run import export_run
from movierec_cli.export.kinds import ExportFormat
from movierec_cli.models.feature_encodings import context_codes
from movierec_cli.registry.store import Run
from tests.export.expected_lists import (
    CONTEXTS,
    Call,
    Response,
    check_edges,
    check_lists,
    check_switches,
    check_times,
    check_unknown_users,
    timed_run,
)
from tests.saved_runs import judged_run, sequence_config
from tests.small_dataset import small_dataset

AS_STORED = [-1]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx_model")


@pytest.fixture(scope="module")
def run(directory: Path) -> Run:
    return timed_run(directory / "saved_models")


def loaded(file: Path) -> Call:
    """An ONNX model as a function that fills in the inputs that are not given."""
    runtime: Any = pytest.importorskip("onnxruntime", reason="movierec[onnx] is not installed")
    session = runtime.InferenceSession(str(file))
    inputs = {one.name for one in session.get_inputs()}
    outputs = [one.name for one in session.get_outputs()]

    def call(
        user_id: Sequence[int],
        k: int,
        *,
        exclude: Sequence[Sequence[int]] = ((-1,),),
        include_seen: bool = False,
        seconds: Sequence[int] = AS_STORED,
    ) -> Response:
        given = {
            "user_id": np.array(user_id, np.int64),
            "k": np.array(k),
            "exclude": np.array(exclude, np.int64),
            "include_seen": np.array(include_seen),
            "seconds": np.array(seconds, np.int64),
        }
        assert inputs - {"seconds"} == set(given) - {"seconds"}
        given = {name: array for name, array in given.items() if name in inputs}
        return dict(zip(outputs, session.run(outputs, given), strict=True))

    return call


def exported(run: Run, directory: Path) -> Call:
    pytest.importorskip("onnx", reason="movierec[onnx] is not installed")
    return loaded(export_run(run, ExportFormat.ONNX, directory / "model.onnx").path)


@pytest.fixture(scope="module")
def call(run: Run, directory: Path) -> Call:
    return exported(run, directory)


def test_it_gives_every_user_what_recommend_gives(run: Run, call: Call) -> None:
    check_lists(run, call)


def test_it_recommends_as_of_any_time(run: Run, call: Call) -> None:
    check_times(run, call)


def test_exclusions_and_seen_movies_are_inputs(run: Run, call: Call) -> None:
    check_switches(run, call)


def test_unknown_users_get_the_popular_movies(run: Run, call: Call) -> None:
    check_unknown_users(run, call)


def test_too_many_and_no_movies_can_be_requested(run: Run, call: Call) -> None:
    check_edges(run, call)


def test_each_user_may_have_a_time_of_their_own_or_the_stored_one(run: Run, call: Call) -> None:
    users, second = run.artifacts.user_ids[:3].tolist(), int(run.user_ratings.seconds.mean())
    mixed = call(users, 4, seconds=[second, -1, second])["movie_id"].tolist()
    at_time = call(users, 4, seconds=[second])["movie_id"].tolist()
    stored = call(users, 4)["movie_id"].tolist()
    assert mixed == [at_time[0], stored[1], at_time[2]] and at_time != stored


def test_a_model_that_does_not_see_time_takes_no_time(tmp_path: Path) -> None:
    run = judged_run(tmp_path, small_dataset(), sequence_config("query_time"))
    check_lists(run, exported(run, tmp_path), k=3)


@pytest.mark.parametrize("name", CONTEXTS)
def test_codes_of_contexts_are_those_of_training(name: str, run: Run) -> None:
    pytest.importorskip("onnx", reason="movierec[onnx] is not installed")
    runtime: Any = pytest.importorskip("onnxruntime", reason="movierec[onnx] is not installed")
    from onnx import TensorProto, helper

    from movierec_cli.export.contexts import code
    from movierec_cli.export.onnx_model import IR_VERSION, OPSET, OnnxGraph

    feature, graph = FEATURES[name], OnnxGraph()
    vocabulary: Any = run.artifacts.vocabularies[name]
    output = code(graph, feature, vocabulary, "rows", "seconds")
    values = [
        helper.make_tensor_value_info(one, TensorProto.INT64, ["n"]) for one in ("rows", "seconds", output)
    ]
    held = helper.make_graph(graph.nodes, "codes", values[:2], values[2:], list(graph.constants.values()))
    model = helper.make_model(held, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    rng = np.random.default_rng(4)
    days = np.concatenate([np.arange(-8, 9) * 86_400, rng.integers(2**31, 2**32, 200)])  # and the far future
    seconds = np.concatenate(
        [rng.integers(-(2**40), 2**40, 2000), days, days - 1, rng.choice(run.user_ratings.seconds, 500)]
    )
    rows = rng.integers(0, len(run.artifacts.user_ids), len(seconds))
    session = runtime.InferenceSession(model.SerializeToString())
    given = {"rows": rows, "seconds": seconds}
    (codes,) = session.run(None, {one.name: given[one.name] for one in session.get_inputs()})
    expected = context_codes({feature: vocabulary}, rows.astype(np.int32), seconds)[:, 0]
    np.testing.assert_array_equal(codes, expected)


def test_without_the_package_the_command_that_installs_it_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MovierecError, match=r"needs the package onnx: pip install 'movierec\[onnx\]'"):
        export_run(run, ExportFormat.ONNX, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
