"""Kinds of models: which are trained, which are baselines, and of what."""

from __future__ import annotations

import enum


class Family(enum.StrEnum):
    """A kind of model."""

    TWO_TOWER = "two-tower"
    MULTI_TASK = "multi-task"
    """Two towers with a second head that predicts ratings."""
    GRU4REC = "gru4rec"
    """Gated recurrent units over the films in the order they were rated."""
    SASREC = "sasrec"
    """Self-attention over the films in the order they were rated."""
    POPULARITY = "popularity"
    RECENT_POPULARITY = "recent-popularity"
    ITEM_KNN = "item-knn"
    IALS = "ials"
    EASE = "ease"
    GLOBAL_MEAN = "global-mean"
    RATING_BIAS = "rating-bias"
    BIASED_MF = "biased-mf"

    @property
    def label(self) -> str:
        """For people."""
        return _FAMILY_LABELS[self]

    @property
    def is_trained(self) -> bool:
        """Whether it has features and is trained in epochs; the others are baselines."""
        return self in _TRAINED

    @property
    def is_sequential(self) -> bool:
        """Whether it models the order of a user's films."""
        return self in SEQUENTIAL

    @property
    def ranks(self) -> bool:
        """Whether it scores movies to be watched."""
        return self not in RATING_BASELINES

    @property
    def rates(self) -> bool:
        """Whether it predicts ratings in stars."""
        return self is Family.MULTI_TASK or self in RATING_BASELINES


SEQUENTIAL = (Family.GRU4REC, Family.SASREC)
_TRAINED = (Family.TWO_TOWER, Family.MULTI_TASK, *SEQUENTIAL)
_FAMILY_LABELS = {
    Family.TWO_TOWER: "two towers",
    Family.MULTI_TASK: "two towers, two tasks",
    Family.GRU4REC: "GRU4Rec",
    Family.SASREC: "SASRec",
    Family.POPULARITY: "popularity",
    Family.RECENT_POPULARITY: "recent popularity",
    Family.ITEM_KNN: "item-kNN",
    Family.IALS: "iALS",
    Family.EASE: "EASE",
    Family.GLOBAL_MEAN: "global mean",
    Family.RATING_BIAS: "user + movie bias",
    Family.BIASED_MF: "biased MF",
}
RATING_BASELINES = (Family.GLOBAL_MEAN, Family.RATING_BIAS, Family.BIASED_MF)
BASELINES = (
    Family.POPULARITY,
    Family.RECENT_POPULARITY,
    Family.ITEM_KNN,
    Family.IALS,
    Family.EASE,
)
"""What a ranking is to be better than."""
DEFAULT_BASELINES = (Family.POPULARITY, Family.EASE)
