"""Parsed columns, kept beside the archives so that a later start needs neither unzipping nor parsing.

An uncompressed npz without objects: strings are one UTF-8 blob and offsets into it. Its header says from
which file (name, size, mtime) it came, so that an archive of a gigabyte is hashed once, not at each start.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Columns, Movies, Ratings, Users
from movierec_cli.data.reader.archive import Stamp
from movierec_cli.files import written_whole

PARSER_VERSION = 2
"""Raised whenever a parser gives other columns than before: older caches are then parsed anew."""

_FOLDER = ".columns"
_HEADER = "header"
_STRINGS = frozenset({"movies.title", "users.zip_code"})
_TABLES = {"ratings": Ratings, "movies": Movies, "users": Users}
_DTYPES = {
    "ratings.user_index": np.int32,
    "ratings.movie_index": np.int32,
    "ratings.rating": np.float32,
    "ratings.timestamp": np.int64,
    "movies.movie_id": np.int64,
    "movies.title": np.object_,
    "movies.year": np.int16,
    "movies.genres": np.bool_,
    "movies.imdb_number": np.int64,
    "users.user_id": np.int64,
    "users.bucketized_age": np.float32,
    "users.raw_age": np.float32,
    "users.is_male": np.bool_,
    "users.occupation": np.int32,
    "users.zip_code": np.object_,
}
_USERS = {name for name in _DTYPES if name.startswith("users.")}
_OPTIONAL = _USERS - {"users.user_id"} | {"movies.imdb_number"}

_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    NotImplementedError,
)

_Array = npt.NDArray[Any]


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
    genre_names: tuple[str, ...]
    occupation_names: tuple[str, ...]
    parser_version: int = PARSER_VERSION


def cache_file(datasets_dir: Path, archive_path: Path) -> Path:
    """Where an archive's columns are kept: one file for each path, whatever lies there."""
    place = hashlib.sha256(str(archive_path.resolve()).encode()).hexdigest()[:12]
    return datasets_dir / _FOLDER / f"{archive_path.stem}-{place}.npz"


def save_columns(file: Path, columns: Columns, *, stamp: Stamp, fingerprint: str) -> None:
    """Writes beside `file`, then renames. Raises an `OSError` where that cannot be done."""
    arrays = _packed(columns, _header(columns, stamp, fingerprint))
    with written_whole(file) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def read_header(file: Path, stamp: Stamp) -> CacheHeader | None:
    """The header of a cache of exactly this archive by this parser; None where there is none such.

    Raises:
        DamagedCacheError: the file cannot be read.
    """
    if not file.exists():
        return None
    with _opened(file) as arrays:
        return _matching_header(arrays, stamp)


def load_columns(file: Path, stamp: Stamp) -> tuple[Columns, CacheHeader] | None:
    """The columns with their header, under the conditions of `read_header`.

    Raises:
        DamagedCacheError: the file cannot be read, or its columns do not fit together.
    """
    if not file.exists():
        return None
    with _opened(file) as arrays:
        header = _matching_header(arrays, stamp)
        return None if header is None else (_unpacked(arrays, header), header)


@contextmanager
def _opened(file: Path) -> Iterator[Mapping[str, _Array]]:
    """The arrays of an npz, read when asked for; every way of being damaged is a `DamagedCacheError`."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            yield arrays
    except _DAMAGED as error:
        raise DamagedCacheError(f"{file}: {error}") from error


def _header(columns: Columns, stamp: Stamp, fingerprint: str) -> CacheHeader:
    return CacheHeader(
        stamp=stamp,
        fingerprint=fingerprint,
        n_ratings=len(columns.ratings),
        n_movies=len(columns.movies),
        n_users=len(columns.users),
        first_timestamp=int(columns.ratings.timestamp.min()),
        last_timestamp=int(columns.ratings.timestamp.max()),
        genre_names=columns.movies.genre_names,
        occupation_names=columns.users.occupation_names,
    )


def _matching_header(arrays: Mapping[str, _Array], stamp: Stamp) -> CacheHeader | None:
    content = json.loads(arrays[_HEADER].tobytes())
    if content.get("parser_version") != PARSER_VERSION or _tuples(content["stamp"]) != stamp:
        return None
    content |= {name: tuple(content[name]) for name in ("genre_names", "occupation_names")}
    return CacheHeader(**(content | {"stamp": stamp}))


def _tuples(stamp: Sequence[Sequence[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(entry) for entry in stamp)


def _packed(columns: Columns, header: CacheHeader) -> dict[str, _Array]:
    packed = {_HEADER: np.frombuffer(json.dumps(asdict(header)).encode(), dtype=np.uint8)}
    for name in _DTYPES:
        table, column = name.split(".")
        values = getattr(getattr(columns, table), column)
        if values is not None:
            packed |= _packed_strings(name, values) if name in _STRINGS else {name: values}
    return packed


def _packed_strings(name: str, texts: npt.NDArray[np.object_]) -> dict[str, _Array]:
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)  # [n]
    return {f"{name}.blob": np.frombuffer(b"".join(encoded), dtype=np.uint8), f"{name}.ends": ends}


def _unpacked_strings(arrays: Mapping[str, _Array], name: str) -> npt.NDArray[np.object_]:
    blob, ends = arrays[f"{name}.blob"].tobytes(), arrays[f"{name}.ends"].tolist()
    starts = [0, *ends[:-1]]
    texts = np.empty(len(ends), dtype=np.object_)
    texts[:] = [blob[start:end].decode() for start, end in zip(starts, ends, strict=True)]
    return texts


def _unpacked(arrays: Mapping[str, _Array], header: CacheHeader) -> Columns:
    tables: dict[str, dict[str, Any]] = {table: {} for table in _TABLES}
    for name in _DTYPES:
        table, column = name.split(".")
        tables[table][column] = _column(arrays, name)
    _check_fit(tables, header)
    return Columns(
        ratings=Ratings(**tables["ratings"]),
        movies=Movies(**tables["movies"], genre_names=header.genre_names),
        users=Users(**tables["users"], occupation_names=header.occupation_names),
    )


def _column(arrays: Mapping[str, _Array], name: str) -> _Array | None:
    stored = f"{name}.blob" if name in _STRINGS else name
    if name in _OPTIONAL and stored not in arrays:
        return None
    values = _unpacked_strings(arrays, name) if name in _STRINGS else arrays[name]
    if values.dtype != _DTYPES[name]:
        raise ValueError(f"{name} is {values.dtype}")
    return values


def _check_fit(tables: dict[str, dict[str, Any]], header: CacheHeader) -> None:
    lengths = {"ratings": header.n_ratings, "movies": header.n_movies, "users": header.n_users}
    for table, columns in tables.items():
        for name, values in columns.items():
            if values is not None and len(values) != lengths[table]:
                raise ValueError(f"{table}.{name} has {len(values)} rows, not {lengths[table]}")
    for column, n_rows in (("user_index", header.n_users), ("movie_index", header.n_movies)):
        index = tables["ratings"][column]
        if index.min() < 0 or index.max() >= n_rows:
            raise ValueError(f"ratings.{column} points outside its table")
