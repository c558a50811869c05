"""From a configuration to a data set, whichever way it comes."""

from dataclasses import dataclass, replace
from pathlib import Path

from movierec_cli.config import DataConfig
from movierec_cli.data import column_cache
from movierec_cli.data.dataset import Columns, Dataset
from movierec_cli.data.duplicates import merge_duplicates
from movierec_cli.data.layouts import Layout, recognise
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.reader.archive import Archive
from movierec_cli.data.sources import SAMPLE, SOURCES, LayoutKind, Source, publication_of, source_of
from movierec_cli.errors import DataError

_ZIP_MAGIC = b"PK\x03\x04"


def load_dataset(
    config: DataConfig, *, progress: Progress | None = None, with_movie_lengths: bool = False
) -> Dataset:
    """Finds or downloads a data set, and parses it or takes the columns kept from the last time.

    An archive given by `config.archive` wins over `config.dataset`: its members tell its layout, and the
    data set is named after what it is (1M and 100K by their layouts; a CSV one by the published checksum or
    file name, else by the archive's own name). Without one, `datasets_dir` is looked through for the named
    data set's zip or folder, and only then is it downloaded.

    Running times are looked for where `with_movie_lengths` is true, see `running_times.apply`; most models
    need none.

    Raises:
        UsageError: `config.dataset` is unknown.
        DataError: an archive or a file of lengths cannot be used, or a download failed.
    """
    report = progress or unreported
    dataset = _ratings_dataset(config, report)
    if config.merge_duplicates:
        dataset = merge_duplicates(dataset)
    if not with_movie_lengths:
        return dataset
    from movierec_cli.data.running_times.apply import with_lengths  # costs what most starts need not pay

    return with_lengths(dataset, config, report)


def _ratings_dataset(config: DataConfig, report: Progress) -> Dataset:
    source = source_of(config.dataset)
    if config.archive is not None:
        return _own_archive(config.archive, config.datasets_dir, report)
    if source.key == SAMPLE:
        from movierec_cli.data.sample import simulate_sample

        return simulate_sample()
    path = local_archive(source, config.datasets_dir)
    if path is None:
        path = fetch_archive(source, config.datasets_dir, progress=report)
    return _published_archive(source, path, config.datasets_dir, report)


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
    """An archive's columns, and what the user should know of how they came."""

    columns: Columns
    fingerprint: str  # SHA-256 (hex)
    warnings: tuple[str, ...] = ()


def read_archive(archive: Archive, layout: Layout, datasets_dir: Path, progress: Progress) -> Parsed:
    """Takes the columns kept in `datasets_dir`, or parses the archive and keeps them.

    Raises:
        DataError: the archive cannot be parsed.
    """
    stamp = archive.stamp(layout.read_members(archive))
    file = column_cache.cache_file(datasets_dir, archive.path)
    damage: tuple[str, ...] = ()
    try:
        kept = column_cache.load_columns(file, stamp)
    except column_cache.DamagedCacheError as error:
        kept, damage = None, (f"the kept columns are damaged and were made anew: {error}",)
    if kept is not None:
        columns, header = kept
        return Parsed(columns, header.fingerprint)
    columns = layout.parse(archive, progress)
    if archive.stamp(layout.read_members(archive)) != stamp:
        raise DataError("changed while it was read; try again", file=archive.path)
    parsed = keep_columns(columns, archive, layout, datasets_dir)
    return replace(parsed, warnings=(*damage, *parsed.warnings))


def keep_columns(columns: Columns, archive: Archive, layout: Layout, datasets_dir: Path) -> Parsed:
    """Keeps what was parsed from an archive for `read_archive`; a warning where that cannot be done."""
    stamp = archive.stamp(layout.read_members(archive))
    fingerprint = archive.fingerprint(layout.members)  # of what models see: links lead to lengths only
    file = column_cache.cache_file(datasets_dir, archive.path)
    try:
        column_cache.save_columns(file, columns, stamp=stamp, fingerprint=fingerprint)
    except OSError as error:
        warning = f"the parsed columns could not be kept, so the next start will parse again: {error}"
        return Parsed(columns, fingerprint, (warning,))
    return Parsed(columns, fingerprint)


def _published_archive(source: Source, path: Path, datasets_dir: Path, progress: Progress) -> Dataset:
    archive, layout = recognise(path)
    if layout.kind is not source.layout:
        raise DataError(
            f"has the {layout.kind} layout, but {source.title} has the {source.layout} layout;"
            f" give it as --archive {path}, or put the right file there",
            file=path,
        )
    return _dataset(source.key, source.title, archive, read_archive(archive, layout, datasets_dir, progress))


def _own_archive(path: Path, datasets_dir: Path, progress: Progress) -> Dataset:
    archive, layout = recognise(path)
    parsed = read_archive(archive, layout, datasets_dir, progress)
    source = recognised_source(path, layout.kind, parsed.fingerprint)
    if source is None:
        return _dataset(path.stem, f"ratings of {path.name} (CSV layout)", archive, parsed)
    return _dataset(source.key, f"{source.title} from {path.name}", archive, parsed)


def recognised_source(path: Path, kind: LayoutKind, fingerprint: str) -> Source | None:
    """The source an archive is: the only one of its layout, or that of its checksum or file name."""
    alike = [source for source in SOURCES.values() if source.layout is kind]
    if len(alike) == 1:
        return alike[0]
    by_checksum = [source for source in alike if publication_of(source).sha256 == fingerprint]
    by_name = [source for source in alike if path.name in (source.archive_name, source.stem)]
    return next(iter(by_checksum + by_name), None)


def _dataset(name: str, description: str, archive: Archive, parsed: Parsed) -> Dataset:
    return Dataset(
        name=name,
        description=description,
        fingerprint=parsed.fingerprint,
        **vars(parsed.columns),
        warnings=(*parsed.warnings, *checksum_warnings(name, archive, parsed.fingerprint)),
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
