"""IMDb's `title.basics.tsv.gz`: its rows as a stream, where the file is, and how it is downloaded."""

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from movierec_cli.config import DataConfig
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.resumed_download import CUT_SHORT, Download, fetch
from movierec_cli.errors import DataError

HEADER = b"tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes"
MAX_MINUTES = 1_000  # above, a running time is a mistake or a whole series'

_CHUNK_BYTES = 1 << 23
GZIP_MAGIC = b"\x1f\x8b"
_FEATURE = b"movie"
_ENTRY_TYPES = (_FEATURE, b"short", b"tvMovie", b"tvShort", b"tvSpecial", b"tvMiniSeries", b"video")
_EPISODE = b"\ttvEpisode\t"
_N_FIELDS = 8  # that are looked at; the genres follow


@dataclass(frozen=True)
class ImdbEntry:
    """A row of IMDb's list, as far as it matters."""

    number: int  # the digits of its tconst
    year: int
    minutes: int  # 0 where unknown
    is_feature: bool  # not a short, video or television

    @property
    def tconst(self) -> str:
        """IMDb's id, such as "tt0113277"."""
        return f"tt{self.number:07d}"


class TitleRow(NamedTuple):
    """One row's fields as they stand in the file. A million are looked at, so nothing is converted yet."""

    number: bytes  # the digits of its tconst
    title_type: bytes
    title: bytes  # UTF-8
    original_title: bytes
    is_adult: bytes
    year: bytes
    minutes: bytes

    def entry(self) -> ImdbEntry:
        """What matters of it. Adult movies are no features here, lengths over 1,000 minutes are unknown."""
        minutes = _whole(self.minutes)
        return ImdbEntry(
            number=_whole(self.number),
            year=_whole(self.year),
            minutes=minutes if minutes <= MAX_MINUTES else 0,
            is_feature=self.title_type == _FEATURE and self.is_adult != b"1",
        )


def _whole(text: bytes) -> int:
    return int(text) if text.isdigit() else 0  # IMDb writes \N for what it does not know


def entry_rows(
    file: Path, years: frozenset[int], numbers: frozenset[int], progress: Progress = unreported
) -> Iterator[TitleRow]:
    """Rows of entries (features, shorts, videos, television's own) of some years, and of some ids.

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
    entry_types = frozenset(_ENTRY_TYPES)
    for block in _blocks(file, progress):
        lines = block.split(b"\n")
        # Three rows of four are episodes: to leave them out unsplit halves the time.
        for line in lines if numbers else [line for line in lines if _EPISODE not in line]:
            fields = line.split(b"\t", _N_FIELDS)
            if len(fields) < _N_FIELDS:
                continue
            number, title_type, year = fields[0][2:], fields[1], fields[5]
            if (year in wanted_years and title_type in entry_types) or number in wanted_numbers:
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


TITLES_NAME = "title.basics.tsv.gz"
TITLES_URL = "https://datasets.imdbws.com/title.basics.tsv.gz"
TITLES_LICENCE = (
    "Information courtesy of IMDb (https://www.imdb.com). Used with permission."
    " For personal and non-commercial use only."
)

_BLOCK_BYTES = 1 << 20


def titles_file(config: DataConfig, progress: Progress = unreported) -> Path:
    """The path of IMDb's list: what `local_titles` finds, else downloaded to `datasets_dir`.

    A download that is broken off is kept under a hidden name and is resumed the next time; the real name is
    given only to a file that was read to its end. Two processes at once download it once.

    Args:
        config: where to look.
        progress: called with (message, bytes so far, bytes in all or 0).

    Raises:
        DataError: a file that is there does not serve, or there is none to be had; says what to do.
    """
    if (found := local_titles(config)) is not None:
        return found
    target = config.datasets_dir / TITLES_NAME
    fetch(
        Download(TITLES_URL, target, GZIP_MAGIC, progress),
        lambda file: _problem(file, progress),
        title="IMDb's list of titles",
        otherwise=", or say where it is with --imdb_titles FILE;\n"
        "or do without it: give lengths of your own with --movie_lengths FILE.",
    )
    return target


def local_titles(config: DataConfig) -> Path | None:
    """`config.imdb_titles` where it is given, else the list in `datasets_dir`; None where none is there.

    Raises:
        DataError: the file cannot be read, or does not begin like IMDb's list.
    """
    if config.imdb_titles is not None:
        _require_titles(
            config.imdb_titles,
            f"--imdb_titles takes IMDb's {TITLES_NAME} ({TITLES_URL}), packed or unpacked;"
            " without the option it is downloaded",
        )
        return config.imdb_titles
    target = config.datasets_dir / TITLES_NAME
    if not os.path.exists(target):  # which, unlike Path's, is also False in a folder that may not be read
        return None
    _require_titles(target, "remove it, and the next run downloads it")
    return target


def _require_titles(file: Path, remedy: str) -> None:
    try:
        problem = _problem(file)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
    if problem is not None:
        raise DataError(f"{problem}; {remedy}", file=file)


def _problem(file: Path, progress: Progress | None = None) -> str | None:
    """What is wrong at a list's beginning or, with `progress`, up to its end, where gzip has a checksum.

    The end matters for a download: a server that told no length may have stopped early.
    """
    size = file.stat().st_size
    with file.open("rb") as raw:
        try:
            with unpacked(raw) as stream:
                problem = header_problem(stream)
                while progress and not problem and stream.read(_BLOCK_BYTES):
                    progress(f"checking {TITLES_NAME}", raw.tell(), size)
                return problem
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            if progress and isinstance(error, EOFError):
                return CUT_SHORT
            return f"is a damaged gzip file ({error})"
