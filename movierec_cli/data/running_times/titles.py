"""IMDb's `title.basics.tsv.gz` as a stream: eleven million rows, of which few can be films of a data set."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.running_times.matches import Film
from movierec_cli.errors import DataError

HEADER = b"tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes"
MAX_MINUTES = 1_000  # above, a running time is a mistake or a whole series'

_CHUNK_BYTES = 1 << 23
GZIP_MAGIC = b"\x1f\x8b"
_FEATURE = b"movie"
_FILM_TYPES = (_FEATURE, b"short", b"tvMovie", b"tvShort", b"tvSpecial", b"tvMiniSeries", b"video")
_EPISODE = b"\ttvEpisode\t"
_N_FIELDS = 8  # that are looked at; the genres follow


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
        minutes = _whole(self.minutes)
        return Film(
            number=_whole(self.number),
            year=_whole(self.year),
            minutes=minutes if minutes <= MAX_MINUTES else 0,
            is_feature=self.title_type == _FEATURE and self.is_adult != b"1",
        )


def _whole(text: bytes) -> int:
    return int(text) if text.isdigit() else 0  # IMDb writes \N for what it does not know


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
    wanted_numbers = {b"%07d" % number for number in numbers}
    film_types = frozenset(_FILM_TYPES)
    for block in _blocks(file, progress):
        lines = block.split(b"\n")
        # Three rows of four are episodes: to leave them out unsplit halves the time.
        for line in lines if numbers else [line for line in lines if _EPISODE not in line]:
            fields = line.split(b"\t", _N_FIELDS)
            if len(fields) < _N_FIELDS:
                continue
            number, title_type, year = fields[0][2:], fields[1], fields[5]
            if (year in wanted_years and title_type in film_types) or number in wanted_numbers:
                yield TitleRow(number, title_type, fields[2], fields[3], fields[4], year, fields[7])


def _blocks(file: Path, progress: Progress) -> Iterator[bytes]:
    """Whole lines, the last without its line break."""
    try:
        size = file.stat().st_size
        with file.open("rb") as raw, unpacked(raw) as stream:
            if (problem := header_problem(stream)) is not None:
                raise DataError(problem, file=file, line=1)
            rest = b""
            while chunk := stream.read(_CHUNK_BYTES):
                progress(f"reading {file.name}", raw.tell(), size)
                whole, _, rest = (rest + chunk).rpartition(b"\n")
                yield whole
            yield rest
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot be read to its end ({error}); fetch it anew", file=file) from error


def unpacked(raw: io.BufferedReader) -> gzip.GzipFile | io.BufferedReader:
    """The content of an open file, gzip or plain."""
    return gzip.GzipFile(fileobj=raw) if raw.peek(2).startswith(GZIP_MAGIC) else raw


def header_problem(stream: gzip.GzipFile | io.BufferedReader) -> str | None:
    """Reads the first line; what is wrong with it where it is not that of IMDb's list."""
    line = stream.readline(1_000)
    if line.startswith(HEADER):
        return None
    return f"is not IMDb's list of titles: its first line is '{line[:60].decode('utf-8', 'replace').strip()}'"
