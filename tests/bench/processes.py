"""What a user waits for: the help, the sample, archives, lengths, the published command, recommending."""

import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import FEATURES, DataConfig, FeatureSet, default_settings
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.evaluation.best_lists import best_of_rows
from movierec_cli.recommend.many_users import recommend_all
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import Run
from tests.bench.baselines import divided
from tests.bench.generated_titles import write_titles
from tests.bench.rows import Bench, Finished, Row, movierec, run_process, seconds_of, spread, times
from tests.bench.sequences import train

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


N_TITLES = 11_000_000

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


BEST_SET = FeatureSet((FEATURES["timestamp"], FEATURES["movie_title_text"], FEATURES["movie_genres"]))
LISTED = 100
PROCESSES = 15


def measure_recommending(bench: Bench) -> Iterator[Row]:
    """The run is trained once, in --models."""
    (run,) = train(bench, default_settings(), BEST_SET, n_seeds=1)
    yield _one_user(run)
    yield _all_users(run)
    yield _against_the_model(bench, run)


def _one_user(run: Run) -> Row:
    found = [_recommended(run, "--user", "1") for _ in range(PROCESSES)]
    help_s = statistics.median(movierec("--help").wall_s for _ in range(PROCESSES))
    wall_s = [one.wall_s for one in found]
    return Row(
        f"`recommend --user 1` on a saved 1M run ({run.record.config.label}), whole process",
        f"median {statistics.median(wall_s):.2f} ({min(wall_s):.2f} … {max(wall_s):.2f}) s,"
        f" {max(one.peak_mib for one in found):.0f} MiB",
        "≤ 0.5 s, ≤ 150 MiB",
        f"`movierec --help` {help_s:.2f} s",
        times(help_s, statistics.median(wall_s)),
    )


WEIGHTS = ("ease", "ials", "item-knn")


def measure_baselines_asked(bench: Bench) -> Iterator[Row]:
    """Baselines fitted to 1M, each asked for a user, for who likes a movie, and for what is like it."""
    questions = {
        "recommend --user 1": ["recommend", "--user", "1"],
        "recommend --liked": ["recommend", "--liked", "Toy Story (1995)"],
        "similar": ["similar", "Toy Story (1995)"],
    }
    with tempfile.TemporaryDirectory() as name:
        archive = ["--archive", str(bench.find("ml-1m.zip")), "--num_epochs", "1"]
        movierec(
            *("train", *archive, "--additional_feature_sets", "None", "--baselines", *WEIGHTS),
            folder=Path(name),
        )
        for family in WEIGHTS:
            for what, words in questions.items():
                command = [*words, "--model", f"1m-{family}"]
                wall_s = [movierec(*command, folder=Path(name)).wall_s for _ in range(PROCESSES)]
                shown = f"median {statistics.median(wall_s):.2f} ({min(wall_s):.2f} … {max(wall_s):.2f}) s"
                yield Row(f"`{what}` with {family} of 1M, whole process", shown, "≤ 0.3 s")


def _all_users(run: Run) -> Row:
    user_ids = run.artifacts.user_ids.tolist()
    seconds = seconds_of(lambda: recommend_all(run, user_ids, top=LISTED), 3)
    n_movies = recommend_all(run, user_ids, top=LISTED).n_movies
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lists.csv"
        whole = _recommended(run, "--users", "all", "--top", str(LISTED), "--csv", str(file))
    return Row(
        f"all {len(user_ids):,} users of it, {n_movies:,} movies in lists of {LISTED}, seen masked",
        f"{spread(seconds, '.2f')} s; whole process with a CSV of them {whole.wall_s:.1f} s",
        "≤ 2 s",
    )


def _against_the_model(bench: Bench, run: Run) -> Row:
    """TensorFlow's model with the run's weights, its scores ranked apart from what recommends."""
    scores = model_scores(bench, run)
    known = run.user_ratings
    seen = RaggedRows(known.starts, known.movie)
    owner, place = seen.places(np.arange(len(seen)))
    masked = scores.copy()
    masked[owner, seen.values[place]] = -np.inf
    expected = best_of_rows(masked, LISTED)
    lists = recommend_all(run, run.artifacts.user_ids.tolist(), top=LISTED)
    off = np.abs(np.take_along_axis(scores, lists.rows, axis=1) - lists.scores).max()
    same = sum(np.array_equal(own, other) for own, other in zip(lists.rows, expected, strict=True))
    one_by_one = sum(
        recommend(run, user_of(run, int(user_id)), top=LISTED).rows == tuple(rows.tolist())
        for user_id, rows in zip(run.artifacts.user_ids, expected, strict=True)
    )
    return Row(
        f"against the trained model's own scores, the best {LISTED} of each of {len(expected):,} users",
        f"{same:,} lists the same at once and {one_by_one:,} one by one; scores differ by {off:.0e} at most",
        "all, 1e-4",
    )


def model_scores(bench: Bench, run: Run) -> npt.NDArray[np.float32]:
    """[n_users, n_movies], of each user at their last training rating."""
    from movierec_cli.models.tensorflow_start import start_tensorflow

    start_tensorflow()
    from movierec_cli.models.feature_encodings import fit_features
    from movierec_cli.models.two_tower.query_batches import last_queries
    from movierec_cli.models.two_tower.tower_training import prepare

    config = run.record.config
    dataset, split = divided(DataConfig(archive=bench.find("ml-1m.zip")), config.split)
    vocabularies = fit_features(dataset, split.train, config.feature_set)
    prepared = prepare(dataset, split.fit, config, vocabularies)
    prepared.model.set_weights([weight for _, weight in sorted(run.weights.items())])
    users = last_queries(dataset, split.fit, vocabularies)
    queries = prepared.model.embed_queries(users, prepared.seen)
    exact = queries.astype(np.float64) @ prepared.model.embed_movies().astype(np.float64).T
    return exact.astype(np.float32)


def _recommended(run: Run, *args: str) -> Finished:
    folder = str(run.folder.parent.resolve())
    return movierec("recommend", "--model", run.record.name, "--saved_models_dir", folder, *args)
