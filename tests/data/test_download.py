"""Downloads from a server on loopback: resumed, refused, limited, and one at a time."""

import hashlib
import os
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from movierec_cli.data import download as module
from movierec_cli.data.download import Download
from movierec_cli.data.limits import FACTOR_VARIABLE, Limit
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.sources import Publication
from movierec_cli.errors import DataError
from movierec_cli.files.atomic import ABANDONED_AFTER_S
from tests.file_server import FileServer

NAME = "list.gz"
MAGIC = b"\x1f\x8b"
MONDAY, TUESDAY = (MAGIC + random.Random(seed).randbytes(13_000) for seed in (1, 2))
BREAKS_AFTER = 5_500
DOWNLOADER = """
import sys
from pathlib import Path
from movierec_cli.data import download
from movierec_cli.data.sources import Publication
download._CHUNK_BYTES = 9_000  # more than a file's buffer, as the real one is
published, target = Publication(sys.argv[1]), Path(sys.argv[2])
download.Download(published, target, b"", "A list", ".", lambda *_: None).run(lambda file: None)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ds"


class Fetch:
    """Downloads from the server, in place of those who know what they download."""

    def __init__(self, server: FileServer, folder: Path):
        self.server, self.target = server, folder / NAME

    def __call__(
        self,
        *,
        url: str = "",
        size_bytes: int | None = None,
        sha256: str | None = None,
        problem: str | None = None,
        progress: Progress = unreported,
    ) -> bytes:
        published = Publication(url or self.server.url, size_bytes, sha256)
        Download(published, self.target, MAGIC, "A list", ",\nor do without.", progress).run(
            lambda _: problem
        )
        return self.target.read_bytes()

    def refused(self, **options: object) -> str:
        """What is said where there is no file, with what to do."""
        with pytest.raises(DataError) as caught:
            self(**options)  # type: ignore[arg-type]
        message = str(caught.value)
        assert message.startswith(f"A list cannot be downloaded from {options.get('url', self.server.url)}: ")
        assert f"\nFetch {NAME} by another way, such as a browser, from " in message
        assert message.endswith(f"\nand put it at {self.target},\nor do without.")
        assert message.replace("\n", "").isprintable()
        return message

    def left(self) -> list[Path]:
        """What lies beside the place of the file."""
        return sorted(path for path in self.target.parent.iterdir() if path != self.target)

    def ranges(self) -> list[str | None]:
        return [request["Range"] for request in self.server.requests]


@pytest.fixture
def fetch(server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    monkeypatch.setattr(module, "_CHUNK_BYTES", 1_000)
    monkeypatch.setattr(module, "_LOCK_POLL_S", 0.01)
    server.body = MONDAY
    return Fetch(server, folder)


@pytest.fixture
def broken_off(fetch: Fetch) -> int:
    """The connection broke once and will hold now; how many bytes had come."""
    fetch.server.breaks_after = BREAKS_AFTER
    message = fetch.refused()
    fetch.server.breaks_after = None
    [part] = fetch.left()
    n_bytes = part.stat().st_size
    assert MONDAY.startswith(part.read_bytes())
    assert 4_500 < n_bytes <= BREAKS_AFTER
    assert "broke off (" in message
    assert f"after {n_bytes:,} of {len(MONDAY):,} bytes; what has come is kept, and is resumed" in message
    return n_bytes


def test_a_whole_file_takes_its_place_and_is_reported(fetch: Fetch) -> None:
    fetch.target.parent.mkdir()
    fetch.target.write_text("old")
    seen: list[tuple[str, int, int]] = []
    sha256 = hashlib.sha256(MONDAY).hexdigest()
    assert fetch(size_bytes=len(MONDAY), sha256=sha256, progress=lambda *call: seen.append(call)) == MONDAY
    assert fetch.left() == []
    assert seen[0] == (f"downloading {NAME}", 1_000, len(MONDAY))
    assert seen[-1] == (f"downloading {NAME}", len(MONDAY), len(MONDAY))


def test_a_link_is_followed_to_the_file(fetch: Fetch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.gz"
    elsewhere.write_text("old")
    fetch.target.parent.mkdir()
    fetch.target.symlink_to(elsewhere)
    assert fetch() == MONDAY == elsewhere.read_bytes()
    assert fetch.target.is_symlink()


def test_a_length_that_is_not_told_is_no_obstacle(fetch: Fetch) -> None:
    fetch.server.tells_length = False
    totals: set[int] = set()
    assert fetch(progress=lambda _, done, total: totals.add(total)) == MONDAY
    assert totals == {0}


def test_the_file_stays_packed_where_the_server_calls_it_a_coding(fetch: Fetch) -> None:
    fetch.server.content_encoding = "gzip"
    assert fetch() == MONDAY
    assert fetch.server.requests[0]["Accept-Encoding"] == "identity"


# broken off and resumed


@pytest.mark.parametrize(
    ("etag", "date"), [('"monday"', None), ('W/"weak"', "Mon, 06 Jan 2025 00:00:00 GMT")], ids=["tag", "date"]
)
def test_the_next_try_asks_for_the_rest_only(etag: str, date: str | None, fetch: Fetch) -> None:
    fetch.server.etag, fetch.server.last_modified, fetch.server.breaks_after = etag, date, BREAKS_AFTER
    fetch.refused()
    fetch.server.breaks_after = None
    n_bytes = fetch.left()[0].stat().st_size
    seen: list[int] = []
    assert fetch(progress=lambda _, done, total: seen.append(done)) == MONDAY
    assert fetch.ranges() == [None, None, f"bytes={n_bytes}-"]
    assert fetch.server.requests[-1]["If-Range"] == (date or etag)
    assert seen[0] > n_bytes
    assert fetch.left() == []


def test_a_download_can_break_off_again_and_again(fetch: Fetch) -> None:
    fetch.server.breaks_after = 3_000
    for _ in range(4):
        fetch.refused()
    assert fetch() == MONDAY
    starts = [int(asked.strip("bytes=-")) for asked in fetch.ranges() if asked]
    assert len(starts) == 4
    assert starts == sorted(set(starts))


def other_day(server: FileServer) -> None:
    server.body, server.etag = TUESDAY, '"tuesday"'


def other_length(server: FileServer) -> None:
    server.body, server.knows_if_range = MONDAY + TUESDAY, False


def no_ranges(server: FileServer) -> None:
    server.knows_range = False


def from_another_place(server: FileServer) -> None:
    server.starts_early = 100


def less_than_asked(server: FileServer) -> None:
    server.sends_at_most = 700


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        (other_day, [None]),
        (other_length, [None]),
        (no_ranges, [None, "rest", None]),
        (from_another_place, [None, "rest", None]),
        (less_than_asked, [None, "rest", None]),
    ],
)
def test_bytes_of_another_version_or_place_are_never_added(
    change: Callable[[FileServer], None], asked: list[str | None], fetch: Fetch, broken_off: int
) -> None:
    change(fetch.server)
    assert fetch() == fetch.server.body
    assert fetch.ranges()[1:] == [f"bytes={broken_off}-" if place else None for place in asked]


def test_a_file_that_changes_while_it_is_resumed_is_not_mixed(fetch: Fetch, broken_off: int) -> None:
    fetch.server.before_answer = lambda n: other_day(fetch.server) if n == 3 else None
    assert "the server's file has changed meanwhile; try again" in fetch.refused()
    assert fetch() == TUESDAY


def test_a_part_that_is_too_long_is_fetched_anew(fetch: Fetch, broken_off: int) -> None:
    fetch.left()[0].write_bytes(MONDAY + b"more")
    assert fetch() == MONDAY
    assert fetch.ranges()[2:] == [f"bytes={len(MONDAY) + 4}-", None]  # of which the first is answered 416


def test_a_part_that_is_whole_is_not_fetched_again(fetch: Fetch, broken_off: int) -> None:
    fetch.left()[0].write_bytes(MONDAY)
    assert fetch() == MONDAY
    assert fetch.ranges() == [None, None]


@pytest.mark.parametrize("missing", ["tag", "length"])
def test_without_tag_or_length_nothing_is_resumed_nor_promised(missing: str, fetch: Fetch) -> None:
    if missing == "tag":
        fetch.server.etag = None
    else:
        fetch.server.tells_length = False
    fetch.server.breaks_after, fetch.server.may_go_on = BREAKS_AFTER, threading.Event()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_TIMEOUT_S", 0.2)
        message = fetch.refused()
    assert "broke off (timed out) after " in message
    assert "kept" not in message
    fetch.server.body, fetch.server.breaks_after = TUESDAY, None
    assert fetch() == TUESDAY
    assert fetch.ranges() == [None, None]


def test_ctrl_c_leaves_the_part_and_no_half_file(fetch: Fetch) -> None:
    def interrupt(message: str, done: int, total: int) -> None:
        if done > 3_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(progress=interrupt)
    assert not fetch.target.exists()
    assert fetch() == MONDAY
    assert fetch.ranges()[-1] == "bytes=4000-"


def test_abandoned_parts_are_swept_and_others_stay(fetch: Fetch, broken_off: int) -> None:
    [abandoned] = fetch.left()
    other_day(fetch.server)
    fetch.server.breaks_after = 3_000
    fetch.refused()
    assert len(fetch.left()) == 2
    long_ago = time.time() - ABANDONED_AFTER_S - 60
    os.utime(abandoned, (long_ago, long_ago))
    fetch.refused()
    assert len(fetch.left()) == 1
    assert not abandoned.exists()


# refused


@pytest.mark.parametrize(("status", "phrase"), [(403, "Forbidden"), (404, "Not Found"), (599, "")])
def test_a_refusal_is_told_in_the_standards_words_and_costs_no_part(
    status: int, phrase: str, fetch: Fetch, broken_off: int
) -> None:
    fetch.server.status, fetch.server.reason = status, "\x1b]0;owned\x07\x9b31m"
    assert f": the server answers {status} {phrase}".rstrip() + ".\n" in fetch.refused()
    assert len(fetch.server.requests) == 2  # nobody asks again who was refused
    assert fetch.left()[0].stat().st_size == broken_off


@pytest.mark.parametrize("body", [b"<html>\n please log\x1b[31m in </html>" + bytes(50_000), b""])
@pytest.mark.parametrize("tells_length", [True, False])
def test_something_else_is_shown_and_costs_no_part(
    tells_length: bool, body: bytes, fetch: Fetch, broken_off: int
) -> None:
    fetch.server.body, fetch.server.tells_length = body, tells_length
    shown = r"'<html> please log\x1b[31m in </html>" if body else "nothing"
    assert f"the server answers with something else: {shown}" in fetch.refused()
    assert [part.stat().st_size for part in fetch.left()] == [broken_off]


def test_what_does_not_serve_is_removed_and_the_old_file_stays(fetch: Fetch) -> None:
    fetch.target.parent.mkdir()
    fetch.target.write_text("old")
    sha256 = hashlib.sha256(TUESDAY).hexdigest()
    assert f"downloaded differs from the published checksum {sha256}; it was" in fetch.refused(sha256=sha256)
    assert "what was downloaded is no list; it was removed" in fetch.refused(problem="is no list")
    assert fetch.left() == []
    assert fetch.target.read_text() == "old"


def test_a_download_stops_at_the_published_size(fetch: Fetch) -> None:
    fetch.server.is_endless = True
    assert "sends more than the 20,000 bytes that it should" in fetch.refused(size_bytes=20_000)
    assert fetch.left() == []
    fetch.server.is_endless = False
    message = fetch.refused(size_bytes=20_000)
    assert f"the server has {len(MONDAY):,} bytes, but the published file has 20,000" in message


def test_where_no_size_is_published_a_download_stops_at_a_limit(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.limits, "DOWNLOAD_BYTES", Limit(50_000, "is larger than {} bytes"))
    fetch.server.is_endless = True
    seen: list[int] = []
    with pytest.raises(DataError, match=f"is larger than 50,000 bytes.*{FACTOR_VARIABLE}=10"):
        fetch(progress=lambda _, done, total: seen.append(done))
    assert seen[-1] <= 50_000
    assert fetch.left() == []
    fetch.server.is_endless, fetch.server.body = False, MONDAY * 5
    monkeypatch.setenv(FACTOR_VARIABLE, "2")
    assert len(fetch()) == 5 * len(MONDAY)


def test_a_server_that_falls_silent_is_not_waited_for(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TIMEOUT_S", 0.2)
    fetch.server.breaks_after, fetch.server.may_go_on = BREAKS_AFTER, threading.Event()
    assert "broke off (timed out) after 5,000 of" in fetch.refused()
    with socket.create_server(("127.0.0.1", 0)) as mute:  # accepts and says nothing
        message = fetch.refused(url=f"http://127.0.0.1:{mute.getsockname()[1]}/{NAME}")
    assert "no answer within 0.2 s" in message


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_server_is_told_as_being_offline(scheme: str, fetch: Fetch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused
        message = fetch.refused(url=f"{scheme}://127.0.0.1:{taken.getsockname()[1]}/{NAME}")
    assert "the server cannot be reached; is this machine offline? ([Errno " in message
    assert fetch.left() == []


def test_a_certificate_that_nobody_trusts_is_told(fetch: Fetch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("untrusted.pem"))
    fetch.server.socket = context.wrap_socket(fetch.server.socket, server_side=True)
    message = fetch.refused(url=fetch.server.url.replace("http:", "https:"))
    assert (
        "the server's certificate is not valid, perhaps expired ([SSL: CERTIFICATE_VERIFY_FAILED]" in message
    )


def test_a_folder_that_cannot_be_made_is_told(fetch: Fetch, folder: Path) -> None:
    folder.write_text("a file")
    assert "File exists" in fetch.refused()


# two at once


def test_two_at_once_download_it_once(fetch: Fetch) -> None:
    fetch.server.breaks_after, fetch.server.may_go_on = BREAKS_AFTER, threading.Event()
    waited: list[str] = []

    def second_waits(message: str, done: int, total: int) -> None:
        waited.append(message)
        assert fetch.server.may_go_on is not None
        fetch.server.may_go_on.set()

    first = threading.Thread(target=fetch)
    first.start()
    wait_until(lambda: fetch.server.requests and len(fetch.left()) == 2)
    assert fetch(progress=second_waits) == MONDAY
    first.join()
    assert set(waited) == {"waiting for another download"}
    assert fetch.ranges() == [None]
    assert fetch.left() == []


def test_a_killed_process_leaves_a_part_that_the_next_resumes(fetch: Fetch) -> None:
    fetch.server.breaks_after, fetch.server.may_go_on = 10_000, threading.Event()
    command = [sys.executable, "-c", DOWNLOADER, fetch.server.url, str(fetch.target)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as process:
        wait_until(lambda: any(part.stat().st_size == 9_000 for part in fetch.target.parent.glob(".*.new-*")))
        process.kill()
    fetch.server.breaks_after = None
    assert fetch() == MONDAY
    assert fetch.ranges() == [None, None, "bytes=9000-"]
    assert fetch.left() == []


def wait_until(holds: Callable[[], object], limit_s: float = 15) -> None:
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
