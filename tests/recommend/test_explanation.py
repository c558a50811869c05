from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.recommend import explanation as why_module
from movierec_cli.recommend.explanation import ANYBODY, Explanation, explain, explanation_document
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.users import User, new_user, user_of
from movierec_cli.registry import store
from movierec_cli.registry.store import Run
from movierec_cli.scoring.towers import Tower, TowerInput, Towers
from tests.saved_runs import judged_run, run_artifacts, run_config, run_parts, run_record, sequence_config
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
    return store.save_run(tmp_path_factory.mktemp("deep"), run_record(), parts)


def sums(why: Explanation) -> list[float]:
    """What the score must be, added up in each of the ways there are."""
    ways = [[share for _, share in why.of_films] + [why.rest]]
    ways += [list(parts.values()) for parts in (why.of_movie_features, why.of_user_features) if parts]
    return [why.average + sum(parts) for parts in ways]


@pytest.mark.parametrize("user", range(1, 8))
@pytest.mark.parametrize("which", ["run", "deep"])
def test_the_parts_add_up_to_the_score(request: pytest.FixtureRequest, which: str, user: int) -> None:
    run: Run = request.getfixturevalue(which)
    person = user_of(run, user)
    scores = run.artifacts.movie_embeddings @ person.embedding
    explained = explain(run, person, np.arange(len(scores)))
    assert [why.movie for why in explained] == list(range(len(scores)))
    for why, score in zip(explained, scores, strict=True):
        assert why.score == pytest.approx(score, rel=1e-5, abs=1e-6)
        assert len(sums(why)) == 3
        assert sums(why) == pytest.approx([score] * 3, rel=1e-5, abs=1e-5)
        assert why.advantage == pytest.approx(score - scores.mean(), rel=1e-5, abs=1e-5)


def test_every_film_that_is_known_has_a_share_the_highest_first(run: Run) -> None:
    person = user_of(run, N_USERS)
    (why,) = explain(run, person, [0])
    assert sorted(row for row, _ in why.of_films) == sorted(person.movies.tolist())
    shares = [share for _, share in why.of_films]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("user", [1, N_USERS])  # with 6 and with 25 films, in 4 dimensions
def test_shares_are_those_of_kernel_ridge_regression(run: Run, user: int) -> None:
    person = user_of(run, user)
    movies = run.artifacts.movie_embeddings.astype(np.float64)
    centred = movies - movies.mean(axis=0)
    films = centred[person.movies]
    kernel = films @ films.T  # [n, n]
    ridge = np.trace(kernel) / movies.shape[1]
    weights = np.linalg.inv(kernel + ridge * np.eye(len(films))) @ films @ person.embedding
    for why in explain(run, person, [3, 17]):
        expected = weights * (films @ centred[why.movie])
        assert dict(why.of_films) == pytest.approx(dict(zip(person.movies.tolist(), expected, strict=True)))


def person_like(run: Run, films: list[int], embedding: np.ndarray) -> User:
    stars = np.full(len(films), np.nan, np.float32)
    return User(None, None, embedding.astype(np.float32), np.array(films, np.int64), stars)


def line_of_films(tmp_path: Path) -> Run:
    """Films at 1, -1, 2 and -2 on the axes of four dimensions, so that their mean is 0."""
    axes = np.eye(4, dtype=np.float32)
    movies = np.concatenate([axes, -axes, 2 * axes, -2 * axes])
    artifacts = replace(run_artifacts(n_movies=16, dim=4), movie_embeddings=movies)
    return store.save_run(tmp_path, run_record(), run_parts(artifacts))


def test_films_that_are_like_the_movie_speak_for_it_and_others_do_not(tmp_path: Path) -> None:
    run = line_of_films(tmp_path)
    person = person_like(run, [0, 1], np.array([1.0, 1.0, 0.5, 0.0]))
    alike, other, opposite = explain(run, person, [8, 10, 4])
    ridge = 2 / 4  # the trace of two films of length 1 in four dimensions
    assert dict(alike.of_films) == pytest.approx({0: 2 / (1 + ridge), 1: 0})
    assert alike.rest == pytest.approx(2 - 2 / (1 + ridge))
    assert dict(other.of_films) == pytest.approx({0: 0, 1: 0}) and other.rest == pytest.approx(1)
    assert opposite.advantage == pytest.approx(-1)
    assert dict(opposite.of_films)[0] == pytest.approx(-1 / (1 + ridge))


def test_a_film_somebody_turns_away_from_speaks_against_its_like(tmp_path: Path) -> None:
    run = line_of_films(tmp_path)
    person = person_like(run, [0, 1], np.array([1.0, -1.0, 0.0, 0.0]))
    (why,) = explain(run, person, [9])
    assert dict(why.of_films)[1] < 0 and dict(why.of_films)[0] == pytest.approx(0)


def test_somebody_without_films_has_only_a_rest(tmp_path: Path) -> None:
    run = line_of_films(tmp_path)
    (why,) = explain(run, person_like(run, [], np.array([1.0, 0, 0, 0])), [8])
    assert (why.of_films, why.rest, why.average) == ((), pytest.approx(2), pytest.approx(0))


def test_a_film_that_is_known_twice_counts_once(run: Run) -> None:
    embedding = run.artifacts.user_embeddings[0]
    assert explain(run, person_like(run, [4, 2, 4], embedding), [9]) == explain(
        run, person_like(run, [2, 4], embedding), [9]
    )


@pytest.mark.parametrize("which", ["run", "deep"])
def test_features_are_named_and_over_the_catalogue_add_nothing(
    request: pytest.FixtureRequest, which: str
) -> None:
    run: Run = request.getfixturevalue(which)
    n_movies = len(run.catalogue)
    explained = explain(run, user_of(run, 3), range(n_movies))
    names = {"run": ("movie_id", "movie_title_text", "movie_genres"), "deep": ("movie_id", "movie_genres")}
    assert set(explained[0].of_movie_features) == {*names[which], "biases"}
    for name in explained[0].of_movie_features:
        assert sum(why.of_movie_features[name] for why in explained) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("which", ["run", "deep"])
def test_what_the_moment_adds_is_nothing_on_average(request: pytest.FixtureRequest, which: str) -> None:
    run: Run = request.getfixturevalue(which)
    explained = [explain(run, user_of(run, int(i)), [5])[0] for i in run.artifacts.user_ids]
    first, *contexts, last = explained[0].of_user_features
    assert (first, last) == ("user_id", ANYBODY)
    assert set(contexts) == {one.name for one in run.towers.query.inputs if one.is_context}
    for name in contexts:
        assert sum(why.of_user_features[name] for why in explained) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("which", ["run", "deep"])
def test_in_common_with_anybody_is_the_regression_on_the_mean_users_scores(
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
    assert [why.of_user_features[ANYBODY] for why in explained] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_another_moment_changes_what_the_time_adds_and_nothing_else(run: Run) -> None:
    person = user_of(run, 3)
    assert person.row is not None
    place = [one.name for one in run.towers.query.inputs if one.is_context].index("day_of_week")
    codes = run.towers.codes[[person.row]]
    codes[0, place] = (codes[0, place] + 1) % 7
    embedding = run.towers.query.embed(np.array([person.row]), codes)[0]
    (before,) = explain(run, person, [8])
    (after,) = explain(run, replace(person, codes=codes, embedding=embedding), [8])
    change = after.advantage - before.advantage
    old, new = before.of_user_features, after.of_user_features
    assert new["day_of_week"] - old["day_of_week"] == pytest.approx(change, abs=1e-5)
    assert abs(change) > 0.01
    assert new["timestamp"] == pytest.approx(old["timestamp"], abs=1e-6)
    in_all = [parts["user_id"] + parts[ANYBODY] for parts in (old, new)]
    assert in_all[0] == pytest.approx(in_all[1], abs=1e-5)


def test_means_are_the_same_however_few_are_in_memory_at_a_time(
    deep: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = explain(deep, user_of(deep, 2), [1, 2])
    monkeypatch.setattr(why_module, "_CHUNK", 3)
    for one, other in zip(before, explain(deep, user_of(deep, 2), [1, 2]), strict=True):
        assert one.of_movie_features == pytest.approx(other.of_movie_features)
        assert one.of_user_features == pytest.approx(other.of_user_features)


def test_a_stranger_has_no_features_of_a_user(run: Run) -> None:
    somebody = new_user(run, Opinions(liked=np.array([1, 2]), disliked=np.array([3])))
    (why,) = explain(run, somebody, [9])
    assert why.of_user_features == {} and set(why.of_movie_features) >= {"movie_id", "movie_genres"}
    assert {row for row, _ in why.of_films} == {1, 2, 3}
    assert sums(why) == pytest.approx([why.score] * 2, rel=1e-5)


def test_a_model_of_sequences_has_films_only(tmp_path: Path) -> None:
    sasrec = judged_run(tmp_path, small_dataset(), sequence_config())
    (why,) = explain(sasrec, user_of(sasrec, 4), [9])
    assert (why.of_movie_features, why.of_user_features) == ({}, {})
    assert why.of_films and sums(why) == pytest.approx([why.score], rel=1e-5)


def test_nothing_to_explain_is_no_problem(run: Run) -> None:
    assert explain(run, user_of(run, 1), []) == ()


def test_programs_get_every_part(run: Run) -> None:
    (why,) = explain(run, user_of(run, 1), [7])
    document = json.loads(json.dumps(explanation_document(run, why), allow_nan=False))
    assert set(document) == {
        "score",
        "score_of_average_movie",
        "advantage",
        "of_films",
        "of_no_film",
        "of_movie_features",
        "of_user_features",
    }
    assert document["advantage"] == pytest.approx(document["score"] - document["score_of_average_movie"])
    shares = sum(film["share"] for film in document["of_films"])
    assert shares + document["of_no_film"] == pytest.approx(document["advantage"])
    first = document["of_films"][0]
    row = why.of_films[0][0]
    assert (first["movie_id"], first["title"]) == (run.artifacts.movie_ids[row], run.catalogue.title[row])
