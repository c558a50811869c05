"""Downloads that are resumed where they broke off, as long as the server still has the same file."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import responses
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from movierec_cli.data import limits
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader.archive import file_sha256
from movierec_cli.data.sources import Publication
from movierec_cli.errors import DataError
from movierec_cli.files.atomic import recover, unfinished_file, written_whole
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from requests import Response

_TIMEOUT_S = 15
_LOCK_POLL_S = 0.2
_CHUNK_BYTES = 1 << 18  # what a broken connection can lose


class _NoFileError(Exception):
    """Why there is no file."""


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
                # not iter_content, which would unpack what a server calls "Content-Encoding: gzip"
                for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=False):
                    self._check(chunk, done, version)
                    done += out.write(chunk)
                    self.progress(f"downloading {self.target.name}", done, version.n_bytes)
                self._check(b"", done, version)
            except HTTPError as error:
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


@contextmanager
def _answer(url: str, headers: Mapping[str, str]) -> Iterator["Response"]:
    # imported when needed: most starts find the file on disk
    import requests

    # identity: the file's own bytes, not a coding that would make ranges and lengths mean something else
    asked = {"Accept-Encoding": "identity", **headers}
    try:
        response = requests.get(url, stream=True, timeout=_TIMEOUT_S, headers=asked)
    except requests.exceptions.SSLError as error:
        raise _NoFileError(
            f"the server's certificate is not valid, perhaps expired ({_root(error)})"
        ) from error
    except requests.exceptions.Timeout as error:
        raise _NoFileError(f"no answer within {_TIMEOUT_S} s") from error
    except requests.exceptions.RequestException as error:
        reason = f"the server cannot be reached; is this machine offline? ({_root(error)})"
        raise _NoFileError(reason) from error
    with response:
        yield response


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
