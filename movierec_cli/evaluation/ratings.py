"""What a model made of the test ratings, and how far it is off.

Every test rating counts, those of cold users and movies too: a model has to say something of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset
from movierec_cli.records import dataclass
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
        """The outcome for some of the test ratings; `kept` is [n]."""
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


def rmse_values(outcomes: Sequence[RatingOutcome], *, folds: bool = False) -> Values:
    """One number a user whose mean over users is the RMSE, and whose scatter is the RMSE's.

    The RMSE is the root of a ratio, squared errors by ratings, and users bring both. To first order, what
    a user adds to it is Hampel's influence function (1974, "The Influence Curve and Its Role in Robust
    Estimation"), here of the root of that ratio for U users with N ratings in all:

        v_u = rmse + U / N · (Σ squared errors of u − n_u · mse) / (2 · rmse)

    Resampling users' values and taking the mean therefore does what resampling users with all their
    ratings and taking the RMSE anew does, and intervals and tests of means serve.

    The folds of a cross-validation are taken together: there is one RMSE, of all ratings. Each fold has a row
    of what it adds to a user's value, times the number of folds that test the user: their mean is v_u.

    Args:
        outcomes: of a model's seeds, all on the same test ratings; or of its folds, each on its own.
        folds: which of the two.

    Returns:
        Stars, [n_seeds, n_users]; users are those with a test rating, ascending. NaN where a fold does not
        test a user.

    Raises:
        ValueError: there is no outcome, no test rating, or the outcomes are of different test ratings.
    """
    return np.concatenate([_rmse_of_users(some) for some in _together(outcomes, folds)])


def mae_values(outcomes: Sequence[RatingOutcome], *, folds: bool = False) -> Values:
    """The same for the mean absolute error: v_u = mae + U / N · (Σ absolute errors of u − n_u · mae).

    Arguments, what is returned and errors are those of `rmse_values`.
    """
    return np.concatenate(
        [_ratio_of_users([np.abs(_errors(one)) for one in some], some) for some in _together(outcomes, folds)]
    )


def _together(outcomes: Sequence[RatingOutcome], folds: bool) -> Sequence[Sequence[RatingOutcome]]:
    """What has one error together: each seed, or all folds."""
    if not folds:
        _check(outcomes)
    return [outcomes] if folds else [[outcome] for outcome in outcomes]


def _errors(outcome: RatingOutcome) -> Values:
    errors: Values = outcome.predicted.astype(np.float64) - outcome.rating
    return errors


def _rmse_of_users(outcomes: Sequence[RatingOutcome]) -> Values:
    squares = _ratio_of_users([_errors(outcome) ** 2 for outcome in outcomes], outcomes)
    mse = np.nanmean(squares, axis=0).mean()
    rmse = np.sqrt(mse)
    return rmse + (squares - mse) / (2 * rmse) if rmse > 0 else squares


def _ratio_of_users(values: Sequence[Values], outcomes: Sequence[RatingOutcome]) -> Values:
    """The influence of each user on the mean over all ratings, that mean added: [n_outcomes, n_users]."""
    users = np.unique(np.concatenate([outcome.user_index for outcome in outcomes]))
    places = [np.searchsorted(users, outcome.user_index) for outcome in outcomes]
    sums = np.stack([np.bincount(*one, len(users)) for one in zip(places, values, strict=True)])
    counts = np.stack([np.bincount(place, minlength=len(users)) for place in places])
    mean = sums.sum() / counts.sum()
    scale = (counts > 0).sum(axis=0) * (len(users) / counts.sum())  # [n_users]
    return np.where(counts > 0, mean + (sums - counts * mean) * scale, np.nan)


def _check(outcomes: Sequence[RatingOutcome]) -> None:
    if not outcomes or len(outcomes[0].rows) == 0:
        raise ValueError("errors are of one outcome or more, and of one test rating or more")
    if any(not np.array_equal(outcome.rows, outcomes[0].rows) for outcome in outcomes):
        raise ValueError("a model's seeds are compared on the same test ratings; these are different ones")
