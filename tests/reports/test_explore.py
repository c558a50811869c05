import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.errors import MovierecError
from movierec_cli.registry.store import Run
from movierec_cli.reports.web.explore_page import write_explore
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import N_USERS, small_dataset

VECTOR = 4 * 4  # bytes of an embedding of these runs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return judged_run(tmp_path_factory.mktemp("saved_models"), small_dataset(), run_config("timestamp"))


def content(page: Path) -> Any:
    found = re.search(
        r'<script id="data" type="application/json">(.*?)</script>', page.read_text(), re.DOTALL
    )
    assert found is not None
    return json.loads(found[1])


def numbers(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


def test_the_page_holds_what_the_run_holds(run: Run, tmp_path: Path) -> None:
    data = content(write_explore(run, tmp_path / "explore.html").page)
    movies, users, known = data["movies"], data["users"], run.user_ratings
    assert movies["titles"] == run.catalogue.title.tolist()
    assert movies["popularity"] == known.popularity.tolist()
    assert [[data["genre_names"][g] for g in one] for one in movies["genres"]][1] == ["Drama"]
    assert np.array_equal(numbers(movies["embeddings"], "<f4"), run.artifacts.movie_embeddings.ravel())
    assert np.array_equal(numbers(users["embeddings"], "<f4"), run.artifacts.user_embeddings.ravel())
    assert np.array_equal(numbers(users["rated"], "<u2"), known.movie)
    assert np.array_equal(np.array(users["star_values"])[numbers(users["stars"], "<u1")], known.stars)
    assert users["n_rated"] == np.diff(known.starts).tolist()
    assert users["ids"] == [str(one) for one in run.artifacts.user_ids]
    assert data["left_out"] == []


def test_the_page_says_what_is_explored_as_a_sentence_does(tmp_path: Path) -> None:
    of_ids_alone = judged_run(tmp_path / "saved_models", small_dataset(), run_config())
    text = write_explore(of_ids_alone, tmp_path / "explore.html").page.read_text("utf-8")
    assert ">Explore a small simulated data set</a></h1>" in text
    assert '<strong id="label">None (ids alone)</strong>' in text


def test_what_does_not_fit_is_left_out_and_said(run: Run, tmp_path: Path) -> None:
    written = write_explore(run, tmp_path / "explore.html", page_bytes=2 * 20 * VECTOR)
    data = content(written.page)
    n_users = len(data["users"]["ids"])
    popularity = run.user_ratings.popularity
    assert data["movies"]["popularity"] == [n for n in popularity if n >= np.sort(popularity)[-20]][:20]
    assert 0 < n_users < N_USERS
    assert data["left_out"] == list(written.left_out)
    assert written.left_out == (
        "The page holds the 20 most rated of 40 movies; its lists leave out the others.",
        f"The page holds the first {n_users} of 20 users; movierec recommend --user knows them all.",
    )
    titles = np.array(data["movies"]["titles"])
    ends = np.cumsum([0, *data["users"]["n_rated"]])
    rated = numbers(data["users"]["rated"], "<u2")
    for user in range(n_users):
        own = run.catalogue.title[run.user_ratings.movie[run.user_ratings.of(user)]]
        assert titles[rated[ends[user] : ends[user + 1]]].tolist() == [t for t in own if t in titles]


@pytest.mark.parametrize(("allowed", "has_users"), [(900, True), (2 * VECTOR, False)])
def test_the_arrays_keep_to_the_size_that_is_allowed(
    allowed: int, has_users: bool, run: Run, tmp_path: Path
) -> None:
    data = content(write_explore(run, tmp_path / "explore.html", page_bytes=allowed).page)
    users = data["users"]
    parts = (data["movies"]["embeddings"], *(users[name] for name in ("embeddings", "rated", "stars")))
    assert sum(len(base64.b64decode(part)) for part in parts) <= allowed
    assert bool(users["ids"]) == has_users and data["movies"]["ids"]


def test_a_file_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    with pytest.raises(MovierecError, match="the page cannot be written to"):
        write_explore(run, tmp_path)
