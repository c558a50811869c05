"""One file served on loopback, well or badly, for tests of downloads."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Answers every path with `body`; what it knows and where it fails are attributes to set."""

    daemon_threads = True
    body = b""
    status = 200
    reason: str | None = None  # in place of the standard's phrase
    etag: str | None = '"monday"'
    last_modified: str | None = None
    content_encoding: str | None = None
    knows_range = True
    knows_if_range = True
    starts_early = 0  # bytes before the place asked for
    sends_at_most: int | None = None  # bytes of a range
    tells_length = True
    is_endless = False  # repeats the body until the client leaves
    has_endless_head = False  # sends headers until the client leaves
    redirects_to: str | None = None  # in place of any answer
    pause_s = 0.0  # after each byte, of the head as well where that is endless
    before_answer: Callable[[int], None] = staticmethod(lambda n_requests: None)
    breaks_after: int | None = None  # bytes of the body sent before the connection ends
    may_go_on: threading.Event | None = None  # waited for at `breaks_after`, in place of breaking off

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Message] = []

    @property
    def url(self) -> str:
        """Where the file is."""
        return f"http://127.0.0.1:{self.server_port}/title.basics.tsv.gz"


@contextmanager
def serving() -> Iterator[FileServer]:
    """A server that answers until the end of the block."""
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            if server.may_go_on is not None:
                server.may_go_on.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        self.server.requests.append(self.headers)
        self.server.before_answer(len(self.server.requests))
        start = self._start()
        if self.server.has_endless_head:
            self._send_head_for_ever()
        elif self.server.redirects_to is not None:
            self._answer(302, self.server.body, {"Location": self.server.redirects_to})
        elif start is None:
            self._answer(self.server.status, self.server.body)
        elif start >= len(self.server.body):
            self._answer(416, b"", {"Content-Range": f"bytes */{len(self.server.body)}"})
        else:
            self._answer_range(start - self.server.starts_early)

    def _start(self) -> int | None:
        asked = self.headers.get("Range")
        if asked is None or not self.server.knows_range or self.server.status != 200:
            return None
        condition = self.headers.get("If-Range")
        if self.server.knows_if_range and condition not in (self.server.etag, self.server.last_modified):
            return None
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def _answer_range(self, start: int) -> None:
        body = self.server.body[start:][: self.server.sends_at_most]
        place = f"bytes {start}-{start + len(body) - 1}/{len(self.server.body)}"
        self._answer(206, body, {"Content-Range": place})

    def _answer(self, status: int, body: bytes, headers: dict[str, str | None] | None = None) -> None:
        self.send_response(status, self.server.reason)
        told: dict[str, str | None] = {
            "ETag": self.server.etag,
            "Last-Modified": self.server.last_modified,
            "Content-Encoding": self.server.content_encoding,
            "Content-Length": str(len(body))
            if self.server.tells_length and not self.server.is_endless
            else None,
            **(headers or {}),
        }
        for name, value in told.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self._send(body)

    def _send_head_for_ever(self) -> None:
        with suppress(ConnectionError):  # of a client that leaves
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                for piece in (b"X", b"-", b"More: ", b"1\r\n"):
                    self.wfile.write(piece)
                    time.sleep(self.server.pause_s)

    def _send(self, body: bytes) -> None:
        stop = self.server.breaks_after
        with suppress(ConnectionError):  # of a client that leaves
            if self.server.pause_s:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(self.server.pause_s)
                return
            while self.server.is_endless:
                self.wfile.write(body)
            self.wfile.write(body[:stop])
            if stop is not None and self.server.may_go_on is not None:
                self.wfile.flush()
                self.server.may_go_on.wait(20)
                self.wfile.write(body[stop:])

    def log_message(self, *_: object) -> None:
        """Quiet."""
