"""Batches of queries with all their positives, and the rating of each.

A model that reads what a pair's user made of other movies, and others of its movie, could tell the pair's own
rating from what is missing: it knows the whole by heart, from the vectors of user and movie. So in training
chance hides a share of the ratings from every batch (a denoising autoencoder; Vincent et al. 2008,
"Extracting and Composing Robust Features with Denoising Autoencoders").
"""

from __future__ import annotations

from functools import cached_property

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

HIDDEN_SHARE = 0.5
"""Of the ratings that are read. On validation, RMSE of 1M (random 90/10) is .8278 where nothing is read of
movies and nothing hidden, .8277 where it is read, .8249 with half of it hidden, .8202 with half of what is
read of users hidden, too."""
BLOCKS = 256  # of ratings in an order drawn by chance, which are shown or hidden together
MOST_SHOWN = 1 << 20
"""Ratings of movies that a batch reads at most, about."""


@dataclass(frozen=True)
class RatedPairs:
    """Ratings as the model sees them, grouped by query."""

    interactions: GroupedInteractions
    evidence: Evidence
    stars: npt.NDArray[np.float32]  # [n_pairs], in the order of the positives
    numbers: npt.NDArray[np.float32]  # [n_pairs, n_numbers], see `evidence`
    session: npt.NDArray[np.float32]  # [n_pairs, N_SESSION_NUMBERS]
    n_of_user: npt.NDArray[np.float32]  # [n_pairs], training ratings of the user without the pair's own
    n_of_movie: npt.NDArray[np.float32]  # [n_pairs], of the movie, likewise

    @classmethod
    def of_training(
        cls, dataset: Dataset, evidence: Evidence, vocabularies: dict[Feature, Vocabulary]
    ) -> RatedPairs:
        """The training ratings, each without its own evidence."""
        order = (interactions := group_interactions(dataset, evidence.rows, vocabularies)).order
        ratings, rows = dataset.ratings, evidence.rows[order]
        return cls(
            interactions,
            evidence,
            stars=ratings.rating[rows],
            numbers=evidence.of_training()[order],
            session=evidence.sessions_of_training()[order],
            n_of_user=(evidence.n_ratings[ratings.user_index[rows]] - 1).astype(np.float32),
            n_of_movie=(evidence.n_ratings_of_movies[ratings.movie_index[rows]] - 1).astype(np.float32),
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
            n_of_user=evidence.n_ratings[users].astype(np.float32),
            n_of_movie=evidence.n_ratings_of_movies[movies].astype(np.float32),
        )

    def of_queries(self, rows: npt.NDArray[np.int64]) -> Batch:
        """The pairs of the queries at `rows`, in their order, and all evidence of their users.

        None of the pairs has a rating in it: `RatedBatches` hides those of the training set.
        """
        query, place = self.interactions.positives.places(rows)
        without = np.zeros(len(place), np.float32)
        return {
            "pair_query": query.astype(np.int32),
            "pair_movie": self.interactions.positives.values[place],
            "stars": self.stars[place],
            "numbers": self.numbers[place],
            "session": self.session[place],
            "own_of_user": without,
            "own_of_movie": without,
            "n_of_user": self.n_of_user[place],
            "n_of_movie": self.n_of_movie[place],
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

    @cached_property
    def _bounds(self) -> npt.NDArray[np.int64]:
        """Where the blocks begin in which ratings of movies are shown or hidden, and where the last ends."""
        n_ratings = len(self.pairs.stars)
        return np.linspace(0, n_ratings, min(BLOCKS, n_ratings) + 1).astype(np.int64)

    @property
    def n_shown(self) -> int:
        """How many of the blocks a batch reads."""
        n_blocks, n_ratings = len(self._bounds) - 1, len(self.pairs.stars)
        return max(1, min(round(n_blocks * (1 - HIDDEN_SHARE)), n_blocks * MOST_SHOWN // n_ratings))

    def _batch(self, rows: npt.NDArray[np.int64], n_counting: int, generator: np.random.Generator) -> Batch:
        batch = super()._batch(rows, n_counting, generator)
        batch |= self.pairs.of_queries(rows[:n_counting])
        _, place = self.pairs.interactions.positives.places(rows[:n_counting])
        own = self.pairs.interactions.order[place]  # [p], of the training ratings
        return (
            batch
            | self._shown_of_users(batch, rows[:n_counting], own, generator)
            | self._shown_of_movies(own, generator)
        )

    def _shown_of_users(
        self, batch: Batch, rows: npt.NDArray[np.int64], own: Rows, generator: np.random.Generator
    ) -> Batch:
        """The pools of queries, of which chance takes a share, and what is left of each pair's own rating."""
        residuals = self.pairs.evidence.residuals_by_user
        users = self.pairs.interactions.queries.user_index[rows]
        is_shown = generator.random(len(batch["pool_values"]), np.float32) >= HIDDEN_SHARE
        values = batch["pool_values"] * is_shown / np.float32(1 - HIDDEN_SHARE)
        lengths = residuals.movies.lengths[users]
        before = np.cumsum(lengths) - lengths - residuals.movies.starts[users]  # [b]
        return {
            "pool_values": values,
            "own_of_user": values[before[batch["pair_query"]] + residuals.place[own]],
        }

    def _shown_of_movies(self, own: Rows, generator: np.random.Generator) -> Batch:
        """The ratings of all movies that are in some of the blocks, and each pair's own where it is."""
        residuals, n_blocks = self.pairs.evidence.residuals_of_movies, len(self._bounds) - 1
        is_shown = np.zeros(n_blocks, bool)
        is_shown[generator.permutation(n_blocks)[: self.n_shown]] = True
        stretches = [slice(*self._bounds[block : block + 2]) for block in np.flatnonzero(is_shown)]
        place, share = residuals.place[own], np.float32(self.n_shown / n_blocks)
        block = np.searchsorted(self._bounds, place, side="right") - 1
        return {
            "shown": np.concatenate([residuals.pairs[one] for one in stretches], dtype=np.int64),
            "shown_values": np.concatenate([residuals.values[one] for one in stretches]) / share,
            "own_of_movie": residuals.values[place] * is_shown[block] / share,
        }


def rated_batches(
    pairs: RatedPairs, n_movies: int, config: TrainingConfig, history: RaggedRows | None
) -> RatedBatches:
    """Batches of the sizes and weights that the catalogue softmax takes without a second task."""
    plain = catalogue_batches(pairs.interactions, n_movies, config, history)
    return RatedBatches(**vars(plain), pairs=pairs)
