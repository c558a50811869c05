"""Requests that should not be answered: clear refusals as JSON, within bounds of size, time and rate."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from movierec_cli.config import Family
from movierec_cli.serving.request_limits import Limits, Rates
from tests.saved_runs import baseline_run
from tests.serving.served import Served, serving
from tests.small_dataset import small_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved_models")
    baseline_run(folder, small_dataset(), Family.POPULARITY)
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    limits = Limits(body_bytes=2_000, body_s=0.3, headers_s=0.3)
    with serving(folder, limits) as server:
        yield server


LIST = "/api/models/default/recommendations"


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (LIST, b"{", 422, "the body is no JSON"),
        (LIST, b"[" * 1_900, 422, "the body is no JSON"),
        (LIST, b"\xff\xfe", 422, "the body is no JSON"),
        (LIST, b"[]", 422, "the body must be an object"),
        (LIST, {}, 400, "name a user_id, or movies"),
        (LIST, {"user_id": 1, "liked": [100]}, 400, "not both"),
        (LIST, {"liked": "100"}, 422, "liked must be a list"),
        (LIST, {"liked": [None]}, 422, "liked.0 must be"),
        (LIST, {"liked": [100], "top": 0}, 422, "top must be 1 or more"),
        (LIST, {"liked": [100], "top": "many"}, 422, "top must be a whole number"),
        (LIST, {"liked": [100], "why": 7}, 422, "why must be true or false"),
        (LIST, {"liked": [100], "like": [100]}, 422, "like is not known here"),
        (LIST, {"liked": [100, 100]}, 400, "'100' is named twice"),
        (LIST, {"liked": [100], "disliked": ["100"]}, 400, "'100' is named twice"),
        (LIST, {"liked": [7]}, 404, "no movie with the id '7'"),
        (LIST, {"user_id": 999}, 404, "there is no user 999"),
        (LIST, {"ratings": [{"movie_id": 100, "rating": 9}]}, 400, "are 0.5 to 5 on"),
        (LIST, b'{"ratings": [{"movie_id": 100, "rating": NaN}]}', 422, "must be a finite number"),
        (LIST, {"liked": [100], "genres": ["Westen"]}, 400, "there is no genre 'Westen'"),
        (LIST, {"liked": [100], "genres": ["\0\x1b[31m\u202e"]}, 400, "no genre '\ufffd\ufffd[31m\ufffd'"),
        (LIST, {"liked": [100], "\x1b]0;": 1}, 422, "\ufffd]0; is not known here"),
        (LIST, b"1" * 2_001, 413, "larger than 2,000 bytes"),
        ("/api/models/nobody/recommendations", {"user_id": 1}, 404, "no model is named 'nobody'"),
        ("/api/models/..%2f..%2fetc/recommendations", {"user_id": 1}, 404, "nothing at this address"),
        ("/api/models/default/movies", None, 422, "search is missing"),
        ("/api/models/default/movies?search=" + "a" * 300, None, 422, "200 characters at most"),
        ("/api/models/default/movies/100/similar", None, 400, "recommends the same to everybody"),
        ("/?model=../../etc/passwd", None, 404, "no model is named"),
        ("/etc/passwd", None, 404, "nothing at this address"),
        ("/health", {}, 405, "POST is not answered"),
    ],
)
def test_each_refusal_is_a_sentence(path: str, body: object, status: int, said: str, served: Served) -> None:
    reply = served.ask(path, body)
    assert (reply.status, [*reply.document]) == (status, ["error"]), reply.body
    assert said in reply.document["error"]
    assert "Input should" not in reply.document["error"] and "pydantic" not in reply.document["error"]
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_another_name_of_this_server_is_refused(served: Served) -> None:
    reply = served.ask("/health", host="evil.example")
    assert (reply.status, reply.document["error"][:34]) == (421, "this server is not 'evil.example';")
    assert served.ask("/health", host=f"localhost:{served.port}").status == 200


def test_a_head_that_is_too_large_is_refused(served: Served) -> None:
    assert served.ask("/health", x="a" * 40_000).status in (400, 431)


def raw(served: Served, content: bytes, *, wait_s: float = 5.0) -> bytes:
    """What comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=wait_s) as connection:
        connection.sendall(content)
        received = b""
        while piece := connection.recv(1 << 16):
            received += piece
        return received


def test_what_is_no_http_is_refused_and_what_is_slow_is_not_waited_for(served: Served) -> None:
    assert raw(served, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    begun = time.monotonic()
    assert raw(served, b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ") == b""
    head = f"POST {LIST} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 10\r\n\r\n".encode()
    assert raw(served, head + b"{").startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begun < 5
    chunk = b"400\r\n" + b"1" * 0x400 + b"\r\n"
    chunked = f"POST {LIST} HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    assert raw(served, chunked + 3 * chunk).startswith(b"HTTP/1.1 413 ")


def test_more_than_the_rate_is_refused_and_says_when_to_come_back(folder: Path) -> None:
    with serving(folder, Limits(per_second=0.5)) as server:
        assert server.ask("/health").status == 200
        late = server.ask("/health")
        assert (late.status, late.headers["retry-after"]) == (429, "2")


def test_a_bucket_fills_at_the_rate() -> None:
    clock = [0.0]
    rates = Rates(10, lambda: clock[0])
    assert [rates.wait_s("a") for _ in range(20)] == [0.0] * 20
    assert rates.wait_s("a") == pytest.approx(0.1) and rates.wait_s("b") == 0
    clock[0] = 0.1
    assert rates.wait_s("a") == 0 and rates.wait_s("a") > 0
    assert Rates(0).wait_s("a") == 0
