"""Who rated what, as lists."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import RaggedRows


def movies_of_users(dataset: Dataset, rows: npt.NDArray[np.int64]) -> RaggedRows:
    """Each user's movies among the ratings at `rows`; an empty list for a user who has none there."""
    ratings = dataset.ratings
    return RaggedRows.group(ratings.user_index[rows], ratings.movie_index[rows], len(dataset.users))
