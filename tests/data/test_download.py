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
from typing import Any

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


class Fetch:
    """Downloads from the server, in place of those who know what they download."""

    def __init__(self, server: FileServer, folder: Path):
        self.server, self.target = server, folder / NAME

    def __call__(
        self, url: str = "", problem: str | None = None, progress: Progress = unreported, **known: Any
    ) -> bytes:
        published = Publication(url or self.server.url, **known)
        download = Download(published, self.target, MAGIC, "A list", ",\nor do without.", progress)
        download.run(lambda _: problem)
        return self.target.read_bytes()

    def refused(self, **options: Any) -> str:
        """What is said where there is no file, with what to do."""
        with pytest.raises(DataError) as caught:
            self(**options)
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
def fetch(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    monkeypatch.setattr(module, "_CHUNK_BYTES", 1_000)
    monkeypatch.setattr(module, "_LOCK_POLL_S", 0.01)
    server.body = MONDAY
    return Fetch(server, tmp_path / "ds")


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


@pytest.fixture
def old(fetch: Fetch) -> Path:
    """A file that is there already."""
    fetch.target.parent.mkdir()
    fetch.target.write_text("old")
    return fetch.target


def test_a_whole_file_takes_its_place_and_is_reported(fetch: Fetch, old: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    sha256 = hashlib.sha256(MONDAY).hexdigest()
    assert fetch(size_bytes=len(MONDAY), sha256=sha256, progress=lambda *call: seen.append(call)) == MONDAY
    assert fetch.left() == []
    assert seen[0] == (f"downloading {NAME}", 1_000, len(MONDAY))
    assert seen[-1] == (f"downloading {NAME}", len(MONDAY), len(MONDAY))


def test_a_link_is_followed_to_the_file(fetch: Fetch, old: Path, tmp_path: Path) -> None:
    elsewhere = old.rename(tmp_path / "elsewhere.gz")
    old.symlink_to(elsewhere)
    assert fetch() == MONDAY == elsewhere.read_bytes()
    assert old.is_symlink()


def test_neither_a_length_untold_nor_a_content_coding_is_an_obstacle(fetch: Fetch) -> None:
    fetch.server.tells_length, fetch.server.content_encoding = False, "gzip"
    totals: set[int] = set()
    assert fetch(progress=lambda _, done, total: totals.add(total)) == MONDAY  # packed as it is
    assert totals == {0}
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


OTHER_DAY = {"body": TUESDAY, "etag": '"tuesday"'}


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        (OTHER_DAY, [None]),
        ({"body": MONDAY + TUESDAY, "knows_if_range": False}, [None]),
        ({"knows_range": False}, [None, "rest", None]),
        ({"starts_early": 100}, [None, "rest", None]),
        ({"sends_at_most": 700}, [None, "rest", None]),
    ],
    ids=["other day", "other length", "no ranges", "from another place", "less than asked"],
)
def test_bytes_of_another_version_or_place_are_never_added(
    change: dict[str, object], asked: list[str | None], fetch: Fetch, broken_off: int
) -> None:
    vars(fetch.server).update(change)
    assert fetch() == fetch.server.body
    assert fetch.ranges()[1:] == [f"bytes={broken_off}-" if place else None for place in asked]


def test_a_file_that_changes_while_it_is_resumed_is_not_mixed(fetch: Fetch, broken_off: int) -> None:
    fetch.server.before_answer = lambda n: vars(fetch.server).update(OTHER_DAY if n == 3 else {})
    assert "the server's file has changed meanwhile; try again" in fetch.refused()
    assert fetch() == TUESDAY


@pytest.mark.parametrize(
    ("part", "asked"),
    [(MONDAY, []), (MONDAY + b"more", [f"bytes={len(MONDAY) + 4}-", None])],  # the first is answered 416
    ids=["whole", "too long"],
)
def test_a_part_that_is_whole_is_taken_and_one_that_is_too_long_fetched_anew(
    part: bytes, asked: list[str | None], fetch: Fetch, broken_off: int
) -> None:
    fetch.left()[0].write_bytes(part)
    assert fetch() == MONDAY
    assert fetch.ranges()[2:] == asked


@pytest.mark.parametrize("missing", [{"etag": None}, {"tells_length": False}], ids=["tag", "length"])
def test_without_tag_or_length_nothing_is_resumed_nor_promised(
    missing: dict[str, object], fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    vars(fetch.server).update(missing)
    fetch.server.breaks_after, fetch.server.may_go_on = BREAKS_AFTER, threading.Event()
    monkeypatch.setattr(module, "_TIMEOUT_S", 0.2)
    message = fetch.refused()
    assert "broke off (timed out) after " in message
    assert "kept" not in message
    fetch.server.body, fetch.server.breaks_after = TUESDAY, None
    monkeypatch.setattr(module, "_TIMEOUT_S", 15)
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
    vars(fetch.server).update(OTHER_DAY)
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


def test_what_does_not_serve_is_removed_and_the_old_file_stays(fetch: Fetch, old: Path) -> None:
    sha256 = hashlib.sha256(TUESDAY).hexdigest()
    assert f"downloaded differs from the published checksum {sha256}; it was" in fetch.refused(sha256=sha256)
    assert "what was downloaded is no list; it was removed" in fetch.refused(problem="is no list")
    assert fetch.left() == []
    assert old.read_text() == "old"


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


@pytest.mark.parametrize("pause_s", [0.0, 0.05], ids=["at once", "byte by byte"])
def test_a_head_without_an_end_is_not_waited_for(
    pause_s: float, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch.server.has_endless_head, fetch.server.pause_s = True, pause_s
    said = "got more than 100 headers"
    if pause_s:
        monkeypatch.setattr(module, "_ANSWER_S", 0.5)
        said = "the answer did not begin within 0.5 s"
    assert said in fetch.refused()
    assert fetch.left() == []


def test_a_body_of_a_byte_now_and_then_is_given_up_and_resumed(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLOW_S", 0.3)
    fetch.server.pause_s = 0.02
    message = fetch.refused()
    assert "broke off (" in message and " s are too slow) after " in message and "is resumed by" in message
    [part] = fetch.left()
    n_bytes = part.stat().st_size
    assert 0 < n_bytes < 100
    fetch.server.pause_s = 0
    assert fetch() == MONDAY
    assert fetch.ranges() == [None, None, f"bytes={n_bytes}-"]


def test_redirects_without_an_end_are_not_followed_nor_is_what_comes_with_them_read(fetch: Fetch) -> None:
    fetch.server.redirects_to, fetch.server.is_endless = fetch.server.url, True
    assert "the server redirects more than 10 times" in fetch.refused()
    assert len(fetch.server.requests) == 11
    fetch.server.redirects_to = "file:///etc/passwd"
    assert "No connection adapters were found for 'file:///etc/passwd'" in fetch.refused()
    fetch.server.redirects_to, fetch.server.is_endless = None, False
    assert fetch() == MONDAY


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_server_is_told_as_being_offline_and_no_folder_by_its_reason(scheme: str, fetch: Fetch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused
        message = fetch.refused(url=f"{scheme}://127.0.0.1:{taken.getsockname()[1]}/{NAME}")
    assert "the server cannot be reached; is this machine offline? ([Errno " in message
    assert fetch.left() == []
    fetch.target.parent.rmdir()
    fetch.target.parent.write_text("a file")
    assert "File exists" in fetch.refused()


def test_a_certificate_that_nobody_trusts_is_told(fetch: Fetch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("untrusted.pem"))
    fetch.server.socket = context.wrap_socket(fetch.server.socket, server_side=True)
    message = fetch.refused(url=fetch.server.url.replace("http:", "https:"))
    assert (
        "the server's certificate is not valid, perhaps expired ([SSL: CERTIFICATE_VERIFY_FAILED]" in message
    )


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
