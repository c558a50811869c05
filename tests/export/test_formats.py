"""Every format gives what `recommend` gives."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.config import Family
from movierec_cli.config.features import FEATURES, Side, own_column
from movierec_cli.data.dataset import Id
from movierec_cli.export.export_run import export_run
from movierec_cli.export.graph import Graph, Value
from movierec_cli.export.kinds import ExportFormat
from movierec_cli.export.model_arrays import LAST_CODES, NO_MOVIE_ID, ContextTower, ModelArrays
from movierec_cli.export.onnx_model import OnnxGraph
from movierec_cli.export.recommending import AS_STORED, code, embed
from movierec_cli.export.saved_model import TensorFlowGraph
from movierec_cli.models.feature_encodings import context_codes
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.registry.record import RunConfig
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
    judged_run,
    multi_task_config,
    run_artifacts,
    run_config,
    run_record,
    save_run,
)
from tests.small_dataset import small_dataset, with_text_ids

FORMATS = (ExportFormat.SAVEDMODEL, ExportFormat.ONNX)


Answers = Callable[[dict[str, Any]], Response]


def tensorflow_answers(folder: Path) -> Answers:
    """From arrays by name to a SavedModel's outputs."""
    start_tensorflow()
    import tensorflow as tf

    signatures = tf.saved_model.load(str(folder)).signatures

    def answers(given: dict[str, Any]) -> Response:
        tensors = {name: tf.constant(one, tf.int32 if name == "k" else None) for name, one in given.items()}
        name = (
            "after_history" if "watched" in given else "at_time" if "seconds" in given else "serving_default"
        )
        answer = signatures[name](**tensors)
        arrays = {name: tensor.numpy() for name, tensor in answer.items()}
        titles = [[title.decode() for title in row] for row in arrays["title"]]
        return arrays | {"title": np.array(titles, object).reshape(arrays["title"].shape)}

    return answers


def onnx_answers(file: Path) -> Answers:
    """From arrays by name to an ONNX model's outputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file))
    inputs = {one.name for one in session.get_inputs()}
    outputs = [one.name for one in session.get_outputs()]

    def answers(given: dict[str, Any]) -> Response:
        nothing = np.full((len(given["user_id"]), 1), NO_MOVIE_ID)
        more = {"seconds": np.array([AS_STORED]), "watched": nothing, "watched_at": nothing}
        assert inputs - more.keys() == given.keys() - more.keys()
        whole = more | given
        return dict(zip(outputs, session.run(outputs, {name: whole[name] for name in inputs}), strict=True))

    return answers


def exported(run: Run, form: ExportFormat, directory: Path) -> Call:
    """The exported model as a function that fills in the inputs that are not given."""
    load = tensorflow_answers if form is ExportFormat.SAVEDMODEL else onnx_answers
    answers = load(export_run(run, form, directory / form).path)

    def call(
        user_id: Sequence[Id],
        k: int,
        *,
        exclude: Sequence[Sequence[Id]] = ((NO_MOVIE_ID,),),
        include_seen: bool = False,
        seconds: Sequence[int] | None = None,
    ) -> Response:
        ids = {"user_id": user_id, "exclude": exclude} | ({} if seconds is None else {"seconds": seconds})
        kinds = {"user_id": run.artifacts.user_ids.dtype, "exclude": run.artifacts.movie_ids.dtype}
        given = {name: np.array(one, kinds.get(name, np.int64)) for name, one in ids.items()}
        return answers(given | {"k": np.array(k), "include_seen": np.array(include_seen)})

    return call


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return timed_run(tmp_path_factory.mktemp("saved_models"))


@pytest.fixture(scope="module", params=FORMATS)
def call(run: Run, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Call:
    return exported(run, request.param, tmp_path_factory.mktemp("exported"))


@pytest.mark.parametrize(
    "check", [check_lists, check_times, check_switches, check_unknown_users, check_edges]
)
def test_it_gives_what_recommend_gives(check: Any, run: Run, call: Call) -> None:
    check(run, call)


def test_each_user_may_have_a_time_of_their_own_or_the_stored_one(run: Run, call: Call) -> None:
    users, second = run.artifacts.user_ids[:3].tolist(), int(run.user_ratings.seconds.mean())
    mixed = call(users, 4, seconds=[second, -1, second])["movie_id"].tolist()
    at_time = call(users, 4, seconds=[second])["movie_id"].tolist()
    stored = call(users, 4)["movie_id"].tolist()
    assert mixed == [at_time[0], stored[1], at_time[2]] and at_time != stored
    unknown = call([UNKNOWN], 4, seconds=[0])
    assert unknown["known"].tolist() == [False]
    assert unknown["movie_id"].tolist() == call([UNKNOWN], 4)["movie_id"].tolist()


@pytest.mark.parametrize("form", FORMATS)
def test_equal_scores_come_in_the_order_of_the_catalogue(form: ExportFormat, tmp_path: Path) -> None:
    tied = replace(
        run_artifacts(n_movies=40),
        user_embeddings=np.array([[1, 0], [0.1, 0.7], [1, 1]], np.float32),
        movie_embeddings=np.tile(np.array([[0.3, 0.1], [0.2, 0.6]], np.float32), (20, 1)),
    )
    run = save_run(tmp_path, run_record(), tied)
    ids = exported(run, form, tmp_path)([1, 2], 39)["movie_id"].tolist()
    even, odd = list(range(12, 50, 2)), list(range(11, 50, 2))  # 10 is seen
    assert ids == [[*even, *odd], [*odd, *even]]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("config", [run_config("movie_genres"), multi_task_config("week")])
def test_every_kind_of_trained_model_can_be_exported(
    form: ExportFormat, config: RunConfig, tmp_path: Path
) -> None:
    run = judged_run(tmp_path, small_dataset(), config)
    assert (ModelArrays(run).context_tower is not None) == (config.family is Family.MULTI_TASK)
    check_lists(run, exported(run, form, tmp_path), k=3)


@pytest.mark.parametrize("form", FORMATS)
def test_ids_that_are_texts_are_texts_of_the_model(form: ExportFormat, tmp_path: Path) -> None:
    run = judged_run(tmp_path, with_text_ids(small_dataset()), run_config("week"))
    call, users = exported(run, form, tmp_path), run.artifacts.user_ids.tolist()
    best = call(users, 2, exclude=[[""]])["movie_id"].astype(str).tolist()
    assert best == [expected_ids(run, user, 2) for user in users]
    answer = call([*users, "nobody"], 45, exclude=[["", "tt0"]])
    assert answer["known"].tolist() == [True] * len(users) + [False]
    for user, ids in zip(users, answer["movie_id"].astype(str).tolist(), strict=False):
        assert [one or NO_MOVIE_ID for one in ids] == expected_ids(run, user, 45)
    (without,) = call(users[:1], 3, exclude=[best[0]])["movie_id"].astype(str).tolist()
    assert without == expected_ids(run, users[0], 3, exclude=best[0])
    at_time = call(users[:1], 3, exclude=[[""]], seconds=[1_001_000_000])["movie_id"].astype(str).tolist()
    assert at_time == [expected_ids(run, users[0], 3, seconds=1_001_000_000)]


def times_to_try(run: Run) -> Any:
    vocabularies = run.artifacts.vocabularies
    edges = np.array(vocabularies["timestamp"]["edges"][:50]).astype(np.int64)  # type: ignore[index,call-overload]
    spread = np.random.default_rng(5).integers(-(2**40), 2**40, 2000)
    near = np.random.default_rng(6).choice(run.user_ratings.seconds, 500)
    days = np.array([-86_401, -86_400, -1, 0, 1, 86_399, 86_400, 604_800])
    far = np.random.default_rng(4).integers(2**31, 2**32, 200)
    late = near[:, None] + np.array([0, 3600, 43_200, 86_400, 7 * 86_400])
    return np.concatenate([spread, near, days, far, edges, edges - 1, edges + 1, late.ravel()])


def computed(graph: Graph, compute: Any, rows: Any, seconds: Any) -> Any:
    """What a graph computes from rows and seconds."""
    if isinstance(graph, TensorFlowGraph):
        import tensorflow as tf

        return compute(graph, tf.constant(rows), tf.constant(seconds)).numpy()
    assert isinstance(graph, OnnxGraph)
    return run_onnx(graph, compute(graph, "rows", "seconds"), {"rows": rows, "seconds": seconds})


def run_onnx(graph: OnnxGraph, output: Value, given: dict[str, Any]) -> Any:
    import onnxruntime
    from onnx import TensorProto, helper

    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["n"]) for name in given]
    model = graph.model(inputs, [helper.make_empty_tensor_value_info(output)])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {one.name: given[one.name] for one in session.get_inputs()})[0]


GRAPHS = (TensorFlowGraph, OnnxGraph)


@pytest.mark.parametrize("make_graph", GRAPHS)
@pytest.mark.parametrize("name", CONTEXTS)
def test_codes_of_contexts_are_those_of_training(name: str, make_graph: type[Graph], run: Run) -> None:
    feature, seconds = FEATURES[name], times_to_try(run)
    rows = np.random.default_rng(1).integers(0, len(run.artifacts.user_ids), len(seconds))
    vocabulary: Any = run.artifacts.vocabularies[name]
    codes = computed(
        make_graph(), lambda graph, *given: code(graph, feature, vocabulary, *given), rows, seconds
    )
    expected = context_codes({feature: vocabulary}, rows.astype(np.int32), seconds)[:, 0]
    np.testing.assert_array_equal(codes, expected)
    assert len(np.unique(expected)) > 1


@pytest.mark.parametrize("make_graph", GRAPHS)
def test_the_code_of_a_column_of_ratings_is_that_of_each_users_last(make_graph: type[Graph]) -> None:
    last = np.array([3, 1, 2], np.int32)
    rows, seconds = np.array([2, 0, 0, 1]), np.array([0, 5, 10**9, 1])
    codes = computed(
        make_graph(),
        lambda graph, *given: code(graph, own_column("device"), {LAST_CODES: last}, *given),
        rows,
        seconds,
    )
    assert codes.tolist() == [2, 3, 3, 1]


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


@pytest.mark.parametrize("make_graph", GRAPHS)
def test_embeddings_at_any_time_are_the_towers(make_graph: type[Graph], run: Run) -> None:
    tower, seconds = deep_context_tower(run), times_to_try(run)
    rows = np.random.default_rng(1).integers(0, len(run.artifacts.user_ids), len(seconds))
    columns = [
        context_codes({feature: one}, rows.astype(np.int32), seconds) for feature, one in tower.contexts
    ]
    embeddings = computed(make_graph(), lambda graph, *given: embed(graph, tower, *given), rows, seconds)
    expected = tower.tower.embed(rows, np.concatenate(columns, axis=1))
    np.testing.assert_allclose(embeddings, expected, rtol=1e-4, atol=1e-5)
