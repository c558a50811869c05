"""What an exported model answers from, and how: the same for every format.

An answer is the `k` movies of the highest scores, equal scores in the order of the catalogue. A score is the
dot product of two embeddings, summed in double precision and rounded once, so that it does not hang on the
order in which a library adds; what is excluded has minus infinity. Somebody the model does not know gets the
movies by how many users of the run rated them: unlike a mean of embeddings, that is a list whose worth is
measured, as `movierec train` does for the baseline of that name. Places that no movie is left for hold the id
`NO_MOVIE_ID`, the title "" and minus infinity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Feature
from movierec_cli.models.features import Vocabulary
from movierec_cli.recommend.run_choice import FOR_USERS
from movierec_cli.recommend.users import context_vocabularies
from movierec_cli.registry.store import Run
from movierec_cli.scoring.towers import Tower

NO_MOVIE_ID = -1

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Moments:
    """How a user is seen at any moment."""

    tower: Tower
    contexts: tuple[tuple[Feature, Vocabulary], ...]  # in the order of the tower's


@dataclass(frozen=True)
class Served:
    """A run's arrays. Rows of users and movies are the run's own."""

    user_ids: npt.NDArray[np.int64]  # [n_users]
    movie_ids: npt.NDArray[np.int64]  # [n_movies]
    titles: tuple[str, ...]  # [n_movies]
    user_embeddings: Floats  # [n_users, dim], as of each user's last training rating
    movie_embeddings: Floats  # [n_movies, dim]
    popularity: Floats  # [n_movies], how many users rated each; exact below 2 ** 24
    seen_starts: npt.NDArray[np.int64]  # [n_users + 1], where each user's ratings begin
    seen_movies: npt.NDArray[np.int32]  # [n_ratings], rows
    seen_seconds: npt.NDArray[np.int64]  # [n_ratings], since 1970-01-01 UTC
    moments: Moments | None  # None of a model that does not see time

    @property
    def n_movies(self) -> int:
        return len(self.movie_ids)


def served(run: Run) -> Served:
    """Reads what a run's model answers from.

    Raises:
        MovierecError: the run is a baseline.
        SavedModelError: the run is damaged.
    """
    FOR_USERS.require(run.record)
    artifacts, known = run.artifacts, run.user_ratings
    return Served(
        user_ids=artifacts.user_ids,
        movie_ids=artifacts.movie_ids,
        titles=tuple(run.catalogue.title),
        user_embeddings=artifacts.user_embeddings,
        movie_embeddings=artifacts.movie_embeddings,
        popularity=known.popularity(len(artifacts.movie_ids)).astype(np.float32),
        seen_starts=known.starts,
        seen_movies=known.movie,
        seen_seconds=known.seconds,
        moments=_moments(run),
    )


def sees_time(run: Run) -> bool:
    """Whether the run's arrays say how a user is seen at any moment."""
    return not run.record.config.family.is_sequential and run.towers.query.n_contexts > 0


def _moments(run: Run) -> Moments | None:
    """Contexts are found by name: a vocabulary's place in a file says nothing about the tower."""
    if not sees_time(run):
        return None
    return Moments(run.towers.query, tuple(context_vocabularies(run).items()))


def encoded(title: str) -> bytes:
    """UTF-8, as servers and runtimes demand it, whatever a file of titles held."""
    return title.encode("utf-8", "replace")
