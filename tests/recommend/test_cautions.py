"""What an answer comes with where a model hardly knows a movie, or where a time is beyond its data."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.recommend.cautions import FEW_RATINGS, NAMED, beyond_data, hardly_known
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.list_options import UserOptions
from movierec_cli.recommend.many_users import recommend_all
from movierec_cli.recommend.meant_movies import finder
from movierec_cli.recommend.response import response_to
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import Run
from tests.saved_runs import (
    judged_run,
    run_artifacts,
    run_config,
    run_record,
    save_run,
)
from tests.small_dataset import N_MOVIES, small_dataset


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return judged_run(tmp_path_factory.mktemp("runs"), small_dataset(), run_config())


def popularity(run: Run) -> np.ndarray:
    return np.bincount(run.user_ratings.movie, minlength=len(run.catalogue))


def test_movies_of_few_ratings_are_named_and_others_are_not(run: Run, tmp_path: Path) -> None:
    n = popularity(run)
    many, few = np.flatnonzero(n >= FEW_RATINGS).tolist(), np.flatnonzero(n < FEW_RATINGS).tolist()
    assert hardly_known(run, many, NAMED) == () == hardly_known(run, (), NAMED)
    titles = [f"'{run.catalogue.title[row]}' ({n[row]} ratings)" for row in few]
    (said,) = hardly_known(run, [many[0], few[0], few[0]], NAMED)
    assert said == (
        "1 movie named by the user has fewer than 10 ratings in the model's data, so the model learns"
        f" little from that: {titles[0]}"
    )
    (said,) = hardly_known(run, few[:5], NAMED)
    assert said.startswith("5 movies named by the user have fewer than 10 ratings")
    assert said.endswith(f": {titles[0]}, {titles[1]}, {titles[2]} and 2 others")
    new = save_run(tmp_path, run_record(), run_artifacts())  # three users rated the first movie alone
    (said,) = hardly_known(new, [0, 1], NAMED)
    assert said.endswith(": 'Film 10 (1999)' (3 ratings) and 'Film 11 (1999)' (no ratings)")


def test_lists_say_which_of_their_movies_are_hardly_known(run: Run) -> None:
    n = popularity(run)
    user = user_of(run, 1)
    every = response_to(run, user, top=N_MOVIES, filters=Filters(include_seen=True))
    known = response_to(run, user, top=3, filters=Filters(min_popularity=FEW_RATINGS))
    (said,) = every.cautions
    assert said.startswith(f"{(n < FEW_RATINGS).sum()} movies in the list have fewer than 10 ratings")
    assert known.cautions == ()
    lists = recommend_all(run, [1, 2], top=2, filters=Filters(max_popularity=FEW_RATINGS - 1))
    distinct = set(lists.rows.ravel().tolist())
    assert lists.cautions[0].startswith(f"{len(distinct)} movies in the list have fewer than 10 ratings")


def test_a_new_user_by_a_hardly_known_movie_comes_with_a_note(run: Run) -> None:
    few = int(popularity(run).argmin())
    notes: list[str] = []
    UserOptions(liked=[f"id:{run.catalogue.movie_id[few]}"]).on(run, finder(run, notes.append), notes.append)
    assert [note.split(" has ")[0] for note in notes] == ["1 movie named by the user"]


@pytest.mark.parametrize(
    ("names", "after", "before"),
    [
        (
            ["timestamp", "week"],
            "the model takes it as the last timestamp and week of its training",
            "the model takes it as the first timestamp and week of its training and no movie counts as seen",
        ),
        (
            ["day_of_week"],
            "the model sees its day of the week",
            "the model sees its day of the week and no movie counts as seen",
        ),
    ],
)
def test_a_time_beyond_the_data_says_what_the_model_then_does(
    names: list[str], after: str, before: str, tmp_path: Path
) -> None:
    dataset = small_dataset()
    run = judged_run(tmp_path, dataset, run_config(*names))
    first, last = int(dataset.ratings.timestamp.min()), int(dataset.ratings.timestamp.max())
    days = [datetime.fromtimestamp(one, UTC).date() for one in (first, last)]
    notes: list[str] = []
    for date in ("2050-01-01", "1980-01-01", str(days[1])):
        UserOptions(user_ids=["20"], as_of=date).on(run, finder(run, notes.append), notes.append)
    assert notes == [
        f"--as_of 2050-01-01 is after the last rating of the data ({days[1]}): {after}",
        f"--as_of 1980-01-01 is before the first rating of the data ({days[0]}): {before}",
    ]
    assert beyond_data(run, first, "x") == () == beyond_data(run, last, "x")
    assert len(beyond_data(run, last + 1, "x")) == 1 == len(beyond_data(run, first - 1, "x"))
