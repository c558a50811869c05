"""MovieLens archives, downloaded and verified by size and checksum as TFDS registers them."""

from dataclasses import replace
from pathlib import Path

from movierec_cli.data.layouts.known_layouts import recognise
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.reader.archive import file_sha256
from movierec_cli.data.resumed_download import Download, fetch
from movierec_cli.data.sources import Publication, Source, publication_of
from movierec_cli.errors import DataError

_ZIP_MAGIC = b"PK\x03\x04"


def download(
    source: Source, datasets_dir: Path, *, url: str | None = None, progress: Progress = unreported
) -> Path:
    """Downloads a source's archive to its place in `datasets_dir`, which changes only once it is verified.

    An interrupted download leaves a hidden partial file, which the next one resumes.

    Args:
        source: what to download; not the embedded sample.
        datasets_dir: made if need be.
        url: a mirror's address; the published size and checksum are demanded of it all the same.
        progress: called with (message, bytes so far, bytes in all or 0).

    Returns:
        The archive's path.

    Raises:
        DataError: it cannot be had, or is not the published file; says what to fetch and where to put it.
    """
    publication = publication_of(source)
    if url is not None:
        publication = replace(publication, url=url)
    target = datasets_dir / source.archive_name
    fetch(
        Download(publication.url, target, _ZIP_MAGIC, progress, publication.size_bytes or 0),
        lambda file: _problem(file, publication),
        title=source.title,
        otherwise=f", or run: movierec data import {source.archive_name}",
    )
    return target


def _problem(file: Path, publication: Publication) -> str | None:
    if publication.sha256 is not None:
        size, sha256 = file.stat().st_size, file_sha256(file)
        if (size, sha256) != (publication.size_bytes, publication.sha256):
            return (
                f"differs from the published checksum {publication.sha256} of"
                f" {publication.size_bytes:,} bytes; got {sha256} of {size:,} bytes"
            )
    try:
        recognise(file)
    except DataError as error:
        return f"is no archive of ratings ({error})"
    return None
