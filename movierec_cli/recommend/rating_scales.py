"""What ratings on different scales say: what somebody likes, what they dislike, and how many stars it is."""

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
    """From the worst to the best rating that can be given."""

    name: str  # for people, after "rated": "1 to 10"
    lowest: float
    highest: float

    @property
    def middle(self) -> float:
        """What is worse is disliked."""
        return (self.lowest + self.highest) / 2

    def holds(self, rating: float) -> bool:
        """Whether it can be given."""
        return self.lowest <= rating <= self.highest

    def stars(self, ratings: _Floats) -> npt.NDArray[np.float32]:
        """As stars of five; NaN where there are only two ratings, of which none says how good."""
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
    """The scale of ratings that do not say it: zeros and ones alone are thumbs, else the highest decides.

    Args:
        ratings: from 0 to 100, one or more.
    """
    if set(ratings) <= {0.0, 1.0}:
        return THUMBS
    scales = (ANY_STARS, ANY_TENTHS, HUNDREDTHS)
    return next(scale for scale in scales if max(ratings) <= scale.highest)


def liked_from(ratings: _Floats, scale: Scale) -> float:
    """The lowest rating that says somebody likes a film, by all of theirs.

    It is their median, as some use the upper half of a scale alone; but four stars of five are always enough,
    and what is below the middle of the scale never is, though it be the best of what they rated.
    """
    return max(min(float(np.median(ratings)), _SURELY_LIKED * scale.highest), scale.middle)


def opinions_of(rows: npt.NDArray[np.int64], ratings: _Floats, scale: Scale) -> Opinions:
    """What somebody likes (`liked_from` on) and dislikes (below the middle of the scale).

    What lies between they know, and it speaks neither for nor against the films like it. Something is always
    liked or disliked: where the median is below the middle a rating is, else one reaches the median.

    Args:
        rows: of a model's movies, each once: [n], one or more.
        ratings: theirs: [n].
        scale: of these.
    """
    return Opinions(rows[ratings >= liked_from(ratings, scale)], rows[ratings < scale.middle])
