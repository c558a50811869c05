"""Several trainings at once: what `--jobs 2` saves of the time of one process, with the same arrays.

No way of sharing the cores takes less time than the processor time of one process divided by them, unless a
training on fewer cores needs less of it: so that quotient stands beside the ratio.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.rows import Bench, Row, movierec
from tests.bench.workers import arrays_of, trainings

COMMANDS = ("six feature sets × 2 seeds", "two SASRecs")


@dataclass(frozen=True)
class _Took:
    """A command's seconds, and those of all its processes together on processors."""

    wall_s: float
    cpu_s: float


def measure_jobs(bench: Bench) -> Iterator[Row]:
    """Six feature sets with two seeds, then two SASRecs, on the sample; whole processes."""
    with tempfile.TemporaryDirectory() as name:
        ways: list[tuple[list[_Took], dict[str, str]]] = []
        for options in ((), ("--jobs", "2")):
            folder = Path(name) / "-".join(("train", *options))
            folder.mkdir()
            took = [
                _took(*one, "--dataset", "sample", "--quiet", *options, folder=folder) for one in trainings()
            ]
            ways.append((took, arrays_of(folder)))
    (alone, reference), (together, arrays) = ways
    same = sum(arrays.get(file) == digest for file, digest in reference.items())
    equal = f"{same} of {len(reference)} files of arrays equal"
    for what, one, several in zip(COMMANDS, alone, together, strict=True):
        yield _row(what, one, several, "")
    yield _row("both", _sum(alone), _sum(together), f", {equal}")


def _took(*arguments: str, folder: Path) -> _Took:
    before = _processor_s()
    wall_s = movierec(*arguments, folder=folder).wall_s
    return _Took(wall_s, _processor_s() - before)


def _processor_s() -> float:
    """Of all processes that this one started and that have ended, and of theirs."""
    times = os.times()
    return times.children_user + times.children_system


def _sum(took: list[_Took]) -> _Took:
    return _Took(sum(one.wall_s for one in took), sum(one.cpu_s for one in took))


def _row(what: str, one: _Took, several: _Took, beside: str) -> Row:
    least = one.cpu_s / (os.cpu_count() or 1) / one.wall_s
    return Row(
        f"{what} on the sample, `--jobs 2`",
        f"{several.wall_s:.0f} s{beside}",
        "≤ .65 of one process, all equal",
        f"one process {one.wall_s:.0f} s; its processor time shared by all cores: {least:.2f}",
        f"{several.wall_s / one.wall_s:.2f}",
    )
