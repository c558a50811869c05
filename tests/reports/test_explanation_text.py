import re
from dataclasses import replace

import pytest
from rich.padding import Padding

from movierec_cli.recommend.explanation import Explanation, explain
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import Run
from movierec_cli.reports.terminal.recommendation_lists import explanation_text, why_footnote
from tests.reports.terminal import printed
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import N_USERS, small_dataset

WHY = Explanation(
    movie=0,
    score=3.0,
    average=1.0,
    of_movies=((1, 0.62), (2, 0.5), (3, 0.24), (4, 0.2), (5, 0.2), (6, 0.005), (7, -0.165)),
    rest=0.4,
    of_movie_features={"movie_id": 1.5, "movie_title_text": 0.5, "biases": 0.0},
    of_user_features={"user_id": -0.3, "bucketized_user_age": 0.1, "timestamp": 0.2, "average_user": 2.0},
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = run_config("timestamp", "movie_genres")
    return judged_run(tmp_path_factory.mktemp("runs"), small_dataset(), config)


def test_movies_and_features_are_named_with_their_contributions(run: Run) -> None:
    movies, features = explanation_text(run, WHY).plain.splitlines()
    assert movies == (
        "because of Film 101 (31%), Film 102 (25%), Film 103 (12%); in spite of Film 107 (−8%);"
        " 3 other movies (20%); none of the user's movies (20%)"
    )
    assert features == (
        "of the movie: itself 75%, title text 25%;"
        " of the user: own taste −15%, bucketized user age 5%, timestamp 10%, average user's taste 100%"
    )


def test_as_many_movies_are_named_as_requested(run: Run) -> None:
    assert explanation_text(run, WHY, n_movies=1).plain.startswith(
        "because of Film 101 (31%); in spite of Film 107"
    )
    every = explanation_text(run, WHY, n_movies=100).plain
    assert "Film 105 (10%); in spite" in every and "1 other movie (0%)" in every


def test_what_is_shown_adds_up_to_the_whole(run: Run) -> None:
    found = []
    for why in explain(run, user_of(run, N_USERS), range(40)):
        movies = explanation_text(run, why).plain.splitlines()[0].replace("−", "-")
        if percentages := re.findall(r"\((-?\d+)%\)", movies):
            found.append(sum(map(int, percentages)))
    assert found and found == pytest.approx([100] * len(found), abs=4)


def test_a_sequential_model_has_one_line(run: Run) -> None:
    bare = replace(WHY, of_movie_features={}, of_user_features={})
    assert "\n" not in explanation_text(run, bare).plain
    new_user = replace(WHY, of_user_features={})
    assert explanation_text(run, new_user).plain.endswith("of the movie: itself 75%, title text 25%")


def test_a_user_without_movies_has_only_a_rest(run: Run) -> None:
    lines = explanation_text(run, replace(WHY, of_movies=(), rest=2.0)).plain.splitlines()
    assert lines[0] == "because of no single movie; none of the user's movies (100%)"


@pytest.mark.parametrize("score", [1.0, 0.5, 1.01])
def test_where_hardly_anything_lifts_the_score_parts_are_in_its_units(run: Run, score: float) -> None:
    why = replace(WHY, score=score)
    text = explanation_text(run, why).plain
    assert "%" not in text
    assert "Film 101 (+0.62), Film 102 (+0.50), Film 103 (+0.24); in spite of Film 107 (−0.17" in text
    assert "own taste −0.30" in text
    assert why_footnote([WHY, why], "movie").endswith("Where that is small: units of the score.")


def test_the_footnote_says_what_the_contributions_are_of() -> None:
    assert why_footnote([], "movie") == ""
    assert why_footnote([WHY], "movie") == (
        "100% is the difference of a movie's score and that of the average movie for the same user."
    )


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_narrow_terminal_shows_all_of_it_and_breaks_no_number(run: Run, width: int) -> None:
    shown = printed(lambda _: Padding(explanation_text(run, WHY), (0, 0, 0, 2)), width)
    assert max(map(len, shown.splitlines())) <= width
    assert shown.split() == explanation_text(run, WHY).plain.split()


def test_titles_are_no_markup(run: Run) -> None:
    titles = run.catalogue.title.copy()
    titles[1] = "[red]Dune[/] [1] (1984)"
    other = Run(run.record, run.folder)
    other.__dict__["catalogue"] = replace(run.catalogue, title=titles)
    assert "because of [red]Dune[/] [1] (31%)" in printed(lambda _: explanation_text(other, WHY), 200)
