"""The features table: for each feature its tower, the columns it needs, how it is fitted and encoded.

A feature is fitted on training rows only. What was fitted is plain JSON (`Vocabulary`), so that a saved
run carries it; encoding is a pure function of that and of the data set. To add a feature, add its name
to `config.Feature` and one entry to `FEATURES`.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Feature, FeatureSet
from movierec_cli.data.dataset import UNKNOWN_YEAR, Dataset, Movies
from movierec_cli.errors import MovierecError
from movierec_cli.models.two_tower.inputs import BagInput, CategoryInput, Input, NumberInput

Vocabulary = dict[str, Any]
Rows = npt.NDArray[np.int64]  # training rows of Ratings
Codes = npt.NDArray[np.int32]
UserRows = npt.NDArray[np.int32]
Seconds = npt.NDArray[np.int64]  # since 1970-01-01 UTC

TIMESTAMP_BUCKETS = 1000
LENGTH_BUCKETS = 20
TENURE_EDGES_DAYS = (1 / 24, 0.5, 1, 3, 7, 14, 30, 60, 120, 240, 480)  # closer early: most users stay a day
MIN_TENURE_SHARE = 0.001  # of the training ratings, beyond an edge
MIN_TOKEN_MOVIES = 2  # a word of one title only is that movie's id again

SECONDS_A_DAY = 86_400
SECONDS_A_WEEK = 7 * SECONDS_A_DAY
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


class Tower(enum.Enum):
    """Whose rows a feature describes."""

    USER = "user"
    CONTEXT = "context"  # depends on the moment of the query; part of what makes a query unique
    HISTORY = "history"  # the user's training movies, drawn anew at each step
    MOVIE = "movie"


def _no_fit(dataset: Dataset, rows: Rows) -> Vocabulary:
    return {}


def _always(dataset: Dataset) -> bool:
    return True


@dataclass(frozen=True)
class FeatureSpec:
    """One entry of the table.

    Attributes:
        tower: whose rows `encode` returns.
        available: whether the data set has the columns.
        fit: from the data set and its training rows to the vocabulary.
        encode: from the vocabulary and the data set to columns with a row for each user, movie or,
            for a context, each code that `code` can give.
        code: contexts only: from the vocabulary, users [n] and moments [n] (seconds) to codes, int32 [n].
    """

    tower: Tower
    available: Callable[[Dataset], bool] = _always
    fit: Callable[[Dataset, Rows], Vocabulary] = _no_fit
    encode: Callable[[Vocabulary, Dataset], tuple[Input, ...]] = lambda vocabulary, dataset: ()
    code: Callable[[Vocabulary, UserRows, Seconds], Codes] | None = None


# --- contexts ---------------------------------------------------------------------------------------


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


def _encode_day_of_week(vocabulary: Vocabulary, dataset: Dataset) -> tuple[Input, ...]:
    return (CategoryInput(np.arange(7, dtype=np.int32), 7),)


def _fit_week(dataset: Dataset, rows: Rows) -> Vocabulary:
    seconds = dataset.ratings.timestamp[rows]
    return {"last": int(seconds.max()), "weeks": int((seconds.max() - seconds.min()) // SECONDS_A_WEEK) + 1}


def _code_week(vocabulary: Vocabulary, users: UserRows, seconds: Seconds) -> Codes:
    """Weeks before the last training rating; what comes later is asked as if in the last week.

    A whole week is behind the code of the future, where the last bucket of `timestamp` may hold a few
    hours' ratings.
    """
    ago = np.maximum(vocabulary["last"] - seconds, 0) // SECONDS_A_WEEK
    codes: Codes = np.minimum(ago, vocabulary["weeks"] - 1).astype(np.int32)
    return codes


def _encode_week(vocabulary: Vocabulary, dataset: Dataset) -> tuple[Input, ...]:
    return (CategoryInput(np.arange(vocabulary["weeks"], dtype=np.int32), vocabulary["weeks"]),)


def _fit_tenure(dataset: Dataset, rows: Rows) -> Vocabulary:
    """Each user's first training rating; where there is none, the end of time, so that tenure is 0.

    An edge that hardly a training rating lies beyond would send queries to a bucket that learned nothing.
    """
    ratings = dataset.ratings
    users, seconds = ratings.user_index[rows], ratings.timestamp[rows]
    first = np.full(len(dataset.users), np.iinfo(np.int64).max)
    np.minimum.at(first, users, seconds)
    days = (seconds - first[users]) / SECONDS_A_DAY
    edges = [edge for edge in TENURE_EDGES_DAYS if (days >= edge).mean() >= MIN_TENURE_SHARE]
    return {"first": first.tolist(), "edges_days": edges}


def _code_tenure(vocabulary: Vocabulary, users: UserRows, seconds: Seconds) -> Codes:
    """The bucket of the time since the user's first rating; before it, bucket 0."""
    first = np.asarray(vocabulary["first"], np.int64)[users]
    days = np.maximum(seconds - np.minimum(first, seconds), 0) / SECONDS_A_DAY
    return np.searchsorted(vocabulary["edges_days"], days, side="right").astype(np.int32)


def _encode_tenure(vocabulary: Vocabulary, dataset: Dataset) -> tuple[Input, ...]:
    n = len(vocabulary["edges_days"]) + 1
    return (CategoryInput(np.arange(n, dtype=np.int32), n),)


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


def _has_lengths(dataset: Dataset) -> bool:
    return dataset.movies.length_minutes is not None


def _lengths(movies: Movies) -> npt.NDArray[np.float32]:
    assert movies.length_minutes is not None  # `_has_lengths` is checked before anything is fitted
    return movies.length_minutes


def _fit_length(dataset: Dataset, rows: Rows) -> Vocabulary:
    minutes = _lengths(dataset.movies)[_trained_movies(dataset, rows)].astype(np.float64)
    known = minutes[~np.isnan(minutes)]
    if len(known) == 0:
        raise MovierecError(
            "movie_length: no movie of the training part has a length; see why: movierec data lengths"
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


def _fit_year(dataset: Dataset, rows: Rows) -> Vocabulary:
    years = dataset.movies.year[_trained_movies(dataset, rows)]
    return _vocabulary_of(years[years != UNKNOWN_YEAR])


def _encode_year(vocabulary: Vocabulary, dataset: Dataset) -> tuple[Input, ...]:
    return (_category(vocabulary, dataset.movies.year),)


# --- users ------------------------------------------------------------------------------------------


def _vocabulary_of(values: npt.NDArray[Any]) -> Vocabulary:
    return {"values": np.unique(values).tolist()}


def _category(vocabulary: Vocabulary, values: npt.NDArray[Any]) -> CategoryInput:
    """Code 0 is a value that training did not see."""
    known = np.asarray(vocabulary["values"], values.dtype)
    place = np.searchsorted(known, values)
    inside = np.minimum(place, max(len(known) - 1, 0))
    seen = (known[inside] == values) if len(known) else np.zeros(len(values), bool)
    return CategoryInput(np.where(seen, inside + 1, 0).astype(np.int32), len(known) + 1)


def _user_column(name: str) -> FeatureSpec:
    """A column of `Users`, one embedding a value."""

    def column(dataset: Dataset) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = getattr(dataset.users, name)
        return values

    return FeatureSpec(
        Tower.USER,
        available=lambda dataset: getattr(dataset.users, name) is not None,
        fit=lambda dataset, rows: _vocabulary_of(
            column(dataset)[np.unique(dataset.ratings.user_index[rows])]
        ),
        encode=lambda vocabulary, dataset: (_category(vocabulary, column(dataset)),),
    )


FEATURES: dict[Feature, FeatureSpec] = {
    Feature.TIMESTAMP: FeatureSpec(
        Tower.CONTEXT, fit=_fit_timestamp, encode=_encode_timestamp, code=_code_timestamp
    ),
    Feature.MOVIE_TITLE_TEXT: FeatureSpec(Tower.MOVIE, fit=_fit_title, encode=_encode_title),
    Feature.MOVIE_GENRES: FeatureSpec(Tower.MOVIE, fit=_fit_genres, encode=_encode_genres),
    Feature.MOVIE_LENGTH: FeatureSpec(Tower.MOVIE, _has_lengths, _fit_length, _encode_length),
    Feature.MOVIE_YEAR: FeatureSpec(Tower.MOVIE, fit=_fit_year, encode=_encode_year),
    Feature.BUCKETIZED_USER_AGE: _user_column("bucketized_age"),
    Feature.USER_GENDER: _user_column("is_male"),
    Feature.USER_OCCUPATION: _user_column("occupation"),
    Feature.WEEK: FeatureSpec(Tower.CONTEXT, fit=_fit_week, encode=_encode_week, code=_code_week),
    Feature.DAY_OF_WEEK: FeatureSpec(Tower.CONTEXT, encode=_encode_day_of_week, code=_code_day_of_week),
    Feature.USER_TENURE: FeatureSpec(
        Tower.CONTEXT, fit=_fit_tenure, encode=_encode_tenure, code=_code_tenure
    ),
    Feature.USER_HISTORY: FeatureSpec(Tower.HISTORY),
}


TIME_FEATURES = tuple(feature for feature, spec in FEATURES.items() if spec.tower is Tower.CONTEXT)
"""What tells a model when a query is made."""


_LENGTHS_HINT = " (name IMDb's list with --imdb_titles FILE, or your own lengths with --movie_lengths FILE)"


def require_features(dataset: Dataset, feature_set: FeatureSet) -> None:
    """Refuses a feature that the data set has no columns for.

    Raises:
        MovierecError: names the feature and those the data set has.
    """
    present = [feature for feature, spec in FEATURES.items() if spec.available(dataset)]
    # What is not in the table needs no column: the times of a sequence are the ratings' own.
    missing = [feature for feature in feature_set.features if feature in FEATURES and feature not in present]
    if missing:
        hint = _LENGTHS_HINT if Feature.MOVIE_LENGTH in missing else ""
        raise MovierecError(
            f"data set '{dataset.name}' has no {', '.join(missing)}{hint}; it has: {', '.join(present)}"
        )


def fit_features(dataset: Dataset, rows: Rows, feature_set: FeatureSet) -> dict[Feature, Vocabulary]:
    """Fits each feature of the set on the training rows."""
    return {feature: FEATURES[feature].fit(dataset, rows) for feature in feature_set.features}


def encode_features(
    dataset: Dataset, vocabularies: dict[Feature, Vocabulary], tower: Tower
) -> dict[Feature, tuple[Input, ...]]:
    """The columns of one tower's features, in the table's order."""
    return {
        feature: FEATURES[feature].encode(vocabulary, dataset)
        for feature, vocabulary in vocabularies.items()
        if FEATURES[feature].tower is tower
    }


def context_codes(vocabularies: dict[Feature, Vocabulary], users: UserRows, seconds: Seconds) -> Codes:
    """Each user's and moment's code under every context feature: [n, n_contexts]."""
    coders = [(FEATURES[feature].code, vocabulary) for feature, vocabulary in vocabularies.items()]
    columns = [code(vocabulary, users, seconds) for code, vocabulary in coders if code is not None]
    return np.stack(columns, axis=1) if columns else np.zeros((len(users), 0), np.int32)
