"""Several trainings at once: what `--jobs 2` saves of the time of one process, with the same arrays."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.rows import Bench, Row, movierec
from tests.bench.workers import arrays_of, trainings


def measure_jobs(bench: Bench) -> Iterator[Row]:
    """Six feature sets with two seeds, then two SASRecs, on the sample; whole processes."""
    with tempfile.TemporaryDirectory() as name:
        seconds, arrays = [], []
        for options in ((), ("--jobs", "2")):
            folder = Path(name) / "-".join(("train", *options))
            folder.mkdir()
            finished = [
                movierec(*one, "--dataset", "sample", "--quiet", *options, folder=folder)
                for one in trainings()
            ]
            seconds.append(sum(one.wall_s for one in finished))
            arrays.append(arrays_of(folder))
    one_s, two_s = seconds
    same = sum(arrays[1].get(file) == digest for file, digest in arrays[0].items())
    yield Row(
        "six feature sets × 2 seeds and two SASRecs on the sample, `--jobs 2`",
        f"{two_s:.0f} s, {same} of {len(arrays[0])} files of arrays equal",
        "≤ .65 of one process, all equal",
        f"one process {one_s:.0f} s",
        f"{two_s / one_s:.2f}",
    )
