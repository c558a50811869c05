import json
import logging
import os
import pickle
import pwd
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from cachier.config import CacheEntry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from movierec_cli.data.dataset import Movies
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader.archive import file_sha256
from movierec_cli.data.running_times import match_cache
from movierec_cli.data.running_times.match_cache import cache_folder, cached_matches, clear_matches
from movierec_cli.data.running_times.matching import MATCHER_VERSION, NO_MATCH, Match, Rule, Status
from movierec_cli.data.running_times.titles_file import ImdbEntry
from movierec_cli.errors import DataError, MovierecError
from tests.tiny_dataset import tiny_dataset

ROOT = Path(__file__).resolve().parents[3]
FINGERPRINT = "f" * 64

ALIEN = ImdbEntry(number=78748, year=1979, minutes=117, is_feature=True)
BRAZIL = ImdbEntry(number=88846, year=1985, minutes=132, is_feature=True)
BRAZIL_SHORT = ImdbEntry(number=88847, year=1985, minutes=0, is_feature=False)
TABLE = (
    Match(Status.MATCHED, Rule.TITLE, (ALIEN,)),
    Match(Status.AMBIGUOUS, Rule.ONE_WORD, (BRAZIL, BRAZIL_SHORT)),
    NO_MATCH,
    Match(Status.NO_LENGTH, Rule.LINK, (BRAZIL_SHORT,)),
)


@pytest.fixture
def movies() -> Movies:
    return tiny_dataset().movies


class Matcher:
    """Gives a table and counts how often it was asked."""

    def __init__(self, *tables: tuple[Match, ...]):
        self.tables = tables or (TABLE,)
        self.n_calls = 0

    def __call__(self, movies: Movies, titles: Path, progress: Progress) -> tuple[Match, ...]:
        self.n_calls += 1
        progress("matching", self.n_calls, 0)
        return self.tables[min(self.n_calls, len(self.tables)) - 1]


def not_asked(movies: Movies, titles: Path, progress: Progress) -> tuple[Match, ...]:
    pytest.fail("matched anew")


def files_of_tables(cache: Path) -> list[Path]:
    return sorted(cache.glob("*_matches-*"))


def pickled(value: object, *, processing: bool = False) -> bytes:
    entry = CacheEntry(
        value=value, time=datetime.now(), stale=False, _processing=processing, _completed=not processing
    )
    return pickle.dumps(entry, protocol=4)


def kept_value(cache: Path) -> tuple[int, str]:
    [file] = files_of_tables(cache)
    value = pickle.loads(file.read_bytes()).value
    assert isinstance(value, tuple)
    return value


def kept_rows(cache: Path) -> list[list[Any]]:
    rows = json.loads(kept_value(cache)[1])
    assert isinstance(rows, list)
    return rows


def test_the_second_call_gives_the_same_without_matching_or_reading_the_list(
    movies: Movies, titles: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    matcher = Matcher()
    first = cached_matches(FINGERPRINT, movies, titles, match=matcher)
    monkeypatch.setattr(match_cache, "file_sha256", pytest.fail)
    second = cached_matches(FINGERPRINT, movies, titles, match=matcher)
    assert first == second == TABLE
    assert [type(match.status) for match in second] == [Status] * 4
    assert type(second[0].entries[0].is_feature) is bool
    assert matcher.n_calls == 1
    assert caplog.messages == []


def test_matching_reports_its_progress_and_a_kept_table_none(movies: Movies, titles: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    for _ in range(2):
        cached_matches(
            FINGERPRINT, movies, titles, progress=lambda *call: calls.append(call), match=Matcher()
        )
    assert calls == [("matching", 1, 0)]


entries = st.builds(
    ImdbEntry, st.integers(1, 10**9), st.integers(0, 2100), st.integers(0, 1000), st.booleans()
)
any_match = st.builds(
    Match,
    st.sampled_from(Status),
    st.none() | st.sampled_from(Rule),
    st.lists(entries, max_size=3).map(tuple),
)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(table=st.lists(any_match, min_size=1, max_size=6).map(tuple))
def test_any_table_comes_back_as_it_was(table: tuple[Match, ...], titles: Path) -> None:
    movies = replace(
        tiny_dataset().movies,
        movie_id=np.arange(len(table)),
        title=np.array([f"Film {n}" for n in range(len(table))], object),
        year=np.zeros(len(table), np.int16),
    )
    clear_matches()
    assert cached_matches(FINGERPRINT, movies, titles, match=Matcher(table)) == table
    assert cached_matches(FINGERPRINT, movies, titles, match=not_asked) == table


def test_a_table_in_which_nothing_was_found_is_kept_too(movies: Movies, titles: Path) -> None:
    matcher = Matcher((NO_MATCH,) * 4)
    for _ in range(2):
        assert cached_matches(FINGERPRINT, movies, titles, match=matcher) == (NO_MATCH,) * 4
    assert matcher.n_calls == 1


def test_what_is_pickled_is_plain_text_that_names_statuses_and_rules(
    movies: Movies, titles: Path, cache: Path
) -> None:
    cached_matches(FINGERPRINT, movies, titles, match=Matcher())
    assert [type(value) for value in kept_value(cache)] == [int, str]
    assert [row[:2] for row in kept_rows(cache)] == [
        ["matched", "title"],
        ["ambiguous", "one word misspelt"],
        ["unmatched", None],
        ["no length", "link"],
    ]


def with_other_title(movies: Movies) -> Movies:
    return replace(movies, title=np.array(["Aliens (1979)", *movies.title[1:]], object))


def with_links(movies: Movies) -> Movies:
    return replace(movies, imdb_number=np.array([78748, 0, 0, 0], np.int64))


@pytest.mark.parametrize("changed", [with_other_title, with_links])
def test_other_movies_under_the_same_fingerprint_are_matched_anew(
    changed: Callable[[Movies], Movies], movies: Movies, titles: Path
) -> None:
    matcher = Matcher(TABLE, (NO_MATCH,) * 4)
    cached_matches(FINGERPRINT, movies, titles, match=matcher)
    assert cached_matches(FINGERPRINT, changed(movies), titles, match=matcher) == (NO_MATCH,) * 4
    assert cached_matches(FINGERPRINT, movies, titles, match=matcher) == TABLE


def test_another_data_set_is_matched_anew_and_leaves_the_first_ones_file_alone(
    movies: Movies, titles: Path, cache: Path
) -> None:
    cached_matches(FINGERPRINT, movies, titles, match=Matcher())
    [first] = files_of_tables(cache)
    before = first.stat()
    others = Matcher((NO_MATCH,) * 4)
    assert cached_matches("e" * 64, movies, titles, match=others) == (NO_MATCH,) * 4
    assert len(files_of_tables(cache)) == 2
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert cached_matches(FINGERPRINT, movies, titles, match=not_asked) == TABLE


def test_another_version_of_the_matcher_matches_anew(
    movies: Movies, titles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matcher = Matcher(TABLE, (NO_MATCH,) * 4)
    cached_matches(FINGERPRINT, movies, titles, match=matcher)
    monkeypatch.setattr(match_cache, "MATCHER_VERSION", MATCHER_VERSION + 1)
    assert cached_matches(FINGERPRINT, movies, titles, match=matcher) == (NO_MATCH,) * 4


def test_a_list_with_other_content_is_matched_anew_and_a_copy_of_the_same_is_not(
    movies: Movies, titles: Path, tmp_path: Path
) -> None:
    matcher = Matcher(TABLE, (NO_MATCH,) * 4)
    cached_matches(FINGERPRINT, movies, titles, match=matcher)
    copy = tmp_path / "copy.gz"
    copy.write_bytes(titles.read_bytes())
    assert cached_matches(FINGERPRINT, movies, copy, match=matcher) == TABLE
    status = titles.stat()
    titles.write_bytes(b"A LIST")  # as long as before
    os.utime(titles, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert cached_matches(FINGERPRINT, movies, titles, match=matcher) == (NO_MATCH,) * 4


def test_the_lists_fingerprint_is_kept_as_it_is(movies: Movies, titles: Path, cache: Path) -> None:
    cached_matches(FINGERPRINT, movies, titles, match=Matcher())
    [file] = cache.glob("*_titles-*")
    _, text = pickle.loads(file.read_bytes()).value
    assert text == file_sha256(titles)


def test_matches_of_a_list_that_changed_meanwhile_are_not_kept(movies: Movies, titles: Path) -> None:
    def match(movies: Movies, titles: Path, progress: Progress) -> tuple[Match, ...]:
        content = titles.read_bytes()
        titles.write_bytes(b"another list")
        os.utime(titles, ns=(1, 1))
        assert content
        return TABLE

    content, times = titles.read_bytes(), titles.stat()
    assert cached_matches(FINGERPRINT, movies, titles, match=match) == TABLE
    titles.write_bytes(content)
    os.utime(titles, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert cached_matches(FINGERPRINT, movies, titles, match=Matcher((NO_MATCH,) * 4)) == (NO_MATCH,) * 4


def test_a_list_that_is_not_there_is_named(movies: Movies, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.gz: cannot be read \(No such file"):
        cached_matches(FINGERPRINT, movies, tmp_path / "none.gz", match=Matcher())


def test_what_matching_raises_reaches_the_caller_and_keeps_nothing(
    movies: Movies, titles: Path, cache: Path
) -> None:
    def fail(movies: Movies, titles: Path, progress: Progress) -> tuple[Match, ...]:
        raise DataError("is damaged", file=titles)

    with pytest.raises(DataError, match="is damaged"):
        cached_matches(FINGERPRINT, movies, titles, match=fail)
    assert files_of_tables(cache) == []
    assert cached_matches(FINGERPRINT, movies, titles, match=Matcher()) == TABLE


# Damage


class Foreign:
    """Something that no table holds."""


ROW = ["matched", "title", [[7, 1990, 90, True]]]


def checked(file: Path, text: str) -> tuple[int, str]:
    """The text with the checksum that it would have been kept with."""
    return match_cache._checksum(file.name.rpartition("_")[2], text), text


def with_first(cache: Path, *rows: list[Any]) -> bytes:
    """The table with these rows instead of its first."""
    text = json.dumps([*rows, *kept_rows(cache)[1:]])
    return pickled(checked(files_of_tables(cache)[0], text))


DAMAGES: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda cache: b"",
    "no pickle": lambda cache: b"not a pickle",
    "truncated": lambda cache: files_of_tables(cache)[0].read_bytes()[:-40],
    "foreign object": lambda cache: pickled(Foreign()),
    "foreign pickle": lambda cache: pickle.dumps(["no entry"]),
    "None": lambda cache: pickled(None),
    "other checksum": lambda cache: pickled((1, kept_value(cache)[1])),
    "other text": lambda cache: pickled((kept_value(cache)[0], json.dumps([ROW] * 4))),
    "no text": lambda cache: pickled((kept_value(cache)[0], kept_rows(cache))),
    "no JSON": lambda cache: pickled(checked(files_of_tables(cache)[0], "[")),
    "a movie too few": with_first,
    "a movie too many": lambda cache: with_first(cache, ROW, ROW),
    "unknown status": lambda cache: with_first(cache, ["seen", *ROW[1:]]),
    "unknown rule": lambda cache: with_first(cache, ["matched", "a guess", ROW[2]]),
    "negative number": lambda cache: with_first(cache, ["matched", "title", [[7, 1990, -90, True]]]),
    "a word for a number": lambda cache: with_first(cache, ["matched", "title", [["7", 1990, 90, True]]]),
    "a column too few": lambda cache: with_first(cache, ROW[:2]),
    "a column of an entry too few": lambda cache: with_first(cache, [*ROW[:2], [[7, 1990, 90]]]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_table_that_does_not_fit_is_thrown_away_and_made_anew(
    damage: Callable[[Path], bytes],
    movies: Movies,
    titles: Path,
    cache: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cached_matches(FINGERPRINT, movies, titles, match=Matcher((NO_MATCH, *TABLE[1:])))
    [file] = files_of_tables(cache)
    file.write_bytes(damage(cache))
    matcher = Matcher()
    assert cached_matches(FINGERPRINT, movies, titles, match=matcher) == TABLE
    assert matcher.n_calls == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"{file} is damaged and is made anew" in caplog.text
    assert cached_matches(FINGERPRINT, movies, titles, match=not_asked) == TABLE


def test_the_table_of_another_key_is_not_taken(movies: Movies, titles: Path, cache: Path) -> None:
    cached_matches(FINGERPRINT, movies, titles, match=Matcher((NO_MATCH,) * 4))
    [other] = files_of_tables(cache)
    cached_matches("e" * 64, movies, titles, match=Matcher())
    [mine] = set(files_of_tables(cache)) - {other}
    mine.write_bytes(other.read_bytes())
    assert cached_matches("e" * 64, movies, titles, match=Matcher()) == TABLE


def test_no_changed_byte_gives_other_matches(
    movies: Movies, titles: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cached_matches(FINGERPRINT, movies, titles, match=Matcher())
    [file] = files_of_tables(cache)
    content = file.read_bytes()
    for place in random.Random(4).sample(range(len(content)), 150):
        changed = bytearray(content)
        changed[place] ^= 1
        file.write_bytes(changed)
        assert cached_matches(FINGERPRINT, movies, titles, match=Matcher()) == TABLE
    assert "is damaged and is made anew" in caplog.text


@pytest.mark.parametrize("text", [None, "", "zz" * 32, "03" * 31, "03" * 33, "3"])
def test_a_damaged_fingerprint_of_the_list_is_made_anew(
    text: str | None, movies: Movies, titles: Path, cache: Path
) -> None:
    cached_matches(FINGERPRINT, movies, titles, match=Matcher())
    [file] = cache.glob("*_titles-*")
    whole = pickle.loads(file.read_bytes()).value
    file.write_bytes(b"" if text is None else pickled(checked(file, text)))
    assert cached_matches(FINGERPRINT, movies, titles, match=not_asked) == TABLE
    assert pickle.loads(file.read_bytes()).value == whole


def test_a_damaged_table_is_gone_even_if_matching_fails_then(
    movies: Movies, titles: Path, cache: Path
) -> None:
    def fail(movies: Movies, titles: Path, progress: Progress) -> tuple[Match, ...]:
        raise DataError("is damaged", file=titles)

    cached_matches(FINGERPRINT, movies, titles, match=Matcher())
    files_of_tables(cache)[0].write_bytes(b"no pickle")
    with pytest.raises(DataError):
        cached_matches(FINGERPRINT, movies, titles, match=fail)
    assert files_of_tables(cache) == []


# Whose folder, and which


class PlantedError(Exception):
    """What a planted pickle raises when it is loaded."""


def raise_planted() -> None:
    raise PlantedError


class Planted:
    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return raise_planted, ()


def open_to_others(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.chmod(0o777)


def owned_by_another(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have no owner's number here")
@pytest.mark.parametrize("unsafe", [open_to_others, owned_by_another])
def test_nothing_is_unpickled_or_kept_where_others_could_write(
    unsafe: Callable[[Path, pytest.MonkeyPatch], None],
    movies: Movies,
    titles: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cached_matches(FINGERPRINT, movies, titles, match=Matcher((NO_MATCH,) * 4))
    [file] = files_of_tables(cache)
    file.write_bytes(pickle.dumps(Planted()))
    before = file.read_bytes()
    unsafe(cache, monkeypatch)
    assert cached_matches(FINGERPRINT, movies, titles, match=Matcher()) == TABLE
    assert file.read_bytes() == before
    [message] = caplog.messages
    assert f"{cache} must be your own and closed to others; remove it, or chmod 700" in message


def test_the_folder_is_closed_to_others_whatever_the_umask(movies: Movies, titles: Path, cache: Path) -> None:
    umask = os.umask(0)
    try:
        cached_matches(FINGERPRINT, movies, titles, match=Matcher())
    finally:
        os.umask(umask)
    if os.name == "posix":
        assert cache.stat().st_mode & 0o777 == 0o700
    assert cached_matches(FINGERPRINT, movies, titles, match=not_asked) == TABLE


def test_without_a_folder_the_matches_are_the_same_and_the_reason_is_logged(
    movies: Movies,
    titles: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MOVIEREC_CACHE_DIR", str(titles / "below a file"))
    assert cached_matches(FINGERPRINT, movies, titles, match=Matcher()) == TABLE
    [message] = caplog.messages
    assert message.startswith("matches cannot be kept, so the next start will match again: ")


def test_matches_that_cannot_be_written_are_returned_and_the_reason_is_logged(
    movies: Movies,
    titles: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        assert cached_matches(FINGERPRINT, movies, titles, match=Matcher()) == TABLE
    assert "No space left on device" in caplog.text
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, "home/.cache/movierec"),
        ({"XDG_CACHE_HOME": "{base}/xdg"}, "xdg/movierec"),
        ({"XDG_CACHE_HOME": "relative/is/ignored"}, "home/.cache/movierec"),
        ({"XDG_CACHE_HOME": ""}, "home/.cache/movierec"),
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


def test_clearing_removes_all_and_counts_the_tables(movies: Movies, titles: Path, cache: Path) -> None:
    assert clear_matches() == 0
    for fingerprint in ("a" * 64, "b" * 64):
        cached_matches(fingerprint, movies, titles, match=Matcher((NO_MATCH,) * 4))
    (cache / "of another").write_text("stays")
    assert clear_matches() == 2
    assert [path.name for path in cache.iterdir()] == ["of another"]
    assert cached_matches("a" * 64, movies, titles, match=Matcher()) == TABLE
    assert clear_matches() == 1


def test_what_cannot_be_removed_is_named(
    movies: Movies, titles: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    cached_matches(FINGERPRINT, movies, titles, match=Matcher())
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(
        MovierecError, match=r"movie-lengths cannot be emptied \(Permission denied\); remove it"
    ):
        clear_matches()


def test_cachier_is_imported_only_where_something_is_kept() -> None:
    code = "import sys, movierec_cli.data.running_times.match_cache as m; sys.exit('cachier' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
