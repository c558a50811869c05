"""How a saved model that ranks is asked: scores of all movies, and what is like a movie, in NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass
from movierec_cli.scoring.item_weights import Histories, Weights, WeightsOf

HALF_KNOWN = 20
"""Opinions after which a new user counts as half known."""
UNTOLD = 4.0
"""The weight of movies that a new user did not name, by their scores.

Of 1 … 8, with `HALF_KNOWN` of 5 … 40 and without end, it was chosen on users left out of the fit, each known
by 1 … 50 of the movies that they liked: recall@10 and NDCG@10 of their others do not fall for any number, on
100K and on 1M, and the lists are nearer to the genres named (`tests.bench.few_likes`).
"""
FEW = 10.0  # so often a movie has to be watched that its weights are not chance
_BLOCK = 512  # rows of weights in one product

_Floats = npt.NDArray[np.float32]
_Values = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.integer[Any]]


def unknown_share(n_opinions: int) -> float:
    """How little is known of a new user with so many opinions: from 1 towards 0."""
    return HALF_KNOWN / (HALF_KNOWN + n_opinions)


class ItemScorer(Protocol):
    """A saved model. A user is a vector of the model's own kind; zeros are a user without history."""

    def users(self, rows: _Rows) -> _Floats:
        """The vectors of users of the data: [b, width]."""

    def scores(self, users: _Floats) -> _Floats:
        """From the vectors of users, [b, width], to the scores of all movies: [b, n_movies]."""

    def similar_to(self, movie: int) -> _Values:
        """How near each movie is to the one at a row, higher is nearer: [n_movies]."""

    def vectors(self, movies: _Rows) -> _Floats:
        """Some movies as vectors whose cosine says how alike they are: [n, d]."""


def dot_products(users: _Floats, movies: _Floats) -> _Floats:
    """Scores of users and movies, float32 [n_users, n_movies].

    Summed in float64: in float32 the sum depends on how many users are scored at once, and movies with
    almost equal scores would change places.
    """
    scores: _Floats = (users.astype(np.float64) @ movies.astype(np.float64).T).astype(np.float32)
    return scores


def _with_fallback(scores: _Floats, users: _Floats, popularity: _Floats | None) -> _Floats:
    """Users without history get popularity in place of scores that are all alike."""
    if popularity is not None:
        scores[~users.any(axis=1)] = popularity
    return scores


@dataclass(frozen=True)
class DotProducts:
    """Scores by the product of embeddings; of popularity, which has none, by the fallback alone."""

    user_embeddings: _Floats  # [n_users, dim]
    movie_embeddings: _Floats  # [n_movies, dim]
    popularity: _Floats | None = None  # [n_movies], for users of zeros; None: there are none
    has_bias: bool = False
    """Whether the last number of a movie is its bias, which every user's 1 is multiplied by: it makes scores,
    and says nothing of what the movie is like."""

    def users(self, rows: _Rows) -> _Floats:
        return self.user_embeddings[rows]

    def scores(self, users: _Floats) -> _Floats:
        return _with_fallback(dot_products(users, self.movie_embeddings), users, self.popularity)

    def similar_to(self, movie: int) -> _Values:
        """The cosine; an embedding without length is like none."""
        embeddings = self._directions.astype(np.float64)
        lengths = np.linalg.norm(embeddings, axis=1)
        products = lengths * lengths[movie]
        cosines: _Values = (embeddings @ embeddings[movie]) / np.where(products > 0, products, 1)
        return cosines

    def vectors(self, movies: _Rows) -> _Floats:
        return self._directions[movies]

    @property
    def _directions(self) -> _Floats:
        return self.movie_embeddings[:, :-1] if self.has_bias else self.movie_embeddings


@dataclass(frozen=True)
class ItemSums:
    """Scores by the sum of weights; a user's vector says how often each movie counts: [n_movies].

    The sums are those of a sparse product, number by number, so that lists are the evaluation's.
    """

    histories: Histories
    popularity: _Floats | None  # [n_movies], for users of zeros; None: they get zeros
    weights: Weights
    is_regression: bool = True  # whether weights predict histories; else they say how alike movies are
    strength: float = 1.0  # what weights were multiplied by before they were saved

    def users(self, rows: _Rows) -> _Floats:
        return self.histories.users(rows)

    def scores(self, users: _Floats) -> _Floats:
        scores = np.zeros_like(users)
        for own, user in zip(scores, users, strict=True):
            movies = np.flatnonzero(user)
            for movie, one in zip(movies, self.weights.of(movies.tolist()), strict=True):
                own[one.columns] += user[movie] * one.values
        return _with_fallback(scores, users, self.popularity)

    def of_new_user(self, movies: _Rows) -> ItemSums:
        """What scores for a new user who named n movies, and who knows others that nobody asked for.

        To the weights B, what is not in a history was not watched; here it is unknown. So a movie i counts by
        the row (eᵢ − t p)(B + 4 t B²), where t = 20 / (20 + n) is how little of the user is known and p is
        the average history: less what would be added for anybody, and with the movies not named, which count
        by their scores (a step of filling in missing values). With many opinions t goes to 0, the row to B's.
        """
        unknown = unknown_share(len(movies))
        return _SumsOfNewUser(
            self.histories,
            self.popularity,
            _RowsOfNewUser(self, movies, unknown),
            self.is_regression,
            self.strength,
            of_data=self,
            unknown=unknown,
        )

    def _told(self, movies: _Rows, unknown: float) -> _Floats:
        """The rows (eᵢ − t p)(B + 4 t B²) of some movies, times the strength: [n, n_movies]."""
        alone = np.zeros((len(movies), self.histories.n_movies), np.float32)
        alone[np.arange(len(movies)), movies] = 1
        return self._filled_in(alone, unknown)

    def _filled_in(self, users: _Floats, unknown: float) -> _Floats:
        """The same of sums of movies, [b, n_movies]: [b, n_movies]."""
        named = np.flatnonzero(users.any(axis=0))
        told = users[:, named] @ self.vectors(named)
        told -= np.float32(unknown) * users.sum(axis=1, keepdims=True) * self.histories.average_scores
        return told + np.float32(UNTOLD * unknown / self.strength) * self.weights.product(told)

    def similar_to(self, movie: int) -> _Values:
        similar: _Values = self.similar_to_each(np.array([movie]))[0]
        return similar

    def similar_to_each(self, movies: _Rows) -> _Values:
        """What goes with each of some movies: [b, n_movies].

        As for a new user who named it alone, over the root of how often that is. Weights that say how alike
        movies are need none of this.
        """
        if not self.is_regression:
            of_weights: _Values = self.vectors(movies).astype(np.float64)
            return of_weights
        alone = self._told(movies, unknown_share(1))
        times = self.histories.average.astype(np.float64) * len(self.histories.movie)
        similar: _Values = alone / np.sqrt(times + FEW)
        return similar

    def vectors(self, movies: _Rows) -> _Floats:
        vectors = np.zeros((len(movies), self.histories.n_movies), np.float32)
        for own, one in zip(vectors, self.weights.of(movies.tolist()), strict=True):
            own[one.columns] = one.values
        return vectors

    def contributions(self, user: _Floats, movies: _Rows) -> tuple[npt.NDArray[np.int64], _Values]:
        """The movies in a user's vector, [n_known], and what each adds to some scores, [n_known, n].

        That is less what it adds to the average score, in double precision.
        """
        known = np.flatnonzero(user)
        added = user[known, None].astype(np.float64) * self.vectors(known)  # [n_known, n_movies]
        return known, added[:, movies] - added.mean(axis=1, keepdims=True)


@dataclass(frozen=True)
class _RowsOfNewUser:
    """Of the movies that they named, which only reasons need one by one."""

    of_data: ItemSums
    named: _Rows
    unknown: float

    @cached_property
    def _rows(self) -> _Floats:
        return self.of_data._told(self.named, self.unknown)

    def of(self, movies: Sequence[int]) -> list[WeightsOf]:
        places = {movie: place for place, movie in enumerate(self.named.tolist())}
        return [WeightsOf(slice(None), self._rows[places[movie]]) for movie in movies]

    def product(self, users: _Floats) -> _Floats:
        product: _Floats = users[:, self.named] @ self._rows
        return product


@dataclass(frozen=True)
class _SumsOfNewUser(ItemSums):
    """Their scores need none of their rows."""

    of_data: ItemSums = field(kw_only=True)
    unknown: float = field(kw_only=True)

    def scores(self, users: _Floats) -> _Floats:
        return _with_fallback(self.of_data._filled_in(users, self.unknown), users, self.popularity)


@dataclass(frozen=True)
class ProductsAndSums:
    """Scores by both: a user's vector is their embedding and, behind it, how often each movie counts."""

    products: DotProducts
    sums: ItemSums
    of_kinds: _Floats | None = None  # [n_movies], of a new user: what the genres that they like add

    @property
    def dim(self) -> int:
        """Of the embeddings."""
        return len(self.products.movie_embeddings[0])

    def users(self, rows: _Rows) -> _Floats:
        return np.concatenate([self.products.users(rows), self.sums.users(rows)], axis=1)

    def scores(self, users: _Floats) -> _Floats:
        scores = self.products.scores(users[:, : self.dim]) + self.sums.scores(users[:, self.dim :])
        return scores if self.of_kinds is None else scores + self.of_kinds

    def similar_to(self, movie: int) -> _Values:
        return self.sums.similar_to(movie)

    def similar_to_each(self, movies: _Rows) -> _Values:
        """As that of `ItemSums`: [b, n_movies]."""
        return self.sums.similar_to_each(movies)

    def vectors(self, movies: _Rows) -> _Floats:
        return self.products.vectors(movies)
