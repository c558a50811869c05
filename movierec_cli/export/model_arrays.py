"""The arrays of an exported model, and what it computes from them: the same for every format.

The result is the `k` movies of the highest scores, equal scores in the order of the catalogue. A score is the
dot product of two embeddings, or the sum of weights from the movies of the user's history, or both, summed in
double precision and rounded once, so that it does not depend on the order in which a library adds; what is
excluded has minus infinity. A user whom the model does not know gets the movies by how many users of the run
rated them: unlike with a mean of embeddings, the accuracy of that list is measured, by `movierec train` for
the popularity baseline. Places without a movie hold the id `NO_MOVIE_ID`, the title "" and minus infinity. A
movie that has several ids is there once, by the first of its best, and is left out by any of them. Ids that
are texts are texts of the exported model too, in UTF-8, with "" for `NO_MOVIE_ID`.

Inputs of a model for TensorFlow or ONNX: `user_id` [b]; `k`, negative is 0; `exclude` [b, n] or [1, n], ids
of movies that may be unknown, such as `NO_MOVIE_ID` to fill rows up; `include_seen`; where it sees time also
`seconds` [b] or [1], since 1970-01-01 UTC, or -1 for as of the last training rating. Outputs: `movie_id`,
`title` and `score`, each [b, k], and `known` [b].

A model of sequences also has `watched` [b, n], ids of movies, oldest first, with `NO_MOVIE_ID` and ids that
the catalogue does not have anywhere between them: a row that names a movie is a new user's, who is known by
that history whatever their `user_id` is. Where the model sees times, it has `watched_at` [b, n] too, the
seconds of each, and where it sees the query's time also `seconds`, of new users alone: -1 is right after the
last movie.
"""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
import numpy.typing as npt

from movierec_cli.config import QUERY_TIME, TIME_GAP, Feature
from movierec_cli.data.dataset import are_texts
from movierec_cli.errors import MovierecError
from movierec_cli.models.feature_encodings import Vocabulary
from movierec_cli.recommend.run_choice import FOR_HISTORIES
from movierec_cli.recommend.users import context_vocabularies
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run
from movierec_cli.scoring.towers import Tower

NO_MOVIE_ID = -1
LAST_CODES = "last_codes"
WATCHED, WATCHED_AT, SECONDS = "watched", "watched_at", "seconds"
"""Inputs of a model of sequences."""
MOST_WEIGHED = 8_192
"""Of a matrix of weights: 256 MB."""


def encoded(texts: Iterable[str]) -> npt.NDArray[np.object_]:
    """UTF-8, as servers and runtimes demand it, whatever a file of texts held: [n] bytes."""
    return np.array([text.encode("utf-8", "replace") for text in texts], object)


@dataclass(frozen=True)
class ContextTower:
    """The query tower, with what makes the codes of its contexts from a time.

    Under `LAST_CODES` is each user's code at their last training rating, which is that of a column of ratings
    at any time.
    """

    tower: Tower
    contexts: tuple[tuple[Feature, Vocabulary], ...]  # in the order of the tower's


@dataclass(frozen=True)
class ModelArrays:
    """A trained model's run as an exported model holds it. Rows of users and movies are the run's own."""

    run: Run

    @property
    def n_movies(self) -> int:
        return len(self.run.artifacts.movie_ids)

    @property
    def popularity(self) -> npt.NDArray[np.float32]:
        """How many users rated each movie: [n_movies]; exact below 2 ** 24."""
        return self.run.popularity.astype(np.float32)

    @cached_property
    def embeddings(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Of users, [n_users, dim], and of movies, [n_movies, dim]: their product is the score.

        Of a baseline, one number more: 1 for users without history, who get the popularity in training. Of
        a model of weights, this is not all of the score: `weights`.
        """
        artifacts = self.run.artifacts
        users, movies = artifacts.user_embeddings, artifacts.movie_embeddings
        if artifacts.popularity is None:
            return users, movies
        is_cold = ~users.any(axis=1, keepdims=True)
        if self.run.record.config.family.has_item_weights:
            is_cold = np.diff(self.run.histories.starts)[:, None] == 0
        popularity = artifacts.popularity[:, None]
        return np.hstack([users, is_cold.astype(np.float32)]), np.hstack([movies, popularity])

    @cached_property
    def weights(self) -> npt.NDArray[np.float32] | None:
        """What each movie of a user's history (row) adds to scores (columns), [n_movies, n_movies]; or None.

        Raises:
            MovierecError: there are too many movies for a matrix of all by all.
        """
        record, n = self.run.record, self.n_movies
        if not record.config.family.has_item_weights:
            return None
        if n > MOST_WEIGHED:
            raise MovierecError(
                f"{record.name} adds up weights from {record.data.noun} to {record.data.noun}, which this"
                f" format holds for up to {MOST_WEIGHED:,} {record.data.noun}s, and there are {n:,}; use"
                " --format npz"
            )
        known, weights = self.run.histories, np.zeros((n, n), np.float32)
        for row, own in enumerate(weights):
            one = self.run.item_weights.at(known.place_of(row))
            own[one.columns] = one.values
        return weights

    @property
    def output_ids(self) -> npt.NDArray[np.int64] | npt.NDArray[np.object_]:
        """The movies' ids, and `NO_MOVIE_ID` or an empty text behind them: [n_movies + 1]."""
        ids = self.run.artifacts.movie_ids
        return encoded([*ids, ""]) if are_texts(ids) else np.append(ids, NO_MOVIE_ID)

    @property
    def output_titles(self) -> npt.NDArray[np.object_]:
        """The titles, and an empty one behind them: [n_movies + 1] bytes."""
        return encoded([*self.run.catalogue.title, ""])

    @property
    def history_inputs(self) -> tuple[str, ...]:
        """Those by which a model of sequences is told of new users' histories; none of other models."""
        config = self.run.record.config
        if not FOR_HISTORIES.is_served_by(self.run.record):
            return ()
        sees_query = QUERY_TIME in config.feature_set
        times = (WATCHED_AT,) if sees_query or TIME_GAP in config.feature_set else ()
        return (WATCHED, *times, *((SECONDS,) if sees_query else ()))

    @cached_property
    def context_tower(self) -> ContextTower | None:
        """What embeds users at any time; None of a model that does not see it.

        Contexts are found by name: their order in the vocabularies may be another.
        """
        family = self.run.record.config.family
        if not family.is_trained or family.is_sequential:
            return None
        towers = self.run.towers
        if all(feature.origin is not None for feature in self.run.record.config.feature_set.of_time):
            return None  # none is seen, or none that can be computed without its package
        fitted = context_vocabularies(self.run).items()
        return ContextTower(
            towers.query,
            tuple(
                (feature, vocabulary | {LAST_CODES: codes})
                for (feature, vocabulary), codes in zip(fitted, towers.codes.T, strict=True)
            ),
        )
