"""How the kinds of the data's own columns are fitted and encoded: one entry for each kind of `COLUMN_KINDS`.

Fitted on the values of training rows only; what was fitted is plain JSON, and encoding is a pure function of
that and of a column, so that the same entry serves training, scoring and export. A value that is missing, or
that training did not see, has a code of its own or is an empty bag, and a flag tells it from a number.
"""

from __future__ import annotations

import functools
import itertools
import pkgutil
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import COLUMN_KINDS
from movierec_cli.data.own_columns import ENTRY_END, GAP, OwnColumn
from movierec_cli.errors import MovierecError
from movierec_cli.models.two_tower.inputs import BagInput, CategoryInput, Input, NumberInput
from movierec_cli.records import dataclass
from movierec_cli.text import counted

Vocabulary = dict[str, Any]
_Floats = npt.NDArray[np.float64]

NUMBER_BUCKETS = 20
MAX_CONTEXTS = 1_000  # values of a column of ratings: each is a part of queries
MIN_ROWS = 2  # a value of one item only is that item's id again
HASHES = 1 << 14
MAX_GRAM_SHARE = 0.2  # of the rows: what is in more texts, such as "the", tells nothing
MIN_TEXTS = 50  # from so many on such words are looked for


@dataclass(frozen=True)
class ColumnEncoding:
    """How a kind of column is fitted and encoded.

    Attributes:
        fit: from a column with the training rows alone to the vocabulary.
        encode: from the vocabulary and a column to what a tower sees, with a row for each of the column's.
        shown: what is in a column with a value, for people.
    """

    fit: Callable[[OwnColumn], Vocabulary]
    encode: Callable[[Vocabulary, OwnColumn], tuple[Input, ...]]
    shown: Callable[[OwnColumn], str]


def _of_rows(column: OwnColumn, of_values: npt.NDArray[Any], of_gap: Any) -> npt.NDArray[Any]:
    """What is known of values, [n_values] or [n_values, width], for each row."""
    gap = np.full((1, *of_values.shape[1:]), of_gap, of_values.dtype)
    return np.concatenate([of_values, gap])[column.codes]  # GAP is the last


def _frequent(codes: Iterable[Any]) -> list[Any]:
    """What comes in `MIN_ROWS` rows or more, in its order."""
    counts = Counter(codes)
    return sorted(one for one, n in counts.items() if n >= MIN_ROWS)


# --- category -----------------------------------------------------------------------------------------


def _fit_category(column: OwnColumn) -> Vocabulary:
    assert column.texts is not None
    return {"values": _frequent(column.texts[column.codes[column.codes != GAP]].tolist())}


def _encode_category(vocabulary: Vocabulary, column: OwnColumn) -> tuple[Input, ...]:
    """Code 0 is no value, or one that hardly a training row has."""
    assert column.texts is not None
    code = {value: place for place, value in enumerate(vocabulary["values"], start=1)}
    of_values = np.array([code.get(text, 0) for text in column.texts], np.int32)
    return (CategoryInput(_of_rows(column, of_values, 0), len(code) + 1),)


# --- numbers and dates --------------------------------------------------------------------------------


def _fit_number(column: OwnColumn) -> Vocabulary:
    assert column.numbers is not None
    values = column.numbers[:, 0][column.codes[column.codes != GAP]]
    if len(values) == 0:
        return {"edges": [], "median": 0.0, "std": 1.0}
    return {
        "edges": _edges(values),
        "median": float(np.median(values)),
        "std": float(values.std()) or 1.0,
    }


def _edges(values: _Floats) -> list[float]:
    """Between buckets of about as many values each."""
    edges: list[float] = np.unique(np.quantile(values, np.linspace(0, 1, NUMBER_BUCKETS + 1)[1:-1])).tolist()
    return edges


def _encode_number(vocabulary: Vocabulary, column: OwnColumn) -> tuple[Input, ...]:
    """Bucket (0: unknown), scaled value (the training median where unknown) and an "unknown" flag."""
    assert column.numbers is not None
    values = _of_rows(column, column.numbers[:, 0], np.nan)
    is_unknown = np.isnan(values)
    filled = np.where(is_unknown, vocabulary["median"], values)
    bucket = np.searchsorted(vocabulary["edges"], filled, side="right") + 1
    scaled = np.clip((filled - vocabulary["median"]) / vocabulary["std"], -3, 3)
    numbers = np.stack([scaled, is_unknown], axis=1).astype(np.float32)
    codes = np.where(is_unknown, 0, bucket).astype(np.int32)
    return CategoryInput(codes, len(vocabulary["edges"]) + 2), NumberInput(numbers)


def _encode_date(vocabulary: Vocabulary, column: OwnColumn) -> tuple[Input, ...]:
    """As a number, and the month of the year (0: unknown)."""
    assert column.numbers is not None
    days = column.numbers[:, 0].astype("datetime64[s]")
    months = (days.astype("datetime64[M]").astype(np.int64) % 12 + 1).astype(np.int32)
    return *_encode_number(vocabulary, column), CategoryInput(_of_rows(column, months, 0), 13)


# --- lists and texts ----------------------------------------------------------------------------------


def _bags(column: OwnColumn, of_values: Sequence[Sequence[int]], size: int) -> tuple[Input, ...]:
    bags = [*of_values, ()]
    return (BagInput.of([bags[code] for code in column.codes], max(size, 1)),)


def _entries(text: str) -> list[str]:
    return [entry for entry in text.split(ENTRY_END) if entry]


def _fit_list(column: OwnColumn) -> Vocabulary:
    assert column.texts is not None
    bags = [_entries(text) for text in column.texts]
    return {"entries": _frequent(one for code in column.codes if code != GAP for one in set(bags[code]))}


def _encode_list(vocabulary: Vocabulary, column: OwnColumn) -> tuple[Input, ...]:
    assert column.texts is not None
    code = {entry: place for place, entry in enumerate(vocabulary["entries"])}
    of_values = [[code[one] for one in _entries(text) if one in code] for text in column.texts]
    return _bags(column, of_values, len(code))


def hashed_grams(text: str) -> list[int]:
    """The different words of a text and pairs of words, as numbers below `HASHES` (CRC-32): ascending.

    Weinberger et al. 2009, "Feature hashing for large scale multitask learning".
    """
    words = re.findall(r"\w+", text.lower())
    grams = [*words, *(f"{one} {other}" for one, other in itertools.pairwise(words))]
    return sorted({zlib.crc32(gram.encode()) % HASHES for gram in grams})


def _fit_text(column: OwnColumn) -> Vocabulary:
    assert column.texts is not None
    bags = [hashed_grams(text) for text in column.texts]
    counts = Counter(one for code in column.codes if code != GAP for one in bags[code])
    most = MAX_GRAM_SHARE * column.n_known if column.n_known >= MIN_TEXTS else column.n_known
    return {"hashes": sorted(one for one, n in counts.items() if MIN_ROWS <= n <= most)}


def _encode_text(vocabulary: Vocabulary, column: OwnColumn) -> tuple[Input, ...]:
    assert column.texts is not None
    code = {one: place for place, one in enumerate(vocabulary["hashes"])}
    of_values = [[code[one] for one in hashed_grams(text) if one in code] for text in column.texts]
    return _bags(column, of_values, len(code))


# --- vectors ------------------------------------------------------------------------------------------


def _fit_vector(column: OwnColumn) -> Vocabulary:
    """The mean, and the root of the mean square of what is left."""
    assert column.numbers is not None
    vectors = column.numbers[column.codes[column.codes != GAP]]
    if len(vectors) == 0:
        return {"mean": [0.0] * column.numbers.shape[1], "norm": 1.0}
    mean = vectors.mean(axis=0)
    return {"mean": mean.tolist(), "norm": float(np.sqrt(((vectors - mean) ** 2).sum(axis=1).mean())) or 1.0}


def _encode_vector(vocabulary: Vocabulary, column: OwnColumn) -> tuple[Input, ...]:
    """Vectors of about length 1 around 0, which stands for no vector, and an "unknown" flag."""
    assert column.numbers is not None
    of_values = (column.numbers - np.asarray(vocabulary["mean"])) / vocabulary["norm"]
    is_unknown = column.codes == GAP
    numbers = np.concatenate([_of_rows(column, of_values, 0.0), is_unknown[:, None]], axis=1)
    return (NumberInput(numbers.astype(np.float32)),)


# --- the encodings that the table of kinds names ------------------------------------------------------

CATEGORY = ColumnEncoding(_fit_category, _encode_category, lambda one: _some(_texts(one), "value"))
NUMBER = ColumnEncoding(
    _fit_number, _encode_number, lambda one: _range(one, lambda number: f"{number:,.10g}")
)
DATE = ColumnEncoding(_fit_number, _encode_date, lambda one: _range(one, _day))
LIST = ColumnEncoding(
    _fit_list,
    _encode_list,
    lambda one: _some([entry for text in _texts(one) for entry in _entries(text)], "entry", "entries"),
)
TEXT = ColumnEncoding(
    _fit_text, _encode_text, lambda one: f"such as '{' '.join(_texts(one)[0].split())[:40]}'"
)
VECTOR = ColumnEncoding(_fit_vector, _encode_vector, lambda one: f"{_numbers(one).shape[1]:,} numbers")


def _texts(column: OwnColumn) -> list[str]:
    assert column.texts is not None
    return [*column.texts]


def _numbers(column: OwnColumn) -> _Floats:
    assert column.numbers is not None
    return column.numbers


def _some(words: Sequence[str], noun: str, plural: str = "") -> str:
    """The most frequent words and how many there are: "12 values (a, b, c …)"."""
    counts = Counter(words)
    first = ", ".join(word[:30] for word, _ in counts.most_common(3))
    return f"{counted(len(counts), noun, plural)} ({first}{' …' if len(counts) > 3 else ''})"


def _range(column: OwnColumn, shown: Callable[[float], str]) -> str:
    numbers = _numbers(column)
    return f"{shown(numbers.min())} to {shown(numbers.max())}"


def _day(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s").astype("M8[D]"))


# --- by kind ------------------------------------------------------------------------------------------


@functools.cache
def _encoding(kind: str) -> ColumnEncoding:
    encoding: ColumnEncoding = pkgutil.resolve_name(COLUMN_KINDS[kind].encoding)
    return encoding


def fit_column(column: OwnColumn) -> Vocabulary:
    """What a column of items or users, of the training rows, is fitted to, with its kind."""
    return {"kind": column.kind, **_encoding(column.kind).fit(column)}


def shown_column(column: OwnColumn, noun: str) -> str:
    """What was understood of a column, for people: "number: 1 to 7; 40 of 44 movies have one"."""
    n_rows = counted(len(column), noun)
    return f"{column.kind}: {_encoding(column.kind).shown(column)}; {column.n_known:,} of {n_rows} have one"


def encode_column(vocabulary: Vocabulary, column: OwnColumn) -> tuple[Input, ...]:
    """What a tower sees of a column, with a row for each of the column's."""
    return _encoding(vocabulary["kind"]).encode(vocabulary, column)


# --- contexts -----------------------------------------------------------------------------------------


def fit_context(column: OwnColumn) -> Vocabulary:
    """The same of a column of ratings, with the values that are parts of queries.

    Those are the buckets of numbers, each with its mean, or the most frequent texts.

    Raises:
        MovierecError: it holds vectors.
    """
    known = column.codes[column.codes != GAP]
    if column.numbers is None:
        assert column.texts is not None
        texts, counts = np.unique(column.texts[known].astype(str), return_counts=True)
        values: Vocabulary = {
            "contexts": sorted(texts[np.argsort(-counts, kind="stable")][:MAX_CONTEXTS].tolist())
        }
    elif column.numbers.shape[1] > 1:
        raise MovierecError(
            f"{column.name} is a vector of each rating, and only items and users can have those"
        )
    else:
        numbers = column.numbers[known, 0]
        edges = _edges(numbers) if len(numbers) else []
        bucket = np.searchsorted(edges, numbers, side="right")
        sums, sizes = (np.bincount(bucket, weights, len(edges) + 1) for weights in (numbers, None))
        values = {"context_edges": edges, "contexts": (sums / np.maximum(sizes, 1)).tolist()}
    return {**fit_column(column), **values}


def context_column(name: str, vocabulary: Vocabulary) -> OwnColumn:
    """The values that are parts of queries, as a column: row 0 has none."""
    values = vocabulary["contexts"]
    codes = np.arange(GAP, len(values), dtype=np.int32)
    if "context_edges" in vocabulary:
        return OwnColumn(name, vocabulary["kind"], codes, numbers=np.array(values, np.float64)[:, None])
    return OwnColumn(name, vocabulary["kind"], codes, texts=np.array(values, np.object_))


def code_context(vocabulary: Vocabulary, column: OwnColumn) -> npt.NDArray[np.int32]:
    """Rows of `context_column` for the rows of a column of ratings; 0 for what training did not see."""
    if column.numbers is not None:
        of_values = np.searchsorted(vocabulary["context_edges"], column.numbers[:, 0], side="right") + 1
    else:
        assert column.texts is not None
        code = {text: place for place, text in enumerate(vocabulary["contexts"], start=1)}
        of_values = np.array([code.get(text, 0) for text in column.texts], np.int32)
    return _of_rows(column, of_values.astype(np.int32), 0)
