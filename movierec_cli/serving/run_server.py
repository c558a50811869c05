"""An application on a port of this machine, until it is interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import socket
from http import HTTPStatus
from typing import Any

import uvicorn
from h11 import IDLE
from uvicorn.protocols.http.h11_impl import H11Protocol

from movierec_cli.errors import problems_named
from movierec_cli.serving.guard import App
from movierec_cli.serving.request_limits import Limits

_BACKLOG = 512  # connections that wait to be accepted
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own, which no other reaches."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def hosts_of(host: str) -> frozenset[str] | None:
    """The names by which a server that listens there may be addressed; None: any, where others reach it."""
    return frozenset((*LOOPBACK, host)) if is_loopback(host) else None


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that listens, so that a port in use is found before models are read.

    Raises:
        MovierecError: nothing can listen there.
    """
    with problems_named(f"nothing can listen on {host}, port {port}"):
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(_BACKLOG)
        except BaseException:
            listening.close()
            raise
        return listening


def run_server(app: App, listening: socket.socket, limits: Limits) -> None:
    """Serves until it is interrupted; requests that are being answered are finished first."""
    with contextlib.suppress(KeyboardInterrupt):  # which is how it ends
        server_of(app, limits).run(sockets=[listening])


def server_of(app: App, limits: Limits) -> uvicorn.Server:
    """What serves it."""
    for name in ("uvicorn", "asyncio"):  # what clients do wrong, /metrics counts
        logging.getLogger(name).setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        http=_protocol_of(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=int(limits.headers_s),
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def _protocol_of(limits: Limits) -> type[asyncio.Protocol]:
    """Uvicorn's own, which also closes a connection whose request's head does not come to an end.

    It bounds the time between requests alone, so one byte every few seconds would hold a connection forever.
    """

    class Protocol(H11Protocol):
        _too_late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                self._refuse(503, "too many connections; try again")
            self._wait()

        def send_400_response(self, msg: str) -> None:
            self._refuse(400, "this is no HTTP request that can be read")

        def _refuse(self, status: int, message: str) -> None:
            content = json.dumps({"error": message}).encode()
            head = (
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(content)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + content)
            self.transport.close()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not IDLE:
                self._stop_waiting()
            elif self._too_late is None and self.timeout_keep_alive_task is None:
                self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def _wait(self) -> None:
            self._too_late = self.loop.call_later(limits.headers_s, self._close)

        def _stop_waiting(self) -> None:
            if self._too_late is not None:
                self._too_late.cancel()
                self._too_late = None

        def _close(self) -> None:
            self._too_late = None
            if not self.transport.is_closing():
                self.transport.close()

    return Protocol
