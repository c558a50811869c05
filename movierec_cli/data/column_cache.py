"""Parsed columns, kept beside the archives so that a later start needs neither unzipping nor parsing.

An uncompressed npz without objects. Its header says from which file (name, size, mtime) it came, so that an
archive of a gigabyte is hashed once, not at each start.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Columns, Movies, Users
from movierec_cli.data.reader.archive import Stamp
from movierec_cli.files.atomic import written_whole
from movierec_cli.files.reading import open_regular
from movierec_cli.records import dataclass
from movierec_cli.storage import codec, npz
from movierec_cli.storage.serialization import JSON, encode

PARSER_VERSION = 7
"""Raised whenever a parser gives other columns than before: older caches are then parsed anew."""

_FOLDER = ".columns"
_HEADER, _COLUMNS = "header", "columns"  # fields of `_Kept`

_DAMAGED = (
    zlib.error,
    struct.error,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
)


class DamagedCacheError(Exception):
    """A cache file that cannot be trusted. The caller parses the archive again."""


@dataclass(frozen=True)
class CacheHeader:
    """What a cache file says of itself."""

    stamp: Stamp
    fingerprint: str  # SHA-256 (hex) of the archive
    n_ratings: int
    n_movies: int
    n_users: int
    first_timestamp: int  # seconds since 1970-01-01 UTC
    last_timestamp: int
    parser_version: int


@dataclass(frozen=True)
class _Kept:
    """What the file holds; the header is JSON, so that one of another parser can be told from damage."""

    header: dict[str, JSON]
    columns: Columns


def cache_file(datasets_dir: Path, archive_path: Path) -> Path:
    """Where an archive's columns are kept: one file for each path, whatever lies there."""
    place = hashlib.sha256(str(archive_path.resolve()).encode()).hexdigest()[:12]
    return datasets_dir / _FOLDER / f"{archive_path.stem}-{place}.npz"


def save_columns(file: Path, columns: Columns, *, stamp: Stamp, fingerprint: str) -> None:
    """Writes beside `file`, then renames. Raises an `OSError` where that cannot be done."""
    header = CacheHeader(
        stamp=stamp,
        fingerprint=fingerprint,
        n_ratings=len(columns.ratings),
        n_movies=len(columns.movies),
        n_users=len(columns.users),
        first_timestamp=int(columns.ratings.timestamp.min()),
        last_timestamp=int(columns.ratings.timestamp.max()),
        parser_version=PARSER_VERSION,
    )
    with written_whole(file) as temporary, temporary.open("wb") as stream:
        npz.write(stream, codec.arrays_of(_Kept(asdict(header), columns)))


def read_header(file: Path, stamp: Stamp) -> CacheHeader | None:
    """The header of a cache of exactly this archive by this parser; None where there is none such.

    Raises:
        DamagedCacheError: the file cannot be read.
    """
    with _opened(file) as stream:
        return _matching_header(stream, stamp)


def load_columns(file: Path, stamp: Stamp) -> tuple[Columns, CacheHeader] | None:
    """The columns with their header, under the conditions of `read_header`.

    Raises:
        DamagedCacheError: the file cannot be read, or its columns do not fit together.
    """
    with _opened(file) as stream:
        header = _matching_header(stream, stamp)
        if stream is None or header is None:
            return None
        columns = codec.from_file(Columns, stream, file.name, _COLUMNS)
        ratings = columns.ratings
        _check_rows("ratings/user_index", ratings.user_index, columns.users, header.n_users)
        _check_rows("ratings/movie_index", ratings.movie_index, columns.movies, header.n_movies)
    return columns, header


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes] | None]:
    """The file to read from, None where there is none; any way of being damaged is a `DamagedCacheError`."""
    try:
        with open_regular(file) if file.exists() else nullcontext() as stream:
            yield stream
    except _DAMAGED as error:
        raise DamagedCacheError(f"{file}: {error}") from error


def _matching_header(stream: IO[bytes] | None, stamp: Stamp) -> CacheHeader | None:
    if stream is None:
        return None
    content: dict[str, Any] = codec.from_file(dict[str, JSON], stream, _HEADER, _HEADER)
    if content.get("parser_version") != PARSER_VERSION or content["stamp"] != encode(stamp):
        return None
    return CacheHeader(**(content | {"stamp": stamp}))


def _check_rows(name: str, index: npt.NDArray[np.int32], table: Movies | Users, n_rows: int) -> None:
    if len(table) != n_rows:
        raise ValueError(
            f"the header tells of {n_rows:,} rows, but {name} points at a table of {len(table):,}"
        )
    if index.min() < 0 or index.max() >= n_rows:
        raise ValueError(f"{name} points outside its table of {n_rows:,} rows")
