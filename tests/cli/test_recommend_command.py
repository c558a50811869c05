"""`movierec recommend` on saved models of a small archive."""

import csv
import datetime
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest

from movierec_cli.config import DataConfig, SplitConfig, SplitKind
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.recommend.fold_in import Opinions, fold_in
from movierec_cli.recommend.recommend import recommend as recommend_to
from movierec_cli.recommend.users import user_of
from movierec_cli.registry import store
from movierec_cli.registry.store import Run
from tests.cli.running import check_row, rows, words
from tests.cli.running import run as run_command
from tests.saved_runs import judged_run, multi_task_config, run_config, sequence_config

recommend = partial(run_command, "recommend")

N_MOVIES = 15
SERVING = "movierec_cli.recommend.sequence_states"


def read_rows(part: Path) -> list[tuple[Any, ...]]:
    return pl.read_parquet(part).rows()


def title(movie_id: int) -> str:
    return f"Fílm {movie_id}: it (is) ({1980 + movie_id})"


@pytest.fixture
def dataset(small_1m: Path) -> Dataset:
    """What the models are trained on; it is gone when they recommend."""
    loaded = load_dataset(DataConfig())
    shutil.rmtree("datasets")
    return loaded


@pytest.fixture
def towers(dataset: Dataset) -> Run:
    return judged_run(Path("saved_models"), dataset, run_config())


@pytest.fixture
def sasrec(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Its network likes what is near the newest movie in the catalogue."""
    serving = ModuleType(SERVING)
    serving.state_after = near_the_newest  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, SERVING, serving)
    run = judged_run(Path("saved_models"), dataset, sequence_config())
    return with_a_dimension_a_movie(run)


def with_a_dimension_a_movie(run: Run) -> Run:
    """So that a state is the movies' scores."""
    n_users, n_movies = len(run.artifacts.user_ids), len(run.artifacts.movie_ids)
    arrays = replace(
        run.artifacts,
        movie_embeddings=np.eye(n_movies, dtype=np.float32),
        user_embeddings=np.random.default_rng(0).normal(size=(n_users, n_movies)).astype(np.float32),
    )
    return store.save_run(run.folder.parent, run.record, replace(run.parts(), artifacts=arrays))


def near_the_newest(
    run: Run, rows: np.ndarray, seconds: np.ndarray | None, as_of_s: int | None
) -> np.ndarray:
    """The state whose scores are highest next to the newest movie."""
    scores = -np.abs(np.arange(len(run.artifacts.movie_ids)) - rows[-1] - 0.1)
    state: np.ndarray = scores.astype(np.float32)
    return state


def rated_by(dataset: Dataset, user_id: int) -> set[int]:
    own = dataset.users.user_id[dataset.ratings.user_index] == user_id
    return set(dataset.movies.movie_id[dataset.ratings.movie_index[own]].tolist())


def best_for(run: Run, user_id: int, without: set[int]) -> list[int]:
    arrays = run.artifacts
    user = arrays.user_embeddings[arrays.user_ids.tolist().index(user_id)]
    scores = dict(zip(arrays.movie_ids.tolist(), arrays.movie_embeddings @ user, strict=True))
    return sorted(set(scores) - without, key=lambda movie_id: -scores[movie_id])


def test_a_user_gets_what_they_rated_and_what_is_recommended(towers: Run, dataset: Dataset) -> None:
    result = recommend("--user", "2", "--top", "3")
    assert result.exit_code == 0, result.output
    rated, recommended = result.stdout.split("Recommended with: None")
    assert f"User 2 rated {len(rated_by(dataset, 2))} movies" in words(rated)
    expected = best_for(towers, 2, rated_by(dataset, 2))[:3]
    shown = [line.split(":")[0].split() for line in recommended.splitlines() if "Fílm" in line]
    assert shown == [[str(place), "Fílm", str(i)] for place, i in enumerate(expected, start=1)]
    model, caution = result.stderr.splitlines()
    assert model == (
        f"Model: {towers.record.name} (the only one, ndcg@10 10.0 % on validation, random split)"
    )
    assert caution.startswith("3 movies in the list have fewer than 10 ratings in the model's data")


def test_a_list_by_rating_is_of_a_model_that_predicts_ratings(towers: Run, dataset: Dataset) -> None:
    """Though another is the newest."""
    rates = judged_run(
        towers.folder.parent, dataset, multi_task_config(), created_at="2001-01-01T00:00:00+00:00"
    )
    result = recommend("--user", "1", "--rank_by", "rating", "--json")
    assert json.loads(result.stdout)["run"] == rates.record.name


def test_what_a_file_says_was_watched_is_continued_in_its_order_of_time(sasrec: Run) -> None:
    rows = "2020-02-02,Fílm 3: it,1983,x\n2020-01-01,Fílm 12: it,1992,y\n"
    Path("watched.csv").write_text(f"Date,Name,Year,Letterboxd URI\n{rows}", "utf-8")
    of_file = recommend("--ratings_file", "watched.csv", "--top=4", "--json")
    assert of_file.exit_code == 0, of_file.output
    assert "the model continues the history of 2 movies, the oldest first" in of_file.stderr
    typed = recommend("--watched", title(12), "--watched", title(3), "--top=4", "--json")
    assert json.loads(of_file.stdout) == json.loads(typed.stdout)


def test_what_was_watched_decides_what_comes_next(sasrec: Run) -> None:
    result = recommend("--watched", title(12), "--watched=film 3: it is", "--top=4")
    assert result.exit_code == 0, result.output
    watched, recommended = result.stdout.split("Recommended with: SASRec")
    assert words(watched).startswith("Watched, oldest first title genres")
    for text, ids in ((watched, [12, 3]), (recommended, [4, 2, 5, 1])):
        shown = [line.split(":")[0].split() for line in text.splitlines() if "Fílm" in line]
        assert shown == [[str(place), "Fílm", str(i)] for place, i in enumerate(ids, start=1)]
    assert result.stderr.splitlines()[0].startswith(f"Model: {sasrec.record.name} (the only one, ndcg@10")


@pytest.mark.parametrize(("options", "expected"), [((), [8, 6, 9]), (("--include_seen",), [7, 8, 6])])
def test_the_document_says_who_what_and_from_which_model(
    sasrec: Run, dataset: Dataset, options: tuple[str, ...], expected: list[int]
) -> None:
    result = recommend("--watched", "id:7", "--top", "3", "--json", "--quiet", *options)
    document = json.loads(result.stdout)
    assert list(document) == [
        "schema_version",
        "run", "model", "data", "user_id", "rated", "watched", "liked", "disliked", "movies", "mean_score",
        "variety",
    ]  # fmt: skip
    assert (document["run"], document["model"]) == (sasrec.record.name, "SASRec")
    assert document["data"] == {
        "name": "1m",
        "description": dataset.description,
        "fingerprint": dataset.fingerprint,
    }
    assert (document["user_id"], document["rated"]) == (None, [])
    assert [one["title"] for one in document["watched"]] == [title(7)]
    assert [one["movie_id"] for one in document["movies"]] == expected
    assert set(document["movies"][0]) == {"movie_id", "title", "genres", "score", "stars", "is_new"}
    assert result.stderr.splitlines() == []


@pytest.mark.usefixtures("sasrec")
def test_a_user_is_served_by_whichever_model_is_named(towers: Run, sasrec: Run, dataset: Dataset) -> None:
    for run, name in ((towers, "1m-none"), (sasrec, "1m-sasrec")):
        document = json.loads(recommend("--user", "1", "--json", "--model", name).stdout)
        assert (document["run"], document["user_id"]) == (run.record.name, 1)
        expected = best_for(run, 1, rated_by(dataset, 1))
        assert [one["movie_id"] for one in document["movies"]] == expected[:10]
        assert {one["movie_id"] for one in document["rated"]} == rated_by(dataset, 1)
    both = recommend("--user", "1", "--model", "1m-")
    assert both.exit_code == 1
    assert "begins the names of 2 models" in both.stderr


@pytest.mark.usefixtures("sasrec")
def test_a_shorter_list_is_explained(dataset: Dataset) -> None:
    n_unseen = N_MOVIES - len(rated_by(dataset, 1))
    for options, n, left in (((), n_unseen, " that were not seen"), (("--include-seen",), N_MOVIES, "")):
        result = recommend("--user", "1", "--top", "1000", *options)
        message = f"{n} of --top 1,000: the model knows no more movies{left}"
        said = result.stderr.splitlines()[1:]
        assert [one for one in said if "fewer than 10 ratings" not in one] == [message]
    every = [f"--watched=id:{i}" for i in range(1, N_MOVIES + 1)]
    nothing = recommend(*every, "--json")
    assert nothing.exit_code == 0 and json.loads(nothing.stdout)["movies"] == []
    of_named, shortfall = nothing.stderr.splitlines()[1:]
    assert "movies named by the user have fewer than 10 ratings" in of_named
    assert shortfall.startswith("0 of --top 10:")


REFUSED = """
2 | recommend | say for whom: --user 42; --liked 'Heat (1995)'
2 | recommend --top 3 | say for whom
2 | recommend --user 1 --watched 3 | --user and --watched name different users; give one of them
2 | recommend --user 1 --users all | --user and --users name different users
2 | recommend --liked 3 --users all | --ratings_file name different users
2 | recommend --liked 3 --as_of 2001-05-01 | --as_of has no effect here: times are known of the ratings of
2 | recommend --user 1 --as_of yesterday | --as_of is 'yesterday'; it takes a date such as 2001-05-01
1 | recommend --user 1 --as_of 2001-05-01 --model 1m-none | does not see the time
2 | recommend --user 1 --model 1m-none --all_models | give one of them
2 | recommend --user 1 --user 2 | --user is given 2 times; add --together for one list for several people
2 | recommend --user 1 --likes Ann=3 | --likes names one of several people; add --together
2 | recommend --together --user 1 | --together is for two people or more, and 1 is named; repeat --user ID
2 | recommend --together --user 1 --user 2 --liked 3 | --liked does not go with --together; name each person
2 | recommend --together --user 1 --user 1 | 2 people of --together are called 'user 1'; name each once
2 | recommend --together --user 1 --likes 3 | --likes is '3'; it takes NAME='TITLE; TITLE' or NAME=FILE
2 | recommend --together --user 1 --user 2 --why | --why has no effect here: it is for one user; omit
2 | recommend --user 1 --fairness turns | --fairness has no effect here: it is for several people; add
1 | recommend --together --user 1 --user 99 | no user 99 in '1m'; the users that
1 | recommend --together --user 1 --likes Ann=id:99 | no movie with id:99; the movies have the ids 1 to 15
2 | recommend --users all --why | --why has no effect here: it is for one user; omit --users
2 | recommend --users all --all_models | --all_models has no effect here: it is for one user
2 | recommend --users all --diversity 0.5 | --diversity has no effect here: it is for one user
2 | recommend --users all --rank_by blend | --rank_by has no effect here: it is for one user
2 | recommend --users all --parts lists --shard 9/8 | --shard is '9/8'; it must be a part and how many
2 | recommend --users all --parts lists --jobs 0 | --jobs is 0; it must be 1 to 256
1 | recommend --users 98 99 | no user 98 in '1m'; the users that
1 | recommend --users none.txt | no user none.txt in '1m'; the users that
2 | recommend --user 1 --why --csv x.csv | --why has no effect here: it cannot be written as CSV
2 | recommend --user 1 --all_models --csv x.csv | --all_models has no effect here: it cannot be written as
1 | recommend --user 1 --rank_by blend | no model that predicts ratings is saved
1 | recommend --user 1 --max_minutes 90 | length
2 | recommend --user 1 --top 0 | --top is 0; it must be 1 to 1,000,000
2 | recommend --watched 3 --top -4 | --top is -4; it must be 1 to
1 | recommend --user x | no user x in '1m'; the users that
1 | recommend --user 99 | no user 99 in '1m'; the users that
1 | recommend --watched 'flm 1 it is' | there is no movie 'flm 1 it is'; the closest are: 1 Fílm 1: it
1 | recommend --watched 3 --watched '  ' | a movie's name is empty
1 | recommend --watched id:99 | no movie with id:99; the movies have the ids 1 to 15
2 | recommend --watched 3 --watched 'Fílm 3: it (is) (1983)' | 'Fílm 3: it (is) (1983)' again; name it once
2 | recommend --liked 3 --disliked 'Fílm 3: it (is) (1983)' | 'Fílm 3: it (is) (1983)' is liked and disliked
1 | recommend --user 1 --model x | there is no saved model 'x'
1 | recommend --watched 3 --model 1m-none | cannot use --watched
1 | recommend --user 1 --saved_models_dir none | train one first: movierec train
1 | recommend --user 1 --dataset sample | are of 1m, not of 'sample'
1 | recommend --user 1 --dataset 2m | are of 1m, not of '2m'
"""


@pytest.mark.usefixtures("sasrec", "towers")
@pytest.mark.parametrize("row", rows(REFUSED))
def test_impossible_requests_are_refused(row: str) -> None:
    check_row(row)


def test_of_a_title_of_several_movies_the_best_known_is_taken(
    members: Callable[[str], dict[str, bytes]], make_archive: Callable[..., Path], own_folder: Path
) -> None:
    remade = members("1m")["movies.dat"].replace("Fílm 2:".encode("latin-1"), "Fílm 1:".encode("latin-1"))
    archive = make_archive("1m", replace={"movies.dat": remade})
    run = judged_run(Path("saved_models"), load_dataset(DataConfig(archive=archive)), sequence_config())
    best, other = (1, 2) if run.popularity[0] >= run.popularity[1] else (2, 1)
    result = run_command("similar", "film 1: it is", width=300)
    assert result.exit_code == 0
    assert result.stderr.splitlines()[1] == (
        f"TITLE 'film 1: it is' fits 2 movies; the best known is taken: 'Fílm 1: it (is) (198{best})'"
        f" (id:{best}), not 'Fílm 1: it (is) (198{other})' (id:{other})"
    )


def test_a_movie_that_the_training_left_out_is_unknown(dataset: Dataset) -> None:
    split = SplitConfig(kind=SplitKind.LEAVE_LAST, k_core=6)
    run = judged_run(Path("saved_models"), dataset, sequence_config(split=split))
    left_out = next(i for i in range(1, N_MOVIES + 1) if i not in run.artifacts.movie_ids)
    check_row(f"1 | recommend --watched id:{left_out} | there is no movie with id:{left_out}")


def test_several_people_get_one_list(towers: Run, dataset: Dataset) -> None:
    asked = (
        "--together",
        "--user",
        "1",
        "--likes",
        f"Ann={title(3)}; 5",
        "--fairness",
        "turns",
        "--top",
        "4",
    )
    document = json.loads(recommend(*asked, "--json").stdout)
    assert [one["name"] for one in document["people"]] == ["user 1", "Ann"]
    assert [one["movie_id"] for one in document["people"][1]["liked"]] == [3, 5]
    chosen = [one["chosen_by"] for one in document["movies"]]
    assert chosen == ["user 1", "Ann", "Ann", "user 1"][: len(chosen)] and document["movies"]
    assert not {one["movie_id"] for one in document["movies"]} & (rated_by(dataset, 1) | {3, 5})
    text = words(recommend(*asked).stdout)
    assert f"User 1 rated {len(rated_by(dataset, 1))} movies Ann likes {title(3)} and {title(5)}" in text
    assert "each chooses in turn" in text and "no. 1 for user 1" in text and "chosen by Ann" in text
    assert recommend(*asked, "--csv", "both.csv").exit_code == 0
    with open("both.csv", encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert [int(one["movie_id"]) for one in written] == [one["movie_id"] for one in document["movies"]]
    assert [int(one["place for Ann"]) for one in written] == [
        one["places"]["Ann"] for one in document["movies"]
    ]


def ids_of(result: Any) -> list[int]:
    assert result.exit_code == 0, result.output
    return [movie["movie_id"] for movie in json.loads(result.stdout)["movies"]]


def test_filters_leave_what_they_say_in_the_same_order(towers: Run, dataset: Dataset) -> None:
    movies = dataset.movies
    best = best_for(towers, 1, rated_by(dataset, 1))
    genre = movies.genre_names[0]
    of_genre = set(movies.movie_id[movies.genres[:, 0]].tolist())
    of_years = set(movies.movie_id[(movies.year >= 1983) & (movies.year <= 1988)].tolist())
    Path("not.txt").write_text(f"{best[0]}\n{title(best[1])}\n", encoding="utf-8")
    for options, kept in (
        (("--genre", genre.lower()), of_genre),
        (("--not_genre", genre), set(best) - of_genre),
        (("--year", "1983-1988"), of_years),
        (("--exclude", "not.txt"), set(best[2:12])),
    ):
        found = ids_of(recommend("--user", "1", "--json", *options))
        assert found == [i for i in best if i in kept]
    few = recommend("--user", "1", "--year", "1983-1988")
    assert f"\n{len([i for i in best if i in of_years])} of --top 10: only" in few.stderr


def test_lists_of_many_users_are_written_in_parts(towers: Run) -> None:
    line = "--users", "3", "1", "2", "--top", "4", "--parts", "lists"
    first = recommend(*line, "--shard", "1/2")
    assert first.stdout == (
        "lists: 4 recommendations to 3 users in 2 parts, 1 of them new; 1 part is missing, and so is"
        " manifest.json\n"
    )
    last = recommend(*line)
    assert last.stdout == (
        "lists: 12 recommendations to 3 users in 2 parts, 1 of them new; manifest.json lists them all\n"
    )
    names = sorted(path.name for path in Path("lists").iterdir())
    assert names == ["manifest.json", "part-00001-of-00002.parquet", "part-00002-of-00002.parquet"]
    rows = [(user, movie) for name in names[1:] for user, _, movie, *_ in read_rows(Path("lists", name))]
    plain = csv.DictReader(recommend(*line[:-2]).stdout.splitlines())
    assert rows == [(int(row["user"]), int(row["movie_id"])) for row in plain]
    other = recommend("--users", "3", "1", "2", "--top", "5", "--parts", "lists")
    assert other.exit_code == 1 and "holds lists of another model, other users" in words(other.stderr)


def test_many_users_get_the_lists_that_each_would(towers: Run, dataset: Dataset) -> None:
    Path("users.txt").write_text("user_id\n3\n\n1\n", encoding="utf-8")
    result = recommend("--users", "users.txt", "--top", "4", "--csv", "out/lists.csv")
    assert result.stdout == "Written: out/lists.csv, 8 recommendations\n"
    with Path("out/lists.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["user"], row["place"], int(row["movie_id"])) for row in rows] == [
        (str(user_id), str(place), movie_id)
        for user_id in (3, 1)
        for place, movie_id in enumerate(best_for(towers, user_id, rated_by(dataset, user_id))[:4], start=1)
    ]
    assert {row["title"] for row in rows} <= {title(i) for i in range(1, N_MOVIES + 1)}
    assert recommend("--users", "users.txt", "--top", "4").stdout == Path("out/lists.csv").read_text("utf-8")
    by_ids = recommend("--users", "3", "1", "3", "--top", "4")
    assert by_ids.stdout == recommend("--users", "3,1", "--top", "4").stdout
    assert by_ids.stdout == Path("out/lists.csv").read_text("utf-8")
    document = json.loads(recommend("--users", "all", "--top", "99", "--json").stdout)
    assert document["run"] == towers.record.name
    for one in document["users"]:
        user_id = one["user_id"]
        assert [movie["movie_id"] for movie in one["movies"]] == best_for(
            towers, user_id, rated_by(dataset, user_id)
        )
    assert len(document["users"]) == len(dataset.users)
    short = recommend("--users", "all", "--top", "15", "--json")
    assert f"of {len(dataset.users)} users have fewer than --top 15 movies left" in short.stderr


@pytest.mark.usefixtures("towers")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "users.txt: is empty"),
        (b"user\n", "users.txt: names no user"),
        (b"x\n99\n", "users.txt: 2 rows left out, no such user: 'x' (line 1), '99' (line 2); names no"),
        (b"1" * 10_000_000, "users.txt: 1 row skipped: users.txt, line 1: is no well-formed CSV"),
    ],
)
def test_a_file_without_known_users_is_an_error(content: bytes, message: str) -> None:
    Path("users.txt").write_bytes(content)
    check_row(f"1 | recommend --users users.txt | {message}")


@pytest.mark.usefixtures("towers")
@pytest.mark.parametrize(
    ("users", "said"),
    [
        ("users.txt", "Warning: users.txt: 1 row left out, no such user: '99' (line 3)"),
        ("1 99", "Warning: there is no user 99 in '1m'; the users that"),
    ],
)
def test_users_who_are_unknown_do_not_keep_the_others_from_their_lists(users: str, said: str) -> None:
    Path("users.txt").write_text("userId\n1\n99\n", encoding="utf-8")
    result = recommend("--users", *users.split(), "--top", "3", width=300)
    assert result.exit_code == 0 and said in result.stderr
    assert result.stdout == recommend("--users", "1", "--top", "3").stdout


def test_the_lists_of_every_model_have_their_names(towers: Run, sasrec: Run, dataset: Dataset) -> None:
    document = json.loads(recommend("--user", "2", "--all_models", "--json").stdout)
    assert {movie["movie_id"] for movie in document["rated"]} == rated_by(dataset, 2)
    found = {one["run"]: [movie["movie_id"] for movie in one["movies"]] for one in document["models"]}
    assert found == {run.record.name: best_for(run, 2, rated_by(dataset, 2))[:10] for run in (towers, sasrec)}
    shown = recommend("--user", "2", "--all_models", width=200)
    assert "Recommended with: None" in shown.stdout and "Recommended with: SASRec" in shown.stdout
    assert shown.stdout.count("mean score") == 2


def test_a_model_that_sees_the_time_answers_as_of_a_date(dataset: Dataset) -> None:
    run = judged_run(Path("saved_models"), dataset, run_config("day_of_week"))
    own = dataset.ratings.timestamp[dataset.users.user_id[dataset.ratings.user_index] == 1]
    days = [int(seconds) // DAY_S * DAY_S for seconds in np.sort(own)]
    seconds = days[len(days) // 2]
    result = recommend("--user", "1", "--as_of", date_of(seconds), "--json", "--top", "15")
    assert len(json.loads(result.stdout)["rated"]) == (own < seconds).sum()
    lists = [recommend_to(run, user_of(run, 1, day), top=15).movies for day in (seconds, seconds + DAY_S)]
    expected, next_day = ([movie.movie_id for movie in movies] for movies in lists)
    assert ids_of(result) == expected != next_day


def test_a_sequential_model_continues_what_was_known_at_a_date(sasrec: Run, dataset: Dataset) -> None:
    ratings = dataset.ratings
    own = np.flatnonzero(dataset.users.user_id[ratings.user_index] == 1)
    own = own[np.argsort(ratings.timestamp[own], kind="stable")]
    seconds = int(ratings.timestamp[own[-1]])
    before = own[ratings.timestamp[own] < seconds]
    newest = int(ratings.movie_index[before[-1]])
    result = recommend("--user", "1", "--as_of", date_of(seconds), "--json", "--include_seen", "--top", "1")
    assert ids_of(result) == [int(dataset.movies.movie_id[newest])]
    early = recommend("--user", "1", "--as_of", "1970-01-02", width=200)
    assert early.exit_code == 1 and "rated nothing before that time" in early.stderr


def test_a_new_user_gets_what_those_get_who_like_the_same(towers: Run) -> None:
    """Who likes the movies that a model puts near each other is given more of those."""
    result = recommend("--liked", title(3), "--disliked", "id:5", "--json", "--top", "15")
    document = json.loads(result.stdout)
    assert [one["title"] for one in document["liked"]] == [title(3)]
    assert [one["title"] for one in document["disliked"]] == [title(5)]
    assert (document["user_id"], document["rated"], document["run"]) == (None, [], towers.record.name)
    found = [movie["movie_id"] for movie in document["movies"]]
    assert sorted(found) == [i for i in range(1, N_MOVIES + 1) if i not in (3, 5)]
    arrays = towers.artifacts
    opinions = Opinions(np.array([2]), np.array([4]))
    scores = arrays.movie_embeddings @ fold_in(arrays.movie_embeddings, arrays.user_embeddings, opinions)
    assert found == sorted(found, key=lambda movie_id: -scores[movie_id - 1])


def test_every_model_recommends_to_a_new_user_with_a_file_of_ratings(towers: Run, sasrec: Run) -> None:
    opinions = f"{title(1)},5\n{title(2)},1\nNo Such Film (1901),4\n{title(4)},4.5\n"
    Path("mine.csv").write_text(f"title,rating\n{opinions}", encoding="utf-8")
    options = ("--ratings_file", "mine.csv", "--liked", "film 7: it is", "--disliked", "id:4")
    result = recommend(*options, "--all_models", "--json", "--top", "15")
    document = json.loads(result.stdout)
    assert [one["movie_id"] for one in document["liked"]] == [7, 1]
    assert [one["movie_id"] for one in document["disliked"]] == [4, 2]
    assert {one["run"] for one in document["models"]} == {towers.record.name, sasrec.record.name}
    for one in document["models"]:
        left = sorted(movie["movie_id"] for movie in one["movies"])
        assert left == [i for i in range(1, N_MOVIES + 1) if i not in (1, 2, 4, 7)]
    assert result.stderr.count("mine.csv (") == 1
    assert "1 of 4" in result.stderr and "No Such Film" in result.stderr


def test_why_is_shown_below_each_movie_and_in_the_document(towers: Run) -> None:
    shown = recommend("--user", "1", "--why", "--top", "2", width=120)
    assert shown.exit_code == 0, shown.output
    assert words(shown.stdout).count("because of ") >= 2
    document = json.loads(recommend("--user", "1", "--why", "--top", "2", "--json").stdout)
    assert all("why" in movie for movie in document["movies"])
    assert document["run"] == towers.record.name


DAY_S = 86_400


def date_of(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()
