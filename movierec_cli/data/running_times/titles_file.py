"""IMDb's list of titles on disk: the user's own copy, the one in the datasets folder, or downloaded to it."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from movierec_cli.config import DataConfig
from movierec_cli.data.file_lock import held
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.resumed_download import Download, DownloadError
from movierec_cli.data.running_times.titles import GZIP_MAGIC, header_problem, unpacked
from movierec_cli.errors import DataError

TITLES_NAME = "title.basics.tsv.gz"
TITLES_URL = "https://datasets.imdbws.com/title.basics.tsv.gz"
TITLES_LICENCE = (
    "Information courtesy of IMDb (https://www.imdb.com). Used with permission."
    " For personal and non-commercial use only."
)

_BLOCK_BYTES = 1 << 20
_CUT_SHORT = "is cut short"


def titles_file(config: DataConfig, progress: Progress = unreported) -> Path:
    """The path of IMDb's list: what `local_titles` finds, else downloaded to `datasets_dir`.

    A download that is broken off is kept under a hidden name and goes on the next time; the real name is
    given only to a file that was read to its end. Two processes at once download it once.

    Args:
        config: where to look.
        progress: called with (message, bytes so far, bytes in all or 0).

    Raises:
        DataError: a file that is there does not serve, or there is none to be had; says what to do.
    """
    return local_titles(config) or _downloaded(config.datasets_dir, progress)


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
        problem = _problem_at_start(file)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
    if problem is not None:
        raise DataError(f"{problem}; {remedy}", file=file)


def _problem_at_start(file: Path) -> str | None:
    with file.open("rb") as raw:
        try:
            with unpacked(raw) as stream:
                return header_problem(stream)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            return f"is a damaged gzip file ({error})"


def _downloaded(datasets_dir: Path, progress: Progress) -> Path:
    target = datasets_dir / TITLES_NAME
    part, lock = (target.with_name(f".{TITLES_NAME}.{kind}") for kind in ("part", "lock"))
    download = Download(TITLES_URL, part, GZIP_MAGIC, f"downloading {TITLES_NAME}", progress)
    try:
        datasets_dir.mkdir(parents=True, exist_ok=True)
        with held(lock, lambda: progress("waiting for another download", download.n_bytes, 0)):
            if not target.exists():  # another process may have finished it meanwhile
                _put(download, target)
    except (DownloadError, OSError) as error:
        raise DataError(_remedy(target, error)) from error
    return target


def _put(download: Download, target: Path) -> None:
    is_complete = download.finish()
    problem = _problem_up_to_end(download.part, download.progress)
    if problem == _CUT_SHORT and not is_complete:
        raise DownloadError("the connection broke off before the end")
    if problem is not None:
        download.discard()
        raise DownloadError(f"what was downloaded {problem}; it was removed")
    os.replace(download.part, target)
    download.discard()


def _problem_up_to_end(file: Path, progress: Progress) -> str | None:
    """Reads all of it: gzip carries a checksum, and a server that told no length may have stopped early."""
    size = file.stat().st_size
    try:
        with file.open("rb") as raw, gzip.GzipFile(fileobj=raw) as stream:
            if (problem := header_problem(stream)) is not None:
                return problem
            while stream.read(_BLOCK_BYTES):
                progress(f"checking {TITLES_NAME}", raw.tell(), size)
    except EOFError:
        return _CUT_SHORT
    except (gzip.BadGzipFile, zlib.error) as error:
        return f"is a damaged gzip file ({error})"
    return None


def _remedy(target: Path, error: Exception) -> str:
    return (
        f"IMDb's list of titles cannot be downloaded from {TITLES_URL}: {error}.\n"
        f"Fetch {TITLES_NAME} by another way, such as a browser, from {TITLES_URL}\n"
        f"and put it at {target}, or say where it is with --imdb_titles FILE;\n"
        "or do without it: give lengths of your own with --movie_lengths FILE."
    )
