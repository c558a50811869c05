"""Files of ratings in blocks of whole lines, each parsed at once by polars.

Memory is one block, whatever the size of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from movierec_cli.data import limits
from movierec_cli.data.reader.announced import AnnouncedItems
from movierec_cli.data.reader.archive import Archive, Stream
from movierec_cli.data.reader.formats import TableFormat
from movierec_cli.data.reader.roles import GENRES, TITLE, YEAR
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from polars import Series

_BLOCK_BYTES = 1 << 25
_RECORD_BYTES = 1 << 20  # no record of several lines is looked for that is longer
_NEWLINE, _QUOTE, _ZERO, _NINE = b'\n"09'
OF_ITEMS = (TITLE, GENRES, YEAR)
"""What a row of ratings may say of its item."""
OWN = "own:"
"""Before the names of columns that mean nothing else, where roles stand."""


@dataclass(frozen=True)
class RatingFile:
    """A file of ratings, or of other interactions."""

    archive: Archive
    member: str
    format: TableFormat
    places: Mapping[str, int]  # of the columns that are read, by role
    part: int | None = None  # of a split that came with the data
    is_announced: bool = False  # see `AnnouncedItems`

    @property
    def place(self) -> str:
        """For messages."""
        return self.archive.place(self.member)

    @property
    def roles(self) -> tuple[str, ...]:
        """What every row must have a value for."""
        return tuple(role for role in self.places if role not in OF_ITEMS and not role.startswith(OWN))


@dataclass(frozen=True)
class Block:
    """Whole lines, without the last one's end."""

    first_line: int  # from 1
    data: bytes

    @property
    def n_lines(self) -> int:
        """Lines in the block, 1 or more."""
        return self.data.count(b"\n") + 1


def blocks(
    stream: Stream | AnnouncedItems,
    first_line: int,
    report: Callable[[int], None],
    *,
    whole_records: bool = False,
) -> Iterator[Block]:
    """Cuts a stream at line ends; blank lines at its end are left out, those before are not.

    `report` is called with the bytes read so far. With `whole_records`, no line is cut off from another that
    ends a quoted field of it. Raises a `DataError` for a line that is too long.
    """
    rest, done = b"", 0
    while chunk := stream.read(_BLOCK_BYTES):
        rest += chunk
        done += len(chunk)
        end = _record_end(rest) if whole_records and b'"' in rest else rest.rfind(b"\n")
        data = rest[: end + 1].rstrip(b"\r\n")
        if data:
            block = Block(first_line, data)
            yield block
            first_line += block.n_lines
            rest = rest[len(data) :].removeprefix(b"\r").removeprefix(b"\n")
        limits.LINE_BYTES.check(len(rest), file=stream.place, line=first_line)  # it is copied at every block
        report(done)
    if data := rest.rstrip(b"\r\n"):
        yield Block(first_line, data)


def _record_end(data: bytes) -> int:
    """The last line end that is not within quotes; the last one where all are, as quotes do not match."""
    tail = max(len(data) - _RECORD_BYTES, 0)
    is_odd = data.count(b'"', 0, tail) % 2
    codes = np.frombuffer(data, np.uint8)[tail:]
    is_within = (np.cumsum(codes == _QUOTE) + is_odd) % 2 == 1
    ends = np.flatnonzero((codes == _NEWLINE) & ~is_within)
    return tail + int(ends[-1]) if len(ends) else data.rfind(b"\n")


def parsed(file: RatingFile, block: Block, types: Mapping[str, Any]) -> dict[str, Series] | None:
    """Columns by role; None where polars finds another number of rows or fields than of lines or columns."""
    import polars as pl

    separator, data, n_columns = file.format.separator, block.data, len(file.format.header)
    if file.format.quoted and b'"' in data:
        return None
    step = len(separator)  # polars takes one byte: between the two of "::" it finds an empty column
    is_even = data.count(separator.encode()) == (n_columns - 1) * block.n_lines
    if not is_even and (step > 1 or len(file.roles) < n_columns):  # else what is missing is missed below
        return None
    # A column may have no name, or that of another: only its place matters.
    of_place = {step * place: types.get(role, pl.String) for role, place in file.places.items()}
    names = [f"{place}" for place in range(step * (n_columns - 1) + 1)]
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            separator=separator[0],
            quote_char=None,
            schema={name: of_place.get(place, pl.String) for place, name in enumerate(names)},
            columns=sorted(of_place),
        )
    except pl.exceptions.PolarsError:
        return None
    if frame.height != block.n_lines:
        return None
    return {role: frame[names[step * place]] for role, place in file.places.items()}


def has_zeros(data: bytes, separator: str) -> bool:
    """Whether a field begins with a zero and another digit, as no plain number does."""
    codes = np.frombuffer(data, np.uint8)
    if len(codes) < 3:
        return True
    before, one, after = codes[:-2], codes[1:-1], codes[2:]
    starts = (before == ord(separator[-1])) | (before == _NEWLINE)
    inner = bool((starts & (one == _ZERO) & (after >= _ZERO) & (after <= _NINE)).any())
    return inner or (codes[0] == _ZERO and _ZERO <= codes[1] <= _NINE)


def unquoted(data: bytes, table_format: TableFormat) -> bytes | None:
    """Without the quotes around fields; None where one holds a quote, a separator or a line end."""
    if table_format.escape is not None or b'""' in data:
        return None
    codes = np.frombuffer(data, np.uint8)
    separator = ord(table_format.separator)
    marks = np.flatnonzero(codes == _QUOTE)
    if len(marks) % 2:
        return None
    opening, closing = marks[::2], marks[1::2]
    before = np.where(opening > 0, codes[opening - 1], _NEWLINE)
    after = codes[np.minimum(closing + 1, len(codes) - 1)]
    ends = (after == separator) | (after == _NEWLINE) | (after == ord("\r")) | (closing == len(codes) - 1)
    if not (((before == separator) | (before == _NEWLINE)).all() and ends.all()):
        return None
    # Within a pair of quotes there is neither a separator nor a line end.
    is_other = (codes == separator) | (codes == _NEWLINE)
    n_before = np.concatenate([[0], np.cumsum(is_other, dtype=np.int32)])
    if (n_before[closing] != n_before[opening]).any():
        return None
    return data.replace(b'"', b"")
