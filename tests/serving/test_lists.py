"""What a server answers is what the commands print."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from movierec_cli.config import Family, default_settings
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.response import response_to, similar_movies
from movierec_cli.recommend.users import User, new_user, user_of
from movierec_cli.registry.store import Run, load_run
from tests.saved_runs import baseline_run, judged_run, run_config
from tests.serving.served import Served, serving
from tests.small_dataset import FIRST_MOVIE_ID, small_dataset

LIKED, DISLIKED = [3, 17, 30], [9]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder, source = tmp_path_factory.mktemp("saved_models"), small_dataset()
    hybrid = replace(run_config(), family=Family.HYBRID, model=default_settings(Family.HYBRID).model)
    return {
        "two-tower": judged_run(folder, source, run_config("timestamp")),
        "hybrid": judged_run(folder, source, hybrid),
        **{name: baseline_run(folder, source, Family(name)) for name in ("ease", "item-knn", "popularity")},
    }


@pytest.fixture(scope="module")
def served(runs: dict[str, Run]) -> Iterator[Served]:
    with serving(next(iter(runs.values())).folder.parent) as server:
        yield server


def ids(rows: list[int]) -> list[int]:
    return [FIRST_MOVIE_ID + row for row in rows]


def listed(run: Run, user: User, **changes: Any) -> list[tuple[object, float]]:
    response = response_to(run, user, filters=Filters(**changes), top=10)
    return [(movie.movie_id, pytest.approx(movie.score, abs=1e-5)) for movie in response.recommended.movies]


def given(document: Any) -> list[tuple[object, float]]:
    return [(movie["movie_id"], movie["score"]) for movie in document["movies"]]


@pytest.mark.parametrize("family", ["two-tower", "hybrid", "ease", "item-knn", "popularity"])
def test_lists_for_new_users_and_users_are_those_of_recommend(
    family: str, runs: dict[str, Run], served: Served
) -> None:
    run = load_run(runs[family].folder)  # as a command has it
    name = run.record.name
    somebody = new_user(run, Opinions(np.array(LIKED), np.array(DISLIKED)))
    answer = served.list_for(name, liked=ids(LIKED), disliked=ids(DISLIKED))
    assert answer.status == 200 and given(answer.document) == listed(run, somebody)
    of_user = served.ask(f"/api/models/{name}/users/9/recommendations?why=true").document
    assert given(of_user) == listed(run, user_of(run, 9)) == given(served.list_for(name, user_id=9).document)
    assert len(of_user["rated"]) == len(user_of(run, 9).movies)
    response = response_to(run, user_of(run, 9), filters=Filters(), top=10, why=True)
    for movie, why in zip(of_user["movies"], response.explanations, strict=True):
        assert movie["why"]["advantage"] == pytest.approx(why.advantage, abs=1e-5)


def test_ratings_count_as_those_of_a_file_do(runs: dict[str, Run], served: Served) -> None:
    run = load_run(runs["ease"].folder)
    stars = {3: 5.0, 17: 2.0, 30: 4.0, 9: 3.0}
    somebody = new_user(run, Opinions(np.array([3, 30]), np.array([17])), np.array([*stars]))
    ratings = [{"movie_id": FIRST_MOVIE_ID + row, "rating": one} for row, one in stars.items()]
    document = served.list_for(run.record.name, ratings=ratings).document
    assert given(document) == listed(run, somebody)
    assert [movie["movie_id"] for movie in document["liked"]] == ids([3, 30])


def test_genres_and_what_is_known_are_filtered(runs: dict[str, Run], served: Served) -> None:
    run = load_run(runs["ease"].folder)
    somebody = new_user(run, Opinions(np.array(LIKED)))
    answer = served.list_for(run.record.name, liked=ids(LIKED), genres=["comedy"], include_seen=True)
    assert given(answer.document) == listed(run, somebody, genres=("Comedy",), include_seen=True)


def test_similar_movies_and_searches(runs: dict[str, Run], served: Served) -> None:
    run = runs["ease"]
    near = served.ask(f"/api/models/{run.record.name}/movies/{FIRST_MOVIE_ID}/similar?top=5").document
    expected = similar_movies(load_run(run.folder), 0, top=5).movies
    assert [movie["movie_id"] for movie in near["movies"]] == [movie.movie_id for movie in expected]
    found = served.ask("/api/models/default/movies?search=film+12").document
    assert {movie["title"][:7] for movie in found["movies"]} == {"Film 12"} and not found["is_close"]
    assert served.ask("/api/models/default/movies?search=fillm+125").document["is_close"]


def test_many_at_once_get_what_each_gets_alone(runs: dict[str, Run], served: Served) -> None:
    from movierec_cli.errors import MovierecError
    from movierec_cli.serving import service
    from movierec_cli.serving.asked import Asked

    model = served.models.get(runs["hybrid"].record.name)
    questions = [Asked(liked=ids([row, row + 1]), why=row % 2 == 0) for row in range(20)]
    questions[7:7] = [Asked(user_id=3), Asked(liked=[1])]
    together = service.recommendations(model, questions)
    assert isinstance(together[8], MovierecError) and "knows no movie with the id '1'" in str(together[8])
    alone = [service.recommendations(model, [one])[0] for one in questions]
    assert together[:8] + together[9:] == alone[:8] + alone[9:]


def test_health_models_and_metrics(runs: dict[str, Run], served: Served) -> None:
    health = served.ask("/health").document
    names = [one["name"] for one in served.ask("/api/models").document["models"]]
    assert (health["status"], health["models"], names[0]) == ("ok", 5, health["default"])
    assert sorted(names) == sorted(run.record.name for run in runs.values())
    metrics = served.ask("/metrics").body.decode()
    assert 'movierec_requests_total{route="/health",status="200"}' in metrics
    assert "movierec_batch_size_count" in metrics
    document = served.ask("/api/openapi.json").document
    assert "/api/models/{model}/recommendations" in document["paths"]
    assert b"http://" not in served.ask("/docs").body.replace(b"http://127.0.0.1", b"")
