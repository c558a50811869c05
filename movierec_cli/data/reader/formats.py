"""How a file of a table is written, found from its beginning: separator, encoding, names of columns."""

import ast
import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath

from movierec_cli.data.reader.archive import Archive
from movierec_cli.data.reader.roles import is_known
from movierec_cli.errors import DataError

UTF_8, CP1252, LATIN_1 = "utf-8", "cp1252", "iso-8859-1"
JSON_LINES, JSON_LIST, PARQUET = "JSON lines", "JSON", "Parquet"

_SEPARATORS = {"::": '"::"', "\t": "tab", ";": "semicolon", "|": '"|"', ",": "comma", " ": "blank"}
"""Those that are tried, the rarest in running text first."""
_HEAD_BYTES = 1 << 16
_HEAD_LINES = 30
_BOM = codecs.BOM_UTF8
_SUFFIX = re.compile(
    r"\.(csv|tsv|tab|txt|dat|data|jsonl?|ndjson|parquet|pq|inter|item|user|base|test)$", re.IGNORECASE
)
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class TableFormat:
    """How a table is written. Columns of a text without header are called "1", "2" and so on."""

    header: tuple[str, ...]
    separator: str = ","  # of a text
    encoding: str = UTF_8
    has_header: bool = True
    kind: str = ""  # JSON_LINES, JSON_LIST or PARQUET; "" for text with separators
    quoted: bool = True  # whether a quotation mark at the beginning of a field quotes it
    escape: str | None = None  # what makes a quotation mark within quotes plain, beside doubling it
    has_rest: bool = False  # whether the last column takes the rest of the line, with separators in it

    @property
    def label(self) -> str:
        """For people: "comma, UTF-8"."""
        return self.kind or f"{_SEPARATORS[self.separator]}, {self.encoding.upper()}"

    @property
    def is_text(self) -> bool:
        """Whether it is lines of fields."""
        return not self.kind


def is_table(name: str) -> bool:
    """Whether a file can be a table by its name: "ratings.csv", "reviews.json.gz"."""
    is_other = name.startswith("__MACOSX") or PurePath(name).name.lower().startswith((".", "readme"))
    return _SUFFIX.search(name.removesuffix(".gz")) is not None and not is_other


def sniff(archive: Archive, member: str) -> TableFormat:
    """How a member is written.

    Raises:
        DataError: it is empty, no table of text, JSON or Parquet, or cannot be read.
    """
    if member.lower().endswith((".parquet", ".pq")):
        return TableFormat(_parquet_columns(archive, member), kind=PARQUET)
    with archive.open(member) as stream:
        head = stream.read(_HEAD_BYTES)
    if head.startswith(b"PK\x03\x04"):
        raise DataError(
            "is a zip within another or within a folder; give it alone", file=archive.place(member)
        )
    if head.removeprefix(_BOM).lstrip()[:1] == b"[":
        return TableFormat(_keys(json_list(archive, member)), kind=JSON_LIST)
    return format_of(head, archive.place(member))


def format_of(head: bytes, place: str) -> TableFormat:
    """The same of a text or of JSON lines, by the beginning of the file: 64 KiB, or all of it."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError("is UTF-16; save it in UTF-8", file=place)
    if b"\0" in head:
        line = head.count(b"\n", 0, head.index(b"\0")) + 1
        raise DataError("holds a NUL byte, so it is no text; export it again", file=place, line=line)
    encoding = UTF_8 if is_utf8(head) else CP1252
    text = head.removeprefix(_BOM).decode(encoding, "replace")
    lines = [line for line in io.StringIO(text) if line.strip()]
    if len(head) >= _HEAD_BYTES and len(lines) > 1:
        lines.pop()  # it may be cut
    if not lines:
        raise DataError("is empty", file=place)
    if lines[0].lstrip()[0] == "{":
        return TableFormat(
            _keys(parsed_object(line) or {} for line in lines), encoding=encoding, kind=JSON_LINES
        )
    separator = _separator(lines[:_HEAD_LINES])
    escape = escape_of(lines, separator)
    # Elsewhere than in CSV a quotation mark is mostly just that: "Weird Al" Yankovic.
    with_marks = [line for line in lines if '"' in line]
    quoted = separator == "," or (
        len(separator) == 1
        and (lines[0].startswith('"') or all(_quoted(line, separator, escape) for line in with_marks))
    )
    first = (_quoted(lines[0], separator, escape) if quoted else None) or _split(lines[0], separator)
    second = _split(lines[1], separator) if len(lines) > 1 else []
    has_header = is_header(first, second)
    names = tuple(name.strip() for name in first) if has_header else places_of(len(first))
    return TableFormat(names, separator, encoding, has_header, quoted=quoted, escape=escape)


def escape_of(lines: Iterable[str], separator: str) -> str | None:
    """A backslash where more lines are well-formed if it makes a quotation mark plain, else None."""
    told = [line for line in lines if '\\"' in line]
    n_with, n_without = (
        sum(_quoted(one, separator, escape) is not None for one in told) for escape in ("\\", None)
    )
    return "\\" if n_with > n_without else None


def parsed_object(line: str) -> dict[str, object] | None:
    """The object of a line of JSON, or of Python as Amazon's older files have it; None where it is none."""
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(line.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, dict) else None
    return None


def json_list(archive: Archive, member: str) -> list[dict[str, object]]:
    """A member that is one list of objects. Raises a `DataError` for something else."""
    place = archive.place(member)
    try:
        found = json.loads(archive.read(member))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise DataError(f"is no well-formed JSON ({error})", file=place, line=line) from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise DataError("is JSON, but no list of objects", file=place)
    return found


def _keys(objects: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """Of the first objects together: one may lack what others have."""
    return tuple(dict.fromkeys(key for one in islice(objects, _HEAD_LINES) for key in one))


def is_utf8(head: bytes) -> bool:
    """Whether bytes are the beginning of a text in UTF-8; the last character may be cut."""
    try:
        codecs.getincrementaldecoder(UTF_8)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def places_of(n_columns: int) -> tuple[str, ...]:
    """Names of the columns of a table without header."""
    return tuple(str(place) for place in range(1, n_columns + 1))


def is_header(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether a first row names columns, by it and the row after it.

    Nothing in it is a number, and it has a name that is known or stands above a number.
    """
    if any(map(is_number, first)):
        return False
    return any(map(is_known, first)) or any(map(is_number, second))


def is_number(field: str) -> bool:
    """Whether a field is a number, in quotes or not."""
    return _NUMBER.fullmatch(field.strip().strip('"')) is not None


def _separator(lines: Sequence[str]) -> str:
    """The one by which most lines have as many fields as the first."""

    def fit(separator: str) -> tuple[float, int]:
        counts = [len(_quoted(line, separator, None) or _split(line, separator)) for line in lines]
        return (counts.count(counts[0]) / len(lines), counts[0]) if counts[0] > 1 else (0.0, 0)

    best = max((one for one in _SEPARATORS if one != " "), key=fit)
    if not fit(best)[1] and len(lines) > 1 and fit(" ")[1]:  # a blank is in most texts: only between numbers
        fields = [field for line in lines[1:] for field in _split(line, " ")]
        best = " " if all(map(is_number, fields)) else best
    return best if fit(best)[1] else ","


def _quoted(line: str, separator: str, escape: str | None) -> list[str] | None:
    """The fields of a line as CSV has them; None where it is no such line."""
    if len(separator) > 1:
        return None
    try:
        return next(csv.reader([line], delimiter=separator, escapechar=escape, strict=True), [])
    except csv.Error:
        return None


def _split(line: str, separator: str) -> list[str]:
    return line.rstrip("\r\n").split(separator)


def _parquet_columns(archive: Archive, member: str) -> tuple[str, ...]:
    import polars

    place = archive.place(member)
    try:
        return tuple(polars.read_parquet_schema(io.BytesIO(archive.read(member))))
    except (polars.exceptions.PolarsError, OSError) as error:
        raise DataError(f"is no Parquet file that can be read ({error})", file=place) from error
