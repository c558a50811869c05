"""What a trained model has to beat. None of them needs TensorFlow."""

from movierec_cli.models.baselines.fit_baseline import BaselineObserver, FittedBaseline, fit_baseline
from movierec_cli.models.baselines.ratings.fit_rating_baseline import (
    FittedRatingBaseline,
    fit_rating_baseline,
)

__all__ = [
    "BaselineObserver",
    "FittedBaseline",
    "FittedRatingBaseline",
    "fit_baseline",
    "fit_rating_baseline",
]
