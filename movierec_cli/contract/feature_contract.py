"""What every feature must do that is fitted to training rows and encoded."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Feature, FeatureSet, Side
from movierec_cli.contract.claims import BrokenError, Check, Claim, judged, require
from movierec_cli.data.dataset import UNKNOWN_YEAR, Dataset
from movierec_cli.data.own_columns import GAP
from movierec_cli.models.feature_encodings import (
    context_codes,
    encode_features,
    fit_features,
    has_code,
    require_features,
    why_not_encoded,
)
from movierec_cli.models.two_tower.inputs import BagInput, CategoryInput, Input, NumberInput
from movierec_cli.records import dataclass

SIDES = (Side.USER, Side.CONTEXT, Side.MOVIE)
"""What a feature can describe whose encoding is its own."""
_OTHERS: Mapping[str, Mapping[str, Any]] = {
    "movies": {"title": "Other words (1901)", "year": 1901, "length_minutes": 999, "genres": True},
    "users": {"bucketized_age": 99, "raw_age": 99, "is_male": 1, "occupation": 0},
    "ratings": {"timestamp": 5_000_000_000},
}
_GAPS: Mapping[str, Mapping[str, Any]] = {
    "movies": {"title": "", "year": UNKNOWN_YEAR, "length_minutes": np.nan, "genres": False},
    "users": {"bucketized_age": np.nan, "raw_age": np.nan, "is_male": np.nan},
}
"""What stands in a column where nothing is known."""
_FAR_S = 100 * 366 * 86_400

_Rows = npt.NDArray[np.int64]


def check_feature(feature: Feature, dataset: Dataset) -> list[Claim]:
    """Judges a feature on a data set, part of which is training rows.

    Args:
        feature: of `SIDES`.
        dataset: that tells what the feature sees.
    """
    return list(judged(_Checks(feature, dataset).all()))


@dataclass
class _Checks:
    feature: Feature
    dataset: Dataset
    fitted: dict[Feature, Any] = field(default_factory=dict)

    def all(self) -> Iterator[tuple[str, Check]]:
        yield "says what it describes, and has an encoding", self.can_be_encoded
        yield f"can be seen on '{self.dataset.name}'", self.is_told
        yield "is fitted to plain JSON, each time the same", self.is_fitted_to_json
        yield "is fitted on training rows alone", self.is_fitted_on_training_rows
        yield f"has a row of codes or numbers for each {self.owner}", self.is_encoded
        yield "encodes where nothing is known, and what training did not see", self.has_no_gaps
        if self.feature.side is Side.CONTEXT:
            yield "has a code for any user at any time", self.codes_any_time

    @property
    def train(self) -> _Rows:
        """Two thirds of the ratings of the first half of users and movies, [n]."""
        ratings = self.dataset.ratings
        first = ratings.user_index < len(self.dataset.users) / 2
        return np.flatnonzero(first & (ratings.movie_index % 3 > 0))

    @property
    def owner(self) -> str:
        """What has a row of what is encoded."""
        return {Side.MOVIE: self.dataset.noun, Side.USER: "user"}.get(self.feature.side, "code")

    def fit(self, dataset: Dataset) -> dict[Feature, Any]:
        return fit_features(dataset, self.train, FeatureSet((self.feature,)))

    def can_be_encoded(self) -> None:
        words = ", ".join(f"Side.{side.name}" for side in SIDES)
        require(self.feature.side in SIDES, f"its side is {self.feature.side}, and it can be {words}")
        require(self.feature.kinds, "its kinds are empty, so no family can see it")
        require(not (why := why_not_encoded(self.feature)), why)
        needs_code = self.feature.side is Side.CONTEXT and not has_code(self.feature)
        require(not needs_code, "its side is Side.CONTEXT, and its encoding lacks `code`: the code of a time")

    def is_told(self) -> None:
        require_features(self.dataset, FeatureSet((self.feature,)))

    def is_fitted_to_json(self) -> None:
        self.fitted = self.fit(self.dataset)
        (vocabulary,) = self.fitted.values()
        require(isinstance(vocabulary, dict), f"it is fitted to a {type(vocabulary).__name__}, not a dict")
        try:
            again = json.loads(json.dumps(vocabulary, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise BrokenError(f"what it is fitted to has no JSON form: {error}") from error
        require(
            again == vocabulary, "what it is fitted to is another as JSON: keys are texts, tuples are lists"
        )
        require(self.fit(self.dataset) == self.fitted, "fitted again to the same, it is another")

    def is_fitted_on_training_rows(self) -> None:
        changed = self.fit(_changed(self.dataset, _OTHERS, self.train))
        require(
            changed == self.fit(self.dataset),
            "it is another where ratings, items or users of the test set are",
        )

    def is_encoded(self) -> None:
        self.require_rows(self.dataset)

    def has_no_gaps(self) -> None:
        gapped = _changed(self.dataset, _GAPS, self.train[::2])
        self.require_rows(gapped)
        self.fitted = self.fit(gapped)
        self.require_rows(gapped)

    def require_rows(self, dataset: Dataset) -> int:
        """How many rows there are, if the columns are as they must be."""
        found = encode_features(dataset, self.fitted, self.feature.side)[self.feature]
        is_tuple = isinstance(found, tuple) and len(found) > 0
        require(is_tuple, f"it is encoded to {type(found).__name__} {found!r:.60}, not to a tuple of inputs")
        for one in found:
            is_input = isinstance(one, CategoryInput | BagInput | NumberInput)
            words = "CategoryInput, BagInput or NumberInput"
            require(is_input, f"it is encoded to {type(one).__name__}; it must be {words}")
        owners = {Side.MOVIE: len(dataset.movies), Side.USER: len(dataset.users)}
        n_rows = owners.get(self.feature.side, _n_rows(found[0]))
        for one in found:
            _require_input(one, n_rows)
        return n_rows

    def codes_any_time(self) -> None:
        self.fitted = self.fit(self.dataset)
        n_rows, seconds = self.require_rows(self.dataset), self.dataset.ratings.timestamp
        first, last = int(seconds.min()), int(seconds.max())
        for name, times in {
            "of the ratings": seconds[:1000],
            "long before them": np.array([0, first - _FAR_S]),
            "long after them": np.array([last + 1, last + _FAR_S]),
            "at no time": seconds[:0],
        }.items():
            users = (np.arange(len(times)) % len(self.dataset.users)).astype(np.int32)
            codes = context_codes(self.fitted, users, times)
            fits = codes.shape == (len(times), 1) and codes.dtype == np.int32
            require(fits, f"{name}, its codes are {codes.dtype} {codes.shape}, not int32 {(len(times), 1)}")
            is_row = (codes >= 0) & (codes < n_rows)
            require(is_row.all(), f"{name}, a code is {codes[~is_row][:1]}, and it encodes {n_rows} codes")


def _n_rows(one: Input) -> int:
    if isinstance(one, BagInput):
        return one.n_rows
    return len(one.codes if isinstance(one, CategoryInput) else one.values)


def _require_input(one: Input, n_rows: int) -> None:
    kind = type(one).__name__
    require(_n_rows(one) == n_rows, f"its {kind} has {_n_rows(one)} rows, not {n_rows}")
    if isinstance(one, NumberInput):
        values = one.values
        fits = values.dtype == np.float32 and values.ndim == 2
        require(fits, f"its numbers are {values.dtype} {values.shape}, not float32 [{n_rows}, n]")
        require(
            np.isfinite(values).all(), f"{int((~np.isfinite(values)).sum())} of its numbers are not finite"
        )
        return
    codes, dtype = one.codes, np.int32 if isinstance(one, CategoryInput) else np.int64
    require(codes.dtype == dtype, f"the codes of its {kind} are {codes.dtype}, not {np.dtype(dtype)}")
    wrong = codes[(codes < 0) | (codes >= one.size)]
    require(len(wrong) == 0, f"a code of its {kind} is {wrong[:1]}, and its size is {one.size}")
    if isinstance(one, BagInput):
        rows = one.rows
        is_sorted = len(rows) == len(codes) and (np.diff(rows) >= 0).all()
        require(is_sorted, f"the rows of its {kind} are not one a code, ascending")
        inside = len(rows) == 0 or (rows.min() >= 0 and rows.max() < n_rows)
        require(inside, f"the rows of its {kind} are none of {n_rows}")


def _changed(dataset: Dataset, values: Mapping[str, Mapping[str, Any]], kept: _Rows) -> Dataset:
    """The data set with other values in the rows that the ratings at `kept` do not have."""
    ratings = dataset.ratings
    in_train: list[tuple[str, npt.NDArray[Any]]] = [
        ("ratings", kept),
        ("movies", ratings.movie_index[kept]),
        ("users", ratings.user_index[kept]),
    ]
    tables: dict[str, Any] = {}
    for name, rows in in_train:
        table, others = getattr(dataset, name), values.get(name, {})
        is_kept = np.isin(np.arange(len(table)), rows)
        columns = {one: _with_others(getattr(table, one), is_kept, value) for one, value in others.items()}
        own = tuple(replace(one, codes=np.where(is_kept, one.codes, GAP)) for one in table.own)
        tables[name] = replace(table, **columns, own=own)
    return replace(dataset, **tables)


def _with_others(column: Any, is_kept: npt.NDArray[np.bool_], value: Any) -> Any:
    if column is None:
        return None
    changed = column.copy()
    changed[~is_kept] = value
    return changed
