"""What the benchmark of fold-in computes by itself, against plain loops."""

from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.config import SplitConfig
from movierec_cli.data.split import split_ratings
from tests.bench.fold_in import NewUsers, best_for, is_for_children
from tests.small_dataset import N_MOVIES, N_USERS, small_dataset

K = 10


def some_new_users() -> NewUsers:
    dataset = small_dataset()
    return NewUsers(dataset, split_ratings(dataset.ratings, SplitConfig()), np.arange(0, N_USERS, 2))


def test_the_split_without_new_users_has_everything_of_the_others_and_nothing_of_theirs() -> None:
    new_users = some_new_users()
    rest, split = new_users.without(), new_users.split
    for part, whole in (
        (rest.train, split.train),
        (rest.validation, split.validation),
        (rest.test, split.test),
    ):
        owners = new_users.dataset.ratings.user_index
        assert part.tolist() == [row for row in whole if owners[row] % 2]


def test_the_new_users_that_count_have_movies_in_both_parts() -> None:
    new_users = some_new_users()
    owners, split = new_users.dataset.ratings.user_index, new_users.split
    both = set(owners[split.fit]) & set(owners[split.test]) & set(new_users.users)
    assert {*new_users.evaluated} == both > {*new_users.test} > set()


def test_recall_is_that_of_a_plain_loop() -> None:
    new_users = some_new_users()
    rng = np.random.default_rng(0)
    users = new_users.evaluated
    queries = rng.normal(size=(len(users), 3)).astype(np.float32)
    movies = rng.normal(size=(N_MOVIES, 3)).astype(np.float32)
    ratings, split = new_users.dataset.ratings, new_users.split
    recalls = []
    for user, query in zip(users, queries, strict=True):
        scores = movies @ query
        scores[ratings.movie_index[split.fit][ratings.user_index[split.fit] == user]] = -np.inf
        wanted = ratings.movie_index[split.test][ratings.user_index[split.test] == user]
        best = np.argsort(-scores)[:K]
        recalls.append(np.isin(wanted, best).mean())
    assert new_users.recall(users, queries, movies, K) == pytest.approx(np.mean(recalls))


def test_what_comes_first_leaves_out_what_was_liked() -> None:
    movies = small_dataset().movies
    directions = np.eye(4, dtype=np.float32)[np.arange(len(movies)) % 4]
    users = np.repeat(3 * np.eye(4, dtype=np.float32), 5, axis=0)
    liked = movies.title[[0, 4, 8]].tolist()
    assert best_for(movies, directions, users, liked, top=7).tolist() == [12, 16, 20, 24, 28, 32, 36]


def test_movies_for_children_are_told_by_their_genres() -> None:
    movies = replace(small_dataset().movies, genre_names=("Comedy", "Children", "War"))
    assert np.flatnonzero(is_for_children(movies)).tolist() == list(range(1, N_MOVIES, 3))
