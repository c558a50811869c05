"""From a configuration to a data set, whichever way it comes."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from movierec_cli.config import DataConfig
from movierec_cli.config.features import named_as_installed
from movierec_cli.config.settings import Reading
from movierec_cli.data import column_cache
from movierec_cli.data.dataset import Columns, Dataset
from movierec_cli.data.duplicates import merge_duplicates
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.reader.archive import Archive, Stamp
from movierec_cli.data.reader.vector_files import with_vectors
from movierec_cli.data.recognise import recognise
from movierec_cli.data.source_files import LINKS, Files
from movierec_cli.data.sources import SAMPLE, SOURCES, Source, publication_of, source_of
from movierec_cli.errors import DataError
from movierec_cli.records import dataclass
from movierec_cli.storage.serialization import canonical_json

_ZIP_MAGIC = b"PK\x03\x04"


def load_dataset(
    config: DataConfig,
    *,
    progress: Progress | None = None,
    with_movie_lengths: bool = False,
    read: Callable[[DataConfig, Progress], Dataset] | None = None,
) -> Dataset:
    """Finds or downloads a data set, and parses it or takes the columns kept from the last time.

    An archive given by `config.archive` wins over `config.dataset`: its members tell its layout, and the
    data set is named after what it is (1M and 100K by their layouts; a CSV one by the published checksum or
    file name, else by the archive's own name). Without one, `datasets_dir` is looked through for the named
    data set's zip or folder, and only then is it downloaded.

    Running times are looked for where `with_movie_lengths` is true, see `running_times.apply`; most models
    need none. What is no file, such as data frames, is read by `read` instead.

    Raises:
        UsageError: `config.dataset` is unknown.
        DataError: an archive or a file of lengths cannot be used, or a download failed.
    """
    report = progress or unreported
    dataset = (read or _ratings_dataset)(config, report)
    if config.item_vectors:
        dataset = with_vectors(dataset, config.item_vectors)
    if config.merge_duplicates:
        dataset = merge_duplicates(dataset)
    if not with_movie_lengths:
        return dataset
    from movierec_cli.data.running_times.apply import with_lengths  # costs what most starts need not pay

    return with_lengths(dataset, config, report)


def _ratings_dataset(config: DataConfig, report: Progress) -> Dataset:
    source = source_of(config.dataset)
    if config.archive is not None:
        return _own(config.archive, config, report)
    if source.key == SAMPLE:
        from movierec_cli.data.sample import simulate_sample

        return simulate_sample()
    path = local_archive(source, config.datasets_dir)
    if path is None:
        path = fetch_archive(source, config.datasets_dir, progress=report)
    return _published(source, path, config, report)


def local_archive(source: Source, datasets_dir: Path) -> Path | None:
    """The source's zip, or the folder it unpacks to, where one lies in `datasets_dir`."""
    places = (datasets_dir / source.archive_name, datasets_dir / source.stem)
    return next((path for path in places if source.archive_name and path.exists()), None)


def fetch_archive(
    source: Source, datasets_dir: Path, *, url: str | None = None, progress: Progress = unreported
) -> Path:
    """Downloads a source's archive to its place, which it returns and which changes only once it is verified.

    `datasets_dir` is made if need be. Of a mirror's `url` the published size and checksum are demanded all
    the same.

    Raises:
        DataError: it cannot be had, or is not the published file; says what to fetch and where to put it.
    """
    from movierec_cli.data.download import Download  # so does this

    def problem(file: Path) -> str | None:
        try:
            recognise(file)
        except DataError as error:
            return f"is no archive of ratings ({error})"
        return None

    published = publication_of(source)
    target = datasets_dir / source.archive_name
    otherwise = f", or run: movierec data import {source.archive_name}"
    published = published if url is None else replace(published, url=url)
    Download(published, target, _ZIP_MAGIC, source.title, otherwise, progress).run(problem)
    return target


@dataclass(frozen=True)
class Parsed:
    """The columns of files, and what the user should know of how they came."""

    columns: Columns
    fingerprint: str  # SHA-256 (hex)
    warnings: tuple[str, ...] = ()


def read_files(files: Files, datasets_dir: Path, progress: Progress) -> Parsed:
    """Takes the columns kept in `datasets_dir`, or parses the files and keeps them.

    Raises:
        DataError: they cannot be parsed.
    """
    stamp = _stamp(files)
    file = column_cache.cache_file(datasets_dir, files.archive.path)
    damage: tuple[str, ...] = ()
    try:
        kept = column_cache.load_columns(file, stamp)
    except column_cache.DamagedCacheError as error:
        kept, damage = None, (f"the kept columns are damaged and were made anew: {error}",)
    if kept is not None:
        columns, header = kept
        return Parsed(columns, header.fingerprint)
    columns = files.parse(progress)
    if _stamp(files) != stamp:
        raise DataError("changed while it was read; try again", file=files.archive.path)
    parsed = keep_columns(columns, files, datasets_dir)
    return replace(parsed, warnings=(*damage, *parsed.warnings))


def keep_columns(columns: Columns, files: Files, datasets_dir: Path) -> Parsed:
    """Keeps what was parsed for `read_files`; a warning where that cannot be done."""
    stamp = _stamp(files)
    fingerprint = fingerprint_of(files)
    file = column_cache.cache_file(datasets_dir, files.archive.path)
    try:
        column_cache.save_columns(file, columns, stamp=stamp, fingerprint=fingerprint)
    except OSError as error:
        warning = f"the parsed columns could not be kept, so the next start will parse again: {error}"
        return Parsed(columns, fingerprint, (warning,))
    return Parsed(columns, fingerprint)


def _stamp(files: Files) -> Stamp:
    """Of what is read, and of how it is asked to be read."""
    plain = _plain(files.reading)
    asked = [] if plain == _plain(Reading()) else [canonical_json(plain)]
    # Names of features that packages bring are not those of columns, and their layouts are read as they say.
    brought = [one for one in (files.layout.brought, *named_as_installed()) if one]
    asked += [canonical_json(brought)] if brought else []
    others = {one.archive.path: one for one in files.tables if one.archive is not files.archive}
    return (
        *files.archive.stamp(files.members),
        *(part for one in others.values() for part in one.archive.stamp([one.member])),
        *((one, 0, 0) for one in asked),
    )


def fingerprint_of(files: Files) -> str:
    """Of what models see: the table of links leads to running times only."""
    seen = [one for one in files.tables if one.table != LINKS or files.layout.movies is not None]
    own = files.archive.fingerprint([one.member for one in seen if one.archive is files.archive])
    others = [one.archive.fingerprint([one.member]) for one in seen if one.archive is not files.archive]
    plain = _plain(files.reading)
    brought = files.layout.brought
    if not others and plain == _plain(Reading()) and not brought:
        return own
    parts = [own, *others, canonical_json(plain), *([brought] if brought else [])]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


_PATHS = ("test", "validation", "item_vectors")


def _plain(reading: Reading) -> dict[str, object]:
    """What decides the columns; where files lie does not, as their contents are looked at."""
    return {name: value for name, value in vars(reading).items() if name not in _PATHS}


def _published(source: Source, path: Path, config: DataConfig, report: Progress) -> Dataset:
    files = recognise(path, config.reading)
    if files.layout.kind is not source.layout:
        raise DataError(
            f"has the {files.layout.kind} layout, but {source.title} has the {source.layout} layout;"
            f" give it as --archive {path}, or put the right file there",
            file=path,
        )
    return _dataset(source.key, source.title, files, read_files(files, config.datasets_dir, report))


def _own(path: Path, config: DataConfig, report: Progress) -> Dataset:
    files = recognise(path, config.reading)
    parsed = read_files(files, config.datasets_dir, report)
    source = recognised_source(path, files.layout.kind, parsed.fingerprint)
    if source is None:
        whose = f" of {files.layout.origin}" if files.layout.origin else ""
        description = f"ratings of {path.name} ({files.layout.kind} layout{whose})"
        return _dataset(name_of_own(path), description, files, parsed)
    return _dataset(source.key, f"{source.title} from {path.name}", files, parsed)


def name_of_own(path: Path) -> str:
    """Of a data set of the user's own: the file's without its endings, such as ".csv.gz"."""
    return re.sub(r"(\.[A-Za-z]\w{0,7}){1,2}$", "", path.name) or path.name


def recognised_source(path: Path, kind: str, fingerprint: str) -> Source | None:
    """The source an archive is: the only one of its layout, or that of its checksum or file name."""
    alike = [source for source in SOURCES.values() if source.layout is kind]
    if len(alike) == 1:
        return alike[0]
    by_checksum = [source for source in alike if publication_of(source).sha256 == fingerprint]
    by_name = [source for source in alike if path.name in (source.archive_name, source.stem)]
    return next(iter(by_checksum + by_name), None)


def _dataset(name: str, description: str, files: Files, parsed: Parsed) -> Dataset:
    columns = parsed.columns
    return Dataset(
        name=name,
        description=description,
        fingerprint=parsed.fingerprint,
        ratings=columns.ratings,
        movies=columns.movies,
        users=columns.users,
        warnings=(
            *files.problems,
            *parsed.warnings,
            *columns.warnings,
            *checksum_warnings(name, files.archive, parsed.fingerprint),
        ),
        notes=columns.notes,
        noun=columns.noun,
        reading=files.reading,
    )


def checksum_warnings(name: str, archive: Archive, fingerprint: str) -> tuple[str, ...]:
    """A warning where a published zip's checksum differs or is not known; a folder has none to compare."""
    if name not in SOURCES or not archive.is_zip:
        return ()
    published = publication_of(SOURCES[name]).sha256
    if published is None:
        return (f"{archive.path}: {SOURCES[name].title} has no registered checksum; used unverified",)
    if published != fingerprint:
        return (
            f"{archive.path}: its SHA-256 {fingerprint} is not the published {published} of"
            f" {SOURCES[name].title}; used as it is",
        )
    return ()
