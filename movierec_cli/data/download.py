"""Downloads that are resumed where they broke off, as long as the server still has the same file."""

import hashlib
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import responses
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from movierec_cli.data import limits
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader.archive import file_sha256
from movierec_cli.data.sources import Publication
from movierec_cli.errors import DataError
from movierec_cli.files.atomic import recover, unfinished_file, written_whole
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from requests import Response

_TIMEOUT_S = 15  # until the next bytes
_ANSWER_S = 60  # until an answer's head is complete, redirects included
_SLOW_S, _LEAST_BYTES_PER_S = 60, 1_000  # what is slower for so long is given up
_MOST_REDIRECTS = 10
_LOCK_POLL_S = 0.2
_CHUNK_BYTES = 1 << 18  # what a broken connection can lose


class _NoFileError(Exception):
    """Why there is no file."""


class _TooSlowError(Exception):
    """Why a download that goes on is given up."""


class _Version(NamedTuple):
    """By which the server tells one day's file from another's."""

    validator: str  # what `If-Range` may be: a strong entity tag, or the date; "" where nothing is resumed
    n_bytes: int  # 0 where it is not known


def _version(response: "Response", published: Publication) -> _Version:
    """That of a whole file. Raises a `_NoFileError` for another answer or another size."""
    if response.status_code != HTTPStatus.OK:
        # Not in the server's own words, which may be anything.
        answer = f"{response.status_code} {responses.get(response.status_code, '')}"
        raise _NoFileError(f"the server answers {answer.rstrip()}")
    length = response.headers.get("Content-Length", "")
    n_bytes, expected = int(length) if length.isdecimal() else 0, published.size_bytes
    if expected and n_bytes not in (0, expected):
        raise _NoFileError(f"the server has {n_bytes:,} bytes, but the published file has {expected:,}")
    n_bytes = expected or n_bytes
    return _Version(next(iter(_validators(response)), "") if n_bytes else "", n_bytes)


def _validators(response: "Response") -> list[str]:
    told = (response.headers.get("ETag", ""), response.headers.get("Last-Modified", ""))
    return [validator for validator in told if validator and not validator.startswith("W/")]


@dataclass(frozen=True)
class Download:
    """What to fetch and where to. Meanwhile a hidden file, one of each version, lies beside its place."""

    published: Publication
    target: Path
    magic: bytes  # what the file begins with
    title: str  # for messages
    otherwise: str  # the end of the message that says what to do by hand
    progress: Progress

    def run(self, problem: Callable[[Path], str | None]) -> None:
        """Downloads the file to its place, which changes only once the file is complete and verified.

        What has come stays on any error, Ctrl-C included, for the next try. Two processes at once download it
        once: the second waits, and takes what the first has put there.

        Args:
            problem: what is wrong with a downloaded file, which is then removed; None where it serves.

        Raises:
            DataError: there is no file to be had, or it does not serve; says what to do.
        """
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            recover(self.target.parent)
            before = _stamp(self.target)
            with self._alone():
                if _stamp(self.target) == before:  # else another process has put it there meanwhile
                    self._put(self._fetched(), problem)
        except (_NoFileError, OSError) as error:
            raise DataError(
                f"{self.title} cannot be downloaded from {self.published.url}: {error}.\n"
                f"Fetch {self.target.name} by another way, such as a browser, from {self.published.url}\n"
                f"and put it at {self.target}{self.otherwise}"
            ) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds the lock of `target`, which the system takes back when its process ends in any way."""
        from filelock import FileLock

        lock = self.target.with_name(f".{self.target.name}.lock")

        def waiting() -> bool:
            self.progress("waiting for another download", 0, 0)
            return False  # which is to wait on

        # The fallback would be a file whose mere existence locks, so a killed process would lock for ever.
        with FileLock(lock, fallback_to_soft=False).acquire(poll_interval=_LOCK_POLL_S, cancel_check=waiting):
            try:
                yield
            finally:
                with suppress(PermissionError):  # Windows removes no open file; there it stays, empty
                    lock.unlink(missing_ok=True)

    def _put(self, partial: Path, problem: Callable[[Path], str | None]) -> None:
        sha256 = self.published.sha256
        is_other = sha256 is not None and file_sha256(partial) != sha256
        found = f"differs from the published checksum {sha256}" if is_other else problem(partial)
        if found is not None:
            partial.unlink()
            raise _NoFileError(f"what was downloaded {found}; it was removed")
        with written_whole(self.target) as temporary:
            shutil.move(partial, temporary)  # through a link, another file system perhaps

    def _fetched(self) -> Path:
        """Where the whole file is, with bytes of one version alone.

        A first request tells the version; where some of it has come already, a second one is for the rest.
        """
        url = self.published.url
        with _answer(url, {}) as whole:
            version = _version(whole, self.published)
            token = hashlib.sha256(f"{url}\n{version}".encode()).hexdigest()[:16]
            partial = unfinished_file(self.target, token)
            done = partial.stat().st_size if version.validator and partial.exists() else 0
            if done == 0:
                self._write(partial, whole, 0, version)
        if 0 < done != version.n_bytes:
            self._resume(partial, done, version)
        return partial

    def _resume(self, partial: Path, done: int, version: _Version) -> None:
        url = self.published.url
        with _answer(url, {"Range": f"bytes={done}-", "If-Range": version.validator}) as rest:
            # A server or a cache on the way may know Range and not If-Range, so what it sends is compared.
            expected = {f"bytes {done}-{version.n_bytes - 1}/{total}" for total in (version.n_bytes, "*")}
            is_partial = rest.status_code == HTTPStatus.PARTIAL_CONTENT
            is_the_rest = is_partial and rest.headers.get("Content-Range") in expected
            if is_the_rest and version.validator in (_validators(rest) or [version.validator]):
                self._write(partial, rest, done, version)
                return
        with _answer(url, {}) as whole:  # of a server that does not know ranges, or knows them badly
            if _version(whole, self.published) != version:
                raise _NoFileError("the server's file has changed meanwhile; try again")
            self._write(partial, whole, 0, version)

    def _write(self, partial: Path, response: "Response", done: int, version: _Version) -> None:
        from urllib3.exceptions import HTTPError

        cause = ""
        with partial.open("ab" if done else "wb") as out:
            try:
                for chunk in _chunks(response):
                    self._check(chunk, done, version)
                    done += out.write(chunk)
                    self.progress(f"downloading {self.target.name}", done, version.n_bytes)
                self._check(b"", done, version)
            except (HTTPError, _TooSlowError) as error:
                cause = f" ({_root(error)})"
            except (_NoFileError, DataError):
                partial.unlink()
                raise
        if cause or done < version.n_bytes:
            of = f" of {version.n_bytes:,}" if version.n_bytes else ""
            kept = "; what has come is kept, and is resumed by the next try" if version.validator else ""
            raise _NoFileError(f"the connection broke off{cause} after {done:,}{of} bytes{kept}")

    def _check(self, chunk: bytes, done: int, version: _Version) -> None:
        """Refuses another file, told by its beginning, and one that would fill the disk."""
        # a chunk can be as short as a byte
        if done == 0 and not (chunk and chunk[: len(self.magic)] == self.magic[: len(chunk)]):
            text = " ".join(chunk[:200].decode("utf-8", "replace").split())
            # repr escapes what a terminal would act on
            beginning = repr(text[:60]) if text else "nothing"
            raise _NoFileError(f"the server answers with something else: {beginning}")
        done += len(chunk)
        if 0 < version.n_bytes < done:
            raise _NoFileError(f"the server sends more than the {version.n_bytes:,} bytes that it should")
        limits.DOWNLOAD_BYTES.check(0 if version.n_bytes else done, file=self.published.url)


def _chunks(response: "Response") -> Iterator[bytes]:
    """The body as it is sent. Raises a `_TooSlowError` for a server that would never come to its end."""
    chunk, since, n_bytes = bytearray(), time.monotonic(), 0
    # Neither iter_content, which would unpack what a server calls "Content-Encoding: gzip", nor stream,
    # which waits until a chunk is whole, however long that takes.
    while some := response.raw.read1(_CHUNK_BYTES - len(chunk), decode_content=False):
        chunk += some
        n_bytes += len(some)
        passed_s = time.monotonic() - since
        is_slow = passed_s > _SLOW_S and n_bytes < _LEAST_BYTES_PER_S * passed_s
        if len(chunk) == _CHUNK_BYTES or is_slow:
            yield bytes(chunk)
            chunk.clear()
        if is_slow:
            raise _TooSlowError(f"{n_bytes:,} bytes in {passed_s:.0f} s are too slow")
        if passed_s > _SLOW_S:
            since, n_bytes = time.monotonic(), 0
    if chunk:
        yield bytes(chunk)


@contextmanager
def _answer(url: str, headers: Mapping[str, str]) -> Iterator["Response"]:
    # imported when needed: most starts find the file on disk
    import requests

    # identity: the file's own bytes, not a coding that would make ranges and lengths mean something else
    asked = {"Accept-Encoding": "identity", **headers}
    try:
        response = _asked(url, asked)
    except requests.exceptions.SSLError as error:
        raise _NoFileError(
            f"the server's certificate is not valid, perhaps expired ({_root(error)})"
        ) from error
    except requests.exceptions.TooManyRedirects as error:
        raise _NoFileError(f"the server redirects more than {_MOST_REDIRECTS} times") from error
    except requests.exceptions.Timeout as error:
        raise _NoFileError(f"no answer within {_TIMEOUT_S} s") from error
    except requests.exceptions.RequestException as error:
        reason = f"the server cannot be reached; is this machine offline? ({_root(error)})"
        raise _NoFileError(reason) from error
    with response:
        yield response


def _asked(url: str, headers: Mapping[str, str]) -> "Response":
    """The answer, once its head is complete; the body is still to be read.

    The timeout of a request is that of the next bytes, so that a head of a byte a second would be waited for
    for hours. Hence a thread, which ends with the process if not before.

    Raises:
        requests.RequestException: there is no answer.
        _NoFileError: it takes too long.
    """
    answers: queue.SimpleQueue[Response | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(_session().get(url, stream=True, timeout=_TIMEOUT_S, headers=headers))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=_ANSWER_S)
    except queue.Empty:
        raise _NoFileError(f"the answer did not begin within {_ANSWER_S} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _session() -> Any:
    """A session that follows a few redirects, and reads nothing of what comes with them."""
    import requests

    class Session(requests.Session):
        def get_redirect_target(self, resp: "Response") -> str | None:
            target = super().get_redirect_target(resp)
            if target is not None:
                resp.raw.close()  # else it is read to its end, and there may be none
            return target

    session = Session()
    session.max_redirects = _MOST_REDIRECTS
    return session


def _root(error: BaseException) -> BaseException:
    """What began it; the libraries wrap it in layers that name addresses of objects."""
    inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error if inner is None else _root(inner)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns
