import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.recommend.explanation import AVERAGE_USER, Explanation, explain
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.users import User, new_user, user_of
from movierec_cli.registry import store
from movierec_cli.registry.store import Run
from movierec_cli.scoring import towers as towers_module
from movierec_cli.scoring.towers import Tower, TowerInput, Towers
from tests.saved_runs import (
    data_identity,
    judged_run,
    run_artifacts,
    run_config,
    run_parts,
    run_record,
    save_run,
    sequence_config,
)
from tests.small_dataset import N_MOVIES, N_USERS, small_dataset

ROWS = range(N_MOVIES)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Towers of one layer."""
    config = run_config("timestamp", "day_of_week", "movie_genres", "movie_title_text")
    return judged_run(tmp_path_factory.mktemp("runs"), small_dataset(), config)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Towers of two layers with relu and biases between them, and a context."""
    rng = np.random.default_rng(3)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    def tower(ids: str, n: int, feature: str, n_codes: int, *, is_context: bool) -> Tower:
        inputs = (TowerInput(ids, False, floats(n, 3)), TowerInput(feature, is_context, floats(n_codes, 2)))
        return Tower(inputs, ((floats(5, 8), floats(8)), (floats(8, 4), floats(4))))

    n_users, n_movies = 7, 30
    towers = Towers(
        query=tower("user_id", n_users, "day_of_week", 7, is_context=True),
        movie=tower("movie_id", n_movies, "movie_genres", n_movies, is_context=False),
        codes=rng.integers(0, 7, (n_users, 1)).astype(np.int32),
    )
    artifacts = replace(
        run_artifacts(n_users=n_users, n_movies=n_movies, dim=4),
        user_embeddings=towers.query.embed(np.arange(n_users), towers.codes),
        movie_embeddings=towers.movie.embed(np.arange(n_movies)),
    )
    parts = replace(run_parts(artifacts), towers=towers)
    record = run_record(data=data_identity(n_users=n_users, n_movies=n_movies))
    return store.save_run(tmp_path_factory.mktemp("deep"), record, parts)


def sums(why: Explanation) -> list[float]:
    """What the score must be, added up in each of the ways there are."""
    ways = [[contribution for _, contribution in why.of_movies] + [why.rest]]
    ways += [list(parts.values()) for parts in (why.of_movie_features, why.of_user_features) if parts]
    return [why.average + sum(parts) for parts in ways]


@pytest.mark.parametrize("user_id", range(1, 8))
@pytest.mark.parametrize("which", ["run", "deep"])
def test_the_parts_add_up_to_the_score(request: pytest.FixtureRequest, which: str, user_id: int) -> None:
    run: Run = request.getfixturevalue(which)
    user = user_of(run, user_id)
    scores = run.artifacts.movie_embeddings @ user.embedding
    explained = explain(run, user, np.arange(len(scores)))
    assert [why.movie for why in explained] == list(range(len(scores)))
    for why, score in zip(explained, scores, strict=True):
        assert why.score == pytest.approx(score, rel=1e-5, abs=1e-6)
        assert len(sums(why)) == 3
        assert sums(why) == pytest.approx([score] * 3, rel=1e-5, abs=1e-5)
        assert why.advantage == pytest.approx(score - scores.mean(), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("user_id", [1, N_USERS])  # with 6 and with 25 movies, in 4 dimensions
def test_contributions_are_those_of_kernel_ridge_regression_the_highest_first(run: Run, user_id: int) -> None:
    user = user_of(run, user_id)
    movies = run.artifacts.movie_embeddings.astype(np.float64)
    centred = movies - movies.mean(axis=0)
    known = centred[user.movies]
    kernel = known @ known.T  # [n, n]
    ridge = np.trace(kernel) / movies.shape[1]
    weights = np.linalg.inv(kernel + ridge * np.eye(len(known))) @ known @ user.embedding
    for why in explain(run, user, [3, 17]):
        expected = weights * (known @ centred[why.movie])
        assert dict(why.of_movies) == pytest.approx(dict(zip(user.movies.tolist(), expected, strict=True)))
        assert list(why.of_movies) == sorted(why.of_movies, key=lambda one: -one[1])


def user_like(run: Run, known: list[int], embedding: np.ndarray) -> User:
    stars = np.full(len(known), np.nan, np.float32)
    return User(None, None, embedding.astype(np.float32), np.array(known, np.int64), stars)


def line_of_movies(tmp_path: Path) -> Run:
    """Movies at 1, -1, 2 and -2 on the axes of four dimensions, so that their mean is 0."""
    axes = np.eye(4, dtype=np.float32)
    movies = np.concatenate([axes, -axes, 2 * axes, -2 * axes])
    artifacts = replace(run_artifacts(n_movies=16, dim=4), movie_embeddings=movies)
    return save_run(tmp_path, run_record(), artifacts)


def test_similar_movies_contribute_to_a_score_and_others_do_not(tmp_path: Path) -> None:
    run = line_of_movies(tmp_path)
    user = user_like(run, [0, 1], np.array([1.0, 1.0, 0.5, 0.0]))
    alike, other, opposite = explain(run, user, [8, 10, 4])
    ridge = 2 / 4  # the trace of two movies of length 1 in four dimensions
    assert dict(alike.of_movies) == pytest.approx({0: 2 / (1 + ridge), 1: 0})
    assert alike.rest == pytest.approx(2 - 2 / (1 + ridge))
    assert dict(other.of_movies) == pytest.approx({0: 0, 1: 0}) and other.rest == pytest.approx(1)
    assert opposite.advantage == pytest.approx(-1)
    assert dict(opposite.of_movies)[0] == pytest.approx(-1 / (1 + ridge))
    turned_away = user_like(run, [0, 1], np.array([1.0, -1.0, 0.0, 0.0]))
    (why,) = explain(run, turned_away, [9])
    assert dict(why.of_movies)[1] < 0 and dict(why.of_movies)[0] == pytest.approx(0)
    (why,) = explain(run, user_like(run, [], np.array([1.0, 0, 0, 0])), [8])
    assert (why.of_movies, why.rest, why.average) == ((), pytest.approx(2), pytest.approx(0))


def test_a_movie_that_is_known_twice_counts_once(run: Run) -> None:
    embedding = run.artifacts.user_embeddings[0]
    assert explain(run, user_like(run, [4, 2, 4], embedding), [9]) == explain(
        run, user_like(run, [2, 4], embedding), [9]
    )


@pytest.mark.parametrize("which", ["run", "deep"])
def test_features_and_contexts_are_named_and_contribute_nothing_on_average(
    request: pytest.FixtureRequest, which: str
) -> None:
    run: Run = request.getfixturevalue(which)
    explained = explain(run, user_of(run, 3), range(len(run.catalogue)))
    names = {"run": ("movie_id", "movie_title_text", "movie_genres"), "deep": ("movie_id", "movie_genres")}
    assert set(explained[0].of_movie_features) == {*names[which], "biases"}
    for name in explained[0].of_movie_features:
        assert sum(why.of_movie_features[name] for why in explained) == pytest.approx(0, abs=1e-4)
    explained = [explain(run, user_of(run, int(i)), [5])[0] for i in run.artifacts.user_ids]
    first, *contexts, last = explained[0].of_user_features
    assert (first, last) == ("user_id", AVERAGE_USER)
    assert set(contexts) == {one.name for one in run.towers.query.inputs if one.is_context}
    for name in contexts:
        assert sum(why.of_user_features[name] for why in explained) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("which", ["run", "deep"])
def test_in_common_with_the_average_user_is_the_regression_on_the_mean_users_scores(
    request: pytest.FixtureRequest, which: str
) -> None:
    run: Run = request.getfixturevalue(which)
    users, movies = (
        array.astype(np.float64) for array in (run.artifacts.user_embeddings, run.artifacts.movie_embeddings)
    )
    scores, of_mean = movies @ users[2], movies @ users.mean(axis=0)
    slope, _ = np.polyfit(of_mean, scores, 1)
    explained = explain(run, user_of(run, int(run.artifacts.user_ids[2])), range(len(movies)))
    expected = slope * (of_mean - of_mean.mean())
    assert [why.of_user_features[AVERAGE_USER] for why in explained] == pytest.approx(
        expected, rel=1e-4, abs=1e-4
    )


def test_another_time_changes_the_contribution_of_the_context_alone(run: Run) -> None:
    user = user_of(run, 3)
    assert user.row is not None
    place = [one.name for one in run.towers.query.inputs if one.is_context].index("day_of_week")
    codes = run.towers.codes[[user.row]]
    codes[0, place] = (codes[0, place] + 1) % 7
    embedding = run.towers.query.embed(np.array([user.row]), codes)[0]
    (before,) = explain(run, user, [8])
    (after,) = explain(run, replace(user, codes=codes, embedding=embedding), [8])
    change = after.advantage - before.advantage
    old, new = before.of_user_features, after.of_user_features
    assert new["day_of_week"] - old["day_of_week"] == pytest.approx(change, abs=1e-5)
    assert abs(change) > 0.01
    assert new["timestamp"] == pytest.approx(old["timestamp"], abs=1e-6)
    in_all = [parts["user_id"] + parts[AVERAGE_USER] for parts in (old, new)]
    assert in_all[0] == pytest.approx(in_all[1], abs=1e-5)


def test_means_are_the_same_however_few_are_in_memory_at_a_time(
    deep: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = explain(deep, user_of(deep, 2), [1, 2])
    monkeypatch.setattr(towers_module, "_CHUNK", 3)
    for kept in ("mean_of_movies", "mean_of_users"):
        deep.towers.__dict__.pop(kept)
    for one, other in zip(before, explain(deep, user_of(deep, 2), [1, 2]), strict=True):
        assert one.of_movie_features == pytest.approx(other.of_movie_features)
        assert one.of_user_features == pytest.approx(other.of_user_features)


def test_a_new_user_has_no_features_of_a_user(run: Run) -> None:
    user = new_user(run, Opinions(liked=np.array([1, 2]), disliked=np.array([3])))
    (why,) = explain(run, user, [9])
    assert why.of_user_features == {} and set(why.of_movie_features) >= {"movie_id", "movie_genres"}
    assert {row for row, _ in why.of_movies} == {1, 2, 3}
    assert sums(why) == pytest.approx([why.score] * 2, rel=1e-5)


def test_a_sequential_model_has_contributions_of_movies_only(tmp_path: Path) -> None:
    sasrec = judged_run(tmp_path, small_dataset(), sequence_config())
    (why,) = explain(sasrec, user_of(sasrec, 4), [9])
    assert (why.of_movie_features, why.of_user_features) == ({}, {})
    assert why.of_movies and sums(why) == pytest.approx([why.score], rel=1e-5)


def test_nothing_to_explain_is_no_problem(run: Run) -> None:
    assert explain(run, user_of(run, 1), []) == ()


def test_programs_get_every_contribution(run: Run) -> None:
    (why,) = explain(run, user_of(run, 1), [7])
    document = json.loads(json.dumps(why.document(run), allow_nan=False))
    scores, parts = (
        {"score", "score_of_average_movie", "advantage"},
        {"of_movie_features", "of_user_features"},
    )
    assert set(document) == scores | parts | {"of_movies", "of_no_movie"}
    assert document["advantage"] == pytest.approx(document["score"] - document["score_of_average_movie"])
    contributions = sum(movie["contribution"] for movie in document["of_movies"])
    assert contributions + document["of_no_movie"] == pytest.approx(document["advantage"])
    first = document["of_movies"][0]
    row = why.of_movies[0][0]
    assert (first["movie_id"], first["title"]) == (run.artifacts.movie_ids[row], run.catalogue.title[row])
