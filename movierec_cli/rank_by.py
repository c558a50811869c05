"""By what recommendations are ordered; apart from `recommend`, as the command line's help names it."""

from __future__ import annotations

import enum


class RankBy(enum.StrEnum):
    """What decides the order among the movies that a model would retrieve first."""

    SCORE = "score"
    """How likely somebody is to watch it."""
    RATING = "rating"
    """How many stars they are predicted to give."""
    BLEND = "blend"
    """The mean of both, each in standard deviations from its mean."""
