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
from movierec_cli.recommend.users import User, new_user, user_after, user_of
from movierec_cli.registry.store import Run, load_run
from tests.saved_runs import baseline_run, judged_run, run_config, sequence_run
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
        "sasrec": sequence_run(folder, source, Family.SASREC, "time_gap", "query_time"),
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


def test_a_history_is_continued_as_recommend_watched_and_as_of_do(
    runs: dict[str, Run], served: Served
) -> None:
    run = load_run(runs["sasrec"].folder)
    name, rows = run.record.name, [*LIKED, 5]
    days = ["2001-05-01", "2001-05-01T12:00:00+00:00", 988_800_000, "2001-06-01"]
    seconds = [988_675_200, 988_718_400, 988_800_000, 991_353_600]
    plain = served.list_for(name, watched=ids(rows), why=True).document
    assert given(plain) == listed(run, user_after(run, rows))
    assert [movie["movie_id"] for movie in plain["watched"]] == ids(rows) and plain["movies"][0]["why"]
    timed = {"watched": ids(rows), "watched_at": days}
    expected = listed(run, user_after(run, rows, seconds=seconds))
    assert given(served.list_for(name, **timed).document) == expected != listed(run, user_after(run, rows))
    late = listed(run, user_after(run, rows, seconds=seconds, as_of_s=1_100_000_000))
    answer = served.list_for(name, **timed, as_of=1_100_000_000).document
    assert given(answer) == late != expected
    assert answer["cautions"][0].startswith("as_of 1100000000 is after the last rating of the data")
    without = served.list_for(name, watched=ids(rows), disliked=ids([9]), seen=ids([2]), top=100).document
    scores = {one["movie_id"]: one["score"] for one in without["movies"]}
    assert not scores.keys() & {*ids([*rows, 9, 2])}
    assert given(plain)[-1][1] == pytest.approx(scores[given(plain)[-1][0]])  # they say nothing more
    user = user_of(run, 9)
    assert user.seconds is not None
    halfway = int(user.seconds[5])
    day = f"{np.datetime64(halfway, 's')}"
    of_user = served.ask(f"/api/models/{name}/users/9/recommendations?as_of={day}").document
    assert given(of_user) == listed(run, user_of(run, 9, halfway)) != listed(run, user)
    assert given(served.list_for(name, user_id=9, as_of=halfway).document) == given(of_user)
    (own,) = [one for one in served.ask("/api/models").document["models"] if one["name"] == name]
    assert own["reads_history"] and own["sees_time"]


@pytest.mark.parametrize(
    ("question", "status", "said"),
    [
        ({"watched": [103], "liked": [104]}, 400, "in watched, or liked and ratings are given; not both"),
        ({"watched": [103], "user_id": 1}, 400, "not both"),
        ({"watched": [103, 103]}, 400, "'103' is named twice"),
        ({"watched": [7]}, 404, "no movie with the id '7'"),
        ({"watched": 103}, 422, "watched must be a list"),
        ({"watched": [103, 104], "watched_at": [1]}, 400, "watched_at has 1 times for 2 movies"),
        ({"watched": [103, 104], "watched_at": [2, 1]}, 400, "times go back"),
        ({"watched": [103], "watched_at": [5], "as_of": 1}, 400, "times go back"),
        ({"watched": [103], "watched_at": ["soon"]}, 400, "watched_at has 'soon', which is no time"),
        ({"watched": [103], "watched_at": [10**18]}, 400, "which is no time"),
        ({"watched": [103], "watched_at": [None]}, 422, "watched_at.0 must be"),
        ({"watched": [103], "as_of": "2001-05-01"}, 400, "as_of is for a user_id, or for"),
        ({"user_id": 9, "as_of": "1970-01-02"}, 400, "rated nothing before that time"),
        ({"user_id": 999, "as_of": "2001-05-01"}, 404, "there is no user 999"),
    ],
)
def test_a_history_that_cannot_be_continued_is_refused(
    question: dict[str, object], status: int, said: str, runs: dict[str, Run], served: Served
) -> None:
    reply = served.list_for(runs["sasrec"].record.name, **question)
    assert (reply.status, [*reply.document]) == (status, ["error"]) and said in reply.document["error"]


def test_models_that_read_no_history_or_see_no_time_say_so(runs: dict[str, Run], served: Served) -> None:
    no_history = served.list_for(runs["ease"].record.name, watched=[103])
    assert no_history.status == 400 and "continues no history" in no_history.document["error"]
    no_time = served.list_for(runs["ease"].record.name, user_id=9, as_of="2001-05-01")
    assert no_time.status == 400 and "does not see the time" in no_time.document["error"]
    run = load_run(runs["two-tower"].folder)
    of_user = served.list_for(run.record.name, user_id=9, as_of=1_001_000_000).document
    assert given(of_user) == listed(run, user_of(run, 9, 1_001_000_000))


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
    assert (health["status"], health["models"], names[0]) == ("ok", 6, health["default"])
    assert sorted(names) == sorted(run.record.name for run in runs.values())
    metrics = served.ask("/metrics").body.decode()
    assert 'movierec_requests_total{route="/health",status="200"}' in metrics
    assert "movierec_batch_size_count" in metrics
    document = served.ask("/api/openapi.json").document
    assert "/api/models/{model}/recommendations" in document["paths"]
    assert b"http://" not in served.ask("/docs").body.replace(b"http://127.0.0.1", b"")
