"""Rows of the small text members (movies, users), each knowing its file and line.

These have thousands of rows, so they are read one by one and every error has its exact line;
the ratings, with millions, are `rating_blocks`' business.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from movierec_cli.data import limits
from movierec_cli.data.reader.archive import Archive
from movierec_cli.errors import DataError

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,40}")  # int() refuses thousands of digits with a ValueError
MAX_ID = 2**63 - 1


@dataclass(frozen=True)
class TextRow:
    """One record's fields and where they stand."""

    place: str
    line: int  # from 1
    fields: Sequence[str]

    def whole_number(self, index: int, name: str) -> int:
        """A field as a number from 0 to 2^63 - 1. Raises a `DataError` with the line."""
        text = self.fields[index]
        if not _WHOLE_NUMBER.fullmatch(text) or not 0 <= int(text) <= MAX_ID:
            raise self.error(f"the {name} is '{text[:80]}'; it must be a whole number, 0 or more")
        return int(text)

    def text(self, index: int) -> str:
        """A field as it is. Raises a `DataError` with the line for one that is too long."""
        limits.TEXT_LENGTH.check(len(self.fields[index]), file=self.place, line=self.line)
        return self.fields[index]

    def require_fields(self, names: Sequence[str]) -> None:
        """Raises a `DataError` with the line for another number of fields than `names`."""
        if len(self.fields) != len(names):
            raise self.error(
                f"has {len(self.fields)} fields, needs {len(names)} ({', '.join(names)}):"
                f" '{','.join(self.fields)[:80]}'"
            )

    def error(self, message: str) -> DataError:
        """An error at this row's place."""
        return DataError(message, file=self.place, line=self.line)


def with_unique_id(rows: Iterable[TextRow], name: str, noun: str) -> Iterator[tuple[int, TextRow]]:
    """Rows with the id in their first field. Raises a `DataError` with both lines where one comes twice."""
    lines: dict[int, int] = {}
    for row in rows:
        key = row.whole_number(0, name)
        if key in lines:
            raise row.error(f"{noun} {key} comes a second time; the first is in line {lines[key]}")
        lines[key] = row.line
        yield key, row


def separated_rows(archive: Archive, member: str, separator: str, names: Sequence[str]) -> Iterator[TextRow]:
    """Rows of an ISO-8859-1 member without header; blank lines at the end are ignored.

    Raises:
        DataError: no rows, or a row with another number of fields than `names`.
    """
    place = archive.place(member)
    text = archive.read(member).decode("iso-8859-1").rstrip()
    if not text:
        raise DataError("is empty", file=place)
    for number, line in enumerate(text.split("\n"), start=1):
        row = TextRow(place, number, line.strip().split(separator))
        row.require_fields(names)
        yield row


def csv_rows(archive: Archive, member: str, names: Sequence[str]) -> Iterator[TextRow]:
    """Rows of a UTF-8 CSV with a header, their fields in the order of `names`; other columns are left out.

    Raises:
        DataError: no header or no rows, a column missing, malformed quotes, no UTF-8, or a row with another
            number of fields than the header.
    """
    place = archive.place(member)
    return csv_text_rows(archive.read(member), place, names)


def csv_text_rows(
    content: bytes, place: str, names: Sequence[str], delimiter: str = ","
) -> Iterator[TextRow]:
    """As `csv_rows`, of a file's content; `place` is what errors call the file. Blank lines are left out."""
    reader = csv.reader(_lines(decode_utf8(content, place)), delimiter=delimiter, strict=True)
    header: list[str] = []
    line = 1
    try:
        for fields in reader:
            row = TextRow(place, line, fields)
            if not header:
                header, order = fields, column_order(fields, names, place)
            elif fields:
                row.require_fields(header)
                yield TextRow(place, line, [fields[index] for index in order])
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"is no well-formed CSV ({error})", file=place, line=line) from error
    if line <= 2:
        raise DataError("has a header but no rows" if header else "is empty", file=place)


def column_order(header: Sequence[str], names: Sequence[str], place: str) -> list[int]:
    """Where each of `names` stands in a header. Raises a `DataError` for one missing or given twice."""
    words = [word.strip() for word in header]
    for name in names:
        if words.count(name) != 1:
            found, wanted = ",".join(words)[:200], ",".join(names)
            raise DataError(
                f"the header is '{found}'; it must have the columns {wanted} once each", file=place, line=1
            )
    return [words.index(name) for name in names]


def decode_utf8(data: bytes, place: str) -> str:
    """Text of a UTF-8 file, with or without a byte order mark. Raises a `DataError` with the line."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"is not UTF-8 ({error.reason}); save it in UTF-8", file=place, line=line) from error


def _lines(text: str) -> Iterator[str]:
    # str.splitlines would also break at U+0085 or U+2028, which titles may contain
    body = text.rstrip()
    return (f"{line}\n" for line in body.split("\n")) if body else iter(())
