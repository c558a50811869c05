"""How large data may be, so that a small file does not fill the memory or the disk, nor take for ever."""

import math
import os
from pathlib import Path

from movierec_cli.errors import DataError, UsageError
from movierec_cli.records import dataclass

FACTOR_VARIABLE = "MOVIEREC_LIMIT_FACTOR"


@dataclass(frozen=True)
class Limit:
    """The most that is read of something, far above what MovieLens' and IMDb's files have."""

    most: int
    problem: str  # with "{}" for the most

    @property
    def enough(self) -> int:
        """How much to read so that more than allowed is noticed."""
        return int(self.most * _factor()) + 1

    def check(self, n: int, *, file: str | Path | None = None, line: int | None = None) -> None:
        """Raises a `DataError` for more, which says how to raise the limit."""
        if n > self.most and n >= self.enough:  # the environment is asked only where it matters
            problem = self.problem.format(f"{self.enough - 1:,}")
            raise DataError(f"{problem}{_REMEDY}", file=file, line=line)


_REMEDY = (
    ", as a damaged or malicious file does; if it is right as it is, set the environment variable"
    f" {FACTOR_VARIABLE}=10, which makes every limit ten times as large"
)

DOWNLOAD_BYTES = Limit(4 * 10**9, "is larger than {} bytes")  # where no size is published
UNPACKED_BYTES = Limit(4 * 10**9, "has more than {} bytes when unpacked")
PACKED_RATIO = Limit(100, "unpacks to more than {} times its size")
TABLE_BYTES = Limit(64 * 10**6, "has more than {} bytes")  # of movies, users, links or lengths
MEMBERS = Limit(10_000, "holds more than {} files")
DIRECTORY_BYTES = Limit(256 * MEMBERS.most, "holds a list of files of more than {} bytes")
LINE_BYTES = Limit(10**6, "begins a line, or blank lines, of more than {} bytes")
TEXT_LENGTH = Limit(2_000, "has a title or genres of more than {} characters")
GENRES = Limit(1_000, "has more than {} different genres")

_ANY_RATIO_BYTES = 64 * 10**6  # that may unpack from anything


def check_unpacked(n_bytes: int, packed_bytes: int, file: str | Path) -> None:
    """Raises a `DataError` for too much, or for much from little."""
    UNPACKED_BYTES.check(n_bytes, file=file)
    if n_bytes > _ANY_RATIO_BYTES:
        PACKED_RATIO.check(math.ceil(n_bytes / max(packed_bytes, 1)), file=file)


def _factor() -> float:
    text = os.environ.get(FACTOR_VARIABLE) or "1"
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 1 <= factor <= 10**9:
        raise UsageError(f"{FACTOR_VARIABLE} is '{text}'; it must be a number from 1 to 1,000,000,000")
    return factor
