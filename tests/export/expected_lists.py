"""What an exported model has to give: the lists of `recommend`, filled up to k."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from movierec_cli.data.dataset import Id
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import Run
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import with_duplicates

CONTEXTS = ("timestamp", "week", "day_of_week", "user_tenure")
UNKNOWN = 999_999

Response = dict[str, Any]
Call = Callable[..., Response]


def timed_run(directory: Path) -> Run:
    """A run that sees time in every way there is, where two movies have several ids."""
    return judged_run(directory, with_duplicates(), run_config(*CONTEXTS))


def expected_ids(
    run: Run,
    user_id: Id,
    k: int,
    *,
    seconds: int | None = None,
    include_seen: bool = False,
    exclude: Sequence[Id] = (),
) -> list[Id]:
    """Ids of the movies `recommend` gives, -1 after the last."""
    rows = np.flatnonzero(np.isin(run.artifacts.movie_ids, list(exclude)))
    filters = Filters(include_seen=include_seen, exclude=tuple(rows.tolist()))
    user = user_of(run, user_id, as_of_s=seconds)
    ids = [movie.movie_id for movie in recommend(run, user, top=k, filters=filters).movies]
    return ids + [-1] * (k - len(ids))


def check_lists(run: Run, call: Call, k: int = 12) -> None:
    """Every user's list is `recommend`'s: movies, titles and scores, in its order."""
    user_ids = run.artifacts.user_ids.tolist()
    answer = call(user_ids, k)
    for user_id, ids, titles, scores in zip(
        user_ids, answer["movie_id"], answer["title"], answer["score"], strict=True
    ):
        movies = recommend(run, user_of(run, user_id), top=k).movies
        missing = k - len(movies)
        assert ids.tolist() == [movie.movie_id for movie in movies] + [-1] * missing
        assert titles.tolist() == [movie.title for movie in movies] + [""] * missing
        expected = [movie.score for movie in movies] + [-np.inf] * missing
        np.testing.assert_allclose(scores, np.array(expected, np.float32), rtol=1e-5, atol=1e-5)
    assert answer["known"].all()


def check_times(run: Run, call: Call) -> None:
    """So they are as of any time, and what came later is not masked."""
    known = run.user_ratings
    rng = np.random.default_rng(3)
    rows = rng.integers(0, len(run.artifacts.user_ids), 200)
    seconds = rng.integers(known.seconds.min() - 10**6, known.seconds.max() + 10**7, 200)
    own = np.concatenate([known.seconds[known.of(user)][:3] for user in range(len(run.artifacts.user_ids))])
    rows = np.concatenate([rows, np.repeat(np.arange(len(run.artifacts.user_ids)), 3)])
    seconds = np.concatenate([seconds, own])  # what was rated at that very second is not known yet
    user_ids = run.artifacts.user_ids[rows]
    answer = call(user_ids.tolist(), 20, seconds=seconds.tolist())
    expected = [
        expected_ids(run, int(user_id), 20, seconds=int(second))
        for user_id, second in zip(user_ids, seconds, strict=True)
    ]
    assert answer["movie_id"].tolist() == expected


def check_switches(run: Run, call: Call) -> None:
    """Exclusions are each user's own, or all users', and may be unknown; seen movies come on demand."""
    first, second = run.artifacts.user_ids[:2].tolist()
    best = call([first, second], 3)["movie_id"].tolist()
    own = call([first, second], 4, exclude=[[best[0][0], -1], [best[1][1], UNKNOWN]])["movie_id"].tolist()
    assert own[0] == expected_ids(run, first, 4, exclude=best[0][:1])
    assert own[1] == expected_ids(run, second, 4, exclude=[best[1][1]])
    shared = call([first, second], 4, exclude=[best[0]])["movie_id"].tolist()
    assert shared == [expected_ids(run, user_id, 4, exclude=best[0]) for user_id in (first, second)]
    everything = call([first], 6, include_seen=True)["movie_id"].tolist()
    assert everything == [expected_ids(run, first, 6, include_seen=True)]


def check_unknown_users(run: Run, call: Call) -> None:
    """Unknown users get the movies that most users rated; equal ones in the catalogue's order."""
    answer = call([UNKNOWN, int(run.artifacts.user_ids[0]), -7], 100)
    counts = np.bincount(run.user_ratings.movie, minlength=len(run.artifacts.movie_ids))
    every = sorted(range(len(counts)), key=lambda row: (-counts[row], row))
    best = {run.catalogue.title[row]: row for row in reversed(every)}
    order = [row for row in every if row in best.values()]
    assert len(order) == len(every) - 3
    assert answer["known"].tolist() == [False, True, False]
    for place in (0, 2):
        assert answer["movie_id"][place][: len(order)].tolist() == run.artifacts.movie_ids[order].tolist()
        assert answer["score"][place][: len(order)].tolist() == counts[order].tolist()
    without_best = call([UNKNOWN], 1, exclude=[[int(run.artifacts.movie_ids[order[0]])]])
    assert without_best["movie_id"].tolist() == [[run.artifacts.movie_ids[order[1]]]]


def check_edges(run: Run, call: Call) -> None:
    """No users, no movies and more movies than there are."""
    user_id = int(run.artifacts.user_ids[0])
    assert call([], 3)["movie_id"].shape == (0, 3)
    assert call([user_id], 0)["title"].shape == call([user_id], -2)["title"].shape == (1, 0)
    n_movies = len(run.artifacts.movie_ids)
    everything = call([user_id], n_movies + 5)
    assert everything["movie_id"].tolist() == [expected_ids(run, user_id, n_movies + 5)]
    none_left = call([user_id], 2, exclude=[run.artifacts.movie_ids.tolist()])
    assert none_left["movie_id"].tolist() == [[-1, -1]]
    assert none_left["title"].tolist() == [["", ""]]
    assert np.isneginf(none_left["score"]).all()
