"""A server in a thread of the tests' process, and what is asked of it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.all_tests import needs

for package in ("fastapi", "prometheus_client", "uvicorn"):  # of the extra `serve`
    needs(package)

from movierec_cli.serving.http_app import make_app  # noqa: E402
from movierec_cli.serving.request_limits import Limits  # noqa: E402
from movierec_cli.serving.run_server import bound_socket, hosts_of, server_of  # noqa: E402
from movierec_cli.serving.served_models import ServedModels  # noqa: E402


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    port: int
    models: ServedModels

    def ask(self, path: str, body: object = None, method: str = "", **headers: str) -> Reply:
        """GET, or with a body POST; a body that is bytes is sent as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = {} if body is None else {"content-type": "application/json"}
        connection.request(method or ("GET" if body is None else "POST"), path, content, kind | headers)
        response = connection.getresponse()
        reply = Reply(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )
        connection.close()
        return reply

    def list_for(self, name: str, **question: object) -> Reply:
        return self.ask(f"/api/models/{name}/recommendations", question)


@contextmanager
def serving(folder: Path, limits: Limits | None = None) -> Iterator[Served]:
    """Serves the models of a folder."""
    models, limits = ServedModels(folder), limits or Limits()
    with bound_socket("127.0.0.1", 0) as listening:
        server = server_of(make_app(models, limits, hosts_of("127.0.0.1")), limits)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield Served(listening.getsockname()[1], models)
        finally:
            server.should_exit = True
            thread.join(timeout=20)
    assert not thread.is_alive()
