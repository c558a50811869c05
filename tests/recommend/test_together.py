"""Lists for several people, compared with plain loops over each person's own list."""

from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import BASELINES, Fairness, Family, SplitConfig
from movierec_cli.errors import UsageError
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.list_options import UserOptions
from movierec_cli.recommend.meant_movies import finder
from movierec_cli.recommend.response import NamedMovies
from movierec_cli.recommend.together import Person, people_of, recommend_together, worth
from movierec_cli.recommend.users import new_user, user_of
from movierec_cli.registry.store import Run
from tests.saved_runs import baseline_run, judged_run, run_config
from tests.small_dataset import small_dataset, with_duplicates

SOURCE = small_dataset()
every_way = pytest.mark.parametrize("fairness", Fairness)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    directory = tmp_path_factory.mktemp("saved_models")
    found = {str(one): baseline_run(directory, SOURCE, one, SplitConfig()) for one in BASELINES}
    return found | {"two-tower": judged_run(directory, SOURCE, run_config())}


def people(run: Run) -> list[Person]:
    """Two users of the data, and a new one."""
    ann = new_user(run, Opinions(np.array([3, 8]), np.array([20])))
    users = [Person(f"user {one}", user_of(run, one), NamedMovies()) for one in (1, 7)]
    return [*users, Person("Ann", ann, NamedMovies(liked=(3, 8), disliked=(20,)))]


def by_hand(run: Run, group: list[Person], fairness: Fairness, top: int, *, include_seen: bool) -> list[int]:
    """With plain loops: places in each person's own list, their log odds, and the strategy."""
    seen = {row for one in group for row in one.user.movies.tolist()}
    rows = [row for row in range(len(run.catalogue)) if include_seen or row not in seen]
    odds: list[dict[int, float]] = []
    for one in group:
        (scores,) = one.user.scorer_in(run).scores(one.user.embedding[None])
        odds.append({})
        for row in rows:
            better = sum(scores[other] > scores[row] for other in rows)
            alike = sum(scores[other] == scores[row] for other in rows)
            place = better + (alike + 1) / 2
            odds[-1][row] = log((len(rows) - place + 0.5) / (place - 0.5))
    mean = {row: sum(own[row] for own in odds) / len(odds) for row in rows}
    least = {row: min(own[row] for own in odds) for row in rows}
    if fairness is Fairness.AVERAGE:
        return sorted(rows, key=lambda row: (-round(mean[row], 9), row))[:top]
    if fairness is Fairness.LEAST_MISERY:
        return sorted(rows, key=lambda row: (-round(least[row], 9), -round(mean[row], 9), row))[:top]
    order: list[int] = []
    while len(order) < min(top, len(rows)):
        for own in odds if len(order) // len(odds) % 2 == 0 else odds[::-1]:
            left = [row for row in rows if row not in order]
            if left and len(order) < top:
                order.append(min(left, key=lambda row: (-round(own[row], 9), -round(mean[row], 9), row)))
    return order


@every_way
@pytest.mark.parametrize("name", [*BASELINES, "two-tower"])
def test_lists_are_those_of_a_slow_loop(runs: dict[str, Run], name: str, fairness: Fairness) -> None:
    run = runs[name]
    group = people(run)
    for include_seen in (False, True):
        filters = Filters(include_seen=include_seen)
        shared = recommend_together(run, group, fairness=fairness, top=7, filters=filters)
        expected = by_hand(run, group, fairness, 7, include_seen=include_seen)
        assert [one.movie_id for one in shared.movies] == run.artifacts.movie_ids[expected].tolist()
        known = [{p.name for p in group if row in p.user.movies} for row in expected]
        assert [set(one.known_by) for one in shared.movies] == known
        assert any(known) <= include_seen


def test_worth_does_not_know_the_scale_of_scores() -> None:
    scores = np.random.default_rng(3).normal(size=(1, 40))
    both = worth(np.concatenate([scores, 1e-3 * np.exp(9 * scores) + 5]))
    np.testing.assert_allclose(both[0], both[1])
    np.testing.assert_allclose(both.sum(axis=1), 0, atol=1e-9)
    assert (worth(np.ones((1, 5))) == 0).all() and worth(np.ones((2, 0))).shape == (2, 0)


def test_a_choice_in_turns_names_who_chose_and_whose_best_it_is(runs: dict[str, Run]) -> None:
    run = runs["two-tower"]
    group = people(run)
    shared = recommend_together(run, group, fairness=Fairness.TURNS, top=6)
    names = [one.name for one in group]
    assert [one.chosen_by for one in shared.movies] == [*names, *names[::-1]]
    assert shared.movies[0].places[0] == 1
    alone = recommend_together(run, group[:1], fairness=Fairness.TURNS, top=6)
    assert [one.places for one in alone.movies] == [(place,) for place in range(1, 7)]


@every_way
def test_filters_and_variety_hold_for_a_group(runs: dict[str, Run], fairness: Fairness) -> None:
    run = runs["two-tower"]
    group = people(run)
    genre = run.catalogue.genre_names[0]
    plain = recommend_together(run, group, fairness=fairness, top=8)
    of_genre = recommend_together(run, group, fairness=fairness, top=5, filters=Filters(genres=(genre,)))
    assert of_genre.movies and all(genre in one.genres for one in of_genre.movies)
    varied = recommend_together(run, group, fairness=fairness, top=8, diversity=0.9)
    assert plain.variety is not None and varied.variety is not None and varied.variety > plain.variety
    assert varied.movies[0] == plain.movies[0]


def test_a_movie_of_several_ids_is_listed_once(tmp_path: Path) -> None:
    run = judged_run(tmp_path, with_duplicates(), run_config())
    group = [Person(f"user {one}", user_of(run, one), NamedMovies()) for one in (1, 2)]
    shared = recommend_together(run, group, top=40)
    titles = [one.title for one in shared.movies]
    known = set(run.catalogue.title[shared.known].tolist())
    assert len(set(titles)) == len(titles) and not known & set(titles)


def test_people_are_users_files_and_likes(runs: dict[str, Run], tmp_path: Path) -> None:
    run = runs[Family.EASE]
    title = run.catalogue.title
    file = tmp_path / "ben.csv"
    file.write_text(f'title,rating\n"{title[2]}",5\n', encoding="utf-8")
    likes = [f"Ann = {title[3]}; id:{run.artifacts.movie_ids[8]} ", f"Eve={file}"]
    asked = UserOptions(together=True, user_ids=["7"], ratings_files=[file], likes=likes)
    found = people_of(asked, run, finder(run, str), str)
    assert [one.name for one in found] == ["user 7", "ben", "Ann", "Eve"]
    assert [one.named.liked for one in found] == [(), (2,), (3, 8), (2,)]
    assert found[0].user.row == 6
    same = replace(asked, likes=[f"ben={title[3]}"])
    with pytest.raises(UsageError, match="2 people of --together are called 'ben'"):
        people_of(same, run, finder(run, str), str)
    with pytest.raises(UsageError, match="--likes is 'Alien'; it takes NAME="):
        people_of(replace(asked, likes=["Alien"]), run, finder(run, str), str)
