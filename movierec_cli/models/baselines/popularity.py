"""The same list for everybody: the most rated movies, of all time or of late."""

from movierec_cli.models.baselines.baseline import (
    Baseline,
    Fitter,
    Scorer,
    Settings,
    one_by_one,
    same_for_all,
)
from movierec_cli.models.baselines.training_ratings import TrainingRatings

DAYS = (3.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0)
DAY_S = 24 * 60 * 60


def _all_time(part: TrainingRatings) -> Fitter:
    return lambda _: same_for_all(part.popularity)


def _recent(part: TrainingRatings) -> Fitter:
    def fit(settings: Settings) -> Scorer:
        since_s = part.timestamp.max() - settings["days"] * DAY_S
        return same_for_all(part.count_movies(part.timestamp > since_s))

    return fit


POPULARITY = Baseline(grid=({},), prepare=_all_time)
"""Scores a movie by its number of training ratings."""

RECENT_POPULARITY = Baseline(grid=one_by_one("days", DAYS), prepare=_recent)
"""Scores a movie by its number of ratings in the last days before the end of the training part."""
