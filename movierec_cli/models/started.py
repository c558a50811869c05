"""A training that goes on from a saved model, its parent, on data that have grown.

Users and items that the parent knows keep the rows that it learned; those it does not know begin as in a new
training. What features were fitted to stays the parent's, so that their weights mean what they meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Feature, Side
from movierec_cli.config.features import FEATURES
from movierec_cli.data.dataset import Dataset, IdIndex, Ids, are_texts
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.models.feature_encodings import Rows, Vocabulary, encode_features, fit_features
from movierec_cli.records import dataclass
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run

_TENURE = FEATURES["user_tenure"]
_Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Known:
    """Where rows of a parent's table are in a larger one, or a smaller one."""

    n_parent: int  # rows of the parent's table
    of_parent: Rows  # [n_known]
    here: Rows  # [n_known]

    @classmethod
    def of(cls, parent: Ids, here: Ids) -> Known:
        """By the ids of both tables' rows; no number is a text's id."""
        if are_texts(parent) is not are_texts(here):
            return cls(len(parent), np.zeros(0, np.int64), np.zeros(0, np.int64))
        rows = IdIndex(parent).rows(here).astype(np.int64)
        found = np.flatnonzero(rows >= 0)
        return cls(len(parent), rows[found], found)

    def grown(self, new: _Array, learned: _Array) -> _Array:
        """A new table, [n, …], with what was learned, [n_parent, …], in its known rows.

        Raises:
            ValueError: the tables do not fit.
        """
        if learned.shape != (self.n_parent, *new.shape[1:]):
            raise ValueError(f"a table is of shape {learned.shape}, not {(self.n_parent, *new.shape[1:])}")
        table = new.copy()
        table[self.here] = learned[self.of_parent]
        return table


@dataclass(frozen=True)
class Start:
    """What a parent brings to another data set."""

    parent: Run
    users: Known
    movies: Known

    @classmethod
    def of(cls, parent: Run, dataset: Dataset) -> Start:
        """Of a parent whose settings fit.

        Raises:
            MovierecError: it knows none of the items.
        """
        artifacts = parent.artifacts
        users = Known.of(artifacts.user_ids, dataset.users.user_id)
        movies = Known.of(artifacts.movie_ids, dataset.movies.movie_id)
        if not len(movies.here):
            raise MovierecError(
                f"{parent.record.name} knows none of the {dataset.noun}s of these data by its id, so nothing"
                " that it learned can be kept; start from a model of these data, or leave --start_from out"
            )
        return cls(parent, users, movies)

    def weights(
        self, new: Sequence[_Array], learned: Sequence[_Array], tables: Sequence[Known | None]
    ) -> list[_Array]:
        """What a model begins with.

        Args:
            new: its weights as those of a new training.
            learned: the parent's, in the same order.
            tables: of each, whose rows it has; None: no user's or item's.

        Raises:
            SavedModelError: they are not those of such a model.
        """
        try:
            return [
                _same(one, own) if table is None else table.grown(one, own)
                for one, own, table in zip(new, learned, tables, strict=True)
            ]
        except ValueError as error:
            raise SavedModelError(
                f"{self.parent.folder}: its weights are not those of a model with its settings: {error}"
            ) from error


def _same(new: _Array, learned: _Array) -> _Array:
    if learned.shape != new.shape:
        raise ValueError(f"a weight is of shape {learned.shape}, not {new.shape}")
    return learned


def features_of(
    dataset: Dataset, rows: Rows, config: RunConfig, source: Run | None
) -> dict[Feature, Vocabulary]:
    """What the features of a model are fitted to.

    Args:
        dataset: that it is trained on.
        rows: of the training part.
        config: of the run.
        source: the run whose weights it goes on from, if what features were fitted to stays as it is there.

    Raises:
        MovierecError: these data have values that the source's features cannot be read off.
    """
    own = fit_features(dataset, rows, config.feature_set)
    if source is None:
        return own
    saved = source.artifacts.vocabularies
    try:
        kept: dict[Feature, Vocabulary] = {feature: dict(saved[str(feature)]) for feature in own}  # type: ignore[arg-type]
        if _TENURE in kept:  # it has a number for each user
            kept[_TENURE]["first"] = own[_TENURE]["first"]
        for side in Side:
            encode_features(dataset, kept, side)
    except (LookupError, TypeError, ValueError) as error:
        raise MovierecError(
            f"the features of {source.record.name} cannot be read off these data ({error}); train anew,"
            " without --start_from"
        ) from error
    return kept
