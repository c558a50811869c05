"""Grouping by unique query against a dictionary of sets."""

from collections import defaultdict
from dataclasses import replace

import numpy as np

from movierec_cli.config import FeatureSet, Side
from movierec_cli.data.dataset import Ratings
from movierec_cli.data.own_columns import OwnColumn
from movierec_cli.data.ragged import RaggedRows, movies_of_users
from movierec_cli.data.sample import simulate_sample
from movierec_cli.models.feature_encodings import context_codes, encode_features, fit_features
from movierec_cli.models.two_tower.query_batches import group_interactions, last_queries, unique_queries

SAMPLE = simulate_sample()
ROWS = np.sort(np.random.default_rng(0).choice(len(SAMPLE.ratings), 5000, replace=False))


def test_groups_hold_every_interaction_once_under_its_user_and_contexts():
    vocabularies = fit_features(SAMPLE, ROWS, FeatureSet.parse(["timestamp", "day_of_week", "user_tenure"]))
    grouped = group_interactions(SAMPLE, ROWS, vocabularies)
    ratings = SAMPLE.ratings
    codes = context_codes(vocabularies, ratings.user_index[ROWS], ratings.timestamp[ROWS])
    expected = defaultdict(set)
    for row, code in zip(ROWS, codes, strict=True):
        expected[(int(ratings.user_index[row]), *code.tolist())].add(int(ratings.movie_index[row]))
    found = {}
    for query in range(len(grouped.queries)):
        start, end = grouped.positives.starts[query : query + 2]
        key = (int(grouped.queries.user_index[query]), *grouped.queries.contexts[query].tolist())
        assert key not in found
        found[key] = set(grouped.positives.values[start:end].tolist())
    assert found == dict(expected)
    assert grouped.n_interactions == len(ROWS)


def test_without_a_context_there_is_one_query_a_user():
    grouped = group_interactions(SAMPLE, ROWS, {})
    assert grouped.queries.user_index.tolist() == np.unique(SAMPLE.ratings.user_index[ROWS]).tolist()
    assert grouped.queries.contexts.shape == (len(grouped.queries), 0)


def test_a_user_without_ratings_has_an_empty_list():
    some = np.flatnonzero(SAMPLE.ratings.user_index == 3)
    lists = movies_of_users(SAMPLE, some)
    assert len(lists) == len(SAMPLE.users)
    assert lists.lengths.sum() == lists.lengths[3] == len(some)


def test_places_point_at_the_values_of_the_asked_lists():
    lists = RaggedRows.group(np.array([2, 0, 2, 2]), np.array([7, 8, 9, 6], np.int32), 4)
    owner, place = lists.places(np.array([2, 1, 0]))
    assert owner.tolist() == [0, 0, 0, 2]
    assert lists.values[place].tolist() == [7, 9, 6, 8]


def test_a_user_is_asked_at_the_time_of_their_last_training_rating():
    absent = int(SAMPLE.ratings.user_index[ROWS[0]])
    rows = ROWS[SAMPLE.ratings.user_index[ROWS] != absent]
    vocabularies = fit_features(SAMPLE, rows, FeatureSet.parse(["timestamp", "user_tenure"]))
    queries = last_queries(SAMPLE, rows, vocabularies)
    ratings = SAMPLE.ratings

    def codes_of(user: int, second: int) -> list[int]:
        asked = np.array([user], np.int32), np.array([second])
        return context_codes(vocabularies, *asked)[0].tolist()

    for user in np.unique(ratings.user_index[rows])[:20]:
        last = ratings.timestamp[rows][ratings.user_index[rows] == user].max()
        assert queries.contexts[user].tolist() == codes_of(user, last)
    assert queries.contexts[absent].tolist() == codes_of(absent, ratings.timestamp[rows].max())


def test_pairs_of_one_user_and_one_code_are_one_query():
    ratings = Ratings(
        user_index=np.array([5, 3, 5, 5, 3], np.int32),
        movie_index=np.arange(5, dtype=np.int32),
        rating=np.ones(5, np.float32),
        timestamp=np.array([0, 0, 86_399, 86_400, 7 * 86_400]),
    )
    dataset = replace(SAMPLE, ratings=ratings)
    vocabularies = fit_features(dataset, np.arange(5), FeatureSet.parse(["day_of_week"]))
    queries, query_of = unique_queries(dataset, np.arange(5), vocabularies)
    assert queries.user_index.tolist() == [3, 5, 5]
    assert query_of.tolist() == [1, 0, 1, 2, 0]


def test_a_column_of_ratings_is_a_part_of_queries():
    devices = np.array(["tv", "pc", "tv", "tv", "pc", "phone"], object)
    texts, codes = np.unique(devices, return_inverse=True)
    column = OwnColumn("device", "category", codes.astype(np.int32), texts.astype(object))
    ratings = Ratings(
        user_index=np.array([0, 0, 0, 1, 1, 1], np.int32),
        movie_index=np.arange(6, dtype=np.int32),
        rating=np.ones(6, np.float32),
        timestamp=np.array([5, 9, 9, 1, 2, 3]),
        own=(column,),
    )
    dataset, train = replace(SAMPLE, ratings=ratings), np.arange(5)  # nobody rates on a phone in training
    vocabularies = fit_features(dataset, train, FeatureSet.parse(["device"]))
    queries, query_of = unique_queries(dataset, np.arange(6), vocabularies)
    assert (len(queries), query_of[0]) == (5, query_of[2]) and len({*query_of.tolist()}) == 5
    of_pairs = {
        (queries.user_index[one], devices[row]): queries.contexts[one, 0] for row, one in enumerate(query_of)
    }
    assert of_pairs == {(0, "tv"): 2, (0, "pc"): 1, (1, "tv"): 2, (1, "pc"): 1, (1, "phone"): 0}
    last = last_queries(dataset, train, vocabularies).contexts[:, 0]
    assert last[:3].tolist() == [2, 1, 0]  # the file's last of a second; a user without ratings has no value
    (inputs,) = encode_features(dataset, vocabularies, Side.CONTEXT).values()
    assert inputs[0].codes.tolist() == [0, 1, 2] and inputs[0].size == 3
