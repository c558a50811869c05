"""How the features of the table in `config.features` are fitted and encoded.

A feature is fitted on training rows only. What was fitted is plain JSON (`Vocabulary`), so that a saved
run carries it; encoding is a pure function of that and of the data set. To add a feature, add one entry to
the table, with the path of its `Encoding`.
"""

import functools
import operator
import pkgutil
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import FEATURES, Feature, FeatureSet, Side
from movierec_cli.config.entry_points import (
    EntryKind,
    Origin,
    PluginError,
    named_in_errors,
    require_origin,
    told,
)
from movierec_cli.config.features import COLUMNS_OPTION, TIMES, installed, own_column
from movierec_cli.data.dataset import UNKNOWN_YEAR, Dataset, Movies
from movierec_cli.data.sources import SOURCES
from movierec_cli.errors import MovierecError
from movierec_cli.models.column_encodings import Vocabulary as Vocabulary
from movierec_cli.models.column_encodings import (
    code_context,
    context_column,
    encode_column,
    fit_column,
    fit_context,
)
from movierec_cli.models.two_tower.inputs import BagInput, CategoryInput, Input, NumberInput
from movierec_cli.records import dataclass
from movierec_cli.text import did_you_mean, listed

Rows = npt.NDArray[np.int64]  # training rows of Ratings
Codes = npt.NDArray[np.int32]
UserRows = npt.NDArray[np.int32]
Seconds = npt.NDArray[np.int64]  # since 1970-01-01 UTC

TIMESTAMP_BUCKETS = 1000
LENGTH_BUCKETS = 20
TENURE_EDGES_DAYS = (1 / 24, 0.5, 1, 3, 7, 14, 30, 60, 120, 240, 480)  # closer early: most users stay a day
MIN_TENURE_FRACTION = 0.001  # of the training ratings, beyond an edge
MIN_TOKEN_MOVIES = 2  # a word of one title only is that movie's id again

SECONDS_A_DAY = 86_400
SECONDS_A_WEEK = 7 * SECONDS_A_DAY
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


def _no_fit(dataset: Dataset, rows: Rows) -> Vocabulary:
    return {}


@dataclass(frozen=True)
class Encoding:
    """How a feature is fitted and encoded.

    Attributes:
        fit: from the data set and its training rows to the vocabulary.
        encode: from the vocabulary and the data set to columns with a row for each user, movie or,
            for a context, each code that `code` can give.
        code: contexts only: from the vocabulary, users [n] and times [n] (seconds) to codes, int32 [n].
    """

    fit: Callable[[Dataset, Rows], Vocabulary] = _no_fit
    encode: Callable[[Vocabulary, Dataset], tuple[Input, ...]] = lambda vocabulary, dataset: ()
    code: Callable[[Vocabulary, UserRows, Seconds], Codes] | None = None


# --- contexts ---------------------------------------------------------------------------------------


def _embedding_a_code(n_codes: Callable[[Vocabulary], int]) -> Callable[..., tuple[Input, ...]]:
    """How a context is encoded that is nothing but its code."""
    return lambda vocabulary, _: (
        CategoryInput(np.arange(n_codes(vocabulary), dtype=np.int32), n_codes(vocabulary)),
    )


def _fit_timestamp(dataset: Dataset, rows: Rows) -> Vocabulary:
    seconds = dataset.ratings.timestamp[rows].astype(np.float64)
    edges = np.linspace(seconds.min(), seconds.max(), TIMESTAMP_BUCKETS + 1)
    return {"edges": edges[1:-1].tolist(), "mean": seconds.mean(), "std": max(seconds.std(), 1.0)}


def _code_timestamp(vocabulary: Vocabulary, users: UserRows, seconds: Seconds) -> Codes:
    return np.searchsorted(vocabulary["edges"], seconds.astype(np.float64), side="right").astype(np.int32)


def _encode_timestamp(vocabulary: Vocabulary, dataset: Dataset) -> tuple[Input, ...]:
    """The bucket, and the bucket's lower edge scaled by the mean and deviation of the training times."""
    edges = np.asarray(vocabulary["edges"])
    starts = np.concatenate([edges[:1], edges])
    scaled = (starts - vocabulary["mean"]) / vocabulary["std"]
    codes = np.arange(len(starts), dtype=np.int32)
    return CategoryInput(codes, len(starts)), NumberInput(scaled[:, None].astype(np.float32))


def _code_day_of_week(vocabulary: Vocabulary, users: UserRows, seconds: Seconds) -> Codes:
    """Monday is 0, in UTC."""
    return ((seconds // SECONDS_A_DAY + EPOCH_WEEKDAY) % 7).astype(np.int32)


def _fit_week(dataset: Dataset, rows: Rows) -> Vocabulary:
    seconds = dataset.ratings.timestamp[rows]
    return {"last": int(seconds.max()), "weeks": int((seconds.max() - seconds.min()) // SECONDS_A_WEEK) + 1}


def _code_week(vocabulary: Vocabulary, users: UserRows, seconds: Seconds) -> Codes:
    """Weeks before the last training rating; what comes later counts as the last week.

    A whole week is behind the code of the future, where the last bucket of `timestamp` may hold a few
    hours' ratings.
    """
    ago = np.maximum(vocabulary["last"] - seconds, 0) // SECONDS_A_WEEK
    codes: Codes = np.minimum(ago, vocabulary["weeks"] - 1).astype(np.int32)
    return codes


def _fit_tenure(dataset: Dataset, rows: Rows) -> Vocabulary:
    """Each user's first training rating; where there is none, the end of time, so that tenure is 0.

    An edge that hardly a training rating lies beyond would send queries to a bucket that learned nothing.
    """
    ratings = dataset.ratings
    users, seconds = ratings.user_index[rows], ratings.timestamp[rows]
    first = np.full(len(dataset.users), np.iinfo(np.int64).max)
    np.minimum.at(first, users, seconds)
    days = (seconds - first[users]) / SECONDS_A_DAY
    edges = [edge for edge in TENURE_EDGES_DAYS if (days >= edge).mean() >= MIN_TENURE_FRACTION]
    return {"first": first.tolist(), "edges_days": edges}


def _code_tenure(vocabulary: Vocabulary, users: UserRows, seconds: Seconds) -> Codes:
    """The bucket of the time since the user's first rating; before it, bucket 0."""
    first = np.asarray(vocabulary["first"], np.int64)[users]
    days = np.maximum(seconds - np.minimum(first, seconds), 0) / SECONDS_A_DAY
    return np.searchsorted(vocabulary["edges_days"], days, side="right").astype(np.int32)


# --- movies -----------------------------------------------------------------------------------------


def title_tokens(title: str) -> list[str]:
    """Lower-case words of a title, its year left out."""
    return re.findall(r"\w+", re.sub(r"\(\d{4}\)", " ", title.lower()).replace("'", ""))


def _trained_movies(dataset: Dataset, rows: Rows) -> npt.NDArray[np.int32]:
    return np.unique(dataset.ratings.movie_index[rows])


def _fit_title(dataset: Dataset, rows: Rows) -> Vocabulary:
    titles = dataset.movies.title[_trained_movies(dataset, rows)]
    counts = Counter(token for title in titles for token in sorted(set(title_tokens(title))))
    return {"tokens": [token for token, n in counts.items() if n >= MIN_TOKEN_MOVIES]}


def _encode_title(vocabulary: Vocabulary, dataset: Dataset) -> tuple[Input, ...]:
    code = {token: i for i, token in enumerate(vocabulary["tokens"])}
    bags = [[code[token] for token in title_tokens(title) if token in code] for title in dataset.movies.title]
    return (BagInput.of(bags, max(len(code), 1)),)


def _fit_genres(dataset: Dataset, rows: Rows) -> Vocabulary:
    counts = dataset.movies.genres[_trained_movies(dataset, rows)].sum(axis=0)
    return {"genres": [dataset.movies.genre_names[column] for column in np.flatnonzero(counts)]}


def _encode_genres(vocabulary: Vocabulary, dataset: Dataset) -> tuple[Input, ...]:
    columns = [dataset.movies.genre_names.index(name) for name in vocabulary["genres"]]
    rows, codes = np.nonzero(dataset.movies.genres[:, columns])
    return (BagInput(rows, codes, len(dataset.movies), max(len(columns), 1)),)


def _lengths(movies: Movies) -> npt.NDArray[np.float32]:
    assert movies.length_minutes is not None  # `require_features` is called before anything is fitted
    return movies.length_minutes


def _fit_length(dataset: Dataset, rows: Rows) -> Vocabulary:
    minutes = _lengths(dataset.movies)[_trained_movies(dataset, rows)].astype(np.float64)
    known = minutes[~np.isnan(minutes)]
    if len(known) == 0:
        raise MovierecError(
            f"movie_length: no {dataset.noun} of the training set has a length; see why: movierec data"
            " lengths"
        )
    edges = np.unique(np.quantile(known, np.linspace(0, 1, LENGTH_BUCKETS + 1)[1:-1]))
    return {"edges": edges.tolist(), "median": np.median(known), "std": max(known.std(), 1.0)}


def _encode_length(vocabulary: Vocabulary, dataset: Dataset) -> tuple[Input, ...]:
    """Bucket (0: unknown), scaled minutes (the training median where unknown) and an "unknown" flag."""
    minutes = _lengths(dataset.movies).astype(np.float64)
    unknown = np.isnan(minutes)
    filled = np.where(unknown, vocabulary["median"], minutes)
    bucket = np.searchsorted(vocabulary["edges"], filled, side="right") + 1
    scaled = np.clip((filled - vocabulary["median"]) / vocabulary["std"], -3, 3)
    numbers = np.stack([scaled, unknown], axis=1).astype(np.float32)
    codes = np.where(unknown, 0, bucket).astype(np.int32)
    return CategoryInput(codes, len(vocabulary["edges"]) + 2), NumberInput(numbers)


# --- columns ----------------------------------------------------------------------------------------


def _category(vocabulary: Vocabulary, values: npt.NDArray[Any]) -> CategoryInput:
    """Code 0 is a value that training did not see."""
    known = np.asarray(vocabulary["values"], values.dtype)
    place = np.searchsorted(known, values)
    inside = np.minimum(place, max(len(known) - 1, 0))
    seen = (known[inside] == values) if len(known) else np.zeros(len(values), bool)
    return CategoryInput(np.where(seen, inside + 1, 0).astype(np.int32), len(known) + 1)


def _one_code_a_value(column: str, owner: str, unknown: int | None = None) -> Encoding:
    """A column of movies or users, one embedding a value.

    Args:
        column: its place in the data set.
        owner: the column of ratings that has the rows.
        unknown: a value that says nothing.
    """
    values_of = operator.attrgetter(column)

    def fit(dataset: Dataset, rows: Rows) -> Vocabulary:
        values = np.unique(values_of(dataset)[np.unique(getattr(dataset.ratings, owner)[rows])])
        return {"values": [value for value in values.tolist() if value == value != unknown]}  # NaN is unknown

    return Encoding(fit, lambda vocabulary, dataset: (_category(vocabulary, values_of(dataset)),))


# --- the encodings that the features table names -----------------------------------------------------

TIMESTAMP = Encoding(_fit_timestamp, _encode_timestamp, _code_timestamp)
WEEK = Encoding(_fit_week, _embedding_a_code(lambda vocabulary: vocabulary["weeks"]), _code_week)
DAY_OF_WEEK = Encoding(encode=_embedding_a_code(lambda _: 7), code=_code_day_of_week)
USER_TENURE = Encoding(
    _fit_tenure, _embedding_a_code(lambda vocabulary: len(vocabulary["edges_days"]) + 1), _code_tenure
)
MOVIE_TITLE_TEXT = Encoding(_fit_title, _encode_title)
MOVIE_GENRES = Encoding(_fit_genres, _encode_genres)
MOVIE_LENGTH = Encoding(_fit_length, _encode_length)
MOVIE_YEAR = _one_code_a_value("movies.year", "movie_index", UNKNOWN_YEAR)
BUCKETIZED_USER_AGE = _one_code_a_value("users.bucketized_age", "user_index")
USER_GENDER = _one_code_a_value("users.is_male", "user_index")
USER_OCCUPATION = _one_code_a_value("users.occupation", "user_index")
USER_HISTORY = Encoding()


# --- by name -----------------------------------------------------------------------------------------


def require_features(dataset: Dataset, feature_set: FeatureSet) -> None:
    """Refuses a feature of which the data set tells nothing.

    Raises:
        MovierecError: names the feature, why it is missing, and those the data set has.
    """
    missing = [feature for feature in feature_set.features if not _is_told(dataset, feature)]
    if missing:
        every = [*FEATURES.values(), *map(own_column, dataset.own)]
        present = [one for one in every if one.encoding and _is_told(dataset, one)]
        why = _with_reasons(dataset, missing, with_hints=True)
        raise MovierecError(f"data set '{dataset.name}' has no {why}; it has: {', '.join(present)}")


def told_sets(dataset: Dataset, sets: Sequence[FeatureSet]) -> tuple[tuple[FeatureSet, ...], str]:
    """The sets without the features of which the data set tells nothing, each once, and these for people."""
    named = FeatureSet(tuple(feature for one in sets for feature in one.features))
    missing = [feature for feature in named.features if not _is_told(dataset, feature)]
    left = tuple(dict.fromkeys(one.without(missing) for one in sets))
    return left, _with_reasons(dataset, missing)


def _with_reasons(dataset: Dataset, missing: Sequence[Feature], *, with_hints: bool = False) -> str:
    """Such as "week and timestamp (every rating has the same time) and movie_year (no movie has a year)"."""
    reasons: dict[str, list[Feature]] = {}
    for feature in missing:
        owner = dataset.noun if feature.column.startswith("movies.") else "user"
        of_times = feature.column == TIMES
        why = dataset.ratings.why_no_times if of_times else f"no {owner} has {feature.needs}"
        if feature.side is Side.COLUMN:
            why = f"no column is called so{did_you_mean(feature, [*FEATURES, *dataset.own])}"
        is_published = dataset.name in SOURCES and COLUMNS_OPTION in feature.hint
        hint = f"; {feature.hint}" if with_hints and feature.hint and not is_published else ""
        reasons.setdefault(f"{why}{hint}", []).append(feature)
    return listed(f"{listed(features)} ({why})" for why, features in reasons.items())


_TELLS: Mapping[str, Callable[[Dataset], object]] = {
    TIMES: lambda dataset: dataset.ratings.has_times,
    "movies.genres": lambda dataset: dataset.movies.genres.any(),
    "movies.year": lambda dataset: (dataset.movies.year != UNKNOWN_YEAR).any(),
    "movies.title": lambda dataset: dataset.movies.has_titles,
}
"""Whether a column says something, where it may be there and empty."""


def _is_told(dataset: Dataset, feature: Feature) -> bool:
    if feature.side is Side.COLUMN:
        return feature in dataset.own
    if feature.column in _TELLS:
        return bool(_TELLS[feature.column](dataset))
    try:
        return not feature.column or operator.attrgetter(feature.column)(dataset) is not None
    except AttributeError:
        raise PluginError(
            f"feature '{feature}' of package {feature.origin} needs the column '{feature.column}', and no"
            " data set has a column of that name"
        ) from None


@functools.cache
def _encoding(feature: str) -> Encoding:
    if isinstance(feature, Feature) and feature.origin is not None:
        return _of_package(feature, feature.origin)
    if feature not in FEATURES:
        return Encoding(functools.partial(_fit_own, feature), functools.partial(_encode_own, feature))
    encoding: Encoding = pkgutil.resolve_name(FEATURES[feature].encoding)
    return encoding


def has_code(feature: Feature) -> bool:
    """Whether a user and a time have a code under the feature."""
    return _encoding(feature).code is not None


def why_not_encoded(feature: Feature) -> str:
    """Why a feature that a package brings cannot be fitted or encoded here; "" where it can."""
    try:
        _encoding(feature)
    except PluginError as error:
        return str(error)
    return ""


def _of_package(feature: Feature, origin: Origin) -> Encoding:
    """How a feature of a package is encoded; what goes wrong in it is said with its name."""
    require_origin(EntryKind.FEATURE, str(feature), origin)
    path = (installed(str(feature)) or feature).encoding
    who = f"feature '{feature}' of package {origin}"
    try:
        own = pkgutil.resolve_name(path)
    except Exception as error:
        raise PluginError(f"{who}: its encoding '{path}' cannot be imported: {told(error)}") from error
    if not isinstance(own, Encoding):
        raise PluginError(f"{who}: its encoding '{path}' is of type {type(own).__name__}, not an Encoding")
    code = None if own.code is None else named_in_errors(own.code, f"{who} cannot code a time")
    return Encoding(
        named_in_errors(own.fit, f"{who} cannot be fitted"),
        named_in_errors(own.encode, f"{who} cannot be encoded"),
        code,
    )


def _fit_own(name: str, dataset: Dataset, rows: Rows) -> Vocabulary:
    """Of one of the data's own columns: on the items, users or ratings of the training rows."""
    side, column = dataset.own[name]
    if side is Side.CONTEXT:
        return {"side": side.value, **fit_context(column.take(rows))}
    owners = dataset.ratings.movie_index if side is Side.MOVIE else dataset.ratings.user_index
    return {"side": side.value, **fit_column(column.take(np.unique(owners[rows])))}


def _encode_own(name: str, vocabulary: Vocabulary, dataset: Dataset) -> tuple[Input, ...]:
    if vocabulary["side"] == Side.CONTEXT.value:
        return encode_column(vocabulary, context_column(name, vocabulary))
    return encode_column(vocabulary, dataset.own[name][1])


def side_of(feature: str, vocabulary: Vocabulary) -> Side:
    """What a fitted feature describes."""
    if isinstance(feature, Feature) and feature.origin is not None:
        return feature.side
    return FEATURES[feature].side if feature in FEATURES else Side(vocabulary["side"])


def fit_features(dataset: Dataset, rows: Rows, feature_set: FeatureSet) -> dict[Feature, Vocabulary]:
    """Fits each feature of the set on the training rows; the times of a history have nothing to be fitted."""
    return {
        feature: _encoding(feature).fit(dataset, rows) for feature in feature_set.features if feature.encoding
    }


def encode_features(
    dataset: Dataset, vocabularies: dict[Feature, Vocabulary], side: Side
) -> dict[Feature, tuple[Input, ...]]:
    """The columns of the features of one side, in the table's order."""
    return {
        feature: _encoding(feature).encode(vocabulary, dataset)
        for feature, vocabulary in vocabularies.items()
        if side_of(feature, vocabulary) is side
    }


OwnCodes = Callable[[str, Vocabulary], Codes]
"""The codes of a context that is a column of ratings, from its name and what it was fitted to."""


def _of_no_rating(feature: str, vocabulary: Vocabulary) -> Codes:
    raise LookupError(f"{feature} is a column of ratings, and a time has none")


def context_codes(
    vocabularies: dict[Feature, Vocabulary],
    users: UserRows,
    seconds: Seconds,
    own: OwnCodes = _of_no_rating,
) -> Codes:
    """Each user's and time's code under every context feature: [n, n_contexts].

    Raises:
        LookupError: a feature is a column of ratings, and `own` does not tell its codes.
    """
    columns = [
        own(feature, vocabulary) if code is None else code(vocabulary, users, seconds)
        for feature, vocabulary in vocabularies.items()
        if (code := _encoding(feature).code) is not None or side_of(feature, vocabulary) is Side.CONTEXT
    ]
    return np.stack(columns, axis=1) if columns else np.zeros((len(users), 0), np.int32)


NO_ROW = -1
"""A rating that is none: its columns have no values."""


def own_codes(dataset: Dataset, rows: Rows) -> OwnCodes:
    """Those of the ratings at some rows."""
    return lambda feature, vocabulary: code_context(
        vocabulary,
        dataset.own[feature][1].extended(1).take(rows),  # the last is that of `NO_ROW`
    )


def codes_at(dataset: Dataset, rows: Rows, vocabularies: dict[Feature, Vocabulary]) -> Codes:
    """The codes of the ratings at some rows: [n, n_contexts]."""
    ratings = dataset.ratings
    own = own_codes(dataset, rows)
    return context_codes(vocabularies, ratings.user_index[rows], ratings.timestamp[rows], own)
