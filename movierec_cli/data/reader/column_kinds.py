"""What the columns of a data set's own hold, and under which names they are features."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from movierec_cli.config.features import COLUMN_KINDS, is_taken
from movierec_cli.data.dataset import Columns
from movierec_cli.data.own_columns import ENTRY_END, GAP, OwnColumn, OwnColumns
from movierec_cli.data.reader import column_values as values
from movierec_cli.errors import UsageError
from movierec_cli.text import listed

if TYPE_CHECKING:
    from polars import Series

_Floats = npt.NDArray[np.float64]

_NEARLY_ALL = 0.95  # of the values are of a kind, for the column to be; the others are gaps
_SHORTEST_DATE = 6  # characters
_SOME = 0.1  # of the values hold a separator, for them to be lists
_FEW_WORDS, _MANY_WORDS = 4, 5
_BRACKETS = re.compile(r"[\[{(].*[\])}]$", re.DOTALL)
_YES_OR_NO = frozenset(["true", "false", "yes", "no", "y", "n", "t", "f", "0", "1", "0.0", "1.0"])


def with_kinds(columns: Columns, asked: Sequence[str] = ()) -> Columns:
    """The tables with their own columns as features: named, of a kind, and without those with no value.

    Args:
        columns: with own columns of texts under the names they have in the files.
        asked: kinds of features, such as "budget=number".

    Raises:
        UsageError: a word of `asked` is none, names no column or no kind, or no value is of that kind.
    """
    kinds = _asked_kinds(asked)
    names: set[str] = set()
    of_table = {
        table: tuple(_named(own, table, names))
        for table, own in (
            ("item", columns.movies.own),
            ("user", columns.users.own),
            ("rating", columns.ratings.own),
        )
    }
    if unknown := [name for name in kinds if name not in names]:
        there = (
            f"the columns are {', '.join(sorted(names))}" if names else "the data have no column of their own"
        )
        raise UsageError(f"--feature_kinds names '{unknown[0]}', and {there}")
    found = {
        table: tuple(_of_kind(one, kinds.get(one.name)) for one in own) for table, own in of_table.items()
    }
    return replace(
        columns,
        movies=replace(columns.movies, own=found["item"]),
        users=replace(columns.users, own=found["user"]),
        ratings=replace(columns.ratings, own=found["rating"]),
    )


def feature_name(name: str) -> str:
    """A column's name in small ASCII letters, digits and underscores: "Release Date" is release_date."""
    name = name.rpartition(":")[0] or name  # without the type that RecBole adds
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return word or "column"


def own_name(name: str, table: str, names: set[str]) -> str:
    """The name of a feature of this table, which is added to those that are taken."""
    word = feature_name(name)
    ends = chain([""], (f"_{n}" for n in count(2)))
    free = (f"{front}{word}{end}" for end in ends for front in ("", f"{table}."))
    found = next(one for one in free if one not in names and not is_taken(one))
    names.add(found)
    return found


def _named(own: OwnColumns, table: str, names: set[str]) -> Iterator[OwnColumn]:
    for one in own:
        if one.n_known:
            yield replace(one, name=own_name(one.name, table, names))


def _asked_kinds(asked: Sequence[str]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for word in asked:
        name, _, kind = word.replace("-", "_").partition("=")
        if kind not in COLUMN_KINDS:
            raise UsageError(
                f"--feature_kinds takes words such as budget=number, not '{word}'; the kinds are"
                f" {listed(COLUMN_KINDS)}"
            )
        kinds[name] = kind
    return kinds


# --- kinds --------------------------------------------------------------------------------------------


def _of_kind(column: OwnColumn, kind: str | None) -> OwnColumn:
    """A column of texts as one of this kind, or of the kind that is found; what is not of it is a gap.

    Raises:
        UsageError: no value is of the kind.
    """
    assert column.texts is not None
    import polars as pl

    texts = pl.Series(column.texts.tolist(), dtype=pl.String)
    kind = kind or kind_of(texts)
    if kind not in _NUMBERS:
        if kind != "list":
            return replace(column, kind=kind)
        lists = np.array([*_lists(texts), ""], np.object_)
        is_empty = (lists == "")[column.codes]  # the last is that of gaps
        return replace(column, kind=kind, codes=np.where(is_empty, GAP, column.codes), texts=lists[:-1])
    numbers = _NUMBERS[kind](texts)  # [n_texts, width]
    is_known = ~np.isnan(numbers).any(axis=1)
    if not is_known.any():
        raise UsageError(
            f"--feature_kinds {column.name}={kind}: no value of the column is {COLUMN_KINDS[kind].help}; the"
            f" first one is '{column.texts[0][:80]}'"
        )
    place = np.append(np.where(is_known, np.cumsum(is_known) - 1, GAP), GAP).astype(np.int32)
    return replace(column, kind=kind, codes=place[column.codes], texts=None, numbers=numbers[is_known])


def kind_of(texts: Series) -> str:
    """The kind of a column of texts, none of them missing: the first that fits."""
    return next((kind for kind, fits in _FITS.items() if fits(texts)), "category")


def _are_numbers(texts: Series) -> bool:
    if set(texts.str.to_lowercase().head(len(_YES_OR_NO) + 1)) <= _YES_OR_NO:
        return False
    are_codes = bool(texts.str.contains(r"^0[0-9]").any())  # such as 01067
    return not are_codes and _share(values.numbers(texts)) >= _NEARLY_ALL


def _are_dates(texts: Series) -> bool:
    if float((texts.str.len_chars() >= _SHORTEST_DATE).mean()) < _NEARLY_ALL:  # type: ignore[arg-type]
        return False  # in a table of thousands of columns, trying every form of a date takes a while
    return _share(values.days_and_moments(texts)) >= _NEARLY_ALL


def _are_vectors(texts: Series) -> bool:
    return float((~np.isnan(_vectors(texts)).any(axis=1)).mean()) >= _NEARLY_ALL


def _are_lists(texts: Series) -> bool:
    """By "|", ";" or brackets; by commas where the entries are short and come again."""
    rows = texts.to_list()
    if max(sum(mark in text for text in rows) for mark in "|;") >= _SOME * len(rows):
        return True
    if sum(_BRACKETS.match(text) is not None for text in rows) >= _NEARLY_ALL * len(rows):
        return True
    entries = [entry for text in rows for entry in values.items_of_list(text, ",")]
    are_short = sum(len(entry.split()) for entry in entries) < _FEW_WORDS * len(entries)
    return len(entries) > (1 + _SOME) * len(texts) and are_short and 2 * len(set(entries)) <= len(entries)


def _are_texts(texts: Series) -> bool:
    return float(np.mean([len(text.split()) for text in texts])) >= _MANY_WORDS


def _share(found: Series) -> float:
    return 1 - found.null_count() / max(len(found), 1)


def _column_of(found: Series) -> _Floats:
    import polars as pl

    return found.cast(pl.Float64).fill_null(float("nan")).to_numpy()[:, None]  # [n, 1]


def _vectors(texts: Series) -> _Floats:
    """Numbers in brackets, NaN where there are none or another number of them than in most: [n, width]."""
    rows = [_numbers_in(text) for text in texts]
    lengths = [len(row) for row in rows if len(row) > 1]
    width = max(set(lengths), key=lengths.count) if lengths else 1
    return np.array([row if len(row) == width and lengths else [np.nan] * width for row in rows], np.float64)


def _numbers_in(text: str) -> list[float]:
    if not text.startswith("[") or not text.endswith("]"):
        return []
    try:
        return [float(word) for word in text[1:-1].replace(",", " ").split()]
    except ValueError:
        return []


def _lists(texts: Series) -> list[str]:
    """Each list with its entries in lines."""
    separator = values.list_separator(texts.to_list())
    parts = (values.items_of_list(text, separator) for text in texts)
    return [ENTRY_END.join(" ".join(entry.split()) for entry in entries) for entries in parts]


_FITS: Mapping[str, Callable[[Series], bool]] = {
    "vector": _are_vectors,
    "number": _are_numbers,
    "date": _are_dates,
    "list": _are_lists,
    "text": _are_texts,
}
_NUMBERS: Mapping[str, Callable[[Series], _Floats]] = {
    "number": lambda texts: _column_of(values.numbers(texts)),
    "date": lambda texts: _column_of(values.days_and_moments(texts)),
    "vector": _vectors,
}
