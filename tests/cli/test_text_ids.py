"""Commands on a data set whose ids are texts, and how ids may be typed where they are numbers."""

import json
from pathlib import Path
from typing import Any

import pytest

from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.response import similar_movies
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import Run
from tests.cli.running import check_row, rows, run
from tests.saved_runs import judged_run, multi_task_config, run_config
from tests.small_dataset import small_dataset, with_text_ids


@pytest.fixture
def saved(own_folder: Path) -> Run:
    return judged_run(Path("saved_models"), with_text_ids(small_dataset()), multi_task_config())


def document(line: str) -> Any:
    result = run(f"{line} --json --quiet")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_people_and_movies_are_named_and_shown_by_texts(saved: Run) -> None:
    expected = [movie.movie_id for movie in recommend(saved, user_of(saved, "u3")).movies]
    to_one = document("recommend --user u3 --why")
    assert to_one["user_id"] == "u3" and [movie["movie_id"] for movie in to_one["movies"]] == expected
    assert str(to_one["movies"][0]["why"]["of_movies"][0]["movie_id"]).startswith("tt")
    Path("users.txt").write_text("user\nu3\nu2\n", encoding="utf-8")
    for typed, ids in (("u3 u2 u3", ["u3", "u2"]), ("users.txt", ["u3", "u2"]), ("u3", ["u3"])):
        lists = document(f"recommend --users {typed}")["users"]
        assert [one["user_id"] for one in lists] == ids
        assert [movie["movie_id"] for movie in lists[0]["movies"]] == expected
    assert len(document("recommend --users all")["users"]) == 20
    liked = document("recommend --liked id:tt105 --disliked tt106")
    assert [liked[name][0]["movie_id"] for name in ("liked", "disliked")] == ["tt105", "tt106"]
    near = document("similar id:tt107")
    assert near["movie"]["movie_id"] == "tt107"
    nearest = [one.movie_id for one in similar_movies(saved, 7).movies]
    assert [one["movie_id"] for one in near["movies"]] == nearest
    Path("seen.csv").write_text("movie_id,rating\ntt101,5\ntt102,1\n", encoding="utf-8")
    assert document("recommend --ratings_file seen.csv")["liked"][0]["movie_id"] == "tt101"
    (one,) = document("predict --user u3 --movie tt105")["predictions"]
    assert (one["user_id"], one["movie_id"]) == ("u3", "tt105")
    assert "User u3 rated" in run("recommend --user u3").stdout
    assert "User u3 would give" in run("predict --user u3 --movie tt105").stdout


REFUSED = """
1 | recommend --user u99 | there is no user u99 in 'small'; the users that | have the 20 ids such as u1
1 | recommend --user 3 | there is no user 3 in
1 | recommend --users u98 u99 | there is no user u98 in
1 | recommend --users none.txt | there is no user none.txt in | and no file has this name
1 | similar id:tt99 | there is no movie with id:tt99; the movies have the 40 ids such as tt100, tt101
1 | predict --user u1 --movie id:7 | there is no movie with id:7
1 | models forget --user u99 | knows user u99
"""


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("row", rows(REFUSED))
def test_unknown_texts_are_refused_with_those_that_are_known(row: str) -> None:
    check_row(row)


def test_a_text_is_forgotten(saved: Run) -> None:
    assert f"Forgot user u3 in {saved.record.name}" in run("models forget --user u3").stderr
    check_row("1 | recommend --user u3 | there is no user u3")


def test_a_whole_number_may_be_typed_as_tables_write_it(own_folder: Path) -> None:
    judged_run(Path("saved_models"), small_dataset(), run_config())
    assert document("recommend --user 3.0") == document("recommend --user 3")
    assert document("recommend --user 3")["user_id"] == 3
    assert document("similar id:107.0")["movie"]["movie_id"] == 107
