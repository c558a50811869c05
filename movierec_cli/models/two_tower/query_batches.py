"""Queries with their positives, and batches of them as flat arrays, made anew each epoch without a loop."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Feature
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.models.feature_encodings import (
    NO_ROW,
    Rows,
    Vocabulary,
    codes_at,
    context_codes,
    own_codes,
)
from movierec_cli.records import dataclass


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
    queries, query_of = unique_queries(dataset, rows, vocabularies)
    positives, order = RaggedRows.group_with_order(query_of, dataset.ratings.movie_index[rows], len(queries))
    return GroupedInteractions(queries, positives, order)


def unique_queries(
    dataset: Dataset, rows: Rows, vocabularies: dict[Feature, Vocabulary]
) -> tuple[Queries, npt.NDArray[np.int64]]:
    """The different queries behind the ratings at `rows`, and which of them each rating's is."""
    users = dataset.ratings.user_index[rows]
    contexts = codes_at(dataset, rows, vocabularies)  # [n, n_contexts]
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
    row = np.full(len(last), NO_ROW)  # of each user's last rating; the file's last where several are
    is_last = ratings.timestamp[rows] == last[ratings.user_index[rows]]
    np.maximum.at(row, ratings.user_index[rows][is_last], rows[is_last])
    return Queries(users, context_codes(vocabularies, users, last, own_codes(dataset, row)))


MAX_CLASSES = 2**15
"""Movies that every step compares with; of a larger catalogue, a step takes `CLASSES`."""
CLASSES = 3 * 2**12
CHANCE_EXPONENT = 0.75
"""Of a movie's interactions, to its chance of being a class: Mikolov et al. 2013, "Distributed
Representations of Words and Phrases and their Compositionality"."""

# A step's movie tower, optimizer and averaging cost the same however many queries it has, and on
# validation an epoch in a dozen large steps taught as much as one in fifty small ones.
CATALOGUE_BATCHES_PER_EPOCH = 12
MAX_QUERIES = 2048
MAX_SCORES = 2**26  # of a batch, 256 MB
SAMPLED_QUERIES = 2**10
"""Queries of a step that compares with a part of the catalogue."""
QUERY_PARTS = 4
"""In which these are compared with the movies, one after the other: the scores of a quarter, 12 MB, are still
in the processor's caches where they are read again."""
IN_BATCH_INTERACTIONS = 4096


def catalogue_batch_size(n_queries: int, n_movies: int) -> int:
    """Queries a step where the user does not say.

    The places of positives among all movies, which are numbers of 32 bits, bound it for a huge catalogue.
    """
    most = min(MAX_QUERIES, max(1, MAX_SCORES // n_movies))
    if n_movies > MAX_CLASSES:
        most = min(SAMPLED_QUERIES, max(1, (2**31 - 1) // n_movies))
    return min(most, -(-n_queries // CATALOGUE_BATCHES_PER_EPOCH))


SHAPES_UP_TO_MEAN = 4  # padding wastes an eighth on average

Batch = dict[str, npt.NDArray[Any]]


def positive_weights(interactions: GroupedInteractions, exponent: float) -> npt.NDArray[np.float32]:
    """The weight of each positive of a query with n of them, n^−exponent: [n_queries], mean 1 over positives.

    With 0 every rating weighs alike, with 1 every query does.
    """
    n = np.maximum(interactions.positives.lengths, 1).astype(np.float64)
    weights = n**-exponent
    scaled: npt.NDArray[np.float32] = (weights * (n.sum() / (weights * n).sum())).astype(np.float32)
    return scaled


@dataclass(frozen=True)
class SampledClasses:
    """The movies of a large catalogue that a step's positives are compared with.

    Each is among them with a chance that grows with its interactions, those with most always; one of chance p
    stands for 1 / p movies like it. So the expectation of the softmax's denominator is that of the whole
    catalogue (Horvitz & Thompson 1952, "A Generalization of Sampling Without Replacement From a Finite
    Universe"), and as scores follow popularity above all, its terms, weighted so, are much alike.
    Where rare movies had the same chance each, NDCG@10 was 6 % below that of the whole catalogue.
    """

    head: npt.NDArray[np.int32]  # [n_head], movie rows, whose chance is 1
    tail: npt.NDArray[np.int32]  # [n_tail], all others
    chances: npt.NDArray[np.float64]  # [n_tail], below 1; their sum is a whole number, of those to be drawn

    @classmethod
    def of(cls, counts: npt.NDArray[np.int64]) -> SampledClasses | None:
        """From each movie's interactions, [n_movies]; None where the catalogue is small enough for a step."""
        if len(counts) <= MAX_CLASSES:
            return None
        sizes = (counts + 1.0) ** CHANCE_EXPONENT  # a movie without interactions can be drawn
        order = np.argsort(-sizes, kind="stable").astype(np.int32)
        of_order = sizes[order]
        left = np.cumsum(of_order[::-1])[::-1]  # of this one and all after it
        chances = (CLASSES - np.arange(len(order))) * of_order / left  # were all before it certain
        n_head = int(np.argmax(np.append(chances, 0) < 1))
        tail = order[n_head:]
        of_tail = (CLASSES - n_head) * sizes[tail] / sizes[tail].sum()
        return cls(np.sort(order[:n_head]), tail, of_tail)

    @property
    def n_classes(self) -> int:
        """Of a step."""
        return len(self.head) + self._n_drawn

    @cached_property
    def _n_drawn(self) -> int:
        return round(float(self.chances.sum()))

    @property
    def log_weights(self) -> npt.NDArray[np.float32]:
        """How many movies each movie stands for where it is a class, its logarithm: [n_movies]."""
        weights = np.zeros(len(self.head) + len(self.tail), np.float32)
        weights[self.tail] = -np.log(self.chances)
        return weights

    def draw(self, generator: np.random.Generator) -> npt.NDArray[np.int32]:
        """The classes of one step: [n_classes], movie rows, each once.

        Systematic sampling in random order: Madow 1949, "On the theory of systematic sampling, II".
        """
        if self._n_drawn == 0:
            return self.head
        order = generator.permutation(len(self.tail))
        reached = np.cumsum(self.chances[order])
        reached *= self._n_drawn / reached[-1]
        places = np.searchsorted(reached, generator.random() + np.arange(self._n_drawn), side="right")
        return np.concatenate([self.head, self.tail[order[places]]])


@dataclass(frozen=True)
class CatalogueBatches:
    """Batches of unique queries with all their positives, for the catalogue softmax.

    Where `history` is given (each user's training movies), every query draws a share between 0 and 1 and
    that share of its user's movies at random as input; its targets are those of its positives that were
    not sampled, so that no movie predicts itself. With `completes`, all positives are targets: the model
    learns to complete a history of any length (a denoising autoencoder; Liang et al. 2018, "Variational
    Autoencoders for Collaborative Filtering", without the share's range).
    """

    interactions: GroupedInteractions
    n_movies: int
    batch_size: int  # queries
    weights: npt.NDArray[np.float32]  # [n_queries], of each positive of a query
    history: RaggedRows | None = None
    completes: bool = False
    classes: SampledClasses | None = None  # None: all movies

    @property
    def n_batches(self) -> int:
        """Batches in an epoch, all of one size."""
        return -(-len(self.interactions.queries) // self.batch_size)

    @property
    def mean_positives(self) -> float:
        """Interactions of an average batch: what a batch's summed loss is divided by."""
        return self.interactions.n_interactions / self.n_batches

    def epoch(self, generator: np.random.Generator) -> Iterator[Batch]:
        """Every query once, in random order; the last batch is filled up with queries that do not count."""
        n_queries = len(self.interactions.queries)
        size = -(-n_queries // self.n_batches)
        order = np.resize(generator.permutation(n_queries), size * self.n_batches)
        for start in range(0, len(order), size):
            yield self._batch(order[start : start + size], min(size, n_queries - start), generator)

    def _batch(self, rows: npt.NDArray[np.int64], n_counting: int, generator: np.random.Generator) -> Batch:
        batch = query_batch(self.interactions.queries.take(rows))
        positives = flat_places(self.interactions.positives, rows[:n_counting], self.n_movies)  # [p]
        if self.history is not None:
            batch["history"] = _draw_history(self.history, batch["user_index"], self.n_movies, generator)
            if not self.completes:
                positives = positives[~np.isin(positives, batch["history"])]
        weights = self.weights[rows][positives // self.n_movies]
        if self.classes is not None:
            batch["movies"], positives = self._needed(self.classes.draw(generator), positives)
        return batch | self._padded(positives, weights)

    def _needed(
        self, classes: npt.NDArray[np.int32], positives: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """The movies that a step needs, its classes first, and the positives by their places among these."""
        owner, movie = np.divmod(positives, self.n_movies)
        is_other = np.zeros(self.n_movies, bool)
        is_other[movie] = True
        is_other[classes] = False
        needed = np.concatenate([classes, np.flatnonzero(is_other).astype(np.int32)])
        place = np.empty(self.n_movies, np.int32)
        place[needed] = np.arange(len(needed))
        return needed, owner * self.n_movies + place[movie]

    def _padded(self, positives: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]) -> Batch:
        """Positives and their weights, padded to one of a few lengths: each is compiled for."""
        step = max(1, round(self.mean_positives / SHAPES_UP_TO_MEAN))
        n_padding = -len(positives) % step
        return {"positives": np.pad(positives, (0, n_padding)), "weights": np.pad(weights, (0, n_padding))}


@dataclass(frozen=True)
class InteractionBatches:
    """Batches of single interactions, for the in-batch softmax.

    Where `history` is given, each interaction's query sees a random part of its user's training movies,
    never the interaction's own.
    """

    interactions: GroupedInteractions
    n_movies: int
    batch_size: int  # interactions
    history: RaggedRows | None = None
    stars: npt.NDArray[np.float32] | None = None  # [n_interactions], for a model that predicts ratings

    @property
    def n_batches(self) -> int:
        """Batches in an epoch; they differ by one interaction at most."""
        return -(-self.interactions.n_interactions // self.batch_size)

    def epoch(self, generator: np.random.Generator) -> Iterator[Batch]:
        """Every interaction once, in random order."""
        positives = self.interactions.positives
        query_of = np.repeat(np.arange(len(positives)), positives.lengths)
        order = generator.permutation(len(query_of))
        for places in np.array_split(order, self.n_batches):
            batch = query_batch(self.interactions.queries.take(query_of[places]))
            batch["movie_index"] = positives.values[places]
            if self.stars is not None:
                batch["stars"] = self.stars[places]
            if self.history is not None:
                history = _draw_history(self.history, batch["user_index"], self.n_movies, generator)
                own = np.arange(len(places)) * self.n_movies + batch["movie_index"]
                batch["history"] = history[~np.isin(history, own)]
            yield batch


def query_batch(queries: Queries) -> Batch:
    """The part of a batch that the query tower reads, the history apart."""
    return {"user_index": queries.user_index, "contexts": queries.contexts}


def flat_places(
    movies: RaggedRows, rows: npt.NDArray[np.integer[Any]], n_movies: int
) -> npt.NDArray[np.int32]:
    """For the movie lists at `rows` [b]: each movie's place in a flattened [b, n_movies], int32 [n]."""
    owner, place = movies.places(rows)
    return (owner * n_movies + movies.values[place]).astype(np.int32)


def _draw_history(
    history: RaggedRows, user_index: npt.NDArray[np.int32], n_movies: int, generator: np.random.Generator
) -> npt.NDArray[np.int32]:
    """A random part of each user's history, of a random share, as `flat_places` gives the whole."""
    whole = flat_places(history, user_index, n_movies)
    share = generator.random(len(user_index), np.float32)
    return whole[generator.random(len(whole), np.float32) < share[whole // n_movies]]
