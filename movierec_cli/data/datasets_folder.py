"""What lies in the datasets folder, and putting archives there: the functions behind `movierec data`."""

import shutil
import zipfile
from pathlib import Path

from movierec_cli.data.column_cache import CacheHeader, DamagedCacheError, cache_file, read_header
from movierec_cli.data.load import (
    Parsed,
    checksum_warnings,
    fetch_archive,
    keep_columns,
    local_archive,
    read_files,
    recognised_source,
)
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.reader.archive import Archive
from movierec_cli.data.recognise import recognise
from movierec_cli.data.source_files import Files
from movierec_cli.data.sources import SAMPLE, SOURCES, Source, publication_of, source_of
from movierec_cli.errors import DataError, MovierecError, UsageError
from movierec_cli.files.atomic import written_whole
from movierec_cli.records import dataclass

_COPIED_AT_ONCE = 1 << 24
_FROM_HEADER = ("fingerprint", "n_ratings", "n_movies", "n_users", "first_timestamp", "last_timestamp")
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # so that equal folders make equal zips


@dataclass(frozen=True)
class SourceInfo:
    """One entry of the sources table and what is here of it; None where it is not known without parsing."""

    key: str
    title: str
    licence: str
    has_users: bool
    is_simulated: bool
    url: str | None  # None for the embedded sample
    published_sha256: str | None
    path: Path | None  # None where no archive is here
    size_bytes: int | None
    fingerprint: str | None
    n_ratings: int | None
    n_movies: int | None
    n_users: int | None
    first_timestamp: int | None  # seconds since 1970-01-01 UTC
    last_timestamp: int | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredArchive:
    """An archive now in the datasets folder, parsed as a check."""

    key: str
    path: Path
    fingerprint: str  # SHA-256 (hex)
    n_ratings: int
    n_movies: int
    n_users: int
    warnings: tuple[str, ...] = ()


def describe_source(key: str, datasets_dir: Path) -> SourceInfo:
    """One source of the table; reads the kept columns' header but parses nothing.

    A local archive that cannot be opened is told in `warnings`. Raises a `UsageError`.
    """
    source = source_of(key)
    path = local_archive(source, datasets_dir)
    size_bytes, header, warnings = (None, None, ()) if path is None else _here(key, path, datasets_dir)
    publication = publication_of(source) if source.archive_name else None
    return SourceInfo(
        key=key,
        title=source.title,
        licence=source.licence,
        has_users=source.has_users,
        is_simulated=key == SAMPLE,
        url=publication.url if publication else None,
        published_sha256=publication.sha256 if publication else None,
        path=path,
        size_bytes=size_bytes,
        **{name: getattr(header, name, None) for name in _FROM_HEADER},
        warnings=warnings,
    )


def _here(key: str, path: Path, datasets_dir: Path) -> tuple[int | None, CacheHeader | None, tuple[str, ...]]:
    """Bytes, header of the kept columns and warnings, of a local archive."""
    try:
        files = recognise(path)
        archive, members = files.archive, files.members
        header = read_header(cache_file(datasets_dir, path), archive.stamp(members))
        size_bytes = path.stat().st_size if archive.is_zip else sum(map(archive.size, members))
    except (MovierecError, DamagedCacheError) as error:
        return None, None, (str(error),)
    return size_bytes, header, checksum_warnings(key, archive, header.fingerprint) if header else ()


def fetch_source(
    key: str, datasets_dir: Path, *, url: str | None = None, progress: Progress = unreported
) -> StoredArchive:
    """Downloads a source anew, even where it is here already, and parses it.

    Raises:
        UsageError: the name is unknown, or is the embedded sample's, which needs no download.
        DataError: see `load.fetch_archive`.
    """
    source = _with_archive(key)
    path = fetch_archive(source, datasets_dir, url=url, progress=progress)
    files = recognise(path)
    return _stored(source, files.archive, read_files(files, datasets_dir, progress))


def import_archive(
    path: Path, datasets_dir: Path, *, key: str | None = None, progress: Progress = unreported
) -> StoredArchive:
    """Checks an archive by parsing all of it, then copies it into `datasets_dir` under its published name.

    A folder becomes a zip. Nothing changes in `datasets_dir` unless all went well.

    Args:
        path: a zip or a folder.
        datasets_dir: made if need be.
        key: which source it is; told from the archive where None.
        progress: called with (message, done, total).

    Raises:
        UsageError: `key` is unknown or of another layout, or is needed to tell which source it is.
        DataError: the archive cannot be used.
    """
    files = recognise(path)
    source = _source(key, path, files)
    columns = files.parse(progress)
    target = datasets_dir / source.archive_name
    try:
        _put(files, source, target)
    except OSError as error:
        raise DataError(f"cannot be written ({error})", file=target) from error
    stored = recognise(target)
    return _stored(source, stored.archive, keep_columns(columns, stored, datasets_dir))


def _with_archive(key: str) -> Source:
    source = source_of(key)
    if not source.archive_name:
        raise UsageError(f"'{key}' is part of the program; there is nothing to fetch or import")
    return source


def _source(key: str | None, path: Path, files: Files) -> Source:
    """Which source an archive is, by the key that was given, else by itself."""
    archive, layout = files.archive, files.layout
    if key is not None:
        source = _with_archive(key)
        if source.layout is not layout.kind:
            other = f"data set '{key}' has the {source.layout} layout"
            raise UsageError(f"{path} has the {layout.kind} layout, but {other}")
        return source
    found = recognised_source(path, layout.kind, archive.fingerprint(files.members))
    if found is None:
        known = ", ".join(source.key for source in SOURCES.values() if source.layout is layout.kind)
        could = (
            f"could be any of {known}: say which with --dataset" if known else "is no data set of MovieLens"
        )
        raise UsageError(f"{path} {could}; a data set of your own is not imported but used with --archive")
    return found


def _put(files: Files, source: Source, target: Path) -> None:
    archive = files.archive
    if target.exists() and archive.path.samefile(target):
        return
    with written_whole(target) as temporary:
        if archive.is_zip:
            shutil.copyfile(archive.path, temporary)
        else:
            _zip_members(files, source, temporary)


def _zip_members(files: Files, source: Source, file: Path) -> None:
    archive = files.archive
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for member in files.members:
            entry = zipfile.ZipInfo(f"{source.stem}/{member}", _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member) as stream, zipped.open(entry, "w", force_zip64=True) as copy:
                while data := stream.read(_COPIED_AT_ONCE):
                    copy.write(data)


def _stored(source: Source, archive: Archive, parsed: Parsed) -> StoredArchive:
    columns = parsed.columns
    return StoredArchive(
        key=source.key,
        path=archive.path,
        fingerprint=parsed.fingerprint,
        n_ratings=len(columns.ratings),
        n_movies=len(columns.movies),
        n_users=len(columns.users),
        warnings=(*parsed.warnings, *checksum_warnings(source.key, archive, parsed.fingerprint)),
    )
