"""What the benchmarks share: a row of the table, where the data is, what time and memory something takes."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table; the ratio is reference / measured where both are given in one unit."""

    what: str
    measured: str
    bar: str
    reference: str = ""
    ratio: str = ""

    def markdown(self) -> str:
        """The row as GitHub shows it."""
        return f"| {self.what} | {self.measured} | {self.bar} | {self.reference} | {self.ratio} |"


@dataclass(frozen=True)
class Bench:
    """Where the archives are and where long trainings are kept, so that an interrupted benchmark goes on."""

    folders: tuple[Path, ...]  # that may hold MovieLens' archives
    saved_models_dir: Path
    n_seeds: int  # how often each model of sequences is trained

    def find(self, name: str) -> Path:
        """The archive `name`; ends the program with where it was looked for if there is none."""
        for folder in self.folders:
            if (folder / name).exists():
                return folder / name
        sys.exit(f"{name} is in none of {', '.join(map(str, self.folders))}; give its folder with --data")


@dataclass(frozen=True)
class Finished:
    """A process that ended well."""

    wall_s: float
    peak_mib: float
    stdout: str


def spread(values: Sequence[float], form: str) -> str:
    """The mean, and between which values it lies: ".3152 (.3140 … .3170)"; of one value, that alone."""
    mean, low, high = (format(value, form) for value in (sum(values) / len(values), min(values), max(values)))
    return f"{mean} ({low} … {high})" if len(values) > 1 else mean


def times(reference: float, measured: float) -> str:
    """How many times as much the reference is: "34 ×", below ten "9.6 ×"."""
    ratio = reference / measured
    return f"{ratio:.{0 if ratio >= 10 else 1}f} ×"


def seconds_of(work: Callable[[], object], runs: int = 1) -> list[float]:
    """The seconds that each of several calls takes."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return seconds


def movierec(*arguments: str, folder: Path | None = None) -> Finished:
    """Runs a command of this project."""
    return run_process([sys.executable, "-m", "movierec_cli", *arguments], folder)


def called(function: Callable[..., None], *arguments: object) -> tuple[Finished, Any]:
    """What a function of a module prints as JSON, in a process of its own; it is given texts."""
    do = f"import sys; from {function.__module__} import {function.__name__} as do; do(*sys.argv[1:])"
    done = run_process([sys.executable, "-c", do, *map(str, arguments)])
    return done, json.loads(done.stdout)


def run_process(command: Sequence[str], folder: Path | None = None) -> Finished:
    """Runs a command and waits; ends the program with its messages if it fails.

    Python keeps what it has compiled, as it does for whoever has not switched that off.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as name:
        measured = Path(name) / "measured.json"
        launcher = [sys.executable, "-S", "-c", _LAUNCHER, str(measured), *command]
        done = subprocess.run(
            launcher, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr}")
        wall_s, peak_kib = json.loads(measured.read_text())
    return Finished(wall_s, peak_kib / 1024, done.stdout)


# A child begins with the peak of the process that it was forked from, so a small one stands between.
_LAUNCHER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
code = subprocess.call(sys.argv[2:])
seconds = time.perf_counter() - started
with open(sys.argv[1], "w") as file:
    json.dump([seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss], file)
sys.exit(code)
"""
