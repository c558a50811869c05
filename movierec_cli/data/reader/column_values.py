"""What a column holds: ids, numbers, times, genres and years, from texts or from typed columns.

Each function takes a polars column and gives one of the same length, null where a value cannot be read.
"""

from __future__ import annotations

import ast
import enum
import re
from typing import TYPE_CHECKING

from movierec_cli.data.dataset import UNKNOWN_YEAR

if TYPE_CHECKING:
    from polars import Series

LAST_TIMESTAMP = 253_402_300_799  # 9999-12-31, seconds since 1970-01-01 UTC
MAX_ID = 2**63 - 1

_WHOLE = r"^(?:0|[1-9][0-9]{0,18})$"
_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_THOUSANDS = r"^[+-]?[0-9]{1,3}(?:,[0-9]{3})+$"  # "1,234" may be 1.234 or 1234
_DATE_FORMATS = (
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y%m%d", "%Y%m%d%H%M%S"),
    *("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S"),  # "13/02/2001" is left out: 02/03 is of two days
    *("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%d %b %Y %H:%M:%S", "%d-%b-%Y %H:%M:%S"),
)
_UNIX_DATE = (
    r"^[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d+) (\d\d:\d\d:\d\d)((?: [+-]\d{4})?)(?: [A-Z]{3,4})? (\d{4})$"
)
_BOOLEANS = {"true": "1", "True": "1", "TRUE": "1", "false": "0", "False": "0", "FALSE": "0"}
_YEAR = re.compile(r"\(?([0-9]{4})(?:\)|[-./].*|\.0+|[01][0-9][0-3][0-9])?")
_LAST_YEAR = re.compile(r"[^0-9]([0-9]{4})$")  # of a date such as 01-Jan-1995
_FIRST_YEAR_OF_ALL, _LAST_YEAR_OF_ALL = 1000, 2100  # others stand for none, as 0 and 9999 do
_FIRST = 10_000
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
MISSING = ("", "nan", "NaN", "NA", "N/A", "null", "NULL", "None", "<NA>", "\\N")
"""What programs write where there is nothing."""
SURELY_SECONDS = 100_000_000  # 1973: earlier than this are only times in another unit


class TimeUnit(enum.StrEnum):
    """What times are given in."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    MICROSECONDS = "microseconds"
    NANOSECONDS = "nanoseconds"
    DATES = "dates"

    @property
    def per_second(self) -> int:
        """How many of a unit of numbers are a second."""
        return int(1000 ** list(TimeUnit).index(self))


def without_missing(text: str) -> str:
    """A text without blanks around it; "" for what stands for nothing."""
    text = text.strip()
    return "" if text in MISSING else text


def stripped(column: Series) -> Series:
    """Texts without blanks around them; one that stands for nothing is null."""
    import polars as pl

    if column.dtype == pl.Null:
        return column.cast(pl.String)
    if column.dtype in (pl.Float32, pl.Float64):  # as pandas has whole numbers with gaps
        column = column.fill_nan(None)
        whole = column.cast(pl.Int64, strict=False)
        column = whole if bool((whole.cast(column.dtype) == column).all()) else column
    texts = column.cast(pl.String).str.strip_chars()
    return texts.set(texts.is_in(MISSING), None)


def text_ids(column: Series) -> Series:
    """Texts as `stripped` gives them, but "1.0" is "1"."""
    texts = stripped(column)
    if texts.str.contains(".0", literal=True).any():
        return texts.str.replace(r"^(0|[1-9][0-9]*)\.0+$", "$1")
    return texts


def whole_numbers(column: Series) -> Series:
    """Int64 of "7", "7.0" and 7; null for what is no whole number of 0 … 2^63 - 1, or begins with zeros."""
    import polars as pl

    if column.dtype.is_integer():
        return _within(column.cast(pl.Int64, strict=False), 0, MAX_ID)
    texts = stripped(column).str.replace(r"\.0+$", "")
    return texts.set(~texts.str.contains(_WHOLE), None).cast(pl.Int64, strict=False)


def numbers(column: Series) -> Series:
    """Float32; null for what is no finite number. A comma may stand for the point; "true" is 1."""
    import polars as pl

    if not column.dtype.is_numeric():
        texts = stripped(column)
        texts = texts.replace(_BOOLEANS) if texts.is_in(list(_BOOLEANS)).any() else texts
        points = texts.str.replace(",", ".", literal=True)
        column = points.set(~points.str.contains(_NUMBER) | texts.str.contains(_THOUSANDS), None)
    found = column if column.dtype == pl.Float32 else column.cast(pl.Float32, strict=False)
    is_finite = found.is_finite()
    return found if is_finite.all() else found.set(~is_finite, None)


def time_unit(column: Series) -> TimeUnit | None:
    """What most of a column's first times are given in; None where there are none."""
    import polars as pl

    if column.dtype.is_temporal():
        return TimeUnit.DATES
    column = column.head(_FIRST)
    known = (column if column.dtype.is_numeric() else stripped(column)).drop_nulls()
    if known.is_empty():
        return None
    found = known.cast(pl.Float64, strict=False)
    texts = known.head(1000).cast(pl.String)
    has_digits_of_a_date = bool(texts.str.contains(r"^(?:19|20)[0-9]{6}(?:[0-9]{6})?$").all())
    if found.null_count() * 2 > len(found) or has_digits_of_a_date:
        return TimeUnit.DATES
    median = abs(float(found.median() or 0))  # type: ignore[arg-type]
    return next(
        (unit for unit in list(TimeUnit)[:3] if median / unit.per_second < 1e11), TimeUnit.NANOSECONDS
    )


def seconds(column: Series, unit: TimeUnit) -> Series:
    """Int64, seconds since 1970-01-01 UTC; null for what is no such time or outside 1970 … 9999.

    Dates are of a day or a moment, in UTC unless they have an offset: ISO 8601, 14.3.2020, 14 Mar 2020. Among
    milliseconds and finer units a number that would be of 1970 to 1973 is in another unit; 0 is taken.
    """
    import polars as pl

    if column.dtype.is_temporal():
        found = column.cast(pl.Datetime("us")).dt.epoch("s")
    elif unit is TimeUnit.DATES:
        found = days_and_moments(stripped(column))
    else:
        whole = column.cast(pl.Int64, strict=False) if column.dtype.is_integer() else _truncated(column)
        found = whole if unit.per_second == 1 else whole // unit.per_second
        if unit.per_second > 1 and (found.min() or 0) < SURELY_SECONDS:  # type: ignore[operator]
            found = found.set((found < SURELY_SECONDS) & (whole != 0), None)
    return _within(found, 0, LAST_TIMESTAMP)


def _within(column: Series, lowest: int, highest: int) -> Series:
    """With null for what is outside."""
    low, high = column.min(), column.max()
    if low is None or (low >= lowest and high <= highest):  # type: ignore[operator]
        return column
    return column.set((column < lowest) | (column > highest), None)


def _truncated(column: Series) -> Series:
    import polars as pl

    texts = column if column.dtype.is_numeric() else stripped(column)
    texts = texts if texts.dtype.is_numeric() else texts.set(~texts.str.contains(_NUMBER), None)
    return texts.cast(pl.Float64, strict=False).cast(pl.Int64, strict=False)


def days_and_moments(texts: Series) -> Series:
    """Int64, seconds since 1970-01-01 UTC, below 0 before; null for what is no date."""
    import polars as pl

    plain = (
        texts.str.replace(r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2})[Tt]", "$1 ")
        .str.replace(_UNIX_DATE, "$2 $1 $5 $3$4")
        .str.replace(r"^[A-Z][a-z]{2}, ", "")  # the day of the week
        .str.replace(r"\s*(?:[Zz]|UTC|GMT)$", "")
        .str.replace_all("/", "-", literal=True)
    )
    offset = plain.str.extract(r":\d\d(?:\.\d+)?\s*([+-]\d\d(?::?\d\d)?)$", 1)
    minutes = pl.select(
        (
            offset.str.slice(1, 2).cast(pl.Int64) * 60
            + offset.str.extract(r"^...:?(\d\d)$").cast(pl.Int64).fill_null(0)
        )
        * pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    ).to_series()
    plain = plain.str.replace(r"(:\d\d)(?:\.\d+)?\s*(?:[+-]\d\d(?::?\d\d)?)?$", "$1")
    found = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(texts))
    for date_format in _DATE_FORMATS:
        if found.null_count() == texts.null_count():
            break
        dates = plain.str.to_datetime(date_format, strict=False, time_unit="us", ambiguous="null")
        found = found.fill_null(dates.dt.epoch("s"))
    return found - minutes.fill_null(0) * 60


def is_whole(text: str) -> bool:
    """Whether a text is a whole number without zeros before it."""
    return re.match(_WHOLE, text) is not None


def year(text: str) -> int:
    """Of "1995", "(1995)", "1995.0" or a date; `UNKNOWN_YEAR` for anything else."""
    text = text.strip()
    found = _YEAR.fullmatch(text) or _LAST_YEAR.search(text)
    number = int(found[1]) if found else UNKNOWN_YEAR
    return number if _FIRST_YEAR_OF_ALL <= number <= _LAST_YEAR_OF_ALL else UNKNOWN_YEAR


def list_separator(texts: list[str]) -> str:
    """By what a column's lists are separated where they are not in brackets: "|", ";" or ","."""
    plain = [text for text in texts if not text.startswith("[")]
    return next((one for one in "|;" if any(one in text for text in plain)), ",")


def items_of_list(text: str, separator: str) -> tuple[str, ...]:
    """The distinct entries of "Action|Comedy", "['Action', 'Comedy']" or "[{'id': 28, 'name': 'Action'}]"."""
    if text in MISSING:
        return ()
    parts = _bracketed(text) if text[0] in "[({" else text.split(separator)
    return tuple(dict.fromkeys(word for part in parts if (word := part.strip())))


def _bracketed(text: str) -> list[str]:
    quoted = [one or other for one, other in _QUOTED.findall(text)]
    if re.search(r"['\"]\s+['\"]", text):  # an array of NumPy, without commas
        return quoted
    try:
        return _flat(ast.literal_eval(text))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return quoted or ([text] if text[0] == "(" else text[1:-1].split(","))  # "(no genres listed)"


def _flat(value: object) -> list[str]:
    if isinstance(value, dict):
        return _flat(value.get("name", list(value.values())))
    if isinstance(value, list | tuple | set):
        return [word for one in value for word in _flat(one)]
    return [] if value is None else [str(value)]
