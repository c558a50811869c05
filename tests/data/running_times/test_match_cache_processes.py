"""Processes that are killed, and that run at the same time. With cachier alone the next one would hang."""

import pickle
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from cachier.config import CacheEntry

from movierec_cli.data.dataset import Movies
from movierec_cli.data.progress import Progress
from movierec_cli.data.running_times.match_cache import cached_matches, clear_matches
from movierec_cli.data.running_times.matching import Match
from tests.match_cache_process import FINGERPRINT, TABLE
from tests.tiny_dataset import tiny_dataset

ROOT = Path(__file__).resolve().parents[3]
AT_ONCE_S = 1.5
LIMIT_S = 30


def kept(titles: Path) -> tuple[Match, ...]:
    def not_asked(movies: Movies, titles: Path, progress: Progress) -> tuple[Match, ...]:
        pytest.fail("matched anew")

    return cached_matches(FINGERPRINT, tiny_dataset().movies, titles, match=not_asked)


def started(moment: str, titles: Path, begun: Path, awaited: Path) -> subprocess.Popen[str]:
    arguments = [moment, str(titles), str(begun), str(awaited)]
    command = [sys.executable, "-m", "tests.match_cache_process", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr; fails where the process hangs."""
    try:
        output, errors = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        pytest.fail(f"no end after {LIMIT_S} s")
    return process.returncode, output, errors


def assert_done_at_once(process: subprocess.Popen[str]) -> None:
    code, output, errors = finished(process)
    assert (code, errors) == (0, "")
    assert float(output) < AT_ONCE_S


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("moment", ["matching", "writing", "renaming"])
def test_after_a_killed_process_the_next_matches_at_once_and_keeps(
    moment: str, titles: Path, tmp_path: Path, cache: Path
) -> None:
    begun = tmp_path / "begun"
    code, _, errors = finished(started(moment, titles, begun, awaited=titles))
    assert (code, errors) == (-signal.SIGKILL, "")
    begun.unlink(missing_ok=True)
    assert_done_at_once(started("never", titles, begun, awaited=titles))
    assert begun.exists()  # it did match
    assert kept(titles) == TABLE
    assert clear_matches() == 1
    assert list(cache.iterdir()) == []  # nor what the killed one left


def test_a_table_marked_as_being_calculated_is_not_waited_for(
    titles: Path, tmp_path: Path, cache: Path
) -> None:
    begun = tmp_path / "begun"
    assert_done_at_once(started("never", titles, begun, awaited=titles))
    for file in cache.iterdir():  # the fingerprint too
        file.write_bytes(pickle.dumps(CacheEntry(None, datetime.now(), stale=False, _processing=True)))
    begun.unlink()
    code, output, errors = finished(started("never", titles, begun, awaited=titles))
    assert code == 0
    assert errors.count("is damaged and is made anew") == 2
    assert float(output) < AT_ONCE_S
    assert begun.exists()
    assert kept(titles) == TABLE


def test_two_processes_at_the_same_time_both_end_with_the_right_table(titles: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    both = [started("never", titles, first, awaited=second), started("never", titles, second, awaited=first)]
    assert [finished(process)[::2] for process in both] == [(0, ""), (0, "")]
    assert first.exists() and second.exists()  # neither waited for the other's table
    assert kept(titles) == TABLE
