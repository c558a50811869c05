"""`movierec serve` between people who ask, people who should not, and models that change below it."""

import http.client
import json
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from movierec_cli.text import printable
from tests.bench.damage import DAMAGES
from tests.bench.serving import BAD_BODIES, BAD_HEADS, BAD_PATHS
from tests.soak.checked import SEEDS, Checked
from tests.soak.damaged import damaged_content, rewrite
from tests.soak.forked import KILLED, Running
from tests.soak.places import MODELS

USER = 3
_LIST = "/api/models/default/recommendations"
ENDS = ("SIGTERM", "SIGINT", "SIGKILL")
WITHIN_S = 120.0  # what is to become right does so, on cores that others use as well
_REFRESH_S = 0.1
Listed = list[tuple[object, float]]


class Server:
    """One that runs, asked over loopback."""

    def __init__(self, running: Running) -> None:
        """Waits until it listens."""
        self.running = running
        found = running.said(rb"Serving: http://127\.0\.0\.1:(\d+)/")
        self.port = int(found[1]) if found else 0

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """GET, or with a body POST; the status and the document."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN_S)
        kind = {} if body is None else {"content-type": "application/json"}
        try:
            connection.request("GET" if body is None else "POST", path, body, kind)
            response = connection.getresponse()
            content, kind_of = response.read(), response.getheader("content-type", "")
            return response.status, json.loads(content) if kind_of == "application/json" else content
        finally:
            connection.close()

    def send(self, head: bytes) -> bytes:
        """Sends bytes that may be no request; what comes back at first."""
        address = "127.0.0.1", self.port
        with socket.create_connection(address, timeout=WITHIN_S) as connection, suppress(ConnectionError):
            connection.sendall(head)  # it may have enough before all is sent
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(1 << 16)
        return b""

    def list_of(self, model: str) -> Listed | int:
        """What the model recommends; or the status, where that is a clear refusal."""
        status, document = self.ask(f"/api/models/{model}/users/{USER}/recommendations")
        if status != 200:
            assert status in (400, 404, 503), (status, document)
            _check_refusal(document)
            return status
        return [(one["movie_id"], round(one["score"], 5)) for one in document["movies"]]

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Fails where something does not become so."""
        until = time.monotonic() + WITHIN_S
        while not holds():
            assert time.monotonic() < until, f"not served: {what}"
            time.sleep(0.02)


def _check_refusal(document: Any) -> None:
    assert [*document] == ["error"], document
    said = document["error"]
    assert said and printable(said) == said and "Traceback" not in said, document


def _often() -> None:
    """The folder of models is looked at more often than every two seconds."""
    from movierec_cli.serving import http_app

    http_app._REFRESH_S = _REFRESH_S


class ServedModels(Checked):
    """Serving."""

    @precondition(lambda self: len(self.models) > 1)
    @rule(
        acts=st.lists(
            st.tuples(
                st.sampled_from(("question", "head", "removed", "damaged", "replaced", "forgotten")), SEEDS
            ),
            min_size=3,
            max_size=6,
        ),
        end=st.sampled_from(ENDS),
        is_asked=st.booleans(),
    )
    def served_and_ended(self, acts: list[tuple[str, int]], end: str, is_asked: bool) -> None:
        """Whatever is asked and whatever becomes of the models, answers are right or clear refusals."""
        with self.served(end, is_asked=is_asked) as server:
            right = {name: server.list_of(name) for name in self.models}
            for act, seed in acts:
                random = Random(seed)
                if act in ("question", "head"):
                    self.count("hostile request")
                    getattr(self, f"_{act}")(server, random)
                else:
                    self.count("model changed below a server")
                    with self.models_put_back():
                        getattr(self, f"_{act}")(server, random, right)
                server.wait_until(
                    lambda: {name: server.list_of(name) for name in self.models} == right,
                    f"what was right before: {act}",
                )

    @contextmanager
    def served(self, end: str, *, is_asked: bool = False) -> Iterator[Server]:
        """The folder's models are served; at the end, the server is told to end, or killed.

        Args:
            end: a signal.
            is_asked: whether there is half a request at the end.
        """
        running = self.start("serve", "--port", "0", patch=_often)
        server = Server(running)
        asking = None
        try:
            if server.port:
                yield server
                asking = socket.create_connection(("127.0.0.1", server.port)) if is_asked else None
                if asking is not None:
                    asking.sendall(
                        b"POST /api/models/default/recommendations HTTP/1.1\r\nhost: 127.0.0.1\r\n"
                    )
        finally:
            running.kill(signal.Signals[end])
            found = running.finished()
            if asking is not None:
                asking.close()
        self.count("server ended")
        self.check(found, killed=end == "SIGKILL")
        assert server.port and found.code == (KILLED if end == "SIGKILL" else 0), found

    def _question(self, server: Server, random: Random) -> None:
        if random.random() < 0.5:
            status, document = server.ask(_LIST, random.choice(BAD_BODIES))
            assert 400 <= status < 500, (status, document)
        else:
            status, document = server.ask(random.choice(BAD_PATHS))
            assert 200 <= status < 500, (status, document)
        if status >= 400:
            _check_refusal(document)

    def _head(self, server: Server, random: Random) -> None:
        answer = server.send(random.choice(BAD_HEADS))
        assert not answer or answer.startswith(b"HTTP/1.1 4"), answer

    def _removed(self, server: Server, random: Random, right: dict[str, Listed | int]) -> None:
        name = random.choice(sorted(self.models))
        found = self.run("models", "remove", name)
        assert found.code == 0, found
        server.wait_until(lambda: server.list_of(name) == 404, "that a model is gone")
        self._others_are(server, name, right)

    def _damaged(self, server: Server, random: Random, right: dict[str, Listed | int]) -> None:
        """A model is damaged: it is in memory as it was, or is refused."""
        name = random.choice(sorted(self.models))
        folder = self.folder / MODELS / name
        file = random.choice(sorted(folder.iterdir()))
        kind = random.choice(sorted(DAMAGES))
        content = damaged_content(file.name, file.read_bytes(), kind, random.getrandbits(32))
        rewrite(file, content)
        time.sleep(2 * _REFRESH_S * random.random())
        listed = server.list_of(name)
        assert isinstance(listed, int) or listed == right[name], listed
        self._others_are(server, name, right)

    def _replaced(self, server: Server, random: Random, right: dict[str, Listed | int]) -> None:
        """Another folder has the name of a model, with the same in it."""
        name = random.choice(sorted(self.models))
        folder = self.folder / MODELS / name
        copy = shutil.copytree(folder, self.folder.with_name("copy"))
        shutil.rmtree(folder)
        if random.random() < 0.5:
            listed = server.list_of(name)
            assert listed in (404, 503, right[name]), listed
        copy.rename(folder)
        server.wait_until(lambda: server.list_of(name) == right[name], "a folder that was replaced")

    def _forgotten(self, server: Server, random: Random, right: dict[str, Listed | int]) -> None:
        """A user is forgotten, and is not known any more; the others are answered as before."""
        other = random.choice([user for user in range(1, 60) if user != USER])
        found = self.run("models", "forget", "--user", str(other))
        assert found.code == 0, found

        def status_of(name: str) -> int:
            return server.ask(f"/api/models/{name}/users/{other}/recommendations")[0]

        server.wait_until(lambda: {status_of(name) for name in self.models} == {404}, "that a user is gone")
        assert {name: server.list_of(name) for name in self.models} == right

    def _others_are(self, server: Server, name: str, right: dict[str, Listed | int]) -> None:
        others = {one: server.list_of(one) for one in self.models if one != name}
        assert others == {one: right[one] for one in others}, others
