"""The table of baselines: a new one is a module and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from movierec_cli.config import Family
from movierec_cli.models.baselines.baseline import Baseline
from movierec_cli.models.baselines.ease import EASE
from movierec_cli.models.baselines.ials import IALS
from movierec_cli.models.baselines.item_knn import ITEM_KNN
from movierec_cli.models.baselines.popularity import POPULARITY, RECENT_POPULARITY

BASELINE_FAMILIES: Mapping[Family, Baseline] = {
    Family.POPULARITY: POPULARITY,
    Family.RECENT_POPULARITY: RECENT_POPULARITY,
    Family.ITEM_KNN: ITEM_KNN,
    Family.IALS: IALS,
    Family.EASE: EASE,
}
