"""Interactions grouped by what the query tower sees.

A query is a user plus the codes of the contexts (time bucket, day of the week) that the feature set asks
for. Many interactions share one, so both training and ranking work on unique queries, each with its list
of positives. Without a context 800,167 interactions of MovieLens 1M are 6,040 queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Feature
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.models.feature_encodings import Rows, Seconds, UserRows, Vocabulary, context_codes


@dataclass(frozen=True)
class Queries:
    """Unique queries, by user and then by context."""

    user_index: npt.NDArray[np.int32]  # [n_queries]
    contexts: npt.NDArray[np.int32]  # [n_queries, n_contexts]

    def __len__(self) -> int:
        return len(self.user_index)

    def take(self, rows: npt.NDArray[np.int64]) -> Queries:
        """The queries at these rows."""
        return Queries(self.user_index[rows], self.contexts[rows])


@dataclass(frozen=True)
class GroupedInteractions:
    """Interactions as unique queries with their positives."""

    queries: Queries
    positives: RaggedRows  # movie rows, one list a query
    order: npt.NDArray[np.int64]  # [n_interactions], each positive's place among what was grouped

    @property
    def n_interactions(self) -> int:
        return len(self.positives.values)


def group_interactions(
    dataset: Dataset, rows: Rows, vocabularies: dict[Feature, Vocabulary]
) -> GroupedInteractions:
    """Groups the ratings at `rows` by user and context."""
    ratings = dataset.ratings
    queries, query_of = unique_queries(ratings.user_index[rows], ratings.timestamp[rows], vocabularies)
    positives, order = RaggedRows.group_with_order(query_of, ratings.movie_index[rows], len(queries))
    return GroupedInteractions(queries, positives, order)


def unique_queries(
    users: UserRows, seconds: Seconds, vocabularies: dict[Feature, Vocabulary]
) -> tuple[Queries, npt.NDArray[np.int64]]:
    """The different queries among pairs of a user and a time, and which of them each pair is."""
    contexts = context_codes(vocabularies, users, seconds)  # [n, n_contexts]
    key = users.astype(np.int64)
    for codes in contexts.T:
        key = key * (int(codes.max(initial=0)) + 1) + codes
    _, first, query_of = np.unique(key, return_index=True, return_inverse=True)
    return Queries(users[first], contexts[first]), query_of


def last_queries(dataset: Dataset, rows: Rows, vocabularies: dict[Feature, Vocabulary]) -> Queries:
    """Each user as a query at the time of their last rating in `rows`: what recommending asks.

    A user without a rating there is asked at the time of the last rating of all.
    """
    ratings = dataset.ratings
    last = np.full(len(dataset.users), ratings.timestamp[rows].max(), np.int64)
    last[ratings.user_index[rows]] = 0
    np.maximum.at(last, ratings.user_index[rows], ratings.timestamp[rows])
    users = np.arange(len(last), dtype=np.int32)
    return Queries(users, context_codes(vocabularies, users, last))
