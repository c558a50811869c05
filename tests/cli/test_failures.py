"""What nobody foresaw ends in one line and exit 1, its traceback in a log; signals end with their codes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from movierec_cli.cli import failures
from movierec_cli.cli.app import app
from movierec_cli.data import datasets_folder

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "state" / "movierec" / "log" / "errors.log"


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> Result:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(datasets_folder, "describe_source", fail)
    return CliRunner().invoke(app, ["data", "info"], prog_name="movierec")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(28, "No space left on device", "out.csv"),
            "No space left on device: out.csv; the traceback is",
        ),
        (OSError("odd"), "this should not happen (OSError: odd); please report it; the traceback is in"),
        (MemoryError(), "there is not enough memory for this; use smaller data or a smaller model; the"),
        (RecursionError("too\ndeep"), "this should not happen (RecursionError: too deep); please report it"),
        (KeyError("\x1b[2J"), "(KeyError: '\\x1b[2J')"),
        (ValueError("x" * 10_000), "x…x"),
    ],
)
def test_anything_is_one_line_and_its_traceback_is_in_the_log(
    error: BaseException, message: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = failing(monkeypatch, error)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ") and message in line.replace(" … ", "…") and len(line) < 1_000
    assert line.endswith(str(log))
    assert "Traceback (most recent call last)" in log.read_text() and "in fail" in log.read_text()


def test_the_log_is_the_users_own_and_does_not_grow_for_ever(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MAX_LOG_BYTES", 10_000)
    sizes = []
    for _ in range(8):
        failing(monkeypatch, ValueError("x" * 3_000))
        sizes.append(log.stat().st_size)
    assert max(sizes) < 20_000 and sizes != sorted(sizes)
    assert log.stat().st_mode & 0o777 == 0o600 and log.parent.stat().st_mode & 0o777 == 0o700


def test_a_log_that_cannot_be_written_hides_nothing(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (log.parents[2]).write_text("a file where the folder would be")
    result = failing(monkeypatch, ValueError("odd"))
    assert result.exit_code == 1
    assert "(ValueError: odd)" in result.stderr and "could not be logged" in result.stderr


def test_where_a_program_calls_it_errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets_folder, "describe_source", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        app(["data", "info"], standalone_mode=False)


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = ENVIRONMENT | {"XDG_STATE_HOME": str(folder / "state")}
    command = line.replace("movierec", f"{sys.executable} -m movierec_cli")
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )


LONG = "a" * 300
DEEP = "/".join(["a" * 200] * 25)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("movierec data info > /dev/full", "No space left on device"),
        ("movierec data info --json > /dev/full", "No space left on device"),
        ("movierec data info >&-", "stdout is closed"),
        (f"movierec data info --datasets_dir {LONG}", "File name too long"),
        (f"movierec data import {DEEP}", "name too long"),
        (f"movierec models list --saved_models_dir {DEEP}", "name too long"),
        (f"movierec doctor --archive {LONG}", "name too long"),
    ],
)
def test_files_that_the_system_refuses_end_with_1_and_one_line(
    line: str, message: str, tmp_path: Path
) -> None:
    result = shell(line, tmp_path)
    assert (result.returncode, result.stdout) == (1, ""), result.stderr
    assert message in result.stderr and result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1 and "Traceback" not in result.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"state"}


@pytest.mark.parametrize("command", ["data info", "data info --json", "train --help"])
def test_who_reads_no_more_ends_it_quietly(command: str, tmp_path: Path) -> None:
    result = shell(f"movierec {command} | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert result.stderr == "" and result.returncode in (0, 1)
    assert not (tmp_path / "state").exists()


TRAINING = """
import sys, time
from movierec_cli.cli.program import main
from movierec_cli.experiment import loading, training_task
from tests.cli import fake_trainer

def wait(fitting):
    try:
        print("training", flush=True)
        time.sleep(60)
    finally:
        print("cleaned up", flush=True)

loading.load_dataset, training_task.fit_run = fake_trainer.load, wait
sys.argv = ["movierec", "train", "--saved_models_dir", "saved", "--plot", "saved/plot.html"]
main()
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_training_with_its_code_after_cleaning_up(
    sent: signal.Signals, code: int, tmp_path: Path
) -> None:
    command, pipe = [sys.executable, "-c", TRAINING], subprocess.PIPE
    with subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "training\n"
        process.send_signal(sent)
        stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stdout) == (code, "cleaned up\n")
    assert "Interrupted. Finished models are kept" in stderr and "Traceback" not in stderr
    assert list(tmp_path.rglob("*.*")) == []


@pytest.fixture
def endless() -> Iterator[str]:
    """The address of a server that takes a connection and says no more than the head of an answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/ml-100k.zip"


def of_session(session: int) -> list[int]:
    """The processes of a session, those excluded that have ended."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_killed_download_leaves_no_process(
    endless: str, sent: signal.Signals, code: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "movierec_cli", "data", "fetch", "100k", "--url", endless]
    with subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, start_new_session=True, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(lambda: any(tmp_path.glob("datasets/.*lock")))
        time.sleep(0.3)
        assert of_session(process.pid) == [process.pid]
        process.send_signal(sent)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == code and "Traceback" not in stderr
    assert of_session(process.pid) == []


def wait_for(holds: Callable[[], Any]) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)
