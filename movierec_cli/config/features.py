"""What a model can see besides ids, and sets of it."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from movierec_cli.errors import UsageError


class Feature(enum.StrEnum):
    """What a tower can see besides the id. How each is fitted and embedded: `models.features`."""

    TIMESTAMP = "timestamp"
    MOVIE_TITLE_TEXT = "movie_title_text"
    MOVIE_GENRES = "movie_genres"
    MOVIE_LENGTH = "movie_length"
    MOVIE_YEAR = "movie_year"
    BUCKETIZED_USER_AGE = "bucketized_user_age"
    USER_GENDER = "user_gender"
    USER_OCCUPATION = "user_occupation"
    WEEK = "week"
    DAY_OF_WEEK = "day_of_week"
    USER_TENURE = "user_tenure"
    USER_HISTORY = "user_history"
    TIME_GAP = "time_gap"
    """Of models of sequences: how long after the film before it each film of the history was rated."""
    QUERY_TIME = "query_time"
    """Of models of sequences: how long after the newest film of the history the query comes.

    That is more than a history says: it has to be known when the next film is watched.
    """


FEATURE_ALIASES = {"user_age": Feature.BUCKETIZED_USER_AGE}

_NO_FEATURES = "None"


@dataclass(frozen=True, order=True)
class FeatureSet:
    """A set of additional features, in the table's order, so that equal sets are equal values."""

    features: tuple[Feature, ...] = ()

    def __post_init__(self) -> None:
        ordered = tuple(feature for feature in Feature if feature in self.features)
        object.__setattr__(self, "features", ordered)

    @classmethod
    def parse(cls, names: Iterable[str]) -> FeatureSet:
        """Reads names such as ["timestamp", "movie_genres"], or ["None"] for the ids alone.

        Raises:
            UsageError: a name is unknown, or None stands beside a feature.
        """
        words = [name.strip().replace("-", "_") for name in names]
        if any(word.lower() == "none" for word in words):
            if len(words) > 1:
                raise UsageError(
                    f"'None' means no additional feature; it cannot stand with others: {' '.join(words)}"
                )
            return cls()
        return cls(tuple(_feature(word) for word in words))

    @property
    def label(self) -> str:
        """For people: "None", "timestamp + movie_genres"."""
        return " + ".join(self.features) or _NO_FEATURES

    @property
    def slug(self) -> str:
        """For folder names: "none", "timestamp-movie_genres"."""
        return "-".join(self.features) or _NO_FEATURES.lower()

    def __contains__(self, feature: Feature) -> bool:
        return feature in self.features


NO_FEATURES = FeatureSet()


def _feature(word: str) -> Feature:
    if word in FEATURE_ALIASES:
        return FEATURE_ALIASES[word]
    try:
        return Feature(word)
    except ValueError:
        known = ", ".join(["None", *Feature, *FEATURE_ALIASES])
        raise UsageError(f"unknown feature '{word}'; known features: {known}") from None


DEFAULT_FEATURE_SETS = (
    FeatureSet(),
    FeatureSet((Feature.TIMESTAMP,)),
    FeatureSet((Feature.TIMESTAMP, Feature.MOVIE_GENRES)),
    FeatureSet((Feature.TIMESTAMP, Feature.MOVIE_TITLE_TEXT, Feature.MOVIE_GENRES)),
    FeatureSet(
        (
            Feature.MOVIE_GENRES,
            Feature.MOVIE_YEAR,
            Feature.WEEK,
            Feature.USER_TENURE,
        )
    ),
)
"""What is compared when nobody names a set: features that every data set has."""
