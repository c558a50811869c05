"""What the benchmarks share: a row of the table, where the data is, a process with its time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


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
class Archives:
    """The folders that may hold MovieLens' archives."""

    folders: tuple[Path, ...]

    def find(self, name: str) -> Path:
        """The archive `name`; ends the program with where it was looked for if there is none."""
        for folder in self.folders:
            if (folder / name).exists():
                return folder / name
        sys.exit(f"{name} is in none of {', '.join(map(str, self.folders))}; give its folder with --data")


@dataclass(frozen=True)
class Bench(Archives):
    """Where long trainings are kept, so that an interrupted benchmark goes on, and how often each is done."""

    saved_models_dir: Path
    n_seeds: int


@dataclass(frozen=True)
class Finished:
    """A process that ended well."""

    wall_s: float
    peak_mib: float
    stdout: str


def on_engine(engine: str, script: Path) -> list[str]:
    """A command that runs a script with this engine of Keras, as it comes.

    Our own training sets XLA's flags for its process, and its children would have them too.
    """
    return ["env", "-u", "XLA_FLAGS", f"KERAS_BACKEND={engine}", sys.executable, str(script)]


def spread(values: Sequence[float], form: str) -> str:
    """The mean, and between which values it lies: ".3152 (.3140 … .3170)"; of one value, that alone."""
    mean, low, high = (format(value, form) for value in (sum(values) / len(values), min(values), max(values)))
    return f"{mean} ({low} … {high})" if len(values) > 1 else mean


def run_process(command: Sequence[str], folder: Path | None = None) -> Finished:
    """Runs a command and waits; ends the program with its messages if it fails."""
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as messages,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=messages, text=True) as process,
    ):
        assert process.stdout is not None
        stdout = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            messages.seek(0)
            sys.exit(f"{' '.join(command)} ended with {process.returncode}\n{messages.read()}")
    return Finished(time.perf_counter() - started, usage.ru_maxrss / 1024, stdout)
