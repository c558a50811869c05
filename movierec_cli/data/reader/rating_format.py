"""How the layouts write their ratings, and a block of such lines."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from movierec_cli.data.reader.archive import Stream
from movierec_cli.data.reader.text_rows import TextRow
from movierec_cli.errors import DataError

USER_ID, MOVIE_ID, RATING, TIMESTAMP = "userId", "movieId", "rating", "timestamp"
RATING_COLUMNS = (USER_ID, MOVIE_ID, RATING, TIMESTAMP)
HIGHEST_RATING = 5.0
LAST_TIMESTAMP = 253_402_300_799  # 9999-12-31; a file with more most likely counts milliseconds

_BLOCK_BYTES = 1 << 25


@dataclass(frozen=True)
class RatingFormat:
    """How one layout writes its ratings."""

    member: str
    separator: str
    has_header: bool  # without one the columns are `RATING_COLUMNS`
    rating_step: float  # stars; also the lowest rating

    @property
    def first_line(self) -> int:
        """Where the ratings begin, from 1."""
        return 2 if self.has_header else 1


@dataclass(frozen=True)
class Block:
    """Whole lines, without the last one's end."""

    first_line: int  # from 1
    data: bytes

    @property
    def n_lines(self) -> int:
        """Lines in the block, 1 or more."""
        return self.data.count(b"\n") + 1


def blocks(stream: Stream, first_line: int, report: Callable[[int], None]) -> Iterator[Block]:
    """Cuts a stream at line ends; blank lines at its end are left out, those before are not.

    `report` is called with the bytes read so far.
    """
    rest, done = b"", 0
    while chunk := stream.read(_BLOCK_BYTES):
        rest += chunk
        done += len(chunk)
        data = rest[: rest.rfind(b"\n") + 1].rstrip(b"\r\n")
        if data:
            block = Block(first_line, data)
            yield block
            first_line += block.n_lines
            rest = rest[len(data) :].removeprefix(b"\r").removeprefix(b"\n")
        report(done)
    if data := rest.rstrip(b"\r\n"):
        yield Block(first_line, data)


_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class RatingLines:
    """What a line of ratings must be like."""

    place: str
    format: RatingFormat
    header: Sequence[str]
    movie_ids: frozenset[int]
    user_ids: frozenset[int] | None  # None: any user will do

    def first_error(self, block: Block) -> DataError:
        """The error of the first wrong line; of the whole block where each line alone is right."""
        for number, line in enumerate(block.data.split(b"\n"), start=block.first_line):
            row = TextRow(self.place, number, self._fields(line))
            try:
                self._check(row)
            except DataError as error:
                return error
        last = block.first_line + block.n_lines - 1
        return DataError(f"lines {block.first_line} to {last} cannot be read as ratings", file=self.place)

    def _fields(self, line: bytes) -> list[str]:
        text = line.decode("utf-8", errors="replace").removesuffix("\r")
        if self.format.separator == ",":
            try:
                return next(csv.reader([text], strict=True), [])
            except csv.Error:
                return [text]
        return text.split(self.format.separator)

    def _check(self, row: TextRow) -> None:
        row.require_fields(self.header)
        column = {name: self.header.index(name) for name in (USER_ID, MOVIE_ID, RATING, TIMESTAMP)}
        user_id = row.whole_number(column[USER_ID], "user id")
        movie_id = row.whole_number(column[MOVIE_ID], "movie id")
        self._check_rating(row, row.fields[column[RATING]])
        if row.whole_number(column[TIMESTAMP], "timestamp") > LAST_TIMESTAMP:
            raise row.error(
                f"the timestamp is {row.fields[column[TIMESTAMP]]}; it must be in seconds since 1970-01-01"
            )
        if movie_id not in self.movie_ids:
            raise row.error(f"movie {movie_id} is rated but is not among the movies")
        if self.user_ids is not None and user_id not in self.user_ids:
            raise row.error(f"user {user_id} rates but is not among the users")

    def _check_rating(self, row: TextRow, text: str) -> None:
        if not _NUMBER.fullmatch(text):
            raise row.error(f"the rating is '{text}'; it must be a number")
        step, stars = self.format.rating_step, float(text)
        if not step <= stars <= HIGHEST_RATING or stars % step:
            raise row.error(
                f"the rating is {text}; it must be from {step:g} to {HIGHEST_RATING:g} in steps of {step:g}"
            )
