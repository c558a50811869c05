"""How the layouts write their ratings, and a block of such lines."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from movierec_cli.data import limits
from movierec_cli.data.reader.archive import Stream

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

    `report` is called with the bytes read so far. Raises a `DataError` for a line that is too long.
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
        limits.LINE_BYTES.check(len(rest), file=stream.place, line=first_line)  # it is copied at every block
        report(done)
    if data := rest.rstrip(b"\r\n"):
        yield Block(first_line, data)
