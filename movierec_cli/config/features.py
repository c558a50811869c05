"""The features table: what a model can see besides ids. A feature is one entry, found by its name.

The table is plain data, so that a record or a command line can name a feature without importing what fits
and encodes it: that is the `encoding`, by default an `Encoding` of `models.feature_encodings`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from typing import Any

from movierec_cli.config.entry_points import EntryKind, Origin, PluginError, load, names_of
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass

_ENCODINGS = "movierec_cli.models.feature_encodings"


class Side(enum.Enum):
    """What a feature describes."""

    USER = "user"
    CONTEXT = "context"  # depends on the time of the query; part of what makes a query unique
    HISTORY = "history"  # the user's training movies, sampled anew at each step
    MOVIE = "movie"
    STEP = "step"  # the times between the movies of a history; the ratings have them
    COLUMN = "column"  # one of the data's own columns, which say themselves of what they are


class Kind(enum.Enum):
    """Kinds of trained families: what they are built of."""

    TOWERS = "towers"
    SEQUENCES = "sequences"


_BOTH = (Kind.TOWERS, Kind.SEQUENCES)


class Feature(str):
    """One entry of the table. It is its own name, so it stands in messages, keys and files as such.

    Attributes:
        help: one sentence.
        side: what it describes.
        kinds: of families that can see it.
        encoding: the path of its `Encoding`, as "module:NAME"; if not given, that of its name in
            `models.feature_encodings`; "" where nothing is fitted. Of the data's own columns it is that of
            their kind.
        column: what the data set must tell, as "users.occupation"; "" where every data set does.
        needs: what is in the column, for people: "an occupation".
        hint: how to get the column where it is missing.
        alias: another name on the command line.
        origin: the package that brings it; None of those of the table and of the data's own columns.

    Two are equal by name and origin; a text is equal by the name alone.
    """

    help: str
    side: Side
    kinds: tuple[Kind, ...]
    encoding: str
    column: str
    needs: str
    hint: str
    alias: str
    origin: Origin | None

    def __new__(
        cls,
        name: str,
        help: str,
        side: Side,
        kinds: tuple[Kind, ...] = (Kind.TOWERS,),
        encoding: str | None = None,
        column: str = "",
        needs: str = "",
        hint: str = "",
        alias: str = "",
    ) -> Feature:
        """An entry of this name."""
        feature = super().__new__(cls, name)
        feature.help, feature.side, feature.kinds = help, side, kinds
        feature.encoding = f"{_ENCODINGS}:{name.upper()}" if encoding is None else encoding
        feature.column, feature.needs, feature.hint, feature.alias = column, needs, hint, alias
        feature.origin = None
        return feature

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True and self.origin == getattr(other, "origin", self.origin)

    def __ne__(self, other: object) -> bool:  # texts have their own
        return not self == other

    __hash__ = str.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        if self.origin is None:
            return (own_column if self.side is Side.COLUMN else feature_named), (str(self),)
        return _brought, (self.origin, *self._told)

    def of_package(self, origin: Origin) -> Feature:
        """The same, brought by a package."""
        return _brought(origin, *self._told)

    @property
    def _told(self) -> tuple[Any, ...]:
        own = self.encoding, self.column, self.needs, self.hint
        return str(self), self.help, self.side, self.kinds, *own


def _brought(origin: Origin, *told: Any) -> Feature:
    feature = Feature(*told)
    feature.origin = origin
    return feature


@dataclass(frozen=True)
class FeatureFacts:
    """What a saved model keeps of a feature that a package brings: it can be used without the package."""

    name: str
    package: str
    version: str
    side: Side
    column: str

    @classmethod
    def of(cls, feature: Feature) -> FeatureFacts:
        """Of a feature of a package."""
        assert feature.origin is not None
        origin = feature.origin
        return cls(str(feature), origin.package, origin.version, feature.side, feature.column)

    def feature(self) -> Feature:
        """The feature; how it is encoded is asked of the package (`installed`)."""
        told = Feature(self.name, "", self.side, encoding=OF_PACKAGE, column=self.column)
        return told.of_package(Origin(self.package, self.version))


OF_PACKAGE = "package"
"""In place of the path of an encoding that only the package knows."""


COLUMNS_OPTION = "--columns"
TIMES = "ratings.timestamp"
"""The column of what needs different times."""
_LENGTHS = "movies.length_minutes"


def _named(column: str) -> str:
    return f"if a column has it, name that: {COLUMNS_OPTION} {column}=NAME"


def _of_time(name: str, help: str) -> Feature:
    return Feature(name, help, Side.CONTEXT, column=TIMES, needs="a time", hint=_named("timestamp"))


def _of_steps(name: str, help: str) -> Feature:
    kinds, hint = (Kind.SEQUENCES,), _named("timestamp")
    return Feature(name, help, Side.STEP, kinds, "", TIMES, "a time", hint)  # nothing is fitted


def _of_movie(name: str, help: str, column: str, needs: str) -> Feature:
    hint = _named(f"items.{column}")
    return Feature(name, help, Side.MOVIE, _BOTH, column=f"movies.{column}", needs=needs, hint=hint)


def _of_user(name: str, help: str, column: str, needs: str, asked: str, alias: str = "") -> Feature:
    hint = _named(f"users.{asked}")
    return Feature(name, help, Side.USER, column=f"users.{column}", needs=needs, hint=hint, alias=alias)


_TABLE = (
    _of_time("timestamp", "When the query is made."),
    _of_movie("movie_title_text", "The words of the title.", "title", "a title"),
    _of_movie("movie_genres", "The genres.", "genres", "genres"),
    Feature(
        "movie_length",
        "The running time.",
        Side.MOVIE,
        column=_LENGTHS,
        needs="a length",
        hint="name IMDb's list with --imdb_titles FILE, or your own lengths with --movie_lengths FILE",
    ),
    _of_movie("movie_year", "The year of release.", "year", "a year"),
    _of_user("bucketized_user_age", "The user's age group.", "bucketized_age", "an age", "age", "user_age"),
    _of_user("user_gender", "The user's gender.", "is_male", "a gender", "gender"),
    _of_user("user_occupation", "The user's occupation.", "occupation", "an occupation", "occupation"),
    _of_time("week", "The week of the query, counted back."),
    _of_time("day_of_week", "The day of the week."),
    _of_time("user_tenure", "The time since the user's first rating."),
    Feature("user_history", "The movies that the user rated in training.", Side.HISTORY),
    _of_steps("time_gap", "The time between a movie of the history and the movie before it."),
    # More than a history says: it has to be known when the next movie is watched.
    _of_steps("query_time", "The time between the newest movie of the history and the query."),
)

FEATURES: dict[str, Feature] = {str(feature): feature for feature in _TABLE}
"""Every feature by name, in the order of `FeatureSet`."""

TIMESTAMP = FEATURES["timestamp"]
USER_HISTORY = FEATURES["user_history"]
TIME_GAP = FEATURES["time_gap"]
QUERY_TIME = FEATURES["query_time"]


# --- columns of the data's own --------------------------------------------------------------------------

_COLUMN_ENCODINGS = "movierec_cli.models.column_encodings"


@dataclass(frozen=True)
class ColumnKind:
    """A kind of column that a data set may have of its own: every such column is a feature.

    Attributes:
        name: as people name it.
        help: what is in such a column.
        encoding: the path of its `ColumnEncoding`, as "module:NAME".
    """

    name: str
    help: str
    encoding: str


def _kind(name: str, help: str) -> ColumnKind:
    return ColumnKind(name, help, f"{_COLUMN_ENCODINGS}:{name.upper()}")


COLUMN_KINDS: dict[str, ColumnKind] = {
    kind.name: kind
    for kind in (
        _kind("category", "one of some values"),
        _kind("number", "a number"),
        _kind("list", "any number of values, such as a|b"),
        _kind("text", "words"),
        _kind("date", "a day or a moment"),
        _kind("vector", "numbers of a fixed length, such as [0.1, -2]"),
    )
}
"""Every kind by its name."""

_COLUMN_NAME = re.compile(r"(?:(?:item|user|rating)\.)?[a-z0-9][a-z0-9_]*")
_TAKEN = frozenset(("user_id", "movie_id", "item_id", "biases", "average_user", "none"))
"""Names of what is no feature and stands beside features."""


def own_column(name: str) -> Feature:
    """The feature that one of the data's own columns is."""
    return Feature(name, "A column of the data.", Side.COLUMN, encoding=_COLUMN_ENCODINGS)


def is_taken(name: str) -> bool:
    """Whether a column of the data's own cannot be called so."""
    return name in _TAKEN or _built_in(name) is not None or name in names_of(EntryKind.FEATURE)


def feature_named(name: str) -> Feature:
    """The feature of a name or alias: of the table, of a package, else the data's own column.

    Raises:
        UsageError: no column is called so; names the features that there are.
        PluginError: the feature is one of a package, and cannot be used.
    """
    return _built_in(name) or installed(name) or recorded(name)


def recorded(name: str) -> Feature:
    """The same without those of packages, which records name with their package."""
    found = _built_in(name)
    if found is None and (name in _TAKEN or not _COLUMN_NAME.fullmatch(name)):
        known = (*feature_names(), *names_of(EntryKind.FEATURE, FEATURES))
        raise UsageError(f"unknown feature '{name}'; known features: {', '.join(known)}")
    return found or own_column(name)


def installed(name: str) -> Feature | None:
    """The feature of this name that a package brings; None where none does.

    Raises:
        PluginError: it cannot be imported, or is none.
    """
    found = load(EntryKind.FEATURE, name, Feature)
    if found is None:
        return None
    if str(found.entry) != name:
        raise PluginError(
            f"package {found.origin} declares a feature '{name}', which calls itself '{found.entry}'"
        )
    return found.entry.of_package(found.origin)


def named_as_installed() -> tuple[str, ...]:
    """The names of features that packages bring, which no column of the data can have."""
    return names_of(EntryKind.FEATURE, FEATURES)


def _built_in(name: str) -> Feature | None:
    aliases = {feature.alias: feature for feature in FEATURES.values() if feature.alias}
    return FEATURES.get(name) or aliases.get(name)


def feature_names() -> tuple[str, ...]:
    """Every name that a feature set can be given: None, the features and their aliases."""
    return (_NO_FEATURES, *FEATURES, *(feature.alias for feature in FEATURES.values() if feature.alias))


def features_of(kind: Kind) -> tuple[Feature, ...]:
    """What a kind of family can see."""
    return tuple(feature for feature in FEATURES.values() if kind in feature.kinds)


def time_features() -> tuple[Feature, ...]:
    """What tells a model when a query is made."""
    return tuple(feature for feature in FEATURES.values() if feature.side is Side.CONTEXT)


_NO_FEATURES = "None"


@dataclass(frozen=True, order=True)
class FeatureSet:
    """A set of additional features, so that equal sets are equal values.

    Those of the table are in its order; those of packages and the data's own columns follow by name.

    Raises:
        UsageError: a name is unknown.
    """

    features: tuple[Feature, ...] = ()

    def __post_init__(self) -> None:
        named = {one if isinstance(one, Feature) else feature_named(one) for one in self.features}
        ordered = [feature for feature in FEATURES.values() if feature in named]
        ordered += sorted(named.difference(ordered))
        object.__setattr__(self, "features", tuple(ordered))

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
        return cls(tuple(feature_named(word) for word in words))

    @property
    def label(self) -> str:
        """For people: "None", "timestamp + movie_genres"."""
        return " + ".join(self.features) or _NO_FEATURES

    @property
    def slug(self) -> str:
        """For folder names: "none", "timestamp-movie_genres"."""
        return "-".join(self.features) or _NO_FEATURES.lower()

    @property
    def own_columns(self) -> tuple[Feature, ...]:
        """The features that are the data's own columns."""
        return tuple(feature for feature in self.features if feature.side is Side.COLUMN)

    @property
    def of_time(self) -> tuple[Feature, ...]:
        """Those that tell when a query is made."""
        return tuple(feature for feature in self.features if feature.side is Side.CONTEXT)

    @property
    def needs_lengths(self) -> bool:
        """Whether a feature needs the movies' running times."""
        return any(feature.column == _LENGTHS for feature in self.features)

    @property
    def without_lengths(self) -> FeatureSet:
        """The features that do not need the movies' running times."""
        return self.without(feature for feature in self.features if feature.column == _LENGTHS)

    @classmethod
    def union(cls, sets: Iterable[FeatureSet]) -> FeatureSet:
        """What is in any of some sets."""
        return cls(tuple(feature for one in sets for feature in one.features))

    def without(self, features: Iterable[Feature]) -> FeatureSet:
        """The set without some features."""
        gone = set(features)
        return FeatureSet(tuple(feature for feature in self.features if feature not in gone))

    def __contains__(self, feature: str) -> bool:
        return feature in self.features


NO_FEATURES = FeatureSet()


DEFAULT_FEATURE_SETS = (
    NO_FEATURES,
    FeatureSet.parse(["timestamp"]),
    FeatureSet.parse(["timestamp", "movie_genres"]),
    FeatureSet.parse(["timestamp", "movie_title_text", "movie_genres"]),
    FeatureSet.parse(["movie_genres", "movie_year", "week", "user_tenure"]),
)
"""What is compared where no set is named, without the features that a data set lacks."""
