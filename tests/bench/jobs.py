"""Several trainings at once: what `--jobs 2` saves of the time of one process, with the same arrays."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.rows import Bench, Row, movierec
from tests.bench.workers import arrays_of, trainings


def measure_jobs(bench: Bench) -> Iterator[Row]:
    """Six feature sets with two seeds, then two SASRecs, on the sample; whole processes."""
    with tempfile.TemporaryDirectory() as name:
        ways: list[tuple[list[float], dict[str, str]]] = []
        for options in ((), ("--jobs", "2")):
            folder = Path(name) / "-".join(("train", *options))
            folder.mkdir()
            seconds = [
                movierec(*one, "--dataset", "sample", "--quiet", *options, folder=folder).wall_s
                for one in trainings()
            ]
            ways.append((seconds, arrays_of(folder)))
    (alone, reference), (together, arrays) = ways
    same = sum(arrays.get(file) == digest for file, digest in reference.items())
    yield Row(
        "six feature sets × 2 seeds and two SASRecs on the sample, `--jobs 2`",
        f"{sum(together):.0f} s ({_parts(together)}), {same} of {len(reference)} files of arrays equal",
        "≤ .65 of one process, all equal",
        f"one process {sum(alone):.0f} s ({_parts(alone)})",
        f"{sum(together) / sum(alone):.2f}",
    )


def _parts(seconds: list[float]) -> str:
    return " + ".join(f"{one:.0f}" for one in seconds)
