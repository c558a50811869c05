"""How a file of a table is written, found from its beginning: separator, encoding, names of columns."""

from __future__ import annotations

import ast
import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from movierec_cli.data import limits
from movierec_cli.data.reader.archive import Archive
from movierec_cli.data.reader.roles import is_known, normalised
from movierec_cli.errors import DataError
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from polars import DataFrame

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
_NO_TABLES = (
    (rb"PAR1", "is Parquet under another name; let it end in .parquet"),
    (rb"\x1f\x8b", "is packed with gzip; let its name end in .gz"),
    (rb"\xff\xfe|\xfe\xff|(?:[^\0]\0){8}|(?:\0[^\0]){8}", "is UTF-16; save it in UTF-8"),
    (rb"\xd0\xcf\x11\xe0", "is a spreadsheet; save it as CSV"),
    (rb"%PDF", "is a PDF; export the table as CSV"),
    (rb"SQLite format 3", "is a database of SQLite; export the table as CSV"),
    (rb"BZh|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd", "is packed in a way that is not read; unpack it"),
    (rb"version https://git-lfs", "is a pointer of Git LFS instead of the file; run git lfs pull"),
    (rb"\s*<", "is a web page (HTML) or XML, no table; save the data themselves, as CSV"),
    (rb"[^\n]*\r[^\n]*\Z", "ends its lines as old Macs did, with CR alone; save it with usual line ends"),
)
"""How files begin that are no tables, and what to say of them."""


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
    n_before: int = 0  # lines before the header, or before the first row where there is none
    has_rest: bool = False  # whether the last column takes the rest of the line, with separators in it

    @property
    def label(self) -> str:
        """For people: "comma, UTF-8"."""
        return self.kind or f"{_SEPARATORS[self.separator]}, {self.encoding.upper()}"

    @property
    def first_line(self) -> int:
        """The line of the first row, from 1."""
        return self.n_before + (2 if self.has_header and self.is_text else 1)

    @property
    def is_text(self) -> bool:
        """Whether it is lines of fields."""
        return not self.kind


def is_table(name: str) -> bool:
    """Whether a file can be a table by its name: "ratings.csv", "reviews.json.gz", "ratings"."""
    own = PurePath(name).name.lower().removesuffix(".gz")
    is_other = name.startswith("__MACOSX") or own.startswith((".", "readme", "licen", "copying", "makefile"))
    return ("." not in own or _SUFFIX.search(own) is not None) and not is_other


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
        return TableFormat(_keys(one for _, one in json_list(archive, member)), kind=JSON_LIST)
    return format_of(head, archive.place(member))


def format_of(head: bytes, place: str) -> TableFormat:
    """The same of a text or of JSON lines, by the beginning of the file: 64 KiB, or all of it."""
    for begins, problem in _NO_TABLES:
        if re.match(begins, head):
            raise DataError(problem, file=place)
    if b"\0" in head:
        line = head.count(b"\n", 0, head.index(b"\0")) + 1
        raise DataError("holds a NUL byte, so it is no text; export it again", file=place, line=line)
    encoding = CP1252 if is_cp1252(head) else UTF_8
    text = head.removeprefix(_BOM).decode(encoding, AS_CP1252)
    every_line = text.split("\n")
    if len(head) >= _HEAD_BYTES and len(every_line) > 1:
        every_line.pop()  # it may be cut
    lines = [line.rstrip("\r") for line in every_line if line.strip()]
    if not lines:
        raise DataError("is empty", file=place)
    if lines[0].lstrip()[0] == "{":
        objects = [one for line in lines if (one := parsed_object(line)) is not None]
        is_whole = len(lines) == 1 and all(isinstance(one, dict | list) for one in _values(lines[0]))
        if 2 * len(objects) < len(lines) or is_whole:
            problem = (
                "is JSON, but neither a list of objects nor an object in each line, one for each row; pandas"
                ' writes these with to_json(orient="records")'
            )
            raise DataError(problem, file=place, line=1)
        return TableFormat(_keys(objects), encoding=encoding, kind=JSON_LINES)
    while len(lines) > 1 and _is_remark(lines):
        lines.pop(0)
    first_line = next(number for number, line in enumerate(every_line) if line.rstrip("\r") == lines[0])
    separator = _separator(lines[:_HEAD_LINES])
    escape = escape_of(lines, separator)
    # Elsewhere than in CSV a quotation mark is mostly just that: "Weird Al" Yankovic.
    with_marks = [line for line in lines if '"' in line]
    quoted = separator == "," or (
        len(separator) == 1
        and (lines[0].startswith('"') or all(_quoted(line, separator, escape) for line in with_marks))
    )
    first, second = (
        (_quoted(line, separator, escape) if quoted else None) or _split(line, separator)
        for line in (*lines[:1], *lines[1:2], "")[:2]
    )
    is_numbered = len(first) > 2 and first == [str(place) for place in range(len(first))]  # by pandas
    has_header = is_header(first, second)
    names = tuple(name.strip() for name in first) if has_header else places_of(len(first))
    n_fields = {
        len(_quoted(line, separator, escape) or _split(line, separator)) for line in lines[1:_HEAD_LINES]
    }
    if has_header and len(lines) > 3 and len(n_fields) == 1 and len(first) not in n_fields:
        raise DataError(
            f"names {len(first)} columns, but the rows below have {n_fields.pop()} fields: '{lines[0][:80]}'",
            file=place,
            line=first_line + 1,
        )
    n_before = first_line + is_numbered
    return TableFormat(
        names, separator, encoding, has_header, quoted=quoted, escape=escape, n_before=n_before
    )


def _is_remark(lines: Sequence[str]) -> bool:
    """Whether a first line is no row: "sep=;" of Excel, or what "#" makes a remark."""
    if re.fullmatch(r"sep=.", lines[0].strip()):
        return True
    alike = [one for one in ",;\t|" if 0 < lines[0].count(one) == lines[1].count(one)]
    return lines[0].startswith("#") and not alike


def escape_of(lines: Iterable[str], separator: str) -> str | None:
    """A backslash where more lines are well-formed if it makes a quotation mark plain, else None."""
    told = [line for line in lines if '\\"' in line]
    n_with, n_without = (
        sum(_quoted(one, separator, escape) is not None for one in told) for escape in ("\\", None)
    )
    return "\\" if n_with > n_without else None


def _values(line: str) -> list[object]:
    """Of a line that is one JSON object."""
    try:
        return list(json.loads(line).values())
    except ValueError:
        return []


def parsed_object(line: str) -> dict[str, object] | None:
    """The object of a line of JSON, or of Python as Amazon's older files have it; None where it is none."""
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(line.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return flattened(found) if isinstance(found, dict) else None
    return None


def flattened(one: dict[str, Any]) -> dict[str, Any]:
    """An object's objects as columns of their own: `user.id`; {"$date": …} of MongoDB is what it wraps."""
    if not any(isinstance(value, dict) for value in one.values()):
        return one
    flat: dict[str, Any] = {}
    for key, value in one.items():
        inner = flattened(value) if isinstance(value, dict) else None
        if inner is None:
            flat[key] = value
        else:
            flat |= {key if name.startswith("$") else f"{key}.{name}": each for name, each in inner.items()}
    return flat


def json_list(archive: Archive, member: str) -> list[tuple[int, dict[str, object]]]:
    """The objects of a member that is one list of them, each with its line, where it begins.

    Raises:
        DataError: with the line, it is something else.
    """
    place = archive.place(member)
    text = archive.read(member).removeprefix(_BOM).decode(UTF_8, AS_CP1252)
    decode, blank = json.JSONDecoder().raw_decode, re.compile(r"\s*")
    found: list[tuple[int, dict[str, object]]] = []
    at, line, counted_to = text.index("[") + 1, 1, 0
    try:
        while True:
            at = blank.match(text, at).end()  # type: ignore[union-attr]
            line, counted_to = line + text.count("\n", counted_to, at), at
            if text[at : at + 1] == "]" and not found:
                break
            one, at = decode(text, at)
            if not isinstance(one, dict):
                raise DataError("is JSON, but no list of objects", file=place, line=line)
            found.append((line, flattened(one)))
            at = blank.match(text, at).end()  # type: ignore[union-attr]
            if text[at : at + 1] == "]":
                break
            if text[at : at + 1] != ",":
                raise json.JSONDecodeError("',' or ']' expected", text, at)
            at += 1
    except (ValueError, RecursionError) as error:
        at = getattr(error, "pos", at)
        end = len(text[:at].rstrip()) if text[at : at + 1] == "{" else at  # what is missing is missing before
        line = text.count("\n", 0, end) + 1
        raise DataError(f"is no well-formed JSON ({error})", file=place, line=line) from error
    if text[at + 1 :].strip():
        raise DataError("has something after its list", file=place, line=text.count("\n", 0, at) + 1)
    return found


def _keys(objects: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """Of all objects together: one may lack what others have. Of alike ones the most frequent."""
    counts = Counter(key for one in objects for key in one)
    first = {normalised(key): key for key, _ in reversed(counts.most_common())}
    return tuple(key for key in counts if first[normalised(key)] == key)


def is_cp1252(head: bytes) -> bool:
    """Whether what is not ASCII at the beginning of a text is mostly no UTF-8."""
    n_bad = codecs.getincrementaldecoder(UTF_8)("replace").decode(head).count("\ufffd")
    return 2 * n_bad > len(re.findall(rb"[\x80-\xff]", head))


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """For `bytes.decode`: a byte that is no UTF-8 as cp1252 has it."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode(CP1252, "replace"), error.end


AS_CP1252 = "movierec-as-cp1252"
codecs.register_error(AS_CP1252, _as_cp1252)


def places_of(n_columns: int) -> tuple[str, ...]:
    """Names of the columns of a table without header."""
    return tuple(str(place) for place in range(1, n_columns + 1))


def is_header(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether a first row names columns, by it and the row after it.

    Two of its names are known, or nothing in it is a number and a name is known or stands above a number.
    """
    n_known = sum(map(is_known, first))
    if n_known > 1 or any(map(is_number, first)):
        return n_known > 1
    return n_known > 0 or any(map(is_number, second))


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
        return next(csv_reader([line], separator, escape), [])
    except csv.Error:
        return None


def csv_reader(lines: Iterable[str], separator: str, escape: str | None) -> Any:
    """Of the fields of lines; raises a `csv.Error` where quotation marks do not match."""
    return csv.reader(lines, delimiter=separator, escapechar=escape, strict=True, skipinitialspace=True)


def _split(line: str, separator: str) -> list[str]:
    return line.rstrip("\r\n").split(separator)


def parquet_frame(archive: Archive, member: str, columns: list[str] | None = None) -> DataFrame:
    """Some columns of a Parquet file, or all. Raises a `DataError` where it is none that can be read."""
    import polars as pl

    content = _content(archive, member)
    with _parquet_problems(archive.place(member)):
        return pl.read_parquet(content, columns=columns)


def _parquet_columns(archive: Archive, member: str) -> tuple[str, ...]:
    import polars as pl

    content = _content(archive, member)
    with _parquet_problems(archive.place(member)):
        return tuple(pl.read_parquet_schema(io.BytesIO(content)))


def _content(archive: Archive, member: str) -> bytes:
    with archive.open(member) as stream:
        return stream.read(limits.UNPACKED_BYTES.enough)


@contextmanager
def _parquet_problems(place: str) -> Iterator[None]:
    import polars as pl

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataError(f"is no Parquet file that can be read ({str(error)[:200]})", file=place) from error
