"""What ratings on different scales mean: what a user likes and dislikes, and how many stars a rating is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.recommend.fold_in import Opinions

MOST_STARS = 5.0
_SURELY_LIKED = 0.8  # of the highest rating

_Floats = npt.NDArray[np.float64]


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

    def stars(self, ratings: _Floats) -> npt.NDArray[np.float32]:
        """As stars of five; NaN on a scale of only two ratings, which say nothing of stars."""
        if self == THUMBS:
            return np.full(len(ratings), np.nan, np.float32)
        return (ratings * MOST_STARS / self.highest).astype(np.float32)


HALF_STARS = Scale("0.5 to 5 stars", 0.5, 5)
TENTHS = Scale("1 to 10", 1, 10)
THUMBS = Scale("0 or 1", 0, 1)
ANY_STARS = Scale("up to 5", 0.5, 5)  # a 0 is below the middle, too
ANY_TENTHS = Scale("up to 10", 1, 10)
HUNDREDTHS = Scale("up to 100", 0, 100)


def scale_of(ratings: Sequence[float]) -> Scale:
    """The scale of ratings without a known scale: zeros and ones alone are thumbs, else the highest decides.

    Args:
        ratings: from 0 to 100, one or more.
    """
    if set(ratings) <= {0.0, 1.0}:
        return THUMBS
    scales = (ANY_STARS, ANY_TENTHS, HUNDREDTHS)
    return next(scale for scale in scales if max(ratings) <= scale.highest)


def liked_from(ratings: _Floats, scale: Scale) -> float:
    """The lowest rating of a movie that a user likes, by all their ratings.

    It is the median, as some users take the upper half of a scale alone; but four stars of five are always
    enough, and a rating below the middle of the scale never is.
    """
    return max(min(float(np.median(ratings)), _SURELY_LIKED * scale.highest), scale.middle)


def opinions_of(rows: npt.NDArray[np.int64], ratings: _Floats, scale: Scale) -> Opinions:
    """What a user likes (`liked_from` or more) and dislikes (below the middle of the scale).

    Movies between are known, and count neither for nor against similar movies. At least one movie is liked or
    disliked: where the median is below the middle a rating is, else one reaches the median.

    Args:
        rows: of a model's movies, each once: [n], one or more.
        ratings: of these movies: [n].
        scale: of the ratings.
    """
    return Opinions(rows[ratings >= liked_from(ratings, scale)], rows[ratings < scale.middle])
