"""Movie lengths at IMDb's size: eleven million titles, matched with 1M's movies."""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.generated_titles import write_titles
from tests.bench.rows import Bench, Row, run_process, times

N_TITLES = 11_000_000
RUNS = 5

_MATCH = """
import os, sys, time
from pathlib import Path
import numpy
from movierec_cli.config import DataConfig
from movierec_cli.data.load import load_dataset
dataset = load_dataset(DataConfig(archive=Path(sys.argv[1]), datasets_dir=Path(sys.argv[2])))
from movierec_cli.data.running_times.match_cache import cached_matches
started = time.perf_counter()
matches = cached_matches(dataset.fingerprint, dataset.movies, Path(sys.argv[3]))
print(time.perf_counter() - started, sum(match.minutes > 0 for match in matches) / len(matches))
"""

_READ_ALL = """
import gzip, sys
with gzip.open(sys.argv[1], "rt", encoding="utf-8") as lines:
    for line in lines:
        line.split("\\t")
"""


def measure_lengths(bench: Bench) -> Iterator[Row]:
    """Coverage with the real extract; then time and memory with it among eleven million rows."""
    extract = bench.find("title.basics.tsv.gz")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for data, bar in (("1m", "≥ 91.5 %"), ("100k", "≥ 91 %")):
            share = float(run_process(_program(bench, folder, extract, data)).stdout.split()[1])
            yield Row(f"movies of {data} matched with IMDb's extract of 2005", f"{share:.2%}", bar)
        titles = folder / "title.basics.tsv.gz"
        write_titles(titles, extract, N_TITLES)
        program = _program(bench, folder, titles, "1m")
        first = run_process(program)
        again = [run_process(program) for _ in range(RUNS)]
        plain = run_process([sys.executable, "-c", _READ_ALL, str(titles)]).wall_s
        command = ["movierec_cli", "data", "lengths", "--archive", str(bench.find("ml-1m.zip"))]
        command += ["--datasets_dir", name, "--imdb_titles", str(titles), "--quiet"]
        whole = statistics.median(
            run_process([*_in_folder(folder), sys.executable, "-m", *command]).wall_s for _ in range(RUNS)
        )
    seconds = float(first.stdout.split()[0])
    kept = statistics.median(float(run.stdout.split()[0]) for run in again)
    yield Row(
        "11 million titles, 1M's movies: to read and match",
        f"{seconds:.1f} s, {first.peak_mib:.0f} MiB",
        "≤ 60 s, ≤ 600 MiB",
        f"a loop that only unpacks and splits the lines {plain:.1f} s",
        times(plain, seconds),
    )
    yield Row(
        "… a second time, from the cache",
        f"{kept:.2f} s (`movierec data lengths`, whole process: {whole:.2f} s)",
        "≤ 0.3 s",
        "the first time",
        times(seconds, kept),
    )


def _program(bench: Bench, folder: Path, titles: Path, data: str) -> list[str]:
    archive = str(bench.find(f"ml-{data}.zip"))
    return [*_in_folder(folder), sys.executable, "-c", _MATCH, archive, str(folder), str(titles)]


def _in_folder(folder: Path) -> list[str]:
    """The user's own cache is left alone."""
    return ["env", f"MOVIEREC_CACHE_DIR={folder / 'cache'}"]
