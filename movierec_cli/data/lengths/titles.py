"""IMDb's `title.basics.tsv.gz` as a stream: eleven million rows, of which few can be films of a data set."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from movierec_cli.data.lengths.matches import Film
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.errors import DataError

HEADER = b"tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes"
MAX_MINUTES = 1_000  # above, a running time is a mistake or a whole series'

_CHUNK_BYTES = 1 << 23
_GZIP_MAGIC = b"\x1f\x8b"
_UNKNOWN = b"\\N"
_FEATURE = b"movie"
_FILM_TYPES = (_FEATURE, b"short", b"tvMovie", b"tvShort", b"tvSpecial", b"tvMiniSeries", b"video")
# The line break in front is a literal that the search can look for, which "^" is not.
_ROW = rb"\ntt(\d+)\t(%s)\t([^\t\n]*)\t([^\t\n]*)\t([^\t\n]*)\t(\d{4}|\\N)\t[^\t\n]*\t(\d+|\\N)(?=[\t\n])"
_FILM_ROW = re.compile(_ROW % b"|".join(_FILM_TYPES))
_ANY_ROW = re.compile(_ROW % b"[A-Za-z]+")


class TitleRow(NamedTuple):
    """One row's fields as they stand in the file. A million are looked at, so nothing is converted yet."""

    number: bytes  # the digits of its tconst
    title_type: bytes
    title: bytes  # UTF-8
    original_title: bytes
    is_adult: bytes
    year: bytes
    minutes: bytes

    def film(self) -> Film:
        """What matters of it. Adult films count as no features, and lengths over 1,000 minutes as unknown."""
        minutes = 0 if self.minutes == _UNKNOWN else int(self.minutes)
        return Film(
            number=int(self.number),
            year=0 if self.year == _UNKNOWN else int(self.year),
            minutes=minutes if minutes <= MAX_MINUTES else 0,
            is_feature=self.title_type == _FEATURE and self.is_adult != b"1",
        )


def film_rows(
    file: Path, years: frozenset[int], numbers: frozenset[int], progress: Progress = unreported
) -> Iterator[TitleRow]:
    """Rows of films (features, shorts, videos, television's own) of some years, and of some ids.

    Read in blocks of 8 MB, whatever the file's size.

    Args:
        file: gzip or plain.
        years: those wanted.
        numbers: the digits of wanted ids, whatever their type and year.
        progress: called with (message, bytes of the file read, its bytes in all).

    Raises:
        DataError: the file cannot be read, is damaged, or is no such list.
    """
    wanted_years = {b"%d" % year for year in years}
    film_types = frozenset(_FILM_TYPES)
    pattern = _ANY_ROW if numbers else _FILM_ROW
    for block in _blocks(file, progress):
        for found in pattern.finditer(block):
            number, title_type, *_, year, _ = fields = found.groups()
            if (year in wanted_years and title_type in film_types) or (numbers and int(number) in numbers):
                yield TitleRow(*fields)


def _blocks(file: Path, progress: Progress) -> Iterator[bytes]:
    """Whole lines; a line break stands before the first and after the last of each block."""
    try:
        size = file.stat().st_size
        with file.open("rb") as raw, _unpacked(raw) as stream:
            _require_header(stream, file)
            rest = b"\n"
            while chunk := stream.read(_CHUNK_BYTES):
                progress(f"reading {file.name}", raw.tell(), size)
                whole, _, tail = (rest + chunk).rpartition(b"\n")
                yield whole + b"\n"
                rest = b"\n" + tail
            yield rest + b"\n"
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot be read to its end ({error}); fetch it anew", file=file) from error


def _unpacked(raw: io.BufferedReader) -> gzip.GzipFile | io.BufferedReader:
    return gzip.GzipFile(fileobj=raw) if raw.peek(2).startswith(_GZIP_MAGIC) else raw


def _require_header(stream: gzip.GzipFile | io.BufferedReader, file: Path) -> None:
    line = stream.readline(1_000).rstrip(b"\r\n")
    if not line.startswith(HEADER):
        found = line[:80].decode("utf-8", "replace")
        raise DataError(f"is not IMDb's title.basics: its first line is '{found}'", file=file, line=1)
