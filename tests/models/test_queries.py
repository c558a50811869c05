"""Grouping by unique query against a dictionary of sets."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from movierec_cli.config import FeatureSet
from movierec_cli.data.histories import movies_of_users
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.data.sample import simulate_sample
from movierec_cli.models.features import context_codes, fit_features
from movierec_cli.models.queries import group_interactions, last_queries

SAMPLE = simulate_sample()
ROWS = np.sort(np.random.default_rng(0).choice(len(SAMPLE.ratings), 5000, replace=False))


def test_groups_hold_every_interaction_once_under_its_user_and_contexts():
    vocabularies = fit_features(SAMPLE, ROWS, FeatureSet.parse(["timestamp", "day_of_week"]))
    grouped = group_interactions(SAMPLE, ROWS, vocabularies)
    ratings = SAMPLE.ratings
    codes = context_codes(vocabularies, ratings.timestamp[ROWS])
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
    vocabularies = fit_features(SAMPLE, ROWS, FeatureSet.parse(["timestamp"]))
    absent = int(SAMPLE.ratings.user_index[ROWS[0]])
    rows = ROWS[SAMPLE.ratings.user_index[ROWS] != absent]
    queries = last_queries(SAMPLE, rows, vocabularies)
    ratings = SAMPLE.ratings
    for user in np.unique(ratings.user_index[rows])[:20]:
        last = ratings.timestamp[rows][ratings.user_index[rows] == user].max()
        assert queries.contexts[user].tolist() == context_codes(vocabularies, np.array([last]))[0].tolist()
    newest = context_codes(vocabularies, np.array([ratings.timestamp[rows].max()]))[0]
    assert queries.contexts[absent].tolist() == newest.tolist()
