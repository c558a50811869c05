"""Downloads that are resumed where they broke off, as long as the server still has the same file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from movierec_cli.data.progress import Progress
from movierec_cli.errors import DataError
from movierec_cli.files.atomic import written_whole

if TYPE_CHECKING:
    from requests import Response

_TIMEOUT_S = 15
_LOCK_POLL_S = 0.2
_CHUNK_BYTES = 1 << 18  # what a broken connection can lose
_OK, _PARTIAL, _RANGE_BEYOND_END = 200, 206, 416
_BROKEN_OFF = "the connection broke off"
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


CUT_SHORT = "is cut short"
"""The problem of a file that ends early; it is kept where the server did not tell the length."""


class DownloadError(Exception):
    """Why there is no file."""


def fetch(download: Download, problem: Callable[[Path], str | None], *, title: str, otherwise: str) -> None:
    """Downloads a file to its place, which changes only once the file is complete and verified.

    Two processes at once download it once: the second waits, and takes what the first has put there.

    Args:
        download: what, from where, to where; the folder is made if need be.
        problem: what is wrong with a downloaded file, which is then removed; None where it serves.
        title: of what is downloaded, for messages.
        otherwise: the end of the message that says what to do by hand.

    Raises:
        DataError: there is no file to be had, or it does not serve; says what to do.
    """
    target, url = download.target, download.url
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        before = _stamp(target)
        with download.alone():
            if _stamp(target) == before:  # else another process has put it there meanwhile
                _put(download, problem)
    except (DownloadError, OSError) as error:
        raise DataError(
            f"{title} cannot be downloaded from {url}: {error}.\n"
            f"Fetch {target.name} by another way, such as a browser, from {url}\n"
            f"and put it at {target}{otherwise}"
        ) from error


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _put(download: Download, problem: Callable[[Path], str | None]) -> None:
    is_complete = download.finish()
    found = problem(download.partial)
    if found == CUT_SHORT and not is_complete:
        raise DownloadError(f"{_BROKEN_OFF} before the end")
    if found is not None:
        download.discard()
        raise DownloadError(f"what was downloaded {found}; it was removed")
    os.replace(download.partial, download.target)
    download.discard()


@dataclass(frozen=True)
class Download:
    """What to fetch and where to. Meanwhile a hidden partial file lies there, and a note of its version."""

    url: str
    target: Path
    magic: bytes  # what the file begins with
    progress: Progress
    known_bytes: int = 0  # the whole length, for a server that does not tell it; 0 where it is not known

    def finish(self) -> bool:
        """Fetches what `partial` lacks, or all of it where the server's file is another by now.

        `partial` stays on any error, Ctrl-C included, and only bytes of one and the same file are in it. One
        process at a time: see `alone`.

        Returns:
            Whether the length was known, so that nothing is missing at the end.

        Raises:
            DownloadError: no answer, none that serves, or one that broke off.
            OSError: `partial` cannot be written.
        """
        done, known = self._resumable()
        self._report(done, known.n_bytes)
        if 0 < done == known.n_bytes:
            return True
        if done and (resumed := self._resume(done, known)) is not None:
            return resumed
        with _answer(self.url, {}) as response:
            _require(response, _OK)
            return self._begin(response)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Holds the lock of `target`, which the system takes back when its process ends in any way.

        Raises:
            OSError: the file cannot be made, or its file system knows no locks.
        """
        from filelock import FileLock

        lock = self._beside("lock")

        def waiting() -> bool:
            self.progress("waiting for another download", self.n_bytes, 0)
            return False  # which is to wait on

        # The fallback would be a file whose mere existence locks, so a killed process would lock for ever.
        with FileLock(lock, fallback_to_soft=False).acquire(poll_interval=_LOCK_POLL_S, cancel_check=waiting):
            try:
                yield
            finally:
                with suppress(PermissionError):  # Windows removes no open file; there it stays, empty
                    lock.unlink(missing_ok=True)

    @property
    def partial(self) -> Path:
        """What has come so far."""
        return self._beside("part")

    @property
    def n_bytes(self) -> int:
        """How much has come; another process may be adding to it."""
        try:
            return self.partial.stat().st_size
        except FileNotFoundError:
            return 0

    def discard(self) -> None:
        """Removes what has come."""
        self.partial.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    @property
    def _note(self) -> Path:
        return self._beside("part.json")

    def _beside(self, kind: str) -> Path:
        return self.target.with_name(f".{self.target.name}.{kind}")

    def _report(self, done: int, total: int) -> None:
        self.progress(f"downloading {self.target.name}", done, total)

    def _resumable(self) -> tuple[int, _Version]:
        known, done = _Version.read(self._note), self.n_bytes
        fits = known.url == self.url and known.validator and done <= (known.n_bytes or done)
        return (done, known) if fits else (0, _Version(self.url, n_bytes=self.known_bytes))

    def _resume(self, done: int, known: _Version) -> bool | None:
        rest = {"Range": f"bytes={done}-", "If-Range": known.validator}
        with _answer(self.url, rest) as response:
            if _continues(response, done, known):
                return self._append(_chunks(response), known)
            if response.status_code == _OK:
                return self._begin(response)
            _require(response, _PARTIAL, _RANGE_BEYOND_END)
        return None  # to ask anew, for the whole

    def _begin(self, response: Response) -> bool:
        chunks = _chunks(response)
        first = next(chunks, b"")
        # a chunk can be as short as a byte
        if not first or not (first.startswith(self.magic) or self.magic.startswith(first)):
            raise DownloadError(f"the server answers with something else: {_beginning(first)}")
        version = _Version.of(response, self.url, self.known_bytes)
        self.discard()  # before the note changes: never new words about old bytes
        with written_whole(self._note) as note:
            note.write_text(json.dumps(asdict(version)), encoding="utf-8")
        return self._append(chain([first], chunks), version)

    def _append(self, chunks: Iterable[bytes], version: _Version) -> bool:
        total = version.n_bytes
        with self.partial.open("ab") as out:
            try:
                for chunk in chunks:
                    out.write(chunk)
                    self._report(out.tell(), total)
            except _BrokenOffError as error:
                raise DownloadError(f"{error} {_how_far(out.tell(), version)}") from error
            if out.tell() < total:
                raise DownloadError(f"{_BROKEN_OFF} {_how_far(out.tell(), version)}")
        return total > 0


@dataclass(frozen=True)
class _Version:
    """By which the server tells one day's file from another's; "" and 0 where it does not say."""

    url: str = ""
    etag: str = ""
    last_modified: str = ""
    n_bytes: int = 0

    @classmethod
    def of(cls, response: Response, url: str, known_bytes: int) -> _Version:
        headers = response.headers
        length = headers.get("Content-Length", "")
        n_bytes = int(length) if length.isdecimal() else known_bytes
        return cls(url, headers.get("ETag", ""), headers.get("Last-Modified", ""), n_bytes)

    @classmethod
    def read(cls, file: Path) -> _Version:
        try:
            note = json.loads(file.read_text(encoding="utf-8"))
            texts = {name: str(note[name]) for name in ("url", "etag", "last_modified")}
            return cls(**texts, n_bytes=int(note["n_bytes"]))
        except (FileNotFoundError, KeyError, TypeError, ValueError):  # a damaged note is none
            return cls()

    @property
    def validator(self) -> str:
        """What `If-Range` may be: a strong entity tag, or the date."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified


def _continues(response: Response, start: int, known: _Version) -> bool:
    # A server or a cache on the way may know Range and not If-Range, so what it sends is compared as well.
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status_code != _PARTIAL or found is None or int(found[1]) != start:
        return False
    total = 0 if found[2] == "*" else int(found[2])
    headers = response.headers
    told = (headers.get("ETag", ""), headers.get("Last-Modified", ""), total)
    kept = (known.etag, known.last_modified, known.n_bytes)
    return all(not new or not old or new == old for new, old in zip(told, kept, strict=True))


def _require(response: Response, *statuses: int) -> None:
    if response.status_code not in statuses:
        raise DownloadError(f"the server answers {response.status_code} {response.reason}".rstrip())


@contextmanager
def _answer(url: str, headers: Mapping[str, str]) -> Iterator[Response]:
    # imported when needed: most starts find the file on disk
    import requests

    # identity: the file's own bytes, not a coding that would make ranges and lengths mean something else
    asked = {"Accept-Encoding": "identity", **headers}
    try:
        response = requests.get(url, stream=True, timeout=_TIMEOUT_S, headers=asked)
    except requests.exceptions.SSLError as error:
        raise DownloadError(
            f"the server's certificate is not valid, perhaps expired ({_root(error)})"
        ) from error
    except requests.exceptions.Timeout as error:
        raise DownloadError(f"no answer within {_TIMEOUT_S} s") from error
    except requests.exceptions.RequestException as error:
        reason = f"the server cannot be reached; is this machine offline? ({_root(error)})"
        raise DownloadError(reason) from error
    with response:
        yield response


class _BrokenOffError(DownloadError):
    """The connection ended before the body did."""


def _chunks(response: Response) -> Iterator[bytes]:
    from urllib3.exceptions import HTTPError

    try:
        # not iter_content, which would unpack what a server calls "Content-Encoding: gzip"
        yield from response.raw.stream(_CHUNK_BYTES, decode_content=False)
    except HTTPError as error:
        raise _BrokenOffError(f"{_BROKEN_OFF} ({_root(error)})") from error


def _root(error: BaseException) -> BaseException:
    """What began it; the libraries wrap it in layers that name addresses of objects."""
    inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error if inner is None else _root(inner)


def _beginning(data: bytes) -> str:
    text = " ".join(data[:200].decode("utf-8", "replace").split())
    return f"'{text[:60]}'" if text else "nothing"


def _how_far(done: int, version: _Version) -> str:
    of = f" of {version.n_bytes:,}" if version.n_bytes else ""
    kept = "; what has come is kept, and is resumed by the next try" if version.validator else ""
    return f"after {done:,}{of} bytes{kept}"
