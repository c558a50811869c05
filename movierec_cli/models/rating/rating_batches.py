"""Batches of queries with all their positives, and the rating of each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Feature, TrainingConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.models.feature_encodings import Rows, Vocabulary
from movierec_cli.models.rating.evidence import Evidence
from movierec_cli.models.two_tower.objectives import catalogue_batches
from movierec_cli.models.two_tower.query_batches import (
    Batch,
    CatalogueBatches,
    GroupedInteractions,
    group_interactions,
)
from movierec_cli.records import dataclass


@dataclass(frozen=True)
class RatedPairs:
    """Ratings as the model sees them, grouped by query."""

    interactions: GroupedInteractions
    evidence: Evidence
    stars: npt.NDArray[np.float32]  # [n_pairs], in the order of the positives
    numbers: npt.NDArray[np.float32]  # [n_pairs, n_numbers], see `evidence`
    session: npt.NDArray[np.float32]  # [n_pairs, N_SESSION_NUMBERS]
    own: npt.NDArray[np.float32]  # [n_pairs], the residual that is the pair's own among its user's; 0 if none
    n_others: npt.NDArray[np.float32]  # [n_pairs], training ratings of the user without the pair's own

    @classmethod
    def of_training(
        cls, dataset: Dataset, evidence: Evidence, vocabularies: dict[Feature, Vocabulary]
    ) -> RatedPairs:
        """The training ratings, each without its own evidence."""
        order = (interactions := group_interactions(dataset, evidence.rows, vocabularies)).order
        users = dataset.ratings.user_index[evidence.rows]
        return cls(
            interactions,
            evidence,
            stars=dataset.ratings.rating[evidence.rows][order],
            numbers=evidence.of_training()[order],
            session=evidence.sessions_of_training()[order],
            own=evidence.user_residuals[order].astype(np.float32),
            n_others=(evidence.n_ratings[users] - 1)[order].astype(np.float32),
        )

    @classmethod
    def of_others(
        cls, dataset: Dataset, rows: Rows, evidence: Evidence, vocabularies: dict[Feature, Vocabulary]
    ) -> RatedPairs:
        """Ratings outside the training set, with all of its evidence."""
        order = (interactions := group_interactions(dataset, rows, vocabularies)).order
        ratings = dataset.ratings
        kept = rows[order]
        users, movies = ratings.user_index[kept], ratings.movie_index[kept]
        return cls(
            interactions,
            evidence,
            stars=ratings.rating[kept],
            numbers=evidence.of_others(users, movies),
            session=evidence.sessions(users, ratings.timestamp[kept]),
            own=np.zeros(len(rows), np.float32),
            n_others=evidence.n_ratings[users].astype(np.float32),
        )

    def of_queries(self, rows: npt.NDArray[np.int64]) -> Batch:
        """The pairs of the queries at `rows`, and the evidence of their users, in the order of the rows."""
        query, place = self.interactions.positives.places(rows)
        return {
            "pair_query": query.astype(np.int32),
            "pair_movie": self.interactions.positives.values[place],
            "stars": self.stars[place],
            "numbers": self.numbers[place],
            "session": self.session[place],
            "own": self.own[place],
            "n_others": self.n_others[place],
        } | pool_of_users(self.evidence, self.interactions.queries.user_index[rows])


def pool_of_users(evidence: Evidence, users: npt.NDArray[np.int32]) -> Batch:
    """All residuals of some users: places in a flattened [n_users, n_movies], and their values."""
    residuals = evidence.residuals_by_user
    owner, place = residuals.movies.places(users)
    return {
        "pool": (owner * len(evidence.dataset.movies) + residuals.movies.values[place]).astype(np.int32),
        "pool_values": residuals.values[place],
    }


@dataclass(frozen=True, kw_only=True)
class RatedBatches(CatalogueBatches):
    """What the catalogue softmax trains on, with the ratings of the same interactions."""

    pairs: RatedPairs

    def _batch(self, rows: npt.NDArray[np.int64], n_counting: int, generator: np.random.Generator) -> Batch:
        batch = super()._batch(rows, n_counting, generator)
        return batch | self.pairs.of_queries(rows[:n_counting])


def rated_batches(
    pairs: RatedPairs, n_movies: int, config: TrainingConfig, history: RaggedRows | None
) -> RatedBatches:
    """Batches of the sizes and weights that the catalogue softmax takes without a second task."""
    plain = catalogue_batches(pairs.interactions, n_movies, config, history)
    return RatedBatches(**vars(plain), pairs=pairs)
