"""Movie lengths from a file of the user's: they count before IMDb's."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Id, Ids, Movies, typed_id
from movierec_cli.data.reader.small_tables import read_table
from movierec_cli.data.reader.text_rows import TextRow, year_of
from movierec_cli.data.running_times.names import movie_names
from movierec_cli.data.running_times.titles_file import MAX_MINUTES
from movierec_cli.errors import DataError
from movierec_cli.records import dataclass

LENGTH_COLUMNS = ("title", "year", "minutes")
ID_COLUMN = "movie_id"

_NO_VALUE = ("", "\\N")  # the second is IMDb's

_Key = Id | tuple[str, int]  # a movie's id, or a title as `plain_name` gives it and its year


@dataclass(frozen=True)
class Corrections:
    """What the user's file says of a data set."""

    file: Path
    minutes: npt.NDArray[np.float32]  # [n_movies], NaN where the file says nothing
    n_lengths: int  # given in the file
    unused: tuple[TextRow, ...]  # rows with a length that fit no movie, in the file's order

    @property
    def warnings(self) -> tuple[str, ...]:
        """One where rows fit no movie; a file may be meant for several data sets, so that is no error."""
        if not self.unused:
            return ()
        first = self.unused[0]
        named = " ".join(field for field in first.fields[:2] if field) or f"{ID_COLUMN} {first.fields[3]}"
        return (
            f"{self.file}: {len(self.unused):,} of {self.n_lengths:,} lengths fit no movie of the data set;"
            f" the first is in line {first.line}, '{named}'",
        )


@dataclass(frozen=True)
class _Length:
    row: TextRow
    key: _Key
    minutes: float


def read_corrections(file: Path, movies: Movies) -> Corrections:
    """Reads the user's lengths and finds the movies they are of.

    The file is any table that `small_tables.read_table` takes. It has the columns title, year, minutes and,
    where wanted, movie_id, in any order; others are left out. A row with a movie_id is of that
    movie, else of each movie with that title and year, the article first or last, with or without another
    title in parentheses; the year may stand in the title. The movie_id counts before the title, and a row
    without minutes says nothing.

    Raises:
        DataError: the file cannot be read, or, with the line, a number is wrong, minutes are not 1 to
            1,000, or the same movie comes again with other minutes.
    """
    lengths = _by_key(_lengths(file, movies.movie_id))
    years = {key[1] for key in lengths if isinstance(key, tuple)}
    rows = zip(movies.movie_id.tolist(), movies.title, movies.year, strict=True)
    keys = [_keys(*movie, years) for movie in rows]
    chosen = (next((lengths[key].minutes for key in own if key in lengths), math.nan) for own in keys)
    minutes = np.fromiter(chosen, dtype=np.float32, count=len(movies))
    fitting = {key for own in keys for key in own}
    unused = tuple(length.row for key, length in lengths.items() if key not in fitting)
    return Corrections(file, minutes, len(lengths), unused)


def _keys(movie_id: Id, title: str, year: int, years: set[int]) -> list[_Key]:
    """What a movie may be called by in the file, best first."""
    if year not in years:
        return [movie_id]
    names = movie_names(title)
    return [movie_id, *((name, int(year)) for name in (*names.main, *names.others))]


def _by_key(lengths: Iterable[_Length]) -> dict[_Key, _Length]:
    found: dict[_Key, _Length] = {}
    for length in lengths:
        first = found.setdefault(length.key, length)
        if first.minutes != length.minutes:
            raise length.row.error(
                f"the length is {length.minutes:g}, but line {first.row.line} gives the same movie"
                f" {first.minutes:g}; keep one of the two"
            )
    return found


def _lengths(file: Path, ids: Ids) -> Iterator[_Length]:
    for row in _rows(file):
        if row.fields[2] not in _NO_VALUE:
            yield _Length(row, _key(row, ids), _minutes(row))


def _key(row: TextRow, ids: Ids) -> _Key:
    if row.fields[3] not in _NO_VALUE:
        typed = typed_id(row.fields[3], ids)
        return row.whole_number(3, ID_COLUMN) if typed is None else typed
    title = row.fields[0]
    year = year_of(title) if row.fields[1] in _NO_VALUE else row.whole_number(1, "year")
    return next(iter(movie_names(title).main), ""), year


def _minutes(row: TextRow) -> float:
    try:
        minutes = float(row.fields[2])
    except ValueError:
        minutes = math.nan
    if not 1 <= minutes <= MAX_MINUTES:
        raise row.error(f"the length is '{row.fields[2]}'; it must be 1 to {MAX_MINUTES:,} minutes, or empty")
    return minutes


def _rows(file: Path) -> Iterator[TextRow]:
    """Title, year, minutes and movie_id of each row; the last is empty where there is no such column."""
    table = read_table(file)
    words = [word.strip().lower() for word in table.header]
    for name in (*LENGTH_COLUMNS, *({ID_COLUMN} & set(words))):
        if words.count(name) != 1:
            found, wanted = ",".join(table.header)[:200], ",".join(LENGTH_COLUMNS)
            raise DataError(
                f"the header is '{found}'; it must have the columns {wanted} once each", file=file, line=1
            )
    columns = [words.index(name) for name in LENGTH_COLUMNS]
    columns += [words.index(ID_COLUMN)] if ID_COLUMN in words else []
    row = None
    for row in table.rows:
        values = [row.fields[column].strip() for column in columns]
        yield TextRow(row.place, row.line, [*values, ""][: len(LENGTH_COLUMNS) + 1])
    if row is None:
        raise DataError("has a header but no rows", file=file)
