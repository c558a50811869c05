"""A part of the harness with a fixed seed, in a process of its own: it forks, where no thread lives on."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_breaks_and_what_is_planted_is_found() -> None:
    file = Path(__file__).with_name("own_process.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout[-20_000:] + done.stderr[-2_000:]
