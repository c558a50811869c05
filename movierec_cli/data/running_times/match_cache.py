"""Matches kept in the user's cache folder: IMDb's list is gone through once for each data set.

What cachier pickles is plain text and its checksum, each table in a file of its own, complete or absent.
Nobody waits for another process: cachier would mark a table as being calculated, and where the process that
did so was killed, the next would wait for ever. So the matches are made without it, and it only keeps them.
"""

import hashlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from movierec_cli.data.dataset import Movies
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.reader.archive import file_sha256
from movierec_cli.data.running_times.matching import MATCHER_VERSION, Match, Rule, Status, match_movies
from movierec_cli.data.running_times.titles_file import ImdbEntry
from movierec_cli.errors import DataError, MovierecError

FOLDER_VARIABLE = "MOVIEREC_CACHE_DIR"

_FOLDER = "movie-lengths"
_TABLE, _FINGERPRINT, _PARTIAL = "matches", "titles", ".partial-"
_FORMAT = 2  # raised whenever something is kept in another way than before

_log = logging.getLogger(__name__)

_Content = TypeVar("_Content")
_Stamp = tuple[str, int, int]  # path, bytes, mtime in ns


def cached_matches(
    dataset_fingerprint: str,
    movies: Movies,
    titles: Path,
    *,
    progress: Progress = unreported,
    match: Callable[[Movies, Path, Progress], tuple[Match, ...]] = match_movies,
) -> tuple[Match, ...]:
    """What `match_movies` gives, kept for the next time.

    A table counts for this data set, these movies, this list's content and this matcher alone; one that is
    damaged is made anew. Where nothing can be kept, a warning is logged and the matches are the same.

    Args:
        dataset_fingerprint: `Dataset.fingerprint`.
        movies: the data set's.
        titles: IMDb's list.
        progress: as `match_movies` calls it; not called where the matches are kept.
        match: makes a table that is not there.

    Returns:
        A match a movie, in their order.

    Raises:
        DataError: the list cannot be read.
    """
    stamp = _stamp(titles)
    folder = _private_folder()
    if folder is None:
        return match(movies, titles, progress)
    key = _table_key(dataset_fingerprint, movies, _titles_fingerprint(folder, titles, stamp))
    kept = _kept(folder, key, lambda text: _matches(text, len(movies)))
    if kept is not None:
        return kept
    matches = match(movies, titles, progress)
    if _stamp(titles) == stamp:  # else they may be those of another list
        _keep(folder, key, json.dumps([astuple(match) for match in matches]))
    return matches


def clear_matches() -> int:
    """Removes all that is kept, and returns how many tables of matches that were.

    Raises:
        MovierecError: something cannot be removed.
    """
    folder = cache_folder() / _FOLDER
    tables = _files(folder, f"*_{_TABLE}-*")
    try:
        for file in tables + _files(folder, f"*_{_FINGERPRINT}-*"):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise MovierecError(f"{folder} cannot be emptied ({error.strerror}); remove it by hand") from error
    for partial in _files(folder, f"{_PARTIAL}*"):
        shutil.rmtree(partial, ignore_errors=True)
    return len(tables)


def cache_folder() -> Path:
    """Where this program may keep what it can make anew: MOVIEREC_CACHE_DIR, else the system's default.

    Raises:
        MovierecError: the user has no home folder.
    """
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    try:
        return user_cache_path("movierec", appauthor=False)
    except RuntimeError as error:
        raise MovierecError(f"there is no home folder to keep a cache in; set {FOLDER_VARIABLE}") from error


def _private_folder() -> Path | None:
    """The folder of all that is kept; None, with a warning, where there can be none."""
    try:
        folder = cache_folder() / _FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_private(folder)
    except (OSError, MovierecError) as error:
        _log.warning("matches cannot be kept, so the next start will match again: %s", error)
        return None
    return folder


def _require_private(folder: Path) -> None:
    """Unpickling runs what a file says, so nobody else may have put one there."""
    if not hasattr(os, "getuid"):  # Windows: the folder lies in the user's profile
        return
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} must be your own and closed to others; remove it, or chmod 700")


def _stamp(titles: Path) -> _Stamp:
    try:
        status = titles.stat()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=titles) from error
    return str(titles.resolve()), status.st_size, status.st_mtime_ns


def _titles_fingerprint(folder: Path, titles: Path, stamp: _Stamp) -> str:
    """SHA-256 (hex) of the list, which takes long enough to be kept too."""
    key = f"{_FINGERPRINT}-{_digest((_FORMAT, stamp))}"
    kept = _kept(folder, key, _fingerprint)
    if kept is not None:
        return kept
    try:
        fingerprint = file_sha256(titles)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=titles) from error
    _keep(folder, key, fingerprint)
    return fingerprint


def _fingerprint(text: str) -> str:
    if len(bytes.fromhex(text)) != hashlib.sha256().digest_size:
        raise ValueError(f"a fingerprint of {len(text)} digits")
    return text


def _table_key(dataset_fingerprint: str, movies: Movies, titles_fingerprint: str) -> str:
    """What else changes the matches stands here too: another parser's titles, links.csv, rules' names."""
    links = None if movies.imdb_number is None else movies.imdb_number.tolist()
    looked_at = (movies.title.tolist(), movies.year.tolist(), links)
    matcher = (_FORMAT, MATCHER_VERSION, tuple(Status), tuple(Rule))
    return f"{_TABLE}-{_digest((dataset_fingerprint, looked_at, titles_fingerprint, matcher))}"


def _digest(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()


def _matches(text: str, n_movies: int) -> tuple[Match, ...]:
    """Raises a `ValueError` or `TypeError` where the text is no matches of so many movies."""
    matches = tuple(_match(*values) for values in json.loads(text))
    if len(matches) != n_movies:
        raise ValueError(f"not the matches of {n_movies} movies")
    return matches


def _match(status: str, rule: str | None, entries: list[tuple[int, int, int, bool]]) -> Match:
    if any(number < 0 for entry in entries for number in entry):
        raise ValueError("a number below 0")
    found = tuple(ImdbEntry(*entry) for entry in entries)
    return Match(Status(status), None if rule is None else Rule(rule), found)


def _keep(folder: Path, key: str, text: str) -> None:
    """Writes beside, then renames, so that a killed process leaves nothing that could be read."""
    try:
        with TemporaryDirectory(dir=folder, prefix=_PARTIAL) as beside:
            _entries(Path(beside)).precache_value(key, value_to_cache=(_checksum(key, text), text))
            [file] = Path(beside).iterdir()
            os.replace(file, folder / file.name)
    except Exception as error:  # whatever it is, the matches are not lost by it
        _log.warning("matches could not be kept in %s, so the next start will match again: %s", folder, error)


def _kept(folder: Path, key: str, content: Callable[[str], _Content]) -> _Content | None:
    """What `content` makes of the text kept under a key; None where there are none that can be trusted."""
    files = _files(folder, f"*_{key}")
    if not files:
        return None
    try:
        checksum, text = _entries(folder)(key)
        if checksum != _checksum(key, text):
            raise ValueError("it does not hold what was kept")
        return content(text)
    except Exception as error:  # a damaged pickle can raise anything
        _log.warning("%s is damaged and is made anew: %s", files[0], error)
        with suppress(OSError):
            files[0].unlink()
        return None


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        return list(folder.glob(pattern))
    except OSError:  # it is not there any more
        return []


def _checksum(key: str, text: str) -> int:
    return zlib.crc32(f"{key} {text}".encode())


def _entries(folder: Path) -> Any:
    """A function of cachier's over a folder: gives what is kept under a key, None where nothing is."""
    from cachier import cachier

    decorator = cachier(
        backend="pickle",
        cache_dir=str(folder),
        hash_func=lambda args, named: named["key"],
        separate_files=True,  # one file for all would be written anew with each table
        stale_after=timedelta.max,
        # With None as a value like others, an entry marked as being calculated is None, not waited for.
        allow_none=True,
    )
    return decorator(_entry)


def _entry(key: str) -> None:
    """Cachier marks an entry while it calls this, so it has nothing to calculate."""
