"""What every request passes before the application: limits, known hosts, headers of answers, and counting."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from movierec_cli.serving.request_limits import Limits, Rates
from movierec_cli.serving.server_metrics import ServerMetrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
NOTHING = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""Of answers that are no pages."""
_CLOSING = (408, 413, 421, 431, 503)
_OTHER = "other"  # the route of what is none, so that addresses that are made up are not counted each


class _Refused(Exception):
    def __init__(self, status: int, message: str, retry_s: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.message, self.retry_s = status, message, retry_s


@dataclass
class Guard:
    """Wraps an application.

    Args:
        app: what is asked.
        limits: of a request.
        hosts: names by which this server may be addressed, so that another site's page cannot be led here;
            None: any.
        metrics: which count requests.
    """

    app: App
    limits: Limits
    hosts: frozenset[str] | None
    metrics: ServerMetrics

    def __post_init__(self) -> None:
        self._rates = Rates(self.limits.per_second)
        self._n_open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        begun, answer = time.perf_counter(), _Answer(send)
        self._n_open += 1
        try:
            self._check(scope)
            whole = await self._received(scope, receive)
            async with asyncio.timeout(self.limits.answer_s):
                await _while_wanted(self.app(scope, whole, answer), receive)
        except _Refused as refused:
            await answer.error(refused.status, refused.message, refused.retry_s)
        except TimeoutError:
            await answer.error(504, f"the answer took longer than {self.limits.answer_s:g} seconds", 1)
        except OSError:
            pass  # the client has gone
        except Exception:
            logger.exception("a request failed")
            await answer.error(500, "this request could not be answered; the server's log says why")
        finally:
            self._n_open -= 1
        route = getattr(scope.get("route"), "path", _OTHER)
        self.metrics.requests.labels(route, str(answer.status or 499)).inc()
        self.metrics.seconds.labels(route).observe(time.perf_counter() - begun)

    def _check(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        host = _host_of(headers.get(b"host", b""))
        if self.hosts is not None and host not in self.hosts:
            raise _Refused(421, f"this server is not {host[:80]!r}; serve with --host to name it so")
        client = scope.get("client")
        if wait_s := self._rates.wait_s(client[0] if client else ""):
            raise _Refused(429, f"more than {self.limits.per_second:g} requests a second", wait_s)
        if self._n_open > self.limits.at_once:
            raise _Refused(503, "too many requests are being answered; try again", 1)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > self.limits.head_bytes:
            raise _Refused(431, f"the head is larger than {self.limits.head_bytes:,} bytes")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.limits.body_bytes:
            raise self._too_large()

    def _too_large(self) -> _Refused:
        return _Refused(413, f"the body is larger than {self.limits.body_bytes:,} bytes")

    async def _received(self, scope: Scope, receive: Receive) -> Receive:
        """The body, whole; the application is not kept waiting for it."""
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(self.limits.body_s):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Refused(400, "the body did not arrive whole")
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self.limits.body_bytes:
                        raise self._too_large()
        except TimeoutError:
            raise _Refused(408, f"the body took longer than {self.limits.body_s:g} seconds") from None

        async def whole() -> Message:
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        return whole


async def _while_wanted(answering: Awaitable[None], receive: Receive) -> None:
    """Waits for an answer, which is given up when the client goes: nobody would read it."""
    task, gone = asyncio.ensure_future(answering), asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        gone.cancel()
        task.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Answer:
    """Sends an answer with the headers of all, and knows its status."""

    def __init__(self, send: Send) -> None:
        self._send, self.status = send, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {name.lower() for name, _ in message.get("headers", ())}
            added = [(name, value) for name, value in (*HEADERS, NOTHING) if name not in own]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await self._send(message)

    async def error(self, status: int, message: str, retry_s: float = 0.0) -> None:
        """An error as JSON, unless an answer has begun."""
        if self.status:
            return
        content = json.dumps({"error": message}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        if retry_s:
            headers.append((b"retry-after", b"%d" % math.ceil(retry_s)))
        if status in _CLOSING:
            headers.append((b"connection", b"close"))
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": content})


def _host_of(header: bytes) -> str:
    """The name in a Host header, without its port."""
    text = header.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]
