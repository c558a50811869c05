"""The rows of a table that fits into memory, whatever it is written in, each with its file and line.

For items, users, links, and for the small files that people give. The ratings, with millions of rows, are
read by `rating_blocks`.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from movierec_cli.data.reader.archive import Archive, open_archive
from movierec_cli.data.reader.formats import (
    AS_CP1252,
    JSON_LINES,
    JSON_LIST,
    PARQUET,
    UTF_8,
    TableFormat,
    csv_reader,
    escape_of,
    json_list,
    parquet_frame,
    parsed_object,
    sniff,
)
from movierec_cli.data.reader.text_rows import TextRow
from movierec_cli.errors import DataError
from movierec_cli.records import dataclass
from movierec_cli.text import counted

_NAMED = 3  # rows of a message


@dataclass
class BadRows:
    """Rows that cannot be read: the first is an error, or where they are skipped they are counted."""

    skip: bool = False
    remedy: str = ""  # what the error says in the end
    first: list[DataError] = field(default_factory=list)
    n: int = 0

    def add(self, error: DataError) -> None:
        """Raises it, or counts it."""
        if not self.skip:
            error.args = (f"{error}{self.remedy}",)
            raise error
        self.n += 1
        if len(self.first) < _NAMED:
            self.first.append(error)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One, where rows were skipped."""
        if not self.n:
            return ()
        more = " …" if self.n > len(self.first) else ""
        return (f"{counted(self.n, 'row')} skipped: {'; '.join(map(str, self.first))}{more}",)


@dataclass(frozen=True)
class Table:
    """A file's rows, which are read as they are asked for."""

    place: str  # for messages
    format: TableFormat
    rows: Iterator[TextRow]  # of as many fields as there are columns, all of them texts
    warnings: tuple[str, ...] = ()

    @property
    def header(self) -> tuple[str, ...]:
        """The columns' names."""
        return self.format.header


def read_table(path: Path, bad: BadRows | None = None) -> Table:
    """A file that somebody gives, as `table_of` reads it."""
    archive = open_archive(path)
    if len(archive.names) != 1 or archive.is_zip or path.is_dir():
        raise DataError("is an archive; give one file", file=path)
    return table_of(archive, archive.names[0], bad)


def table_of(
    archive: Archive, member: str, bad: BadRows | None = None, table_format: TableFormat | None = None
) -> Table:
    """Opens a table: text with any usual separator, JSON lines, a list of JSON objects or Parquet.

    Args:
        archive: where it is.
        member: its name there.
        bad: takes the rows that cannot be read; None: the first of them is raised.
        table_format: how it is written, where that is known.

    Raises:
        DataError: it is no table, or, while rows are read and with the line, one cannot be read.
    """
    found = table_format or sniff(archive, member)
    place = archive.place(member)
    warnings: tuple[str, ...] = ()
    if found.kind == PARQUET:
        frame = parquet_frame(archive, member)
        rows = of_objects(enumerate(frame.iter_rows(named=True), start=1), found, place)
    elif found.kind == JSON_LIST:
        rows = of_objects(json_list(archive, member), found, place)
    else:
        content = archive.read(member)
        text, warnings = decoded(content, found), encoding_warnings(content, found, place)
        problems = BadRows() if bad is None else bad
        if found.kind == JSON_LINES:
            rows = of_objects(json_objects(io.StringIO(text), place, problems), found, place)
        else:
            if found.quoted and found.escape is None and '\\"' in text:  # it may come late in the file
                found = replace(found, escape=escape_of(io.StringIO(text), found.separator))
            rows = complete(text_records(text, found, place, bad=problems), found, problems)
    return Table(place, found, rows, warnings)


def decoded(content: bytes, table_format: TableFormat) -> str:
    """Text in the format's encoding, without marks of byte order; bytes that are no UTF-8 are cp1252."""
    if table_format.encoding != UTF_8:
        return content.decode(table_format.encoding, "replace")
    return content.decode(UTF_8, AS_CP1252).replace("\ufeff", "")


def encoding_warnings(
    content: bytes, table_format: TableFormat, place: str, first_line: int = 1
) -> tuple[str, ...]:
    """One, where not all of a text is in UTF-8 though its beginning is."""
    if table_format.encoding == UTF_8:
        try:
            content.decode(UTF_8)
        except UnicodeDecodeError as error:
            line = first_line + content.count(b"\n", 0, error.start)
            return (f"{place}, line {line:,}: is not in UTF-8; such bytes were taken for cp1252",)
    return ()


def text_records(
    text: str, table_format: TableFormat, place: str, first_line: int = 1, bad: BadRows | None = None
) -> Iterator[TextRow]:
    """Every record that is not blank, from `TableFormat.first_line` on.

    A line in which quotation marks do not match, or with a NUL byte, goes to `bad`; without, it is raised as
    a `DataError`.
    """
    problems = bad or BadRows()
    first_row, has_nul = table_format.first_line, "\0" in text
    for row in _records(text, table_format, place, first_line, problems):
        if has_nul and any("\0" in one for one in row.fields):
            problems.add(row.error("holds a NUL byte"))
        elif row.line >= first_row and any(row.fields):
            yield row


def _records(
    text: str, table_format: TableFormat, place: str, first_line: int, bad: BadRows
) -> Iterator[TextRow]:
    # str.splitlines would also break at U+0085 or U+2028, which titles may contain
    if not table_format.quoted:
        n_splits = len(table_format.header) - 1 if table_format.has_rest else -1
        for number, one in enumerate(text.split("\n"), start=first_line):
            yield TextRow(place, number, one.removesuffix("\r").split(table_format.separator, n_splits), one)
        return
    lines = list(io.StringIO(text, newline="\n"))
    start = 0  # of the record, among the lines
    while start < len(lines):
        begin = start
        reader = csv_reader(islice(lines, begin, None), table_format.separator, table_format.escape)
        try:
            for fields in reader:
                yield TextRow(place, first_line + start, fields, lines[start])
                start = begin + reader.line_num
        except csv.Error as error:
            bad.add(DataError(f"is no well-formed CSV ({error})", file=place, line=first_line + start))
            start += 1


def complete(rows: Iterable[TextRow], table_format: TableFormat, bad: BadRows) -> Iterator[TextRow]:
    """The rows that have a field for each column; others go to `bad`."""
    n_columns = len(table_format.header)
    for row in rows:
        if len(row.fields) == n_columns:
            yield row
        else:
            bad.add(row.error(field_problem(len(row.fields), table_format, row.raw.rstrip("\r\n"))))


def field_problem(n_fields: int, table_format: TableFormat, line: str) -> str:
    """What is wrong with a line of another number of fields than columns."""
    names = ", ".join(table_format.header[:20])[:160]
    one_line = line[:80].replace("\n", "⏎")
    return f"has {n_fields} fields, needs {len(table_format.header)} ({names}): '{one_line}'"


def json_objects(
    lines: Iterable[str], place: str, bad: BadRows, first_line: int = 1
) -> Iterator[tuple[int, Any]]:
    """The object of each line, with its number; lines that are none go to `bad`."""
    for number, line in enumerate(lines, start=first_line):
        if not line.strip():
            continue
        found = parsed_object(line)
        if found is not None:
            yield number, found
        else:
            bad.add(DataError(f"is no JSON object: '{line.strip()[:80]}'", file=place, line=number))


def of_objects(
    objects: Iterable[tuple[int, Any]], table_format: TableFormat, place: str
) -> Iterator[TextRow]:
    """The rows of objects, each with its line."""
    for number, one in objects:
        yield TextRow(place, number, [as_text(one.get(name)) for name in table_format.header])


def as_text(value: object) -> str:
    """A value of JSON or Parquet as a text file would have it: lists as JSON, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(UTF_8, "replace")
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
