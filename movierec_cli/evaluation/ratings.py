"""What a model made of the test ratings, and how far it is off.

Every test rating counts, those of cold users and movies too: a model has to say something of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset
from movierec_cli.storage.constraints import DATA_RATINGS, DATA_USERS, Ascending, AtLeast, Below, Finite

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RatingErrors:
    """How far predicted ratings are off, in stars."""

    rmse: float
    mae: float


@dataclass(frozen=True)
class RatingOutcome:
    """One entry a test rating."""

    rows: Annotated[npt.NDArray[np.int64], "n", AtLeast(0), Below(DATA_RATINGS), Ascending(strictly=True)]
    """Rows of Ratings."""
    user_index: Annotated[npt.NDArray[np.int32], "n", AtLeast(0), Below(DATA_USERS)]
    rating: Annotated[npt.NDArray[np.float32], "n", Finite()]  # stars, as given
    predicted: Annotated[npt.NDArray[np.float32], "n", Finite()]  # stars, cut to the data set's scale

    def of_targets(self, kept: npt.NDArray[np.bool_]) -> RatingOutcome:
        """The outcome of some of the test ratings; `kept` is [n]."""
        return RatingOutcome(**{name: column[kept] for name, column in vars(self).items()})


def rating_scale(dataset: Dataset) -> tuple[float, float]:
    """The fewest and the most stars that anybody gives."""
    stars = dataset.ratings.rating
    return float(stars.min()), float(stars.max())


def clipped(predicted: npt.NDArray[np.floating[Any]], dataset: Dataset) -> npt.NDArray[np.float32]:
    """Predicted stars cut to the data set's scale, in the shape in which they come; NaN stays NaN."""
    on_scale: npt.NDArray[np.float32] = np.clip(predicted, *rating_scale(dataset)).astype(np.float32)
    return on_scale


def rating_errors(outcome: RatingOutcome) -> RatingErrors:
    """Root of the mean squared error and mean absolute error over test ratings, in stars; NaN without one."""
    if len(outcome.rows) == 0:
        return RatingErrors(rmse=float("nan"), mae=float("nan"))
    errors = _errors(outcome)
    return RatingErrors(rmse=float(np.sqrt(np.mean(errors**2))), mae=float(np.mean(np.abs(errors))))


def rmse_values(outcomes: Sequence[RatingOutcome]) -> Values:
    """One number a user whose mean over users is the RMSE, and whose scatter is the RMSE's.

    The RMSE is the root of a ratio, squared errors by ratings, and users bring both. To first order, what
    a user adds to it is Hampel's influence function (1974, "The Influence Curve and Its Role in Robust
    Estimation"), here of the root of that ratio for U users with N ratings in all:

        v_u = rmse + U / N · (Σ squared errors of u − n_u · mse) / (2 · rmse)

    Resampling users' values and taking the mean therefore does what resampling users with all their
    ratings and taking the RMSE anew does, and intervals and tests of means serve.

    Args:
        outcomes: of a model's seeds, all on the same test ratings.

    Returns:
        Stars, [n_seeds, n_users]; users are those with a test rating, ascending.

    Raises:
        ValueError: there is no outcome, no test rating, or the outcomes are of different test ratings.
    """
    _check(outcomes)
    return np.stack([_rmse_of_users(outcome) for outcome in outcomes])


def mae_values(outcomes: Sequence[RatingOutcome]) -> Values:
    """The same for the mean absolute error: v_u = mae + U / N · (Σ absolute errors of u − n_u · mae).

    Arguments, what is returned and errors are those of `rmse_values`.
    """
    _check(outcomes)
    return np.stack([_ratio_of_users(np.abs(_errors(outcome)), outcome.user_index) for outcome in outcomes])


def _errors(outcome: RatingOutcome) -> Values:
    errors: Values = outcome.predicted.astype(np.float64) - outcome.rating
    return errors


def _rmse_of_users(outcome: RatingOutcome) -> Values:
    squares = _ratio_of_users(_errors(outcome) ** 2, outcome.user_index)
    mse = squares.mean()
    rmse = np.sqrt(mse)
    return rmse + (squares - mse) / (2 * rmse) if rmse > 0 else squares


def _ratio_of_users(values: Values, user_index: npt.NDArray[np.int32]) -> Values:
    """The influence of each user on the mean over all ratings, that mean added: [n_users]."""
    users, place = np.unique(user_index, return_inverse=True)
    sums, counts = np.bincount(place, values), np.bincount(place)
    mean = sums.sum() / counts.sum()
    influence: Values = mean + (sums - counts * mean) * (len(users) / counts.sum())
    return influence


def _check(outcomes: Sequence[RatingOutcome]) -> None:
    if not outcomes or len(outcomes[0].rows) == 0:
        raise ValueError("errors are of one outcome or more, and of one test rating or more")
    if any(not np.array_equal(outcome.rows, outcomes[0].rows) for outcome in outcomes):
        raise ValueError("a model's seeds are compared on the same test ratings; these are different ones")
