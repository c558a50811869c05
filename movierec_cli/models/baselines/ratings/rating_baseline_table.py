"""The table of rating baselines: a new one is a module and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from movierec_cli.config import Family
from movierec_cli.models.baselines.ratings.bias import GLOBAL_MEAN, RATING_BIAS
from movierec_cli.models.baselines.ratings.factors import BIASED_MF
from movierec_cli.models.baselines.ratings.rating_baseline import RatingBaseline

RATING_FAMILIES: Mapping[Family, RatingBaseline] = {
    Family.GLOBAL_MEAN: GLOBAL_MEAN,
    Family.RATING_BIAS: RATING_BIAS,
    Family.BIASED_MF: BIASED_MF,
}
