"""Scores of a history against what was saved of the user whose history it is."""

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from movierec_cli.config import Activation, Family, FeatureSet, SequenceConfig
from movierec_cli.errors import SavedModelError
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.packed_batches import Histories
from movierec_cli.models.sequential.sequence_queries import Reader
from movierec_cli.recommend.sequence_states import state_after
from movierec_cli.registry import store
from movierec_cli.registry.record import run_name
from movierec_cli.scoring.sequence_network import gap_buckets
from tests.models.sequential.rings import SIZES, Trained
from tests.saved_runs import data_identity, run_parts, run_record

FAMILIES = [Family.SASREC, Family.GRU4REC, Family.HSTU]
OTHERS = [(Family.SASREC, {"activation": Activation.GELU, "temperature": 0.05})]


def saved(ring: Trained, folder, weights=None) -> store.Run:
    arrays = ring.model.parts.artifacts
    if weights is not None:
        arrays = replace(arrays, weights=weights)
    data = replace(data_identity(), n_users=len(arrays.user_ids), n_movies=len(arrays.movie_ids))
    record = replace(run_record(data=data), name=run_name(ring.config, data), config=ring.config)
    parts = replace(run_parts(arrays, family=ring.config.family), outcome=ring.model.parts.outcome)
    return store.save_run(folder, record, parts)


def score_history(run: store.Run, movies: np.ndarray, seconds: np.ndarray | None = None) -> np.ndarray:
    return run.artifacts.movie_embeddings @ state_after(run, movies, seconds)


def history(ring: Trained, user: int) -> tuple[np.ndarray, np.ndarray]:
    """A user's known movies, oldest first, and their seconds."""
    ratings = ring.dataset.ratings
    rows = ring.split.fit[ratings.user_index[ring.split.fit] == user]
    rows = rows[np.lexsort((rows, ratings.timestamp[rows]))]
    return ratings.movie_index[rows].astype(np.int64), ratings.timestamp[rows]


@pytest.fixture(scope="module", params=FAMILIES)
def ring_and_run(request, trained_ring, tmp_path_factory) -> tuple[Trained, store.Run]:
    ring = trained_ring(request.param)
    return ring, saved(ring, tmp_path_factory.mktemp("saved"))


def test_a_user_s_history_is_scored_as_the_user_is(ring_and_run):
    ring, run = ring_and_run
    arrays = ring.model.parts.artifacts
    for user in (0, 7):
        movies, seconds = history(ring, user)
        assert len(movies) > SIZES.max_length  # so that older movies are left out
        scores = score_history(run, movies, seconds)
        assert scores.dtype == np.float32
        expected = arrays.movie_embeddings @ arrays.user_embeddings[user]
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


def test_the_newest_films_count(ring_and_run):
    ring, run = ring_and_run
    movies, seconds = history(ring, 3)
    newest = slice(-SIZES.max_length, None)
    whole = score_history(run, movies, seconds)
    # The oldest of the newest has a movie before it, and so a gap, where the history is longer.
    alone = score_history(run, movies[newest], seconds[newest])
    if ring.config.family is Family.GRU4REC:
        np.testing.assert_allclose(alone, whole, rtol=1e-5, atol=1e-5)
    assert not np.allclose(score_history(run, movies[:-1], seconds[:-1]), whole, atol=1e-2)


def test_the_next_film_of_the_ring_is_foretold_from_any_history(ring_and_run):
    _, run = ring_and_run
    assert int(np.argmax(score_history(run, np.array([4, 5, 6, 7])))) == 8


def test_an_empty_history_is_refused(ring_and_run):
    with pytest.raises(ValueError, match="one movie"):
        score_history(ring_and_run[1], np.array([], np.int64))


def test_weights_of_another_network_are_damage(ring_and_run, tmp_path):
    ring, _ = ring_and_run
    weights = ring.model.parts.artifacts.weights
    last = max(name for name in weights if name.startswith("network/"))
    missing = {name: value for name, value in weights.items() if name != last}
    larger = weights | {last: np.zeros((3, 3), np.float32)}
    no_table = {name: value for name, value in weights.items() if name != "history_table"}
    small_table = weights | {"history_table": weights["history_table"][:-1]}
    for place, damaged in enumerate((missing, larger, no_table, small_table)):
        run = saved(ring, tmp_path / str(place), damaged)
        with pytest.raises(SavedModelError, match=r"artifacts\.npz"):
            score_history(run, np.array([1]))


@pytest.mark.parametrize("n_movies_watched", [1, 5, 30])
@pytest.mark.parametrize("features", [[], ["time_gap"], ["query_time"], ["time_gap", "query_time"]])
@pytest.mark.parametrize(("family", "sizes"), [*((family, {}) for family in FAMILIES), *OTHERS])
def test_a_state_is_the_network_s_whatever_it_sees(family, sizes, features, n_movies_watched):
    common = {"embedding_size": 12, "num_layers": 2, "num_heads": 3, "hidden_size": 20, "max_length": 8}
    config = SequenceConfig(**common, **sizes)
    seen = FeatureSet.parse(features)
    model = SequenceModel(family, config, seen, 40, seed=1)
    generator = np.random.default_rng(2)
    model.assign([generator.normal(0, 0.5, one.shape).astype(np.float32) for one in model.variables])
    movies = generator.integers(0, 40, n_movies_watched)
    seconds = np.sort(generator.integers(0, 10**9, n_movies_watched))
    query_s = int(seconds[-1]) + 10**6
    histories = Histories(
        np.arange(n_movies_watched), np.array([0, n_movies_watched]), movies.astype(np.int32), seconds
    )
    reader = Reader(model, histories, seen)
    queries = replace(reader.last(), query_gap=gap_buckets(np.array([10**6])))
    expected = reader.states(model.weights(), queries)[0][0]
    artifacts = SimpleNamespace(weights=model.named_weights(), movie_ids=np.arange(40))
    asked = SimpleNamespace(family=family, model=config, feature_set=seen)
    run = SimpleNamespace(record=SimpleNamespace(config=asked), artifacts=artifacts, folder="")
    np.testing.assert_allclose(state_after(run, movies, seconds, query_s), expected, rtol=1e-5, atol=1e-5)


def test_no_engine_is_started(ring_and_run):
    _, run = ring_and_run
    code = (
        "import sys; from pathlib import Path; import numpy as np;"
        "from movierec_cli.registry.store import load_run;"
        "from movierec_cli.recommend.sequence_states import state_after;"
        "state_after(load_run(Path(sys.argv[1])), np.array([4, 5, 6]));"
        "print({'jax', 'keras', 'tensorflow', 'scipy'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, run.folder], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
