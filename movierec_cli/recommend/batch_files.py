"""Users, or users with movies, from a file: rows without an answer are counted, the others are answered."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import field
from itertools import chain
from pathlib import Path
from typing import Generic, TypeVar

from movierec_cli.data.dataset import Id, IdIndex, Ids, id_at, known_ids
from movierec_cli.data.reader.archive import open_archive
from movierec_cli.data.reader.formats import CP1252
from movierec_cli.data.reader.roles import ID, ITEM, USER, parse_columns, places
from movierec_cli.data.reader.small_tables import BadRows, Table, complete, decoded, read_table, text_records
from movierec_cli.data.reader.text_rows import TextRow
from movierec_cli.errors import DataError
from movierec_cli.recommend.movie_search import MovieSearch
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run
from movierec_cli.text import counted

_NAMED = 3  # rows of a warning
_SHOWN = 40  # letters of a text

T = TypeVar("T")


@dataclass(frozen=True)
class Batch(Generic[T]):
    """What is to be answered, in the file's order, and what is not."""

    wanted: tuple[T, ...]
    warnings: tuple[str, ...] = ()


@dataclass
class _Reading:
    """A table with what was found wrong with its rows."""

    file: Path
    table: Table = field(init=False)
    bad: BadRows = field(default_factory=lambda: BadRows(skip=True))
    left_out: dict[str, list[str]] = field(default_factory=dict)  # the rows, named, by the reason

    def __post_init__(self) -> None:
        self.table = read_table(self.file, self.bad)

    def rows(self, *columns: int, with_header: bool = False) -> Iterator[tuple[int, list[str]]]:
        """The line and the fields of these columns of each row; `with_header` where the first line is one."""
        first = [TextRow(self.table.place, 1, self.table.header)] if with_header else []
        for row in chain(first, self._rows()):
            yield row.line, [row.fields[column].strip() for column in columns]

    def _rows(self) -> Iterator[TextRow]:
        """All that can be read: where quotation marks do not match, the line after is read anew."""
        rows = self.table.rows
        while True:
            try:
                yield from rows
                return
            except DataError as error:
                if error.line is None:
                    raise
                self.bad.add(error)
                rows = self._after(error.line)

    def _after(self, line: int) -> Iterator[TextRow]:
        archive, written = open_archive(self.file), self.table.format
        lines = io.StringIO(decoded(archive.read(archive.names[0]), written), newline="").readlines()
        rows = text_records("".join(lines[line:]), written, self.table.place, line + 1)
        return complete(rows, written, self.bad)

    def leave_out(self, reason: str, text: str, line: int) -> None:
        """Counts a row."""
        self.left_out.setdefault(reason, []).append(f"'{text[:_SHOWN]}' (line {line})")

    def batch(self, wanted: Sequence[T], needed: str) -> Batch[T]:
        """What is left. Raises a `DataError` for nothing; `needed` says what should have been there."""
        warnings = [
            f"{counted(len(rows), 'row')} left out, {reason}: {', '.join(rows[:_NAMED])}"
            + (" …" if len(rows) > _NAMED else "")
            for reason, rows in self.left_out.items()
        ]
        if not wanted:
            raise DataError("; ".join([*warnings, *self.bad.warnings, needed]), file=self.file)
        if self.table.format.encoding == CP1252:
            warnings.append("it is no UTF-8, and was read as Windows-1252")
        return Batch(tuple(wanted), (*(f"{self.file}: {one}" for one in warnings), *self.bad.warnings))


def read_users(file: Path, ids: Ids, columns: Sequence[str] = ()) -> Batch[Id]:
    """Reads ids of users, each once: a line each, or the column that is named like one.

    Args:
        file: any table of text, JSON or Parquet.
        ids: of the users that are known.
        columns: what `--columns` said of the data, whose names may stand here as well.

    Raises:
        DataError: the file cannot be read, or names none of the users.
    """
    reading, index = _Reading(file), IdIndex(ids)
    header = reading.table.header
    asked = parse_columns(columns)
    column = places("users", header, asked).get(ID, places("ratings", header, asked).get(USER))
    if column is None and not reading.table.format.is_text:
        raise DataError(f"has no column of users, but {', '.join(header)}"[:300], file=file)
    wanted: dict[Id, None] = {}
    for line, (text,) in reading.rows(column or 0, with_header=_is_row(reading.table, column, index)):
        row = index.row_of(text)
        if row is None:
            reading.leave_out("no such user" if text else "no user", text, line)
        elif (user_id := id_at(ids, row)) in wanted:
            reading.leave_out("listed before", text, line)
        else:
            wanted[user_id] = None
    return reading.batch(tuple(wanted), f"names no user that is known; the users have the {known_ids(ids)}")


def read_pairs(file: Path, run: Run) -> Batch[tuple[Id, int]]:
    """Reads ids of users and rows of the run's movies.

    The columns are found by their names; without header the first is the user's and the second the movie's. A
    movie is an id or a title, see `MovieSearch.find`.

    Raises:
        DataError: the file cannot be read, has no such columns, or has no pair that is known.
    """
    reading, ids, noun = _Reading(file), run.artifacts.user_ids, run.record.data.noun
    index, search = IdIndex(ids), MovieSearch(run.catalogue, noun)
    user, movie, with_header = _pair_columns(reading.table, index, run.record.data.reading.columns)
    rows_of: dict[str, list[int]] = {}  # by text, as files name the same movies again and again
    wanted = []
    for line, (user_text, text) in reading.rows(user, movie, with_header=with_header):
        row = index.row_of(user_text)
        if row is None:
            reading.leave_out("no such user" if user_text else "no user", user_text, line)
            continue
        if text not in rows_of:
            known = search.row_of_id(text)
            rows_of[text] = search.fitting(text) if known is None else [known]
        if len(rows_of[text]) == 1:
            wanted.append((id_at(ids, row), rows_of[text][0]))
        elif rows_of[text]:
            reading.leave_out(f"several {noun}s have the title", text, line)
        else:
            reading.leave_out(f"no such {noun}" if text else f"no {noun}", text, line)
    movies = known_ids(run.catalogue.movie_id)
    return reading.batch(wanted, f"no pair is known; users have the {known_ids(ids)}, {noun}s {movies}")


def _pair_columns(table: Table, users: IdIndex, columns: Sequence[str]) -> tuple[int, int, bool]:
    """Those of the user and the movie, and whether the first line, too, is a pair."""
    header, written = table.header, table.format
    found = places("ratings", header, parse_columns(columns))
    user, movie = found.get(USER), found.get(ITEM)
    if user is not None and movie is not None:
        return user, movie, _is_row(table, user, users)
    named = f"the columns are {', '.join(header)}"[:200] if written.has_header else "it has no header"
    if len(header) < 2 or (written.has_header and (len(header) > 2 or not written.is_text)):
        raise DataError(f"needs the columns user and movie; {named}", file=table.place, line=1)
    if user is not None or movie is not None:  # of two, the other one
        user = 1 - movie if user is None and movie is not None else user or 0
        return user, 1 - user, _is_row(table, user, users)
    return 0, 1, written.has_header


def _is_row(table: Table, column: int | None, users: IdIndex) -> bool:
    """Whether what looks like a header is a row: it names no known column, or is a user itself."""
    if not (table.format.has_header and table.format.is_text):
        return False
    return column is None or users.row_of(table.header[column]) is not None
