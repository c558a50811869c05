"""Exported models of sequences continue histories as `recommend --watched` does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession

from movierec_cli.config import QUERY_TIME, TIME_GAP, Activation, Family
from movierec_cli.errors import SavedModelError
from movierec_cli.export.export_run import export_run
from movierec_cli.export.graph_network import buckets_of
from movierec_cli.export.kinds import ExportFormat
from movierec_cli.export.onnx_model import OnnxGraph
from movierec_cli.export.saved_model import TensorFlowGraph
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import User, user_after, user_of
from movierec_cli.registry import store
from movierec_cli.registry.store import Run
from movierec_cli.scoring.sequence_network import GAP_SECONDS, gap_buckets
from tests.export.expected_lists import UNKNOWN
from tests.export.test_formats import FORMATS, Answers, onnx_answers, tensorflow_answers
from tests.saved_runs import sequence_run
from tests.small_dataset import FIRST_MOVIE_ID, with_duplicates, with_text_ids

TIMES = ("time_gap", "query_time")
K = 15
START = 1_000_000_000


def answers_of(run: Run, form: ExportFormat, folder: Path) -> Answers:
    load = tensorflow_answers if form is ExportFormat.SAVEDMODEL else onnx_answers
    return load(export_run(run, form, folder / form).path)


def filled(rows: list[list[int]], filling: object, dtype: Any) -> Any:
    width = max(map(len, rows))
    return np.array([[*row, *[filling] * (width - len(row))] for row in rows], dtype)


def histories() -> tuple[list[list[int]], list[list[int]]]:
    """Rows of movies, of none to more than a model sees, and the seconds of each."""
    rng = np.random.default_rng(7)
    rows = [rng.permutation(40)[:n].tolist() for n in (0, 1, 2, 6, 7, 18)]
    gaps = [rng.choice([0, 1, 7, 60, 86_399, 86_400, 10**6, 10**8], len(row)) for row in rows]
    return rows, [(START + np.cumsum(one)).tolist() for one in gaps]


def check_list(answer: dict[str, Any], place: int, run: Run, user: User, **filters: Any) -> None:
    """One row of an answer is the list of `recommend`."""
    movies = recommend(run, user, top=K, filters=Filters(**filters)).movies
    assert answer["movie_id"][place].tolist() == [movie.movie_id for movie in movies]
    np.testing.assert_allclose(
        answer["score"][place], [movie.score for movie in movies], rtol=1e-5, atol=1e-5
    )
    assert answer["known"][place]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("family", "features", "sizes"),
    [
        (Family.SASREC, TIMES, {}),
        (Family.GRU4REC, TIMES, {}),
        (Family.SASREC, (), {"activation": Activation.GELU}),
        (Family.GRU4REC, ("time_gap",), {}),
        (Family.HSTU, TIMES, {"temperature": 0.05}),
        (Family.HSTU, ("time_gap",), {}),
        (Family.HSTU, (), {}),
    ],
)
def test_histories_of_any_length_are_continued(
    family: Family, features: tuple[str, ...], sizes: dict[str, Any], form: ExportFormat, tmp_path: Path
) -> None:
    run = sequence_run(tmp_path, with_duplicates(), family, *features, **sizes)
    answers = answers_of(run, form, tmp_path)
    rows, seconds = histories()
    gone = [[*row[:3], UNKNOWN - FIRST_MOVIE_ID, *row[3:]] for row in rows]  # in the midst of them
    times = [[*one[:3], 5, *one[3:]] for one in seconds]
    later = [-1 if place % 2 else START + 2 * 10**9 for place in range(len(rows))]
    given = {
        "user_id": np.array([9, *[UNKNOWN] * (len(rows) - 1)]),
        "k": np.array(K),
        "exclude": np.array([[-1]]),
        "include_seen": np.array(False),
        "watched": FIRST_MOVIE_ID + filled(gone, -1 - FIRST_MOVIE_ID, np.int64),
    }
    seen = run.record.config.feature_set
    if features:
        given["watched_at"] = filled(times, 3, np.int64)
    if QUERY_TIME in seen:
        given["seconds"] = np.array(later)
    answer = answers(given)
    check_list(answer, 0, run, user_of(run, 9))  # whose row names no movie that there is
    for place, (row, own, asked) in enumerate(zip(rows, seconds, later, strict=True)):
        if not row:
            continue
        as_of_s = asked if asked >= 0 else None
        timed = {"seconds": own, "as_of_s": as_of_s} if features else {}
        check_list(answer, place, run, user_after(run, row, **timed))
    shown = answers(given | {"include_seen": np.array(True)})
    timed = {"seconds": seconds[4], "as_of_s": later[4]} if features else {}
    check_list(shown, 4, run, user_after(run, rows[4], **timed), include_seen=True)
    assert TIME_GAP in seen or not features
    plain = {name: one for name, one in given.items() if name not in ("watched", "watched_at", "seconds")}
    of_users = answers(plain)
    check_list(of_users, 0, run, user_of(run, 9))
    assert of_users["known"].tolist() == [True, *[False] * (len(rows) - 1)]


@pytest.mark.parametrize("form", FORMATS)
def test_ids_that_are_texts_name_what_was_watched(form: ExportFormat, tmp_path: Path) -> None:
    run = sequence_run(tmp_path, with_text_ids(with_duplicates()), Family.SASREC)
    ids = run.artifacts.movie_ids
    given = {
        "user_id": np.array(["", ""], object),
        "k": np.array(K),
        "exclude": np.array([[""]], object),
        "include_seen": np.array(False),
        "watched": np.array([[ids[3], "nothing", ids[8]], [ids[5], "", ""]], object),
    }
    answer = answers_of(run, form, tmp_path)(given)
    for place, row in enumerate(([3, 8], [5])):
        movies = recommend(run, user_after(run, row), top=K).movies
        assert answer["movie_id"][place].astype(str).tolist() == [movie.movie_id for movie in movies]


def test_the_buckets_of_a_graph_are_numpy_s_at_every_edge() -> None:
    edges = GAP_SECONDS.astype(np.int64)
    seconds = np.concatenate([edges - 1, edges, edges + 1, [-5, 2**31 - 1, 2**32 - 1]]).reshape(-1, 3)
    in_tensorflow, graph = TensorFlowGraph(), OnnxGraph()
    found = np.asarray(buckets_of(in_tensorflow, in_tensorflow.constant(seconds)))
    np.testing.assert_array_equal(found, gap_buckets(seconds))
    graph.named(buckets_of(graph, graph.constant(seconds)), "found")
    output = onnx.helper.make_tensor_value_info("found", onnx.TensorProto.INT64, seconds.shape)
    session = InferenceSession(graph.model([], [output]).SerializeToString())
    np.testing.assert_array_equal(session.run(None, {})[0], gap_buckets(seconds))


def test_weights_of_another_network_are_damage(tmp_path: Path) -> None:
    run = sequence_run(tmp_path, with_duplicates(), Family.SASREC)
    weights = dict(run.artifacts.weights)
    for name, value in {
        "network/99/more": np.zeros(1, np.float32),
        "network/00/drawn": np.zeros((1, 1), np.float32),
    }.items():
        arrays = replace(run.artifacts, weights=weights | {name: value})
        damaged = store.save_run(
            tmp_path / name.replace("/", "-"), run.record, replace(run.parts(), artifacts=arrays)
        )
        with pytest.raises(SavedModelError, match=r"artifacts\.npz is damaged"):
            export_run(damaged, ExportFormat.ONNX, tmp_path / "damaged.onnx")
