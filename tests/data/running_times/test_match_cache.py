"""Matches that are kept: for whom they count, and what damage, death and other people do to them."""

import os
import pickle
import pwd
import random
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from cachier.config import CacheEntry

from movierec_cli.data.dataset import Movies
from movierec_cli.data.progress import Progress
from movierec_cli.data.running_times import match_cache
from movierec_cli.data.running_times.match_cache import cache_folder, cached_matches, clear_matches
from movierec_cli.data.running_times.matching import (
    MATCHER_VERSION,
    NO_MATCH,
    Match,
    Rule,
    Status,
    match_movies,
)
from movierec_cli.data.running_times.titles_file import ImdbEntry
from movierec_cli.errors import DataError, MovierecError
from tests.match_cache_process import FINGERPRINT
from tests.match_cache_process import TABLE as TABLE_OF_PROCESS
from tests.tiny_dataset import tiny_dataset

ROOT = Path(__file__).resolve().parents[3]
AT_ONCE_S = 1.5
LIMIT_S = 30

ALIEN = ImdbEntry(number=78748, year=1979, minutes=117, is_feature=True)
BRAZIL = ImdbEntry(number=88846, year=1985, minutes=132, is_feature=True)
BRAZIL_SHORT = ImdbEntry(number=88847, year=1985, minutes=0, is_feature=False)
TABLE = (
    Match(Status.MATCHED, Rule.TITLE, (ALIEN,)),
    Match(Status.AMBIGUOUS, Rule.ONE_WORD, (BRAZIL, BRAZIL_SHORT)),
    NO_MATCH,
    Match(Status.NO_LENGTH, Rule.LINK, (BRAZIL_SHORT,)),
)
OTHER_TABLE = (NO_MATCH,) * 4


Ask = Callable[..., tuple[Match, ...]]
MOVIES = tiny_dataset().movies


@pytest.fixture
def ask(titles: Path) -> Ask:
    """Asks for the matches of `MOVIES`, or of others, in a list."""

    def asked(fingerprint: str = FINGERPRINT, movies: Movies = MOVIES, **options: Any) -> tuple[Match, ...]:
        return cached_matches(fingerprint, movies, titles, **options)

    return asked


class Matcher:
    """In place of `match_movies`: gives one table and counts how often it was asked."""

    def __init__(self) -> None:
        self.table = TABLE
        self.n_calls = 0

    def __call__(self, movies: Movies, titles: Path, progress: Progress) -> tuple[Match, ...]:
        self.n_calls += 1
        progress("matching", self.n_calls, 0)
        return self.table


@pytest.fixture
def matcher(monkeypatch: pytest.MonkeyPatch) -> Matcher:
    matcher = Matcher()
    monkeypatch.setattr(match_cache, "match_movies", matcher)
    return matcher


@pytest.fixture
def kept(ask: Ask, cache: Path, matcher: Matcher) -> Path:
    """The file of a table that was kept; the next match would give another one."""
    assert ask() == TABLE
    matcher.table = OTHER_TABLE
    [file] = cache.iterdir()
    return file


@pytest.mark.usefixtures("kept")
def test_the_second_call_gives_the_same_without_matching(
    ask: Ask, matcher: Matcher, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[object] = []
    again = ask(progress=lambda *call: seen.append(call))
    assert again == TABLE
    assert [type(match.status) for match in again] == [Status] * 4
    assert type(again[0].entries[0].is_feature) is bool
    assert (matcher.n_calls, seen, caplog.messages) == (1, [], [])


OTHER_TITLE = np.array(["Aliens (1979)", *MOVIES.title[1:]], object)
OTHER_LINKS = np.array([78748, 0, 0, 0], np.int64)


@pytest.mark.parametrize(
    ("asked", "version", "content"),
    [
        ({"movies": replace(MOVIES, title=OTHER_TITLE)}, MATCHER_VERSION, b"a list"),
        ({"movies": replace(MOVIES, imdb_number=OTHER_LINKS)}, MATCHER_VERSION, b"a list"),
        ({"fingerprint": "e" * 64}, MATCHER_VERSION, b"a list"),
        ({}, MATCHER_VERSION + 1, b"a list"),
        ({}, MATCHER_VERSION, b"A LIST"),  # as long as before
    ],
    ids=["title", "links", "data", "matcher", "list"],
)
def test_a_table_counts_for_what_it_was_made_of_alone(
    asked: dict[str, Any],
    version: int,
    content: bytes,
    ask: Ask,
    titles: Path,
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, status = kept.stat(), titles.stat()
    with monkeypatch.context() as patched:
        patched.setattr(match_cache, "MATCHER_VERSION", version)
        if content != titles.read_bytes():
            titles.write_bytes(content)
            os.utime(titles, ns=(1, 1))
        assert [ask(**asked), ask(**asked)] == [OTHER_TABLE] * 2
    os.utime(titles, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert ask() == TABLE
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_table_is_forgotten_after_a_year(ask: Ask, titles: Path, kept: Path) -> None:
    entry = pickle.loads(kept.read_bytes())
    entry.time = datetime.now() - timedelta(days=366)
    kept.write_bytes(pickle.dumps(entry))
    other = kept.with_name(f"{kept.name[:-64]}{'0' * 64}")  # of a list that nobody has any more
    other.write_bytes(pickle.dumps(entry))
    begun = titles.with_name("begun")
    assert finished(started("never", titles, begun, awaited=titles))[0] == 0
    assert (begun.exists(), other.exists()) == (True, False)
    assert ask() == TABLE_OF_PROCESS


def test_what_matching_raises_reaches_the_caller_and_keeps_nothing(
    ask: Ask, matcher: Matcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(match_cache, "match_movies", match_movies)
        with pytest.raises(DataError, match="is not IMDb's list of titles"):
            ask()
        with pytest.raises(DataError, match=r"none\.gz: cannot be read to its end \(.*No such file"):
            cached_matches(FINGERPRINT, MOVIES, Path("none.gz"))
    assert ask() == TABLE


# Damage


def entry_of(value: object) -> bytes:
    return pickle.dumps(CacheEntry(value, datetime.now(), stale=False, _processing=False, _completed=True))


ENTRY = '[["matched", "title", [[7, 1990, 90, true]]]'
DAMAGES: dict[str, bytes] = {
    "no pickle": b"not a pickle",
    "foreign pickle": pickle.dumps(["no entry"]),
    "no bytes": entry_of("text"),
    "not packed": entry_of(b"[]"),
    "no JSON": entry_of(zlib.compress(b"[")),
    "a movie too few": entry_of(zlib.compress(f"{ENTRY}]".encode())),
    "unknown status": entry_of(zlib.compress(f'{ENTRY}, ["seen", null, []]]'.encode())),
}


@pytest.mark.parametrize("damaged", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_table_is_made_anew_with_a_warning(
    damaged: bytes, ask: Ask, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept.write_bytes(damaged)
    assert ask() == OTHER_TABLE
    [message] = caplog.messages
    assert "damaged and are made anew" in message
    assert ask() == OTHER_TABLE
    assert caplog.messages == [message]


def test_no_changed_byte_and_no_cut_gives_other_matches(ask: Ask, kept: Path, matcher: Matcher) -> None:
    matcher.table = TABLE
    content = kept.read_bytes()
    for place in random.Random(4).sample(range(len(content)), 60):
        for rest in (b"", bytes([content[place] ^ 1]) + content[place + 1 :]):
            kept.write_bytes(content[:place] + rest)
            assert ask() == TABLE


# Processes that are killed, and that run at the same time. With cachier alone the next one would hang.


def started(moment: str, titles: Path, begun: Path, awaited: Path) -> subprocess.Popen[str]:
    arguments = [moment, str(titles), str(begun), str(awaited)]
    command = [sys.executable, "-m", "tests.match_cache_process", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and stdout; an error where the process hangs."""
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    return process.returncode, output


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("moment", ["matching", "writing"])
def test_after_a_killed_process_the_next_matches_at_once_and_keeps(
    moment: str, ask: Ask, titles: Path, tmp_path: Path, cache: Path
) -> None:
    begun = tmp_path / "begun"
    assert finished(started(moment, titles, begun, awaited=titles))[0] == -signal.SIGKILL
    begun.unlink()
    code, output = finished(started("never", titles, begun, awaited=titles))
    assert code == 0
    assert float(output) < AT_ONCE_S
    assert begun.exists()  # it did match
    assert ask() == TABLE_OF_PROCESS
    assert clear_matches() == 1
    assert list(cache.iterdir()) == []  # nor what the killed one left


def test_two_processes_at_the_same_time_both_end_with_the_right_table(
    ask: Ask, titles: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    both = [started("never", titles, first, awaited=second), started("never", titles, second, awaited=first)]
    assert [finished(process)[0] for process in both] == [0, 0]  # neither waited for the other's table
    assert ask() == TABLE_OF_PROCESS


# Whose folder, and which


class PlantedError(Exception):
    """What a planted pickle raises when it is loaded."""


def raise_planted() -> None:
    raise PlantedError


class Planted:
    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return raise_planted, ()


def open_to_others(file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    file.parent.chmod(0o777)
    return f"{file.parent} must be your own and closed to others; remove it, or chmod 700"


def owned_by_another(file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    return f"{file.parent} must be your own"


def a_link(file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    file.rename(file.parents[1] / "elsewhere")
    file.symlink_to(file.parents[1] / "elsewhere")
    return f"{file} is not a file of your own; remove it"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have no owner's number here")
@pytest.mark.parametrize("unsafe", [open_to_others, owned_by_another, a_link])
def test_nothing_is_unpickled_or_kept_where_others_could_write(
    unsafe: Callable[[Path, pytest.MonkeyPatch], str],
    ask: Ask,
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept.write_bytes(pickle.dumps(Planted()))
    before = kept.read_bytes()
    problem = unsafe(kept, monkeypatch)
    assert ask() == OTHER_TABLE
    assert kept.read_bytes() == before
    [message] = caplog.messages
    assert f"matches cannot be kept, so the next start will match again: {problem}" in message


@pytest.mark.skipif(os.name != "posix", reason="there are no modes of folders")
def test_the_folder_is_closed_to_others_whatever_the_umask(ask: Ask, cache: Path, matcher: Matcher) -> None:
    umask = os.umask(0)
    try:
        ask()
    finally:
        os.umask(umask)
    assert cache.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("matcher")
def test_without_a_folder_the_matches_are_the_same_and_the_reason_is_logged(
    ask: Ask, titles: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MOVIEREC_CACHE_DIR", str(titles / "below a file"))
    assert ask() == TABLE
    [message] = caplog.messages
    assert message.startswith("matches cannot be kept, so the next start will match again: ")


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, "home/.cache/movierec"),
        ({"XDG_CACHE_HOME": "{base}/xdg"}, "xdg/movierec"),
        ({"XDG_CACHE_HOME": "relative/is/ignored"}, "home/.cache/movierec"),
        ({"MOVIEREC_CACHE_DIR": ""}, "home/.cache/movierec"),
        ({"MOVIEREC_CACHE_DIR": "{base}/mine", "XDG_CACHE_HOME": "{base}/xdg"}, "mine"),
        ({"MOVIEREC_CACHE_DIR": "~/mine"}, "home/mine"),
    ],
)
def test_the_cache_folder_is_the_systems_default_or_the_one_chosen(
    variables: dict[str, str], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOVIEREC_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "{base}/home", **variables}.items():
        monkeypatch.setenv(name, value.format(base=tmp_path))
    assert cache_folder() == tmp_path / folder


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(uid: int) -> NoReturn:
        raise KeyError(uid)

    for name in ("MOVIEREC_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", homeless)
    with pytest.raises(MovierecError, match="set MOVIEREC_CACHE_DIR"):
        cache_folder()


# Clearing


def test_clearing_removes_all_and_counts_the_tables(ask: Ask, kept: Path) -> None:
    ask("b" * 64)
    kept.with_name("of another").write_text("stays")
    assert clear_matches() == 2
    assert [path.name for path in kept.parent.iterdir()] == ["of another"]
    assert clear_matches() == 0
    assert ask() == OTHER_TABLE


@pytest.mark.usefixtures("kept")
def test_what_cannot_be_removed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "remove", refuse)
    with pytest.raises(
        MovierecError, match=r"movie-lengths cannot be emptied \(Permission denied\); remove it"
    ):
        clear_matches()


def test_cachier_is_imported_only_where_something_is_kept() -> None:
    code = "import sys, movierec_cli.data.running_times.match_cache as m; sys.exit('cachier' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
