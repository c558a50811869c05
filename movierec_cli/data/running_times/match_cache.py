"""Matches kept in the user's cache folder: IMDb's list is gone through once for each data set.

cachier keeps them, one file for each table. It unpickles what it finds there, so the folder must be the
user's own; and as it neither notices damage nor writes in one step, what it keeps has a checksum.
"""

import hashlib
import json
import logging
import os
import stat
import zlib
from collections.abc import Mapping
from dataclasses import astuple
from datetime import timedelta
from pathlib import Path
from typing import Any

from movierec_cli.data.dataset import Movies
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.running_times.matching import MATCHER_VERSION, Match, Rule, Status, match_movies
from movierec_cli.data.running_times.titles_file import ImdbEntry
from movierec_cli.errors import DataError, MovierecError

FOLDER_VARIABLE = "MOVIEREC_CACHE_DIR"

_FOLDER = "movie-lengths"
_FORMAT = 3  # raised whenever something is kept in another way than before
_FORGOTTEN_AFTER = timedelta(days=365)

_log = logging.getLogger(__name__)


def cached_matches(
    dataset_fingerprint: str, movies: Movies, titles: Path, *, progress: Progress = unreported
) -> tuple[Match, ...]:
    """What `match_movies` gives, kept for the next time.

    A table counts for this data set, these movies, this list and this matcher alone; one that is damaged is
    made anew. Nobody waits for another process. Where nothing can be kept, a warning is logged.

    Args:
        dataset_fingerprint: `Dataset.fingerprint`.
        movies: the data set's.
        titles: IMDb's list; one of another place, size or time is another list.
        progress: as `match_movies` calls it; not called where the matches are kept.

    Raises:
        DataError: the list cannot be read.
    """
    asked = (dataset_fingerprint, movies, titles, progress)
    try:
        kept = _kept_in(private_folder(_FOLDER))
        try:
            # None is what a process left that was killed while it matched, or that matches now.
            table = kept(*asked) or kept(*asked, cachier__overwrite_cache=True)
            return _matches(table, len(movies))
        except (DataError, OSError):
            raise
        except Exception as error:  # a damaged pickle can raise anything
            _log.warning("the matches kept in %s are damaged and are made anew: %s", _FOLDER, error)
            kept.clear_cache()
            return _matches(kept(*asked), len(movies))
    except DataError:
        raise
    except Exception as error:  # whatever it is, the matches are not lost by it
        _log.warning("matches cannot be kept, so the next start will match again: %s", error)
        return match_movies(movies, titles, progress)


def clear_matches() -> int:
    """Removes all that is kept, and returns how many tables of matches that were.

    Raises:
        MovierecError: something cannot be removed.
    """
    folder = cache_folder() / _FOLDER
    try:
        n_tables = len(list(folder.glob(f"*.{_table.__name__}_*")))
        if n_tables:
            _kept_in(folder).clear_cache()
    except OSError as error:
        raise MovierecError(f"{folder} cannot be emptied ({error.strerror}); remove it by hand") from error
    return n_tables


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


def private_folder(name: str) -> Path:
    """A folder in `cache_folder`. Raises a `PermissionError` where others may have put something there."""
    folder = cache_folder() / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid"):  # on Windows it lies in the user's profile
        if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
            raise PermissionError(f"{folder} must be your own and closed to others; remove it, or chmod 700")
        for file in folder.iterdir():
            if file.lstat().st_uid != os.getuid() or not stat.S_ISREG(file.lstat().st_mode):
                raise PermissionError(f"{file} is not a file of your own; remove it")
    return folder


def _kept_in(folder: Path) -> Any:
    """`_table`, called once for each key: cachier's function, over a folder."""
    from cachier import cachier

    return cachier(
        backend="pickle",
        cache_dir=folder,
        hash_func=_key,
        separate_files=True,  # one file for all would be written anew with each table
        stale_after=_FORGOTTEN_AFTER,
        cleanup_stale=True,
        # With None as a value like others, an entry marked as being calculated is None, not waited for.
        allow_none=True,
    )(_table)


def _table(dataset_fingerprint: str, movies: Movies, titles: Path, progress: Progress) -> bytes:
    matches = match_movies(movies, titles, progress)
    return zlib.compress(json.dumps([astuple(match) for match in matches]).encode())


def _key(_: object, asked: Mapping[str, Any]) -> str:
    """What changes the matches: other titles by another parser, links.csv, names of rules."""
    movies, titles = asked["movies"], asked["titles"]
    links = None if movies.imdb_number is None else movies.imdb_number.tolist()
    looked_at = (asked["dataset_fingerprint"], movies.title.tolist(), movies.year.tolist(), links)
    status = titles.stat()
    titles_list = (str(titles.resolve()), status.st_size, status.st_mtime_ns)
    matcher = (_FORMAT, MATCHER_VERSION, tuple(Status), tuple(Rule))
    return hashlib.sha256(repr((looked_at, titles_list, matcher)).encode()).hexdigest()


def _matches(table: bytes, n_movies: int) -> tuple[Match, ...]:
    """Raises an error of some kind where these are no matches of so many movies."""
    matches = tuple(
        Match(Status(status), None if rule is None else Rule(rule), tuple(ImdbEntry(*one) for one in entries))
        for status, rule, entries in json.loads(zlib.decompress(table))
    )
    if len(matches) != n_movies:
        raise ValueError(f"not the matches of {n_movies} movies")
    return matches
