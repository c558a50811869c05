"""How a model of any family is queried: the few queries behind many targets."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Ratings
from movierec_cli.evaluation.ranks import ScoreBlock, Scores
from movierec_cli.records import dataclass


@dataclass(frozen=True)
class Targets:
    """Ratings whose movies are to be predicted: by whom, when, and in which row of the file.

    The row says what a second cannot: many ratings of a user share one, and a model of sequences sees the
    movies right before the rating in the order of time, then of the file.
    """

    rows: npt.NDArray[np.int64]  # [n], rows of Ratings
    user_index: npt.NDArray[np.int32]  # [n]
    seconds: npt.NDArray[np.int64]  # [n], since 1970-01-01 UTC

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of_rows(cls, ratings: Ratings, rows: npt.NDArray[np.int64]) -> Targets:
        """The ratings at `rows`, in their order."""
        return cls(rows, ratings.user_index[rows], ratings.timestamp[rows])

    def take(self, places: npt.NDArray[np.int64]) -> Targets:
        """Those at these places."""
        return Targets(self.rows[places], self.user_index[places], self.seconds[places])


@dataclass(frozen=True)
class GroupedQueries:
    """The different queries of a model behind some targets, each once."""

    user_index: npt.NDArray[np.int32]  # [n_queries]
    query_of: npt.NDArray[np.int64]  # [n_targets], each target's query
    score_block: ScoreBlock  # from queries to scores of all movies; called from several threads
    same_scores: Scores | None = None  # [n_movies], where every query has these


class Scorer(Protocol):
    """A fitted model as evaluation sees it."""

    def group_queries(self, targets: Targets) -> GroupedQueries:
        """The queries behind some targets; the targets' movies are not among what it is given."""


def queries_by_user(
    users: npt.NDArray[np.int32], score_users: ScoreBlock, same_scores: Scores | None = None
) -> GroupedQueries:
    """For a model that sees no time: one query a user.

    Args:
        users: rows of users, [n_targets], any number of times each.
        score_users: from rows of users to their scores over all movies.
        same_scores: those of every user, where they are the same.
    """
    different, query_of = np.unique(users, return_inverse=True)
    return GroupedQueries(
        different, query_of, lambda queries: score_users(different[queries].astype(np.int64)), same_scores
    )
