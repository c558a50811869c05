"""`movierec predict` on a saved model of a small archive."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.registry.store import Run
from tests.cli.running import check_row, rows, run
from tests.saved_runs import judged_run, multi_task_config

predict = partial(run, "predict")

FILM_3 = "Fílm 3: it (is) (1983)"


@pytest.fixture
def dataset(small_1m: Path) -> Dataset:
    return load_dataset(DataConfig())


@pytest.fixture
def saved(dataset: Dataset) -> Run:
    return judged_run(Path("saved_models"), dataset, multi_task_config())


def notes(stderr: str) -> list[str]:
    """What is printed beside the warning that the small archive is not the published one."""
    return [line for line in stderr.splitlines() if not line.startswith("Warning: datasets/ml-1m.zip")]


def expected(run: Run, user_id: int, movie_id: int) -> float:
    user = np.flatnonzero(run.artifacts.user_ids == user_id)
    movie = np.flatnonzero(run.artifacts.movie_ids == movie_id)
    return float(run.rating_head.stars(user, movie)[0])


def given(dataset: Dataset, user_id: int) -> dict[int, float]:
    ratings = dataset.ratings
    own = dataset.users.user_id[ratings.user_index] == user_id
    movie_ids = dataset.movies.movie_id[ratings.movie_index[own]]
    return dict(zip(movie_ids.tolist(), ratings.rating[own].tolist(), strict=True))


def test_a_line_a_movie_is_shown(saved: Run, dataset: Dataset) -> None:
    own = given(dataset, 2)
    rated = next(iter(own))
    unrated = next(i for i in dataset.movies.movie_id.tolist() if i not in own)
    result = predict("--user", "2", "--movie", str(rated), "--movie", f"id:{unrated}")
    assert result.exit_code == 0, result.output
    title = {i: f"Fílm {i}: it (is) ({1980 + i})" for i in (rated, unrated)}
    assert [line.rstrip() for line in result.stdout.splitlines()] == [
        "User 2 would give",
        f"  {expected(saved, 2, rated):.1f} stars  {title[rated]}, rated {own[rated]:g} already",
        f"  {expected(saved, 2, unrated):.1f} stars  {title[unrated]}",
        "Where a rating was given already, the model may have learned from it.",
    ]
    model, caution = notes(result.stderr)
    assert model == f"Model: {saved.record.name} (the only one)"
    assert caution.startswith("2 movies asked about have fewer than 10 ratings")


@pytest.mark.parametrize("title", [FILM_3, "film 3: it (is)", "FILM 3 it is", "3"])
def test_titles_need_not_be_exact(saved: Run, title: str) -> None:
    result = predict("--user=1", f"--movie={title}", "--json", "--quiet")
    (one,) = json.loads(result.stdout)["predictions"]
    assert (one["user_id"], one["movie_id"], one["title"]) == (1, 3, FILM_3)
    assert one["stars"] == expected(saved, 1, 3)
    assert notes(result.stderr) == []


def test_the_document_says_which_model_and_data(saved: Run, dataset: Dataset) -> None:
    document = json.loads(predict("--user", "1", "--movie", "3", "--json").stdout)
    assert set(document) == {"schema_version", "run", "validation_rmse", "data", "predictions"}
    assert document["run"] == saved.record.name
    assert document["validation_rmse"] is None
    assert document["data"] == {
        "name": "1m",
        "description": dataset.description,
        "fingerprint": dataset.fingerprint,
    }
    assert set(document["predictions"][0]) == {"user_id", "movie_id", "title", "stars", "given"}


def test_pairs_come_from_a_file_and_go_into_one(saved: Run, dataset: Dataset) -> None:
    Path("pairs.csv").write_text(f"user,movie\n1,3\n2,{FILM_3}\n1,7\n", encoding="utf-8")
    result = predict("--pairs", "pairs.csv", "--csv", "out/stars.csv")
    assert result.exit_code == 0, result.output
    assert result.stdout == "Written: out/stars.csv, 3 predictions\n"
    header, *lines = Path("out/stars.csv").read_text(encoding="utf-8").splitlines()
    assert header == "user,movie_id,title,stars,given"
    for line, (user_id, movie_id) in zip(lines, [(1, 3), (2, 3), (1, 7)], strict=True):
        own = given(dataset, user_id).get(movie_id)
        stars = f"{expected(saved, user_id, movie_id):.4f}"
        fields = [str(user_id), str(movie_id), f"Fílm {movie_id}: it (is) ({1980 + movie_id})", stars]
        assert line.split(",") == [*fields, "" if own is None else f"{own:g}"]
    shown = predict("--pairs", "pairs.csv").stdout
    assert [line for line in shown.splitlines() if line.startswith("User")] == [
        "User 1 would give",
        "User 2 would give",
        "User 1 would give",
    ]


def test_a_new_users_stars_come_from_their_own(saved: Run) -> None:
    Path("mine.csv").write_text(f"title,rating,date\n{FILM_3},5,2020-01-01\nfilm 7,1,2020-01-02\n", "utf-8")
    result = predict("--ratings_file", "mine.csv", "--movie", "3", "--movie", "film 9")
    assert result.exit_code == 0, result.output
    first, of_3, of_9 = (line.rstrip() for line in result.stdout.splitlines())
    assert first == "The new user would give"
    assert of_3.endswith(f"stars  {FILM_3}, rated 5 already") and "already" not in of_9
    assert notes(result.stderr)[-1].startswith("the new user's stars are predicted from 2 ratings")
    (one,) = json.loads(predict("--ratings_file=mine.csv", "--movie=3", "--json").stdout)["predictions"]
    assert one["user_id"] is None and one["given"] == 5 and f"  {one['stars']:.1f} stars" in of_3


REFUSED = """
2 | predict | give a user and a movie: --user 42 --movie
2 | predict --user 1 | give a user and a movie
2 | predict --movie 3 | give a user and a movie
2 | predict --user 1 --ratings_file m.csv --movie 3 | --user and --ratings_file name different users; give one
2 | predict --ratings_file m.csv | give a user and a movie
2 | predict --ratings_file m.csv --pairs p.csv | --ratings_file has no effect here: --pairs FILE names users
1 | predict --ratings_file m.csv --movie 3 | m.csv: does not exist
2 | predict --user 1 --pairs p.csv | --user has no effect here: --pairs FILE names users and movies
2 | predict --pairs p.csv --csv x/../p.csv | would overwrite
1 | predict --user x --movie 3 | no user x in '1m'; the users that
1 | predict --user 99 --movie 3 | no user 99 in '1m'; the users that
1 | predict --user 1 --movie 'flm 1 it is' | there is no movie 'flm 1 it is'; the closest are: 1 Fílm 1: it
1 | predict --user 1 --movie id:99 | no movie with id:99; the movies have the ids 1 to 15
1 | predict --pairs p.csv | p.csv: does not exist
1 | predict --user 1 --movie 3 --saved_models_dir none | movierec train --tasks
"""


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("row", rows(REFUSED))
def test_impossible_requests_are_refused(row: str) -> None:
    check_row(row)
