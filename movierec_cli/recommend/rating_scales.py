"""The scales on which people rate elsewhere."""

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import RatingScale
from movierec_cli.records import dataclass


@dataclass(frozen=True)
class Scale:
    """From the worst to the best possible rating."""

    name: str  # for people, after "rated": "1 to 10"
    lowest: float
    highest: float

    @property
    def middle(self) -> float:
        """Movies rated lower are disliked."""
        return (self.lowest + self.highest) / 2

    def onto(self, scale: RatingScale | None, ratings: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """On the scale of a data set; NaN where that or this, of only two ratings, says nothing of grades."""
        if self == THUMBS or scale is None:
            return np.full(len(ratings), np.nan, np.float32)
        if scale.is_of_stars:  # the fewest differ, and are as many of one list as of another
            return (ratings * scale.highest / self.highest).astype(np.float32)
        grade = (ratings - self.lowest) / (self.highest - self.lowest)  # 0 … 1
        return (scale.lowest + grade * (scale.highest - scale.lowest)).astype(np.float32)


HALF_STARS = Scale("0.5 to 5 stars", 0.5, 5)
STARS = Scale("1 to 5 stars", 1, 5)
TENTHS = Scale("1 to 10", 1, 10)
HALF_TENTHS = Scale("0.5 to 10", 0.5, 10)
THUMBS = Scale("0 or 1", 0, 1)
ANY_STARS = Scale("up to 5", 0.5, 5)  # a 0 is below the middle, too
ANY_TENTHS = Scale("up to 10", 1, 10)
HUNDREDTHS = Scale("up to 100", 0, 100)
