from dataclasses import replace

import pytest
from rich.padding import Padding

from movierec_cli.recommend.explanation import Explanation, explain
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import Run
from movierec_cli.reports.terminal.recommendation_lists import explanation_text
from tests.reports.terminal import printed
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import N_USERS, small_dataset

WHY = Explanation(
    movie=0,
    score=3.0,
    average=1.0,
    of_movies=((1, 0.62), (2, 0.5), (3, 0.24), (4, 0.2), (5, 0.2), (6, 0.005), (7, -0.165)),
    rest=0.4,
    of_movie_features={"movie_id": 1.4, "movie_title_text": 0.5, "movie_year": 0.1, "biases": 0.9},
    of_user_features={"user_id": -0.3, "bucketized_user_age": 0.1, "timestamp": 0.4, "average_user": 2.0},
)
FEATURES = (
    "for the movie itself and its title text; by everybody's taste and the timestamp, against own taste"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = run_config("timestamp", "movie_genres")
    return judged_run(tmp_path_factory.mktemp("runs"), small_dataset(), config)


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (WHY, "above all because of Film 101, Film 102 and Film 103, of 7 movies; in spite of Film 107"),
        (replace(WHY, of_movies=WHY.of_movies[:3]), "because of Film 101, Film 102 and Film 103"),
        (replace(WHY, of_movies=WHY.of_movies[:1]), "because of Film 101"),
        (
            replace(WHY, of_movies=WHY.of_movies[2:3], rest=1.8),
            "because of Film 103; more because of what none of the user's movies has",
        ),
        (
            replace(WHY, of_movies=(), rest=2.0),
            "because of no single movie; more because of what none of the user's movies has",
        ),
        (
            replace(WHY, of_movies=tuple((row % 40, 1.0 / (row + 1)) for row in range(300)), rest=0.0),
            "above all because of Film 100, Film 101 and Film 102, of 300 movies",
        ),
    ],
)
def test_the_movies_and_features_that_matter_most_are_named_in_words(
    run: Run, why: Explanation, said: str
) -> None:
    movies, features = explanation_text(run, why).plain.splitlines()
    assert (movies, features) == (said, FEATURES)


def test_what_is_named_is_what_contributes_most(run: Run) -> None:
    for why in explain(run, user_of(run, N_USERS), range(40)):
        first = explanation_text(run, why).plain.splitlines()[0]
        title = run.catalogue.title[why.of_movies[0][0]].partition(" (")[0]
        assert f"because of {title}" in first or why.of_movies[0][1] <= 0.005 * abs(why.advantage)


def test_a_model_without_features_has_one_line_and_a_new_user_none_of_a_user(run: Run) -> None:
    new_user = replace(WHY, of_user_features={})
    assert explanation_text(run, new_user).plain.endswith("\nfor the movie itself and its title text")
    assert "\n" not in explanation_text(run, replace(new_user, of_movie_features={})).plain


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_narrow_terminal_shows_all_of_it(run: Run, width: int) -> None:
    shown = printed(lambda _: Padding(explanation_text(run, WHY), (0, 0, 0, 2)), width)
    assert max(map(len, shown.splitlines())) <= width
    assert shown.split() == explanation_text(run, WHY).plain.split()


def test_titles_are_no_markup(run: Run) -> None:
    titles = run.catalogue.title.copy()
    titles[1] = "[red]Dune[/] [1] (1984)"
    other = Run(run.record, run.folder)
    other.__dict__["catalogue"] = replace(run.catalogue, title=titles)
    assert "because of [red]Dune[/] [1], Film" in printed(lambda _: explanation_text(other, WHY), 200)
