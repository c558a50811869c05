"""IMDb's `title.basics.tsv.gz`: its rows as a stream, where the file is, and how it is downloaded."""

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple, cast

from movierec_cli.config import DataConfig
from movierec_cli.data import limits
from movierec_cli.data.download import Download
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.sources import Publication
from movierec_cli.errors import DataError
from movierec_cli.files.reading import open_regular
from movierec_cli.records import dataclass

TITLES_NAME = "title.basics.tsv.gz"
TITLES_URL = "https://datasets.imdbws.com/title.basics.tsv.gz"
TITLES_LICENCE = (
    "Information courtesy of IMDb (https://www.imdb.com). Used with permission."
    " For personal and non-commercial use only."
)
HEADER = b"tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes"
MAX_MINUTES = 1_000  # above, a running time is a mistake or a whole series'

_CHUNK_BYTES = 1 << 23
_GZIP_MAGIC = b"\x1f\x8b"
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
        rest = b""
        for chunk in _chunks(file, lambda done, size: progress(f"reading {file.name}", done, size)):
            whole, _, rest = (rest + chunk).rpartition(b"\n")
            limits.LINE_BYTES.check(len(rest), file=file)
            yield whole
        yield rest
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot be read to its end ({error}); fetch it anew", file=file) from error


def _chunks(file: Path, report: Callable[[int, int], None]) -> Iterator[bytes]:
    """The unpacked content after the header; raises a `DataError` where it is no such list or too large."""
    with open_regular(file) as raw:
        magic = raw.read(len(_GZIP_MAGIC))
        raw.seek(0)
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if magic == _GZIP_MAGIC else raw
        line = stream.readline(1_000)
        if not line.startswith(HEADER):
            first = line[:60].decode("utf-8", "replace").strip()
            raise DataError(f"is not IMDb's list of titles: its first line is '{first}'", file=file)
        done, size = len(line), os.fstat(raw.fileno()).st_size
        while chunk := stream.read(_CHUNK_BYTES):
            done += len(chunk)
            limits.check_unpacked(done, raw.tell(), file)
            report(raw.tell(), size)
            yield chunk


def titles_file(config: DataConfig, progress: Progress = unreported) -> Path:
    """The path of IMDb's list: what `local_titles` finds, else downloaded to `datasets_dir`.

    A download that is broken off is kept under a hidden name and is resumed the next time; the real name is
    given only to a file that was read to its end. Two processes at once download it once.

    Raises:
        DataError: a file that is there does not serve, or there is none to be had; says what to do.
    """
    if (found := local_titles(config)) is not None:
        return found
    target = config.datasets_dir / TITLES_NAME
    otherwise = (
        ", or say where it is with --imdb_titles FILE;\n"
        "or do without it: give lengths of your own with --movie_lengths FILE."
    )
    Download(Publication(TITLES_URL), target, _GZIP_MAGIC, "IMDb's list of titles", otherwise, progress).run(
        lambda file: _problem(file, progress)
    )
    return target


def local_titles(config: DataConfig) -> Path | None:
    """`config.imdb_titles` where it is given, else the list in `datasets_dir`; None where none is there.

    Raises:
        DataError: the file cannot be read, or does not begin like IMDb's list.
    """
    file = config.imdb_titles or config.datasets_dir / TITLES_NAME
    remedy = "remove it, and the next run downloads it"
    if config.imdb_titles is not None:
        remedy = (
            f"--imdb_titles takes IMDb's {TITLES_NAME} ({TITLES_URL}), packed or unpacked;"
            " without the option it is downloaded"
        )
    elif not os.path.exists(file):  # which, unlike Path's, is also False in a folder that may not be read
        return None
    if (problem := _problem(file)) is not None:
        raise DataError(f"{problem}; {remedy}", file=file)
    return file


def _problem(file: Path, progress: Progress | None = None) -> str | None:
    """What is wrong at a list's beginning or, with `progress`, up to its end, where gzip has a checksum."""
    report = progress or unreported
    chunks = _chunks(file, lambda done, size: report(f"checking {TITLES_NAME}", done, size))
    try:
        for _ in chunks if progress else islice(chunks, 1):
            pass
    except DataError as error:
        return str(error).removeprefix(f"{file}: ")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        return f"is a damaged gzip file ({error})"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return None
