"""Weights between all movies, held in memory with their square: many new users are scored in two products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass
from movierec_cli.scoring.item_scorer import UNTOLD, ItemScorer, ItemSums, ProductsAndSums, unknown_share
from movierec_cli.scoring.item_weights import WeightsOf

LARGEST_BYTES = 1 << 30
"""Of the weights and their square together; beyond, new users are scored one by one from the weights."""

_Floats = npt.NDArray[np.float32]
_Values = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.integer]


@dataclass(frozen=True)
class WeightMatrix:
    """Weights between all movies as a matrix in memory."""

    matrix: _Floats  # [n_movies, n_movies]

    def of(self, movies: Sequence[int]) -> Sequence[WeightsOf]:
        return [WeightsOf(slice(None), self.matrix[movie]) for movie in movies]

    def product(self, users: _Floats) -> _Floats:
        product: _Floats = users @ self.matrix
        return product


@dataclass(frozen=True)
class HeldSums(ItemSums):
    """Item sums whose weights B are in memory, [n_movies, n_movies], with B².

    What `ItemSums.of_new_user` adds up for a user who named a few movies needs, of both, the rows of these
    movies alone. Sums are in double precision, so they do not depend on how many users are scored at once.
    """

    matrix: _Floats = field(kw_only=True)
    squared: _Floats = field(kw_only=True)
    of_average: tuple[_Values, _Values] = field(kw_only=True)  # [n_movies] each: p B and p B²

    @classmethod
    def of(cls, sums: ItemSums) -> HeldSums | None:
        """Reads all weights; None where they are too many, or say how alike movies are."""
        n = sums.histories.n_movies
        is_dense = sums.histories.weight_starts is None
        if not (is_dense and sums.is_regression and 8 * n * n <= LARGEST_BYTES):
            return None
        matrix = np.stack([one.values for one in sums.weights.of(range(n))])
        squared = matrix @ matrix
        average = sums.histories.average.astype(np.float64)
        return cls(
            sums.histories,
            sums.popularity,
            WeightMatrix(matrix),
            sums.is_regression,
            sums.strength,
            matrix=matrix,
            squared=squared,
            of_average=(average @ matrix, average @ squared),
        )

    def of_new_user(self, movies: _Rows) -> ItemSums:
        return HeldSumsOfNewUser(
            self.histories,
            self.popularity,
            self.weights,
            self.is_regression,
            self.strength,
            of_data=self,
            unknown=unknown_share(len(movies)),
        )

    def of_new_users(self, users: _Floats, unknown: _Values) -> _Floats:
        """Scores of new users, from how often each movie counts, [b, n_movies], and how little is known, [b].

        It is what `ItemSums.of_new_user` says: [b, n_movies].
        """
        named = np.flatnonzero(users.any(axis=0))
        own = users[:, named].astype(np.float64)  # [b, n_named]
        average = (unknown * users.sum(axis=1))[:, None]
        once, twice = (
            own @ matrix[named].astype(np.float64) - average * of_average
            for matrix, of_average in zip((self.matrix, self.squared), self.of_average, strict=True)
        )
        scores: _Floats = (once + self._share(unknown)[:, None] * twice).astype(np.float32)
        if self.popularity is not None:
            scores[~users.any(axis=1)] = self.popularity
        return scores

    def told(self, movies: _Rows, unknown: float) -> _Floats:
        """What each of some movies adds to the scores of such a user: [n, n_movies]."""
        alone = np.zeros((len(movies), self.histories.n_movies), np.float32)
        alone[np.arange(len(movies)), movies] = 1
        return self.of_new_users(alone, np.full(len(movies), unknown))

    def _share(self, unknown: _Values) -> _Values:
        """Of what follows from the movies not named."""
        share: _Values = UNTOLD * unknown / self.strength
        return share


@dataclass(frozen=True)
class HeldSumsOfNewUser(ItemSums):
    """Those of a new user, see `HeldSums.of_new_users`."""

    of_data: HeldSums = field(kw_only=True)
    unknown: float = field(kw_only=True)

    def scores(self, users: _Floats) -> _Floats:
        return self.of_data.of_new_users(users, np.full(len(users), self.unknown))

    def vectors(self, movies: _Rows) -> _Floats:
        return self.of_data.told(movies, self.unknown)


def held(scorer: ItemScorer) -> ItemScorer:
    """A scorer that answers many, where one can be had: else itself."""
    if isinstance(scorer, ProductsAndSums):
        sums = HeldSums.of(scorer.sums)
        return scorer if sums is None else ProductsAndSums(scorer.products, sums, scorer.of_kinds)
    if isinstance(scorer, ItemSums):
        return HeldSums.of(scorer) or scorer
    return scorer


def scores_of_each(scorers: Sequence[ItemScorer], users: _Floats) -> _Floats:
    """The scores of several users of one model, of whom each may have a scorer of their own.

    Args:
        scorers: [b], of one model.
        users: their vectors, [b, width].

    Returns:
        float32 [b, n_movies], each user's as by their scorer.
    """
    scores: _Floats | None = None
    for rows in _alike(scorers):
        own = _scores_alike([scorers[row] for row in rows], users[rows])
        if scores is None:
            scores = np.empty((len(users), own.shape[1]), np.float32)
        scores[rows] = own
    assert scores is not None  # somebody asks
    return scores


def _alike(scorers: Sequence[ItemScorer]) -> list[list[int]]:
    """The places of scorers that can be asked in one product."""
    groups: dict[object, list[int]] = {}
    for place, one in enumerate(scorers):
        sums = one.sums if isinstance(one, ProductsAndSums) else one
        is_held = isinstance(sums, HeldSumsOfNewUser)
        groups.setdefault("new" if is_held else id(one), []).append(place)
    return list(groups.values())


def _scores_alike(scorers: Sequence[ItemScorer], users: _Floats) -> _Floats:
    first = scorers[0]
    if isinstance(first, ProductsAndSums) and isinstance(first.sums, HeldSumsOfNewUser):
        sums = [one.sums for one in scorers if isinstance(one, ProductsAndSums)]
        kinds = [one.of_kinds for one in scorers if isinstance(one, ProductsAndSums)]
        products = first.products.scores(users[:, : first.dim])
        scores: _Floats = products + _sums_alike(sums, users[:, first.dim :])
        for own, of_kinds in zip(scores, kinds, strict=True):
            if of_kinds is not None:
                own += of_kinds
        return scores
    if isinstance(first, HeldSumsOfNewUser):
        return _sums_alike([one for one in scorers if isinstance(one, ItemSums)], users)
    return first.scores(users)


def _sums_alike(sums: Sequence[ItemSums], users: _Floats) -> _Floats:
    own = [one for one in sums if isinstance(one, HeldSumsOfNewUser)]
    return own[0].of_data.of_new_users(users, np.array([one.unknown for one in own]))
