"""What a run's folder holds beside its record: which parts, and in which files, follows from its family."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Family
from movierec_cli.data.dataset import Dataset, Movies
from movierec_cli.data.id_index import IdIndex
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.registry import codec
from movierec_cli.registry.serialization import JSON
from movierec_cli.registry.user_ratings import UserRatings
from movierec_cli.scoring.rating_head import RatingHead
from movierec_cli.scoring.towers import Towers


@dataclass(frozen=True)
class RunArtifacts:
    """A trained model as plain arrays and vocabularies: what rebuilds and serves it.

    Raises:
        ValueError: shapes or dtypes do not fit together.
    """

    weights: dict[str, npt.NDArray[Any]]  # by variable, enough to rebuild the model
    vocabularies: dict[str, JSON]  # what each feature was fitted to, by feature
    user_ids: Annotated[npt.NDArray[np.int64], "n_users"]
    movie_ids: Annotated[npt.NDArray[np.int64], "n_movies"]
    user_embeddings: Annotated[npt.NDArray[np.float32], "n_users", "dim"]
    """As queries at their last training rating."""
    movie_embeddings: Annotated[npt.NDArray[np.float32], "n_movies", "dim"]

    def __post_init__(self) -> None:
        codec.check_arrays(self)


@dataclass(frozen=True, kw_only=True)
class RunParts:
    """What a run can have; None where its family has no such part (`PARTS`)."""

    outcome: Outcome | None = None
    artifacts: RunArtifacts | None = None
    catalogue: Movies | None = None
    user_ratings: UserRatings | None = None
    towers: Towers | None = None
    rating_outcome: RatingOutcome | None = None
    rating_head: RatingHead | None = None

    def contents(self) -> dict[str, bytes]:
        """The content of each file that holds a part, by file name."""
        parts = {part.file_name: getattr(self, name) for name, part in PARTS.items()}
        return {file_name: codec.to_bytes(value) for file_name, value in parts.items() if value is not None}

    def with_data(self, source: Dataset, movies: Movies) -> RunParts:
        """Adds the catalogue and the users' ratings, so that using a trained model needs no data set.

        Args:
            source: the whole data set: what was left out of training is known to its users all the same.
            movies: the run's own, in the order of its arrays.
        """
        if self.artifacts is None:
            return self
        known = UserRatings.from_ratings(
            source.ratings,
            IdIndex(self.artifacts.user_ids).rows(source.users.user_id),
            IdIndex(self.artifacts.movie_ids).rows(source.movies.movie_id),
            len(self.artifacts.user_ids),
        )
        return dataclasses.replace(self, catalogue=movies, user_ratings=known)


@dataclass(frozen=True)
class Part:
    """The file of a part, and whether a run of a family has it."""

    file_name: str
    belongs_to: Callable[[Family], bool]


PARTS = {
    "outcome": Part("outcome.npz", lambda family: family.ranks),
    "artifacts": Part("artifacts.npz", lambda family: family.is_trained),
    "catalogue": Part("catalogue.npz", lambda family: family.is_trained),
    "user_ratings": Part("user_ratings.npz", lambda family: family.is_trained),
    "towers": Part("towers.npz", lambda family: family.is_trained and not family.is_sequential),
    "rating_outcome": Part("ratings.npz", lambda family: family.rates),
    "rating_head": Part("rating_head.npz", lambda family: family.is_trained and family.rates),
}
"""By attribute of `RunParts` and of `store.Run`."""


def files_of(family: Family) -> set[str]:
    """The names of the files that a run of this family has, no more and no fewer."""
    return {part.file_name for part in PARTS.values() if part.belongs_to(family)}
