"""What a user waits for: the help, the sample, parsing an archive, the published command."""

import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.rows import Bench, Row, movierec, run_process, seconds_of, times

RUNS = 5

PUBLISHED_SETS = (
    ("None",),
    ("timestamp",),
    ("movie_title_text",),
    ("timestamp", "movie_title_text"),
    ("timestamp", "movie_title_text", "movie_genres"),
    ("timestamp", "movie_title_text", "movie_genres", "movie_length"),
)
PUBLISHED_COMMAND = [
    "train",
    *("--num_epochs", "300"),
    *(word for names in PUBLISHED_SETS for word in ("--additional_feature_sets", *names)),
    *("--embedding_size", "32"),
    *("--layer_sizes", "64", "32"),
    *("--generate_recommendations_for_user", "1"),
]

_PARSE_WITH_TFDS = """
import sys, tempfile, zipfile
from pathlib import Path
from tensorflow_datasets.structured import movielens_parsing as parsing
with tempfile.TemporaryDirectory() as folder:
    zipfile.ZipFile(sys.argv[1]).extractall(folder)
    files = Path(folder) / "ml-1m"
    movies = dict(parsing.parse_1m_movies_data(files))
    ratings = list(parsing.parse_1m_ratings_data(files))
"""

_LOAD = """
import sys, time
from pathlib import Path
import numpy
from movierec_cli.config import DataConfig
from movierec_cli.data.load import load_dataset
started = time.perf_counter()
assert len(load_dataset(DataConfig(dataset="1m", datasets_dir=Path(sys.argv[1]))).ratings) == 1_000_209
print(time.perf_counter() - started)
"""


def measure_help(bench: Bench) -> Iterator[Row]:
    """`movierec --help` against importing TensorFlow; the first run of each reads everything from disk."""
    commands = (["-m", "movierec_cli", "--help"], ["-c", "import tensorflow"])
    ours, tensorflow = (
        statistics.median([run_process([sys.executable, *one]).wall_s for _ in range(RUNS + 1)][1:])
        for one in commands
    )
    reference = f"`import tensorflow` {tensorflow:.1f} s"
    yield Row(
        "`movierec --help`, whole process", f"{ours:.2f} s", "≤ 0.4 s", reference, times(tensorflow, ours)
    )


def measure_sample(bench: Bench) -> Iterator[Row]:
    """The embedded sample, made in a process that has NumPy."""
    from movierec_cli.data.sample import simulate_sample

    seconds = statistics.median(seconds_of(simulate_sample, RUNS + 1)[1:])
    yield Row("the embedded sample, simulated", f"{seconds:.2f} s", "≤ 1 s")


def measure_columns(bench: Bench) -> Iterator[Row]:
    """1M's zip to columns, in new processes that have imported NumPy, against TFDS' own parser."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(bench.find("ml-1m.zip"), folder / "ml-1m.zip")
        load = [sys.executable, "-c", _LOAD, name]
        firsts, laters = [], []
        for _ in range(RUNS):
            shutil.rmtree(folder / ".columns", ignore_errors=True)
            firsts.append(run_process(load))
            laters.append(run_process(load))
        tfds = run_process([sys.executable, "-c", _PARSE_WITH_TFDS, str(folder / "ml-1m.zip")]).wall_s
    for which, bar, runs in (("first", "≤ 2 s", firsts), ("later", "≤ 0.2 s", laters)):
        seconds = statistics.median(float(run.stdout) for run in runs)
        whole = statistics.median(run.wall_s for run in runs)
        measured = f"{seconds:.2f} s (whole process {whole:.2f} s)"
        yield Row(
            f"1M zip → columns, {which}", measured, bar, f"TFDS' parser {tfds:.1f} s", times(tfds, whole)
        )


def measure_command(bench: Bench) -> Iterator[Row]:
    """The published command on all of 1M, then once more with its six models saved."""
    with tempfile.TemporaryDirectory() as name:
        command = [*PUBLISHED_COMMAND, "--json", "--quiet", "--archive", str(bench.find("ml-1m.zip"))]
        command += ["--imdb_titles", str(bench.find("title.basics.tsv.gz"))]
        trained = movierec(*command, folder=Path(name))
        again = [movierec(*command, folder=Path(name)) for _ in range(RUNS)]
    saved = sorted(again, key=lambda run: run.wall_s)[RUNS // 2]
    records = [run["record"] for run in json.loads(trained.stdout)["runs"] if run["record"]["epochs_run"]]
    n_epochs = sum(record["epochs_run"] for record in records)
    yield Row(
        f"the published command on 1M, start to plot ({n_epochs} epochs until early stopping)",
        f"{trained.wall_s / 60:.1f} min, {trained.peak_mib / 1024:.2f} GiB",
        "≤ 10 min, ≤ 3 GiB",
    )
    yield Row(
        "the same again, all six saved",
        f"{saved.wall_s:.1f} s, {saved.peak_mib:.0f} MiB",
        "≤ 4 s",
        "the first time",
        times(trained.wall_s, saved.wall_s),
    )
    for record in records:
        unseen = record["test"]["unseen"]
        yield Row(
            f"… {' + '.join(record['config']['feature_set']) or 'None'}",
            f"best epoch {record['best_epoch']} of {record['epochs_run']}, {record['training_s']:.0f} s,"
            f" test top-10 / top-100 unseen {unseen['10']:.4f} / {unseen['100']:.4f}",
            "",
        )
