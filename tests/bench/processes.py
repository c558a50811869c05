"""What a user waits for: the help, the sample, parsing an archive, the published command."""

import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.rows import Archives, Finished, Row, run_process

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


def measure_help(archives: Archives) -> list[Row]:
    """`movierec --help` against importing TensorFlow."""
    ours = _median([sys.executable, "-m", "movierec_cli", "--help"])
    tensorflow = _median([sys.executable, "-c", "import tensorflow"])
    what = "`movierec --help`, whole process"
    return [
        Row(
            what,
            f"{ours:.2f} s",
            "≤ 0.4 s",
            f"`import tensorflow` {tensorflow:.1f} s",
            f"{tensorflow / ours:.0f} ×",
        )
    ]


def measure_sample(archives: Archives) -> list[Row]:
    """The embedded sample, made in a process that has NumPy."""
    from movierec_cli.data.sample import simulate_sample

    simulate_sample()
    seconds = []
    for seed in range(RUNS):
        started = time.perf_counter()
        simulate_sample(seed)
        seconds.append(time.perf_counter() - started)
    return [Row("the embedded sample, simulated", f"{statistics.median(seconds):.2f} s", "≤ 1 s")]


def measure_columns(archives: Archives) -> list[Row]:
    """1M's zip to columns, in new processes that have imported NumPy, against TFDS' own parser."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(archives.find("ml-1m.zip"), folder / "ml-1m.zip")
        load = [sys.executable, "-c", _LOAD, name]
        firsts, laters = [], []
        for _ in range(RUNS):
            shutil.rmtree(folder / ".columns", ignore_errors=True)
            firsts.append(run_process(load))
            laters.append(run_process(load))
        tfds = run_process([sys.executable, "-c", _PARSE_WITH_TFDS, str(folder / "ml-1m.zip")]).wall_s
    rows = []
    for which, bar, runs in (("first", "≤ 2 s", firsts), ("later", "≤ 0.2 s", laters)):
        seconds = statistics.median(float(run.stdout) for run in runs)
        whole = statistics.median(run.wall_s for run in runs)
        measured = f"{seconds:.2f} s (whole process {whole:.2f} s)"
        reference = f"TFDS' parser {tfds:.1f} s"
        rows.append(Row(f"1M zip → columns, {which}", measured, bar, reference, f"{tfds / whole:.0f} ×"))
    return rows


def measure_command(archives: Archives) -> list[Row]:
    """The published command on all of 1M, then once more with its six models saved."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "movierec_cli", *PUBLISHED_COMMAND, "--json", "--quiet"]
        command += [
            "--archive",
            str(archives.find("ml-1m.zip")),
            "--imdb_titles",
            str(archives.find("title.basics.tsv.gz")),
        ]
        trained = run_process(command, folder)
        again = sorted((run_process(command, folder) for _ in range(RUNS)), key=lambda run: run.wall_s)
        saved = again[RUNS // 2]
    epochs, seconds_by_set = _epochs(trained)
    return [
        Row(
            f"the published command on 1M, start to plot ({epochs} epochs until early stopping)",
            f"{trained.wall_s / 60:.1f} min, {trained.peak_mib / 1024:.2f} GiB",
            "≤ 10 min, ≤ 3 GiB",
            "",
            "",
        ),
        Row(
            "the same again, all six saved",
            f"{saved.wall_s:.1f} s, {saved.peak_mib:.0f} MiB",
            "≤ 4 s",
            "the first time",
            f"{trained.wall_s / saved.wall_s:.0f} ×",
        ),
        *seconds_by_set,
    ]


def _epochs(trained: Finished) -> tuple[int, list[Row]]:
    records = [run["record"] for run in json.loads(trained.stdout)["runs"]]
    rows = [
        Row(
            f"… {' + '.join(record['config']['feature_set']) or 'None'}",
            f"best epoch {record['best_epoch']} of {record['epochs_run']}, {record['training_s']:.0f} s, "
            f"test top-10 / top-100 unseen {record['test']['unseen']['10']:.4f} / "
            f"{record['test']['unseen']['100']:.4f}",
            "",
        )
        for record in records
        if record["epochs_run"]
    ]
    return sum(record["epochs_run"] for record in records), rows


def _median(command: list[str]) -> float:
    run_process(command)  # the first run reads everything from disk
    return statistics.median(run_process(command).wall_s for _ in range(RUNS))
