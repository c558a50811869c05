"""What a model made of the test ratings, and how far it is off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class RatingOutcome:
    """One entry a test rating."""

    rows: npt.NDArray[np.int64]  # [n], rows of Ratings, ascending
    user_index: npt.NDArray[np.int32]  # [n]
    rating: npt.NDArray[np.float32]  # [n], stars, as given
    predicted: npt.NDArray[np.float32]  # [n], stars, cut to the data set's scale
