"""Where IMDb's list of titles comes from: the user's file, the datasets folder, or a server on loopback."""

import gzip
import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data import resumed_download
from movierec_cli.data.running_times import titles_file as module
from movierec_cli.data.running_times.titles_file import TITLES_NAME, TITLES_URL, local_titles, titles_file
from movierec_cli.errors import DataError
from tests.file_server import FileServer, serving

HEADER = (
    "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres\n"
)
PART = f".{TITLES_NAME}.part"
NOTE = f"{PART}.json"
CHUNK_BYTES = 1_000
DOWNLOADER = """
import sys
from pathlib import Path
from movierec_cli.config import DataConfig
from movierec_cli.data import resumed_download
from movierec_cli.data.running_times import titles_file
titles_file.TITLES_URL = sys.argv[1]
resumed_download._CHUNK_BYTES = 9_000  # more than a file's buffer, as the real one is
titles_file.titles_file(DataConfig(datasets_dir=Path(sys.argv[2])))
"""


def list_of_titles(seed: int) -> bytes:
    """About 13 KB of packed rows."""
    lots = random.Random(seed)
    rows = [
        f"tt{n:07d}\tmovie\tFilm {lots.getrandbits(64)}\tFilm\t0\t1995\t\\N\t90\tDrama\n" for n in range(900)
    ]
    return gzip.compress((HEADER + "".join(rows)).encode(), mtime=0)


MONDAY, TUESDAY = list_of_titles(1), list_of_titles(2)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(resumed_download, "_CHUNK_BYTES", CHUNK_BYTES)
    monkeypatch.setattr(resumed_download, "_LOCK_POLL_S", 0.01)
    with serving() as server:
        server.body = MONDAY
        monkeypatch.setattr(module, "TITLES_URL", server.url)
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ds"


@pytest.fixture
def config(folder: Path) -> DataConfig:
    return DataConfig(datasets_dir=folder)


@pytest.fixture
def broken_off(server: FileServer, config: DataConfig) -> int:
    """The server's connection broke once and will hold now; how many bytes had come."""
    server.breaks_after = 5_500
    with pytest.raises(DataError):
        titles_file(config)
    server.breaks_after = None
    return len((config.datasets_dir / PART).read_bytes())


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_says_what_to_do(error: DataError, folder: Path) -> None:
    url = module.TITLES_URL
    for words in (
        f"IMDb's list of titles cannot be downloaded from {url}: ",
        f"Fetch {TITLES_NAME} by another way, such as a browser, from {url}\n",
        f"put it at {folder / TITLES_NAME}",
        "--imdb_titles FILE",
        "--movie_lengths FILE",
    ):
        assert words in str(error)


def asked_range(server: FileServer) -> list[str | None]:
    return [request["Range"] for request in server.requests]


# the user's own file


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["packed", "plain"])
def test_a_named_file_is_used_whatever_its_name(
    pack: Callable[[bytes], bytes], tmp_path: Path, folder: Path
) -> None:
    own = tmp_path / "titles"
    own.write_bytes(pack(HEADER.encode()))
    folder.mkdir()
    (folder / TITLES_NAME).write_bytes(MONDAY)
    config = DataConfig(datasets_dir=folder, imdb_titles=own)
    assert titles_file(config) == local_titles(config) == own


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, r"cannot be read \(No such file or directory\)"),
        (b"", "is not IMDb's list of titles: its first line is ''"),
        (b"<html>please log in</html>", "its first line is '<html>please log in</html>'"),
        (
            gzip.compress(b"tconst\taverageRating\tnumVotes\n"),
            "its first line is 'tconst\taverageRating\tnumV",
        ),
        (MONDAY[:12], "is a damaged gzip file"),
        (b"\x1f\x8bmore", "is a damaged gzip file"),
        (MONDAY[:20] + bytes(200), "is a damaged gzip file"),
    ],
    ids=["missing", "empty", "page", "another table", "cut", "magic only", "garbled"],
)
def test_a_named_file_that_is_no_list_is_refused_with_what_is_wanted(
    content: bytes | None, problem: str, tmp_path: Path, server: FileServer
) -> None:
    own = tmp_path / "own.tsv.gz"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        titles_file(DataConfig(datasets_dir=tmp_path, imdb_titles=own))
    assert str(caught.value).startswith(f"{own}: ")
    assert "--imdb_titles takes IMDb's title.basics.tsv.gz" in str(caught.value)
    assert server.requests == []


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\)"):
        local_titles(DataConfig(imdb_titles=tmp_path))


def test_the_list_in_the_datasets_folder_is_used_without_asking_anyone(
    config: DataConfig, folder: Path, server: FileServer
) -> None:
    assert local_titles(config) is None
    folder.mkdir()
    (folder / TITLES_NAME).write_bytes(MONDAY)
    assert titles_file(config) == local_titles(config) == folder / TITLES_NAME
    assert server.requests == []


def test_a_page_put_into_the_datasets_folder_is_named_and_not_replaced(
    config: DataConfig, folder: Path, server: FileServer
) -> None:
    folder.mkdir()
    (folder / TITLES_NAME).write_text("<html>")
    with pytest.raises(DataError, match="'<html>'; remove it, and the next run downloads it"):
        titles_file(config)
    assert (folder / TITLES_NAME).read_text() == "<html>"
    assert server.requests == []


def test_the_extract_at_hand_is_a_list(shared_data: Path) -> None:
    config = DataConfig(datasets_dir=shared_data)
    assert local_titles(config) == shared_data / TITLES_NAME


def test_the_address_is_imdbs() -> None:
    assert f"https://datasets.imdbws.com/{TITLES_NAME}" == TITLES_URL
    assert "IMDb" in module.TITLES_LICENCE
    assert "non-commercial" in module.TITLES_LICENCE


# downloads that succeed


def test_a_download_is_put_into_the_datasets_folder_and_reported(
    server: FileServer, config: DataConfig, folder: Path
) -> None:
    calls: list[tuple[str, int, int]] = []
    path = titles_file(config, lambda *call: calls.append(call))
    assert path == folder / TITLES_NAME
    assert path.read_bytes() == MONDAY
    assert left_in(folder) == [TITLES_NAME]
    downloading = [(done, total) for message, done, total in calls if message == f"downloading {TITLES_NAME}"]
    assert downloading[0] == (0, 0)
    assert downloading[1] == (CHUNK_BYTES, len(MONDAY))
    assert downloading[-1] == (len(MONDAY), len(MONDAY))
    assert calls[-1] == (f"checking {TITLES_NAME}", len(MONDAY), len(MONDAY))
    assert titles_file(config) == path
    assert len(server.requests) == 1


def test_a_length_that_is_not_told_is_no_obstacle(server: FileServer, config: DataConfig) -> None:
    server.tells_length = False
    totals: set[int] = set()
    path = titles_file(config, lambda message, _, total: totals.add(total) if "down" in message else None)
    assert path.read_bytes() == MONDAY
    assert totals == {0}


def test_the_file_stays_packed_where_the_server_calls_it_a_coding(
    server: FileServer, config: DataConfig
) -> None:
    server.content_encoding = "gzip"
    assert titles_file(config).read_bytes() == MONDAY
    assert server.requests[0]["Accept-Encoding"] == "identity"


# broken off and taken up again


def test_a_broken_connection_keeps_what_came_and_says_so(
    server: FileServer, config: DataConfig, folder: Path
) -> None:
    server.breaks_after = 5_500
    with pytest.raises(DataError, match=rf"broke off .*after 5,[05]00 of {len(MONDAY):,} bytes; ") as caught:
        titles_file(config)
    assert "what has come is kept, and is resumed by the next try" in str(caught.value)
    assert_says_what_to_do(caught.value, folder)
    assert left_in(folder) == [PART, NOTE]
    assert MONDAY.startswith((folder / PART).read_bytes())


def test_the_next_try_asks_for_the_rest_only(
    server: FileServer, broken_off: int, config: DataConfig, folder: Path
) -> None:
    calls: list[tuple[str, int, int]] = []
    assert titles_file(config, lambda *call: calls.append(call)).read_bytes() == MONDAY
    assert asked_range(server) == [None, f"bytes={broken_off}-"]
    assert server.requests[1]["If-Range"] == '"monday"'
    assert calls[0] == (f"downloading {TITLES_NAME}", broken_off, len(MONDAY))
    assert min(done for message, done, _ in calls if "down" in message) == broken_off
    assert left_in(folder) == [TITLES_NAME]


def test_a_download_can_break_off_again_and_again(server: FileServer, config: DataConfig) -> None:
    server.breaks_after = 3_000
    for _ in range(20):
        try:
            path = titles_file(config)
            break
        except DataError:
            continue
    assert path.read_bytes() == MONDAY
    starts = [int(asked.strip("bytes=-")) for asked in asked_range(server)[1:] if asked]
    assert len(starts) >= 3
    assert starts == sorted(set(starts))


def test_a_file_that_changed_since_is_fetched_from_its_beginning(
    server: FileServer, broken_off: int, config: DataConfig
) -> None:
    server.body, server.etag = TUESDAY, '"tuesday"'
    assert titles_file(config).read_bytes() == TUESDAY
    assert asked_range(server) == [None, f"bytes={broken_off}-"]


def test_a_changed_file_is_noticed_where_the_server_heeds_no_condition(
    server: FileServer, broken_off: int, config: DataConfig
) -> None:
    server.body, server.etag, server.knows_if_range = TUESDAY, '"tuesday"', False
    assert titles_file(config).read_bytes() == TUESDAY
    assert asked_range(server) == [None, f"bytes={broken_off}-", None]


def test_a_changed_length_is_a_changed_file(server: FileServer, broken_off: int, config: DataConfig) -> None:
    server.body, server.etag, server.knows_if_range = list_of_titles(3) + MONDAY, None, False
    assert titles_file(config).read_bytes() == server.body
    assert asked_range(server)[-1] is None


def test_a_date_serves_where_there_is_no_strong_tag(server: FileServer, config: DataConfig) -> None:
    server.etag, server.last_modified, server.breaks_after = (
        'W/"weak"',
        "Mon, 06 Jan 2025 00:00:00 GMT",
        5_500,
    )
    with pytest.raises(DataError):
        titles_file(config)
    server.breaks_after = None
    assert titles_file(config).read_bytes() == MONDAY
    assert server.requests[1]["If-Range"] == server.last_modified


def test_without_tag_and_date_nothing_is_taken_up_nor_promised(
    server: FileServer, config: DataConfig
) -> None:
    server.etag, server.breaks_after = None, 5_500
    with pytest.raises(DataError, match="broke off") as caught:
        titles_file(config)
    assert "the next try goes on" not in str(caught.value)
    server.body, server.breaks_after = TUESDAY, None
    assert titles_file(config).read_bytes() == TUESDAY
    assert asked_range(server) == [None, None]


def test_a_server_that_ignores_ranges_sends_it_all_again(
    server: FileServer, broken_off: int, config: DataConfig
) -> None:
    server.knows_range = False
    assert titles_file(config).read_bytes() == MONDAY
    assert asked_range(server) == [None, f"bytes={broken_off}-"]


def test_a_file_that_became_shorter_is_fetched_anew(
    server: FileServer, broken_off: int, config: DataConfig
) -> None:
    server.body, server.knows_if_range = gzip.compress(HEADER.encode()), False
    assert len(server.body) < broken_off  # so the server answers 416
    assert titles_file(config).read_bytes() == server.body
    assert asked_range(server) == [None, f"bytes={broken_off}-", None]


def test_bytes_from_another_place_are_not_added(
    server: FileServer, broken_off: int, config: DataConfig
) -> None:
    server.starts_early = 100
    assert titles_file(config).read_bytes() == MONDAY
    assert asked_range(server) == [None, f"bytes={broken_off}-", None]


def test_a_range_that_is_cut_short_is_no_end(
    server: FileServer, broken_off: int, config: DataConfig, folder: Path
) -> None:
    server.sends_at_most = 700
    with pytest.raises(DataError, match=f"broke off after {broken_off + 700:,} of {len(MONDAY):,} bytes; "):
        titles_file(config)
    assert (folder / PART).read_bytes() == MONDAY[: broken_off + 700]


def test_a_part_that_is_whole_needs_no_server(
    server: FileServer, broken_off: int, config: DataConfig
) -> None:
    (config.datasets_dir / PART).write_bytes(MONDAY)
    server.status = 503
    assert titles_file(config).read_bytes() == MONDAY
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda part, note: note.unlink(),
        lambda part, note: note.write_text("{"),
        lambda part, note: note.write_text("[]"),
        lambda part, note: note.write_text(
            json.dumps({**json.loads(note.read_text()), "url": "http://mirror"})
        ),
        lambda part, note: part.write_bytes(MONDAY + b"more"),
        lambda part, note: part.unlink(),
    ],
    ids=["no note", "half a note", "another note", "another address", "too long a part", "no part"],
)
def test_a_part_of_which_nothing_certain_is_known_is_fetched_anew(
    damage: Callable[[Path, Path], object],
    server: FileServer,
    broken_off: int,
    config: DataConfig,
    folder: Path,
) -> None:
    damage(folder / PART, folder / NOTE)
    assert titles_file(config).read_bytes() == MONDAY
    assert asked_range(server) == [None, None]
    assert left_in(folder) == [TITLES_NAME]


@pytest.mark.parametrize("stage", ["downloading", "checking"])
def test_ctrl_c_leaves_the_part_and_no_half_file(
    stage: str, server: FileServer, config: DataConfig, folder: Path
) -> None:
    def interrupt(message: str, done: int, total: int) -> None:
        if message.startswith(stage) and done > 3 * CHUNK_BYTES:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        titles_file(config, interrupt)
    assert left_in(folder) == [PART, NOTE]
    assert MONDAY.startswith((folder / PART).read_bytes())
    assert titles_file(config).read_bytes() == MONDAY


# downloads that fail


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_refusal_is_told_and_costs_no_part(
    status: int, server: FileServer, broken_off: int, config: DataConfig, folder: Path
) -> None:
    server.status = status
    with pytest.raises(DataError, match=f"the server answers {status} ") as caught:
        titles_file(config)
    assert_says_what_to_do(caught.value, folder)
    assert (folder / PART).stat().st_size == broken_off
    assert len(server.requests) == 2  # nobody asks again who was refused


def test_a_refusal_at_once_leaves_nothing(server: FileServer, config: DataConfig, folder: Path) -> None:
    server.status = 404
    with pytest.raises(DataError, match="the server answers 404 Not Found") as caught:
        titles_file(config)
    assert_says_what_to_do(caught.value, folder)
    assert left_in(folder) == []


def test_a_page_in_place_of_the_file_is_shown_and_costs_no_part(
    server: FileServer, broken_off: int, config: DataConfig, folder: Path
) -> None:
    server.body, server.etag = b"<html>\n please log in </html>" + bytes(50_000), None
    with pytest.raises(
        DataError, match="answers with something else: '<html> please log in </html>"
    ) as caught:
        titles_file(config)
    assert_says_what_to_do(caught.value, folder)
    server.body, server.etag = MONDAY, '"monday"'
    assert titles_file(config).read_bytes() == MONDAY
    assert asked_range(server)[-1] == f"bytes={broken_off}-"


@pytest.mark.parametrize("tells_length", [True, False])
def test_an_empty_answer_is_none(
    tells_length: bool, server: FileServer, config: DataConfig, folder: Path
) -> None:
    server.body, server.tells_length = b"", tells_length
    with pytest.raises(DataError, match="answers with something else: nothing"):
        titles_file(config)
    assert left_in(folder) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (MONDAY[:5_000] + bytes([MONDAY[5_000] ^ 255]) + MONDAY[5_001:], "is a damaged gzip file"),
        (MONDAY[:-100], "is cut short"),
        (gzip.compress(b"nconst\tprimaryName\n"), "its first line is 'nconst\tprimaryName'"),
    ],
    ids=["damaged", "cut short", "another table"],
)
def test_a_whole_file_that_is_no_list_is_removed(
    body: bytes, problem: str, server: FileServer, config: DataConfig, folder: Path
) -> None:
    server.body = body
    with pytest.raises(DataError, match=f"what was downloaded .*{problem}.*; it was removed") as caught:
        titles_file(config)
    assert_says_what_to_do(caught.value, folder)
    assert left_in(folder) == []


def test_a_body_of_no_known_length_that_ends_early_is_kept_and_taken_up(
    server: FileServer, config: DataConfig, folder: Path
) -> None:
    server.tells_length, server.breaks_after = False, 5_500
    with pytest.raises(DataError, match="the connection broke off before the end"):
        titles_file(config)
    assert left_in(folder) == [PART, NOTE]
    server.breaks_after = None
    assert titles_file(config).read_bytes() == MONDAY
    assert asked_range(server) == [None, "bytes=5500-"]


def test_a_server_that_falls_silent_is_not_waited_for(
    server: FileServer, config: DataConfig, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumed_download, "_TIMEOUT_S", 0.2)
    server.breaks_after, server.may_go_on = 5_500, threading.Event()
    with pytest.raises(DataError, match=r"broke off \(timed out\) after 5,000"):
        titles_file(config)
    assert left_in(folder) == [PART, NOTE]


def test_a_server_that_never_answers_is_not_waited_for(
    config: DataConfig, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumed_download, "_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:  # accepts and says nothing
        monkeypatch.setattr(module, "TITLES_URL", f"http://127.0.0.1:{mute.getsockname()[1]}/{TITLES_NAME}")
        with pytest.raises(DataError, match=r"no answer within 0\.2 s") as caught:
            titles_file(config)
    assert_says_what_to_do(caught.value, folder)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_server_is_told_as_being_offline(
    scheme: str, config: DataConfig, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused
        monkeypatch.setattr(
            module, "TITLES_URL", f"{scheme}://127.0.0.1:{taken.getsockname()[1]}/{TITLES_NAME}"
        )
        with pytest.raises(
            DataError, match=r"is this machine offline\? \(\[Errno \d+\] Connection refused\)"
        ) as caught:
            titles_file(config)
    assert_says_what_to_do(caught.value, folder)
    assert left_in(folder) == []


def test_a_server_without_a_certificate_is_told(
    server: FileServer, config: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TITLES_URL", server.url.replace("http:", "https:"))
    with pytest.raises(DataError, match=r"certificate is not valid|cannot be reached"):
        titles_file(config)


def test_a_datasets_folder_that_cannot_be_made_is_told(
    server: FileServer, config: DataConfig, folder: Path
) -> None:
    folder.write_text("a file")
    with pytest.raises(DataError, match="File exists") as caught:
        titles_file(config)
    assert_says_what_to_do(caught.value, folder)


# two at once


def test_two_at_once_download_it_once(server: FileServer, config: DataConfig, folder: Path) -> None:
    server.breaks_after, server.may_go_on = 5_500, threading.Event()
    waited: list[tuple[str, int, int]] = []
    paths: list[Path] = []

    def second_waits(*call: object) -> None:
        waited.append(call)  # type: ignore[arg-type]
        if call[0] == "waiting for another download" and server.may_go_on is not None:
            server.may_go_on.set()

    first = threading.Thread(target=lambda: paths.append(titles_file(config)))
    first.start()
    wait_until(lambda: (folder / PART).exists())
    paths.append(titles_file(config, second_waits))
    first.join()
    assert paths == [folder / TITLES_NAME] * 2
    assert waited[0][0] == "waiting for another download"
    assert paths[0].read_bytes() == MONDAY
    assert len(server.requests) == 1
    assert left_in(folder) == [TITLES_NAME]


def test_a_killed_process_leaves_a_part_that_the_next_takes_up(
    server: FileServer, config: DataConfig, folder: Path
) -> None:
    server.breaks_after, server.may_go_on = 10_000, threading.Event()
    command = [sys.executable, "-c", DOWNLOADER, server.url, str(folder)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3]) as process:
        wait_until(lambda: (folder / PART).exists() and (folder / PART).stat().st_size == 9_000)
        with pytest.raises(GivingUpError):
            titles_file(config, give_up_waiting)
        process.kill()
    server.breaks_after = None
    assert titles_file(config).read_bytes() == MONDAY
    assert asked_range(server) == [None, "bytes=9000-"]
    assert left_in(folder) == [TITLES_NAME]


class GivingUpError(Exception):
    pass


def give_up_waiting(message: str, done: int, total: int) -> None:
    assert (message, done, total) == ("waiting for another download", 9_000, 0)
    raise GivingUpError


def wait_until(holds: Callable[[], bool], limit_s: float = 15) -> None:
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
