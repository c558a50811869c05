import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from movierec_cli.config import Family, RankBy, SplitConfig, SplitKind, TaskWeights
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.models.feature_encodings import context_codes, fit_features
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.fold_in import Opinions, fold_in
from movierec_cli.recommend.many_users import recommend_all
from movierec_cli.recommend.predict import predict
from movierec_cli.recommend.recommend import RETRIEVED, Recommendations, check_rank_by, recommend
from movierec_cli.recommend.users import NEWEST, User, new_user, rated_by, rated_in, user_after, user_of
from movierec_cli.registry import store
from movierec_cli.registry.run_parts import RunArtifacts
from movierec_cli.registry.store import Run
from tests.saved_runs import (
    judged_run,
    multi_task_config,
    rating_baseline_run,
    run_artifacts,
    run_config,
    run_record,
    save_run,
    sequence_config,
)
from tests.small_dataset import small_dataset, with_duplicates
from tests.tiny_dataset import GENRES, tiny_dataset


def artifacts(movie_embeddings: list[list[float]]) -> RunArtifacts:
    return replace(
        run_artifacts(),
        user_embeddings=np.array([[1, 0], [0, 1], [1, 1]], np.float32),
        movie_embeddings=np.array(movie_embeddings, np.float32),
    )


@pytest.fixture
def dataset() -> Dataset:
    return tiny_dataset()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    arrays = artifacts([[4, 1], [3, 2], [2, 3], [1, 4]])
    return save_run(tmp_path, run_record("timestamp"), arrays, tiny_dataset())


def to_user(run: Run, user: int | User, *, include_seen: bool = False, **options: Any) -> Recommendations:
    user = user_of(run, user) if isinstance(user, int) else user
    return recommend(run, user, filters=Filters(include_seen=include_seen), **options)


def test_unseen_movies_come_best_first_and_seen_ones_on_request(run: Run) -> None:
    recommended = to_user(run, 2)
    assert [(movie.movie_id, movie.score) for movie in recommended.movies] == [(13, 4.0), (11, 2.0)]
    assert recommended.movies[1].title == "Brazil (1985)"
    assert recommended.movies[1].genres == ("Comedy", "Sci-Fi")
    assert recommended.movies[0].genres == ()
    assert recommended.config.feature_set == run.record.config.feature_set
    assert [movie.movie_id for movie in to_user(run, 2, top=3, include_seen=True).movies] == [13, 12, 11]
    assert [movie.movie_id for movie in to_user(run, 1).movies] == [12]  # where nearly all is seen


def test_equal_scores_keep_the_order_of_the_catalogue(tmp_path: Path) -> None:
    run = save_run(tmp_path, run_record(), artifacts([[1, 1]] * 4), tiny_dataset())
    assert [movie.movie_id for movie in to_user(run, 3).movies] == [10, 11, 13]


@pytest.mark.parametrize("include_seen", [False, True])
@pytest.mark.parametrize("exclude", [(), (17,)])
def test_a_movie_of_several_ids_is_listed_once_and_is_left_out_by_any(
    exclude: tuple[int, ...], include_seen: bool, tmp_path: Path
) -> None:
    run = judged_run(tmp_path, with_duplicates(), run_config())
    filters = Filters(include_seen=include_seen, exclude=exclude)
    titles, ids = run.catalogue.title, run.artifacts.movie_ids
    lists = recommend_all(run, range(1, 21), top=40, filters=filters)
    for row, found in enumerate(lists.rows.tolist()):
        scores = run.artifacts.movie_embeddings @ run.artifacts.user_embeddings[row]
        known = [] if include_seen else run.user_ratings.movie[run.user_ratings.of(row)].tolist()
        expected, taken = [], set(titles[[*known, *exclude]])
        for movie in np.argsort(-scores, kind="stable"):
            expected += [movie] if titles[movie] not in taken else []
            taken.add(titles[movie])
        assert found == expected + [-1] * (40 - len(expected))
        one = recommend(run, user_of(run, row + 1), top=40, filters=filters)
        assert [movie.movie_id for movie in one.movies] == ids[expected].tolist()


def test_rated_movies_come_best_first_then_newest(dataset: Dataset, run: Run) -> None:
    rated = rated_by(dataset, 1)
    assert [(movie.title, movie.rating, movie.timestamp) for movie in rated] == [
        ("Dune [1] (1984)", 5.0, 200),
        ("Alien (1979)", 5.0, 100),
        ("Brazil (1985)", 3.0, 300),
    ]
    assert rated[1].genres == GENRES[1:]
    for user_id in (1, 2, 3):
        assert rated_in(run, user_of(run, user_id)) == rated_by(dataset, user_id)


@pytest.mark.parametrize("user_id", [0, 4, -1, 10**12])
def test_an_unknown_user_is_refused_with_the_valid_range(dataset: Dataset, run: Run, user_id: int) -> None:
    with pytest.raises(MovierecError, match=rf"no user {user_id} in 'tiny'.* ids 1 to 3"):
        rated_by(dataset, user_id)
    with pytest.raises(
        MovierecError, match=rf"no user {user_id} in '1m'; .*{run.record.name} .* ids 1 to 3$"
    ):
        user_of(run, user_id)


def test_ids_with_gaps_are_counted(dataset: Dataset) -> None:
    users = replace(dataset.users, user_id=np.array([1, 5, 900], np.int64))
    with pytest.raises(MovierecError, match="3 ids between 1 and 900"):
        rated_by(replace(dataset, users=users), 2)


def test_a_baseline_of_ratings_recommends_to_no_user(tmp_path: Path) -> None:
    baseline = rating_baseline_run(tmp_path, SMALL, Family.RATING_BIAS)
    with pytest.raises(MovierecError, match=r"rating-bias-\w+ predicts ratings only and recommends nothing"):
        to_user(baseline, 1)


SMALL = small_dataset()


@pytest.fixture(scope="module")
def rating_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return judged_run(tmp_path_factory.mktemp("runs"), SMALL, multi_task_config())


def ids(run: Run, user_id: int, rank_by: RankBy, **options: int) -> list[int]:
    return [movie.movie_id for movie in to_user(run, user_id, rank_by=rank_by, **options).movies]


def by_hand(run: Run, user_id: int, rank_by: RankBy) -> list[int]:
    """Every unseen movie in the requested order, with plain loops."""
    ratings = SMALL.ratings
    seen = set(ratings.movie_index[ratings.user_index == user_id - 1].tolist())
    rows = [row for row in range(len(SMALL.movies)) if row not in seen]
    arrays = run.artifacts
    score = {row: float(arrays.movie_embeddings[row] @ arrays.user_embeddings[user_id - 1]) for row in rows}
    stars = {
        row: one.stars for row, one in zip(rows, predict(run, [(user_id, row) for row in rows]), strict=True)
    }

    def standard(values: dict[int, float]) -> dict[int, float]:
        mean = sum(values.values()) / len(values)
        deviation = (sum((value - mean) ** 2 for value in values.values()) / len(values)) ** 0.5
        return {row: (value - mean) / deviation for row, value in values.items()}

    of_score, of_stars = standard(score), standard(stars)
    value = {
        RankBy.SCORE: score,
        RankBy.RATING: stars,
        RankBy.BLEND: {row: (of_score[row] + of_stars[row]) / 2 for row in rows},
    }[rank_by]
    ordered = sorted(rows, key=lambda row: (-value[row], -score[row]))
    return [int(SMALL.movies.movie_id[row]) for row in ordered]


@pytest.mark.parametrize("rank_by", RankBy)
@pytest.mark.parametrize("user_id", [1, 9, 20])
def test_two_stages_equal_a_sort_by_hand(rating_run: Run, user_id: int, rank_by: RankBy) -> None:
    expected = by_hand(rating_run, user_id, rank_by)
    assert ids(rating_run, user_id, rank_by, top=40) == expected
    assert ids(rating_run, user_id, rank_by) == expected[:10]


def test_predicted_stars_come_with_every_order_and_the_orders_differ(rating_run: Run) -> None:
    assert len({tuple(ids(rating_run, 1, rank_by)) for rank_by in RankBy}) == len(RankBy)
    for rank_by in RankBy:
        recommended = to_user(rating_run, 3, rank_by=rank_by)
        assert recommended.rank_by is rank_by
        predicted = predict(rating_run, [(3, row) for row in recommended.rows])
        assert [movie.stars for movie in recommended.movies] == [one.stars for one in predicted]


@pytest.mark.parametrize("rank_by", [RankBy.RATING, RankBy.BLEND])
def test_only_the_movies_retrieved_are_ordered(
    rating_run: Run, monkeypatch: pytest.MonkeyPatch, rank_by: RankBy
) -> None:
    assert RETRIEVED == 200
    monkeypatch.setattr("movierec_cli.recommend.recommend.RETRIEVED", 12)
    retrieved = ids(rating_run, 1, RankBy.SCORE, top=12)
    ordered = ids(rating_run, 1, rank_by, top=12)
    assert sorted(ordered) == sorted(retrieved) and ordered != retrieved
    assert ids(rating_run, 1, rank_by, top=5) == ordered[:5]
    assert len(ids(rating_run, 1, rank_by, top=20)) == 20


def test_equal_stars_keep_the_order_of_retrieval_and_equal_scores_leave_a_blend_to_the_stars(
    rating_run: Run, tmp_path: Path
) -> None:
    parts, head = rating_run.parts(), replace(rating_run.rating_head, lowest=3.0, highest=3.0)
    run = store.save_run(tmp_path, rating_run.record, replace(parts, rating_head=head))
    for rank_by in RankBy:
        assert ids(run, 1, rank_by) == ids(rating_run, 1, RankBy.SCORE)
        assert {movie.stars for movie in to_user(run, 1, rank_by=rank_by).movies} == {3.0}
    flat = replace(rating_run.artifacts, movie_embeddings=np.ones((len(SMALL.movies), 4), np.float32))
    run = store.save_run(tmp_path, rating_run.record, replace(parts, artifacts=flat))
    assert ids(run, 1, RankBy.BLEND) == ids(run, 1, RankBy.RATING)


def test_a_user_who_saw_all_is_recommended_nothing_in_any_order(rating_run: Run) -> None:
    user = replace(user_of(rating_run, 1), movies=np.arange(len(SMALL.movies)))
    for rank_by in RankBy:
        assert recommend(rating_run, user, rank_by=rank_by).movies == ()


def test_a_run_without_ratings_has_no_stars_and_orders_by_score_only(run: Run, tmp_path: Path) -> None:
    for one in (run, judged_run(tmp_path, SMALL, multi_task_config(rating=0.0))):
        assert {movie.stars for movie in to_user(one, 2).movies} == {None}
        for rank_by in (RankBy.RATING, RankBy.BLEND):
            with pytest.raises(MovierecError, match="movierec train --tasks retrieval rating"):
                to_user(one, 2, rank_by=rank_by)


def test_stars_are_of_the_right_movies_where_the_training_left_some_out(tmp_path: Path) -> None:
    config = replace(multi_task_config(), split=SplitConfig(k_core=7))
    run = judged_run(tmp_path, SMALL, config)
    recommended = to_user(run, 20, top=40, rank_by=RankBy.RATING)
    assert len(run.artifacts.movie_ids) < len(SMALL.movies)
    assert {movie.movie_id for movie in recommended.movies} <= set(run.artifacts.movie_ids.tolist())
    predicted = predict(run, [(20, row) for row in recommended.rows])
    assert [movie.stars for movie in recommended.movies] == [one.stars for one in predicted]
    assert recommended.movies


def test_an_impossible_order_is_refused_before_the_training() -> None:
    with_ratings, without = TaskWeights(), TaskWeights(rating=0.0)
    for tasks in ((), (with_ratings,), (without,)):
        check_rank_by(RankBy.SCORE, tasks)
    check_rank_by(RankBy.BLEND, (with_ratings, with_ratings))
    for tasks in ((), (without,), (with_ratings, without)):
        with pytest.raises(UsageError, match=r"--rank_by rating needs .* --tasks retrieval rating"):
            check_rank_by(RankBy.RATING, tasks)


# --- what comes after a history -----------------------------------------------------------------------


class Serving(ModuleType):
    """In place of the module that builds the network: the sum of the embeddings of what was watched."""

    def __init__(self) -> None:
        super().__init__("serving")
        self.requests: list[tuple[list[int], object]] = []

    def state_after(
        self, run: Run, movie_rows: np.ndarray, seconds: np.ndarray | None, as_of_s: int | None
    ) -> np.ndarray:
        self.requests.append((movie_rows.tolist(), None if seconds is None else (seconds.tolist(), as_of_s)))
        state: np.ndarray = run.artifacts.movie_embeddings[movie_rows].sum(axis=0)
        return state


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Serving:
    fake = Serving()
    monkeypatch.setitem(sys.modules, "movierec_cli.recommend.sequence_states", fake)
    return fake


@pytest.fixture(scope="module")
def sequential_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return judged_run(tmp_path_factory.mktemp("runs"), SMALL, sequence_config("movie_genres"))


@pytest.mark.parametrize("watched", [[7], [39, 0, 12], list(range(40))])
@pytest.mark.parametrize("include_seen", [False, True])
def test_what_comes_next_is_the_best_of_what_was_not_watched(
    sequential_run: Run, serving: Serving, watched: list[int], include_seen: bool
) -> None:
    own = sequential_run.artifacts.movie_embeddings
    scores = {row: sum(float(own[row] @ own[seen]) for seen in watched) for row in range(40)}
    rows = [row for row in range(40) if include_seen or row not in watched]
    expected = sorted(rows, key=lambda row: -scores[row])[:15]
    watcher = user_after(sequential_run, watched)
    found = to_user(sequential_run, watcher, top=15, include_seen=include_seen)
    assert [movie.movie_id for movie in found.movies] == [100 + row for row in expected]
    assert [movie.score for movie in found.movies] == pytest.approx(
        [scores[row] for row in expected], rel=1e-4
    )
    assert serving.requests == [(watched, None)]
    assert (found.user_id, found.label) == (None, "SASRec + movie_genres")
    assert {movie.stars for movie in found.movies} <= {None}


def test_a_history_is_in_rows_of_the_run(serving: Serving, tmp_path: Path) -> None:
    """Where the training left movies out, they have other rows there, and are not recommended."""
    split = SplitConfig(kind=SplitKind.LEAVE_LAST, k_core=7)
    run = judged_run(tmp_path, SMALL, sequence_config(split=split))
    kept = run.artifacts.movie_ids.tolist()
    assert 2 < len(kept) < 40
    found = to_user(run, user_after(run, [len(kept) - 1, 0]), top=40)
    assert serving.requests == [([len(kept) - 1, 0], None)]
    assert sorted(movie.movie_id for movie in found.movies) == kept[1:-1]


def test_only_a_sequential_model_continues_a_history(rating_run: Run, tmp_path: Path) -> None:
    for run in (rating_run, judged_run(tmp_path, SMALL, run_config())):
        with pytest.raises(MovierecError, match=r"cannot use --watched; .* movierec train --family sasrec"):
            user_after(run, [1])


def test_a_user_of_the_data_is_recommended_to_without_the_network(
    sequential_run: Run, serving: Serving
) -> None:
    """What is saved is each user's state after their last movie."""
    arrays = sequential_run.artifacts
    seen = set(SMALL.ratings.movie_index[SMALL.ratings.user_index == 4].tolist())
    rows = [row for row in range(40) if row not in seen]
    best = sorted(rows, key=lambda row: -float(arrays.movie_embeddings[row] @ arrays.user_embeddings[4]))
    found = to_user(sequential_run, 5)
    assert [movie.movie_id for movie in found.movies] == [100 + row for row in best[:10]]
    assert serving.requests == []


# --- new users ----------------------------------------------------------------------------------------


def test_the_newest_likes_count_where_order_does(sequential_run: Run, rating_run: Run) -> None:
    liked = np.arange(25)
    disliked = np.array([30])
    for run, counted in ((sequential_run, liked[-NEWEST:]), (rating_run, liked)):
        arrays = run.artifacts
        user = new_user(run, Opinions(liked, disliked))
        expected = fold_in(arrays.movie_embeddings, arrays.user_embeddings, Opinions(counted, disliked))
        np.testing.assert_array_equal(user.embedding, expected)
        assert user.movies.tolist() == [*range(25), 30]


def test_what_a_new_user_knows_is_not_recommended(rating_run: Run) -> None:
    user = new_user(rating_run, Opinions(np.array([3])), np.array([3, 5, 7]))
    rows = recommend(rating_run, user, top=40).rows
    assert sorted(rows) == [row for row in range(40) if row not in (3, 5, 7)]
    with pytest.raises(MovierecError, match="from stars that they gave, and there are none"):
        recommend(rating_run, user, rank_by=RankBy.RATING)


def test_a_time_is_coded_in_the_order_of_the_tower_s_inputs(tmp_path: Path) -> None:
    """Vocabularies are read back in another order than that of the features."""
    run = store.load_run(judged_run(tmp_path, SMALL, run_config("week", "user_tenure", "day_of_week")).folder)
    inputs = [one.name for one in run.towers.query.inputs if one.is_context]
    assert inputs != [name for name in run.artifacts.vocabularies if name in inputs]
    seconds = np.full(20, 1_000_500_000)
    every = np.concatenate([user_of(run, i + 1, 1_000_500_000).codes for i in range(20)])
    config = run.record.config
    fitted = fit_features(SMALL, split_ratings(SMALL.ratings, config.split).train, config.feature_set)
    np.testing.assert_array_equal(every, context_codes(fitted, np.arange(20, dtype=np.int32), seconds))


@pytest.mark.parametrize("seed", range(3))
def test_one_list_and_many_are_the_same_where_movies_are_almost_equal(tmp_path: Path, seed: int) -> None:
    run = judged_run(tmp_path, SMALL, run_config(), seed=seed)
    noise = np.random.default_rng(seed).normal(0, 1e-7, (40, 4))
    arrays = replace(run.artifacts, movie_embeddings=(1 + noise).astype(np.float32))
    run = store.save_run(tmp_path, run.record, replace(run.parts(), artifacts=arrays))
    lists = recommend_all(run, range(1, 21), top=40)
    for user_id, rows in zip(range(1, 21), lists.rows, strict=True):
        assert to_user(run, user_id, top=40).rows == tuple(rows[rows >= 0].tolist())
