"""Scores of a history against what was saved of the user whose history it is."""

from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.config import Family
from movierec_cli.errors import SavedModelError
from movierec_cli.models.sequential.serving import state_after
from movierec_cli.registry import store
from movierec_cli.registry.record import run_name
from tests.models.sequential.rings import SIZES, Trained
from tests.saved_runs import data_identity, run_parts, run_record

FAMILIES = [Family.SASREC, Family.GRU4REC]


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
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


def test_the_newest_films_count(ring_and_run):
    ring, run = ring_and_run
    movies, seconds = history(ring, 3)
    newest = slice(-SIZES.max_length, None)
    whole = score_history(run, movies, seconds)
    # The oldest of the newest has a movie before it, and so a gap, where the history is longer.
    alone = score_history(run, movies[newest], seconds[newest])
    if ring.config.family is Family.GRU4REC:
        np.testing.assert_allclose(alone, whole, rtol=1e-4, atol=1e-4)
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
