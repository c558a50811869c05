"""The item-item half of a hybrid: EASE's weights between the movies that were rated most.

Every user's ratings are weighted by n^−1/4, where n is their number: an error for a user of few ratings then
counts more than it does in Steck 2019, as it does in metrics that are means over users. Where a catalogue has
more than `MOST_MOVIES`, those rated most have weights, each to its `KEPT` strongest, and the towers alone
speak for the others.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from movierec_cli.models.baselines.baseline import TrainingRatings
from movierec_cli.models.baselines.ease import ease_weights, gram_matrix
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

USER_EXPONENT = 0.25
"""Of 0, .25 and .5 the best on a part of 1M's training ratings, by NDCG@10 and by recall@100."""
MOST_MOVIES = 8_192
KEPT = 512

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ItemEvidence:
    """Training ratings, ready for weights with any penalty."""

    part: TrainingRatings

    @cached_property
    def movies(self) -> npt.NDArray[np.int64]:
        """The rows of the movies that have weights, ascending: all, or those rated most."""
        order = np.argsort(-self.part.of_movie, kind="stable")
        return np.sort(order[:MOST_MOVIES])

    @cached_property
    def gram(self) -> Matrix:
        """The weighted number of users who rated both of two of these movies: [n, n]."""
        of_user = self.part.of_user.astype(np.float64)
        counts = np.maximum(of_user, 1) ** -USER_EXPONENT
        counts *= of_user.sum() / (counts * of_user).sum()  # so that penalties mean what they do without
        matrix = self.part.matrix
        own = matrix if len(self.movies) == self.part.n_movies else matrix[:, self.movies]
        return gram_matrix(own, counts.astype(np.float32))

    def weights(self, l2: float, *, draft: bool = False) -> Matrix | csr_matrix:
        """From a user's movies (rows) to scores (columns): [n_movies, n_movies], 0 on the diagonal.

        Args:
            l2: the penalty.
            draft: in single precision, to choose a penalty with.
        """
        own = ease_weights(self.gram, l2, np.float32 if draft else np.float64)
        if len(self.movies) == self.part.n_movies:
            return own
        return _among_all(own, self.movies, self.part.n_movies)


def _among_all(own: Matrix, movies: npt.NDArray[np.int64], n_movies: int) -> csr_matrix:
    """The strongest weights of each of some movies, in the places of the whole catalogue."""
    from scipy.sparse import csr_matrix

    kept = min(KEPT, len(own))
    strongest = np.sort(np.argpartition(-np.abs(own), kept - 1, axis=1)[:, :kept], axis=1)  # [n, kept]
    lengths = np.zeros(n_movies, np.int64)
    lengths[movies] = kept
    values = np.take_along_axis(own, strongest, axis=1)
    columns = movies[strongest].astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return csr_matrix((values.ravel(), columns.ravel(), starts), shape=(n_movies, n_movies))
