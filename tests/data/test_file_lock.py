"""One at a time, whatever becomes of the one before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from movierec_cli.data import file_lock
from movierec_cli.data.file_lock import held

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from movierec_cli.data.file_lock import held
with held(Path(sys.argv[1]), lambda: None):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_lock, "_TRY_EVERY_S", 0.001)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds tmp_path / "lock"."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


class GivingUpError(Exception):
    pass


def give_up() -> None:
    raise GivingUpError


def after(n_calls: int, act: Callable[[], None]) -> Callable[[], None]:
    left = iter(range(n_calls, -1, -1))

    def waiting() -> None:
        if next(left, 1) == 0:
            act()

    return waiting


def test_the_lock_is_made_held_and_removed(tmp_path: Path) -> None:
    with held(tmp_path / "lock", give_up):
        assert (tmp_path / "lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_second_holder_can_give_up_and_the_first_keeps_it(tmp_path: Path) -> None:
    with held(tmp_path / "lock", give_up):
        for _ in range(2):
            with pytest.raises(GivingUpError), held(tmp_path / "lock", give_up):
                pass
    with held(tmp_path / "lock", give_up):
        pass


def test_an_error_inside_gives_the_lock_back(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), held(tmp_path / "lock", give_up):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_nobody_holds_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(b"")
    with held(tmp_path / "lock", give_up):
        pass


def test_another_process_is_waited_for_and_a_killed_one_leaves_no_lock(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(GivingUpError), held(tmp_path / "lock", give_up):
        pass
    began = time.monotonic()
    with held(tmp_path / "lock", after(3, lambda: os.kill(holder.pid, signal.SIGKILL))):
        assert (tmp_path / "lock").exists()
    assert time.monotonic() - began < 10  # the other would have held it for a minute


def test_a_lock_removed_between_opening_and_locking_it_is_not_taken_for_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, lock = tmp_path / "lock", file_lock._lock_at_once
    with held(file, give_up):
        opened = file.open("ab")
    with opened:
        assert lock(opened)  # what a waiting process can come to hold
        assert not file_lock._is_at(opened, file)
        with held(file, give_up):
            assert not file_lock._is_at(opened, file)


def test_many_at_once_never_meet(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count() -> None:
        for _ in range(25):
            with held(tmp_path / "lock", lambda: None):
                value = int(counter.read_text())
                time.sleep(0.0005)
                counter.write_text(str(value + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "100"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["counter"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), held(tmp_path / "no" / "lock", give_up):
        pass
