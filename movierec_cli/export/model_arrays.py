"""The arrays of an exported model, and what it computes from them: the same for every format.

The result is the `k` movies of the highest scores, equal scores in the order of the catalogue. A score is the
dot product of two embeddings, summed in double precision and rounded once, so that it does not depend on the
order in which a library adds; what is excluded has minus infinity. A user whom the model does not know gets
the movies by how many users of the run rated them: unlike with a mean of embeddings, the accuracy of that
list is measured, by `movierec train` for the popularity baseline. Places without a movie hold the id
`NO_MOVIE_ID`, the title "" and minus infinity.

Inputs of a model for TensorFlow or ONNX: `user_id` [b]; `k`, negative is 0; `exclude` [b, n] or [1, n], ids
of movies that may be unknown, such as -1 to fill rows up; `include_seen`; where it sees time also `seconds`
[b] or [1], since 1970-01-01 UTC, or -1 for as of the last training rating. Outputs: `movie_id`, `title` and
`score`, each [b, k], and `known` [b].
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Feature
from movierec_cli.models.feature_encodings import Vocabulary
from movierec_cli.recommend.users import context_vocabularies
from movierec_cli.registry.store import Run
from movierec_cli.scoring.towers import Tower

NO_MOVIE_ID = -1

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ContextTower:
    """The query tower, with what makes the codes of its contexts from a time."""

    tower: Tower
    contexts: tuple[tuple[Feature, Vocabulary], ...]  # in the order of the tower's


@dataclass(frozen=True)
class ModelArrays:
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
    context_tower: ContextTower | None  # None of a model that does not see time

    @property
    def n_movies(self) -> int:
        return len(self.movie_ids)

    @property
    def output_ids(self) -> npt.NDArray[np.int64]:
        """The movies' ids, and `NO_MOVIE_ID` behind them: [n_movies + 1]."""
        return np.append(self.movie_ids, NO_MOVIE_ID)

    @property
    def output_titles(self) -> npt.NDArray[np.object_]:
        """The titles, and an empty one behind them: [n_movies + 1] bytes.

        UTF-8, as servers and runtimes demand it, whatever a file of titles held.
        """
        return np.array([*(title.encode("utf-8", "replace") for title in self.titles), b""], object)


def model_arrays(run: Run) -> ModelArrays:
    """Reads the arrays of a trained model's run. Raises a `SavedModelError` where it is damaged."""
    artifacts, known = run.artifacts, run.user_ratings
    return ModelArrays(
        user_ids=artifacts.user_ids,
        movie_ids=artifacts.movie_ids,
        titles=tuple(run.catalogue.title),
        user_embeddings=artifacts.user_embeddings,
        movie_embeddings=artifacts.movie_embeddings,
        popularity=known.popularity(len(artifacts.movie_ids)).astype(np.float32),
        seen_starts=known.starts,
        seen_movies=known.movie,
        seen_seconds=known.seconds,
        context_tower=_context_tower(run),
    )


def sees_time(run: Run) -> bool:
    """Whether the run's query tower has contexts, which depend on the time."""
    return not run.record.config.family.is_sequential and run.towers.query.n_contexts > 0


def _context_tower(run: Run) -> ContextTower | None:
    """Contexts are found by name: their order in the vocabularies may be another."""
    if not sees_time(run):
        return None
    return ContextTower(run.towers.query, tuple(context_vocabularies(run).items()))
