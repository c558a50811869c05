"""A server under load from the same machine: lists a second, how long one takes, what it withstands."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.rows import Bench, Row, movierec

N_LIKES = 20
CONNECTIONS, FULL_S = 16, 20.0
PER_SECOND, PACED_S, WHY_EVERY = 50, 60.0, 5
HOSTILE_S = 600.0
_FAMILY = ("--dataset", "1m", "--family", "hybrid", "--baselines", "ease", "--seeds", "1")


@dataclass
class Server:
    """A server of saved models in a process of its own."""

    models: Path
    options: Sequence[str] = ()
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Server:
        command = [sys.executable, "-m", "movierec_cli", "serve", "--port", "0", "--saved_models_dir"]
        self.process = subprocess.Popen(
            [*command, str(self.models), *self.options], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        said = re.search(r":(\d+)/ ", self.process.stdout.readline())
        assert said is not None, "the server did not start"
        self.port = int(said[1])
        return self

    def __exit__(self, *error: object) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=30)

    @property
    def resident_mib(self) -> float:
        """Of its memory, as Linux says it."""
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        return int(found[1]) / 1024 if found else 0.0


@dataclass
class Connection:
    """One that is kept alive; answers are read whole."""

    port: int
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes, timeout_s: float = 30.0) -> tuple[int, bytes]:
        """Status and body; the connection is opened where there is none, or the server has closed it."""
        if self.streams is None or self.streams[0].at_eof():
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        try:
            writer.write(request)
            await writer.drain()
            async with asyncio.timeout(timeout_s):
                return await read_answer(reader)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
        self.streams = None


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return int(head.split(b" ", 2)[1]), await reader.readexactly(int(length[1]) if length else 0)


def request_bytes(path: str, body: object = None, method: str = "") -> bytes:
    """A whole HTTP/1.1 request."""
    content = b"" if body is None else json.dumps(body).encode()
    method = method or ("GET" if body is None else "POST")
    kind = "" if body is None else f"content-type: application/json\r\ncontent-length: {len(content)}\r\n"
    return f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{kind}\r\n".encode() + content


@dataclass
class NewUsers:
    """Questions of people who like `N_LIKES` of the movies that the server finds for common words."""

    movie_ids: Sequence[object]
    generator: random.Random = field(default_factory=lambda: random.Random(0))

    def question(self, *, why: bool = False) -> bytes:
        liked = self.generator.sample(self.movie_ids, N_LIKES)
        return request_bytes("/api/models/default/recommendations", {"liked": liked, "why": why})


async def known_movies(port: int) -> list[object]:
    """Ids of many movies of the default model."""
    connection, found = Connection(port), set[object]()
    for word in ("love", "night", "star", "man", "day", "home", "life", "black", "good", "american"):
        _, body = await connection.ask(request_bytes(f"/api/models/default/movies?search={word}&top=100"))
        found |= {movie["movie_id"] for movie in json.loads(body)["movies"]}
    connection.close()
    return sorted(found, key=str)


async def full_load(port: int, seconds: float, connections: int = CONNECTIONS) -> tuple[float, Counter[int]]:
    """Lists a second where each connection asks again as soon as it is answered, and the statuses."""
    users, statuses = NewUsers(await known_movies(port)), Counter[int]()
    end = time.perf_counter() + seconds

    async def ask_again() -> None:
        connection = Connection(port)
        while time.perf_counter() < end:
            status, _ = await connection.ask(users.question())
            statuses[status] += 1
        connection.close()

    await asyncio.gather(*(ask_again() for _ in range(connections)))
    return statuses.total() / seconds, statuses


async def paced_load(
    port: int, seconds: float, per_second: int = PER_SECOND
) -> tuple[list[float], Counter[int]]:
    """Seconds that each answer took from the time its request was due, and the statuses; some ask why."""
    users, statuses, taken = NewUsers(await known_movies(port)), Counter[int](), list[float]()
    idle: list[Connection] = []

    async def ask(due: float, question: bytes) -> None:
        connection = idle.pop() if idle else Connection(port)
        status, _ = await connection.ask(question)
        taken.append(time.perf_counter() - due)
        statuses[status] += 1
        idle.append(connection)

    begun, tasks = time.perf_counter(), []
    for n in range(int(seconds * per_second)):
        due = begun + n / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(due, users.question(why=n % WHY_EVERY == 0))))
    await asyncio.gather(*tasks)
    for connection in idle:
        connection.close()
    return taken, statuses


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


BUSY = (429, 503)  # of a server that has enough to do
BAD_BODIES: tuple[bytes, ...] = (
    b"",
    b"{",
    b"[" * 60_000,
    b'{"liked": [1], "liked": [2]}x',
    b'{"liked": "1"}',
    b'{"liked": [1, 1]}',
    b'{"liked": [999999999999999999999999]}',
    b'{"liked": [null]}',
    b'{"liked": [1], "top": 100000}',
    b'{"liked": [1], "top": -1}',
    b'{"liked": [1], "ratings": [{"movie_id": 1, "rating": 99}]}',
    b'{"ratings": [{"movie_id": 1, "rating": NaN}]}',
    b'{"ratings": [{"movie_id": 1, "rating": 1e999}]}',
    b'{"user_id": "../../etc/passwd"}',
    b'{"user_id": 1, "liked": [1]}',
    b'{"liked": [1], "genres": ["\\u0000"]}',
    b'{"unknown": 1}',
    b'"\xff\xfe"',
    json.dumps({"liked": list(range(1, 2000))}).encode(),
)
BAD_PATHS = (
    *("/", "/docs", "/nothing", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//", "/?model=..%2f.."),
    *("/api/models/..%2f..%2fetc/movies?search=a", "/api/models/default/movies?search=" + "a" * 300),
    *("/api/models/default/movies/1/similar?top=x", "/api/models/default/movies/%00/similar"),
    *("/api/models/default/users/999999/recommendations", "/api/models/nobody/users/1/recommendations"),
    *("/api/models/default/movies?search=%F0%9F%8E%AC%00%ff", "/api/models/default/movies?top=1"),
)
BAD_HEADS = (
    b"GET\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nhost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: -5\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 99999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"DELETE /api/models HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
)


@dataclass
class Hostile:
    """What is sent by somebody who means harm, and what comes back."""

    port: int
    users: NewUsers
    end: float
    statuses: Counter[int] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)  # answers that were not clear

    async def run(self) -> None:
        kinds: Sequence[Callable[[], object]] = (
            *(
                self.bodies,
                self.paths,
                self.heads,
                self.huge,
                self.huge_in_chunks,
                self.slow_head,
                self.slow_body,
            ),
            *(self.leaving, self.reading_nothing, self.honest, self.many_at_once),
        )
        await asyncio.gather(*(self._again(kind) for kind in kinds for _ in range(2)))

    async def _again(self, kind: Callable[[], object]) -> None:
        while time.perf_counter() < self.end:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(40):
                    await kind()  # type: ignore[misc]
            await asyncio.sleep(0.005)

    @contextlib.asynccontextmanager
    async def _open(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def _send(self, request: bytes, *, wanted: Callable[[int], bool]) -> None:
        async with self._open() as (reader, writer):
            writer.write(request)
            status, body = await read_answer(reader)
            self.statuses[status] += 1
            is_clear = status < 400 or b'"error"' in body
            if not ((wanted(status) or status in BUSY) and is_clear) and len(self.bad) < 20:
                self.bad.append(f"{request[:80]!r}: {status} {body[:200]!r}")

    async def bodies(self) -> None:
        for body in BAD_BODIES:
            head = "POST /api/models/default/recommendations HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            await self._send(head.encode() + body, wanted=lambda status: 400 <= status < 500)

    async def paths(self) -> None:
        for path in BAD_PATHS:
            await self._send(request_bytes(path), wanted=lambda status: 200 <= status < 500)

    async def heads(self) -> None:
        for head in BAD_HEADS:
            await self._send(head, wanted=lambda status: 400 <= status < 500)

    async def huge(self) -> None:
        body = b'{"liked": [' + b"1," * 500_000 + b"1]}"
        head = "POST /api/models/default/recommendations HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        await self._send(head.encode() + body, wanted=lambda status: status == 413)

    async def huge_in_chunks(self) -> None:
        async with self._open() as (reader, writer):
            writer.write(b"POST /api/models/default/recommendations HTTP/1.1\r\nhost: 127.0.0.1\r\n")
            writer.write(b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
            with contextlib.suppress(OSError):
                for _ in range(100):
                    writer.write(b"ffff\r\n" + b"1" * 0xFFFF + b"\r\n")
                    await writer.drain()
            status, _ = await read_answer(reader)
            self.statuses[status] += 1

    async def slow_head(self) -> None:
        async with self._open() as (reader, writer):
            for byte in itertools.chain(b"GET / HTTP/1.1\r\nx: ", itertools.repeat(97, 30)):
                writer.write(bytes([byte]))
                await asyncio.sleep(0.5)
            await reader.read()

    async def slow_body(self) -> None:
        async with self._open() as (reader, writer):
            writer.write(b"POST /api/models/default/recommendations HTTP/1.1\r\nhost: 127.0.0.1\r\n")
            writer.write(b"content-type: application/json\r\ncontent-length: 1000\r\n\r\n")
            for _ in range(22):  # longer would be lost with the connection that is closed
                writer.write(b" ")
                await asyncio.sleep(0.4)
            status, _ = await read_answer(reader)
            self.statuses[status] += 1
            if status not in (408, *BUSY):
                self.bad.append(f"a slow body: {status}")

    async def leaving(self) -> None:
        async with self._open() as (_, writer):
            writer.write(self.users.question(why=True)[: random.randrange(10, 300)])
        await asyncio.sleep(0.02)

    async def reading_nothing(self) -> None:
        async with self._open() as (_, writer):
            for _ in range(50):
                writer.write(request_bytes("/"))
            await asyncio.sleep(2)

    async def honest(self) -> None:
        await self._send(self.users.question(why=True), wanted=lambda status: status == 200)

    async def many_at_once(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(50):
                _, writer = await stack.enter_async_context(self._open())
                writer.write(self.users.question())
            await asyncio.sleep(0.2)
        await asyncio.sleep(1)


async def withstood(server: Server, seconds: float) -> tuple[Hostile, list[float]]:
    """What came back while harm was meant, and the server's memory, in MiB, from time to time."""
    users, memory = NewUsers(await known_movies(server.port)), list[float]()
    hostile = Hostile(server.port, users, time.perf_counter() + seconds)

    async def watch() -> None:
        while True:
            await asyncio.sleep(min(5.0, seconds / 10))
            memory.append(server.resident_mib)

    watching = asyncio.create_task(watch())
    await hostile.run()
    watching.cancel()
    status, _ = await Connection(server.port).ask(users.question())
    assert status == 200, f"after all of it: {status}"
    return hostile, memory


def _models(bench: Bench) -> Path:
    """The models of 1M, which are trained where there are none."""
    folder = bench.saved_models_dir / "serve"
    if not any(folder.glob("1m-*")):
        places = ("--datasets_dir", str(bench.find("ml-1m.zip").parent), "--saved_models_dir", str(folder))
        movierec("train", *_FAMILY, *places, "--plot", str(folder / "report.html"))
    return folder


def measure_serving(bench: Bench) -> Iterator[Row]:
    """Lists for new users of 1M, the load from the same cores."""
    with Server(_models(bench), ("--max_rate", "0")) as server:
        per_second, statuses = asyncio.run(full_load(server.port, FULL_S))
        yield Row(
            f"serve 1M, new users of {N_LIKES} likes, {CONNECTIONS} connections",
            f"{per_second:,.0f} lists a second; {_told(statuses)}",
            "≥ 200",
        )
        taken, statuses = asyncio.run(paced_load(server.port, PACED_S))
        milliseconds = [1000 * percentile(taken, share) for share in (0.5, 0.99, 1.0)]
        yield Row(
            f"{PER_SECOND} a second for {PACED_S:g} s, every {WHY_EVERY}th with why",
            "median {:.1f}, p99 {:.1f}, longest {:.1f} ms; ".format(*milliseconds) + _told(statuses),
            "p99 ≤ 50 ms",
        )


def measure_hostile(bench: Bench) -> Iterator[Row]:
    """Ten minutes of what should not be sent."""
    seconds = float(os.environ.get("MOVIEREC_HOSTILE_S", HOSTILE_S))
    with Server(_models(bench)) as server:
        hostile, memory = asyncio.run(withstood(server, seconds))
        early, late = memory[len(memory) // 5], memory[-1]
        unclear = "; ".join(hostile.bad) or "none unclear"
        yield Row(
            f"serve 1M, {seconds:g} s of malformed, huge, slow and parallel requests",
            f"{_told(hostile.statuses)}; memory {early:.0f} → {late:.0f}, at most {max(memory):.0f} MiB;"
            f" {unclear}",
            "no crash, memory flat, clear 4xx",
        )


def _told(statuses: Counter[int]) -> str:
    return ", ".join(f"{n:,} × {status}" for status, n in sorted(statuses.items()))
