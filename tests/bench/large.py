"""26 million simulated ratings of MovieLens 32M's shape: a whole command, its parts, and what is asked later.

Takes a quarter of an hour and up to 6 GiB.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from movierec_cli.config import DataConfig, SplitConfig
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.models.baselines.baseline import Kept, Scorer, same_for_all
from tests.bench.large_world import write_world
from tests.bench.rows import Bench, Row, movierec, run_process, seconds_of

DIM, EPOCHS = 64, 2
_TRAIN = ("--additional_feature_sets", "None", "--num_epochs", str(EPOCHS))
_EPOCH = "import sys; from tests.bench.large import print_epoch; print_epoch(*sys.argv[1:])"


def measure_large(bench: Bench) -> Iterator[Row]:
    """All of it on data that are made anew, in a folder that is deleted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made_s = seconds_of(lambda: write_world(folder / "ratings"))[0]
        yield Row("26 million ratings of 200,948 users × 87,585 movies, simulated", f"{made_s:.0f} s", "")
        yield from _in_parts(folder)
        yield from _commands(folder)


def _places(folder: Path) -> tuple[str, ...]:
    return ("--archive", f"{folder}/ratings", "--datasets_dir", f"{folder}/datasets")


def _commands(folder: Path) -> Iterator[Row]:
    models = ("--saved_models_dir", f"{folder}/models")
    page = ("--output", f"{folder}/page.html")
    command = ("train", *_places(folder), *models, *page, *_TRAIN, "--baselines", "popularity")
    done = movierec(*command, folder=folder)
    measured = f"{done.wall_s / 60:.1f} min, {done.peak_mib / 1024:.1f} GiB"
    yield Row(f"`train {' '.join(_TRAIN)} --baselines popularity`", measured, "≤ 5 min, ≤ 6 GiB")
    yield Row("… its page", f"{(folder / 'page.html').stat().st_size / 1e6:.1f} MB", "< 10 MB")
    before = _on_disk(folder / "models")
    movierec("train", *_places(folder), *models, *page, *_TRAIN, "--seed", "43", "--baselines", "None")
    added = (_on_disk(folder / "models") - before) / 1e6
    yield Row("… what another model of the same data adds to the disk", f"{added:.0f} MB", "≤ 250 MB")
    one = [movierec("recommend", "--user", "1", *models) for _ in range(3)]
    yield Row("`recommend --user 1`", f"{sorted(run.wall_s for run in one)[1]:.2f} s", "≤ 0.5 s")
    lists = ("--parts", f"{folder}/lists", "--top", "100")
    every = movierec("recommend", "--users", "all", *lists, *models)
    measured = f"{every.wall_s / 60:.1f} min, {every.peak_mib / 1024:.1f} GiB"
    yield Row("lists of 100 for all users, to Parquet", measured, "≤ 4 min, ≤ 3 GiB")


def _on_disk(folder: Path) -> int:
    """Bytes of all files, each counted once."""
    files = {file.stat().st_ino: file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    return sum(files.values())


def _in_parts(folder: Path) -> Iterator[Row]:
    data = DataConfig(archive=folder / "ratings", datasets_dir=folder / "datasets")
    first_s, later_s = seconds_of(lambda: load_dataset(data), 2)
    yield Row("… read: first, later", f"{first_s:.0f} s, {later_s:.1f} s", "")
    yield from _ranked(data)
    for dim, bar in ((DIM, "≤ 60 s"), (128, "")):
        done = run_process([sys.executable, "-c", _EPOCH, str(folder), str(dim)])
        found = json.loads(done.stdout)
        measured = f"{found['epoch_s']:.0f} s, {done.peak_mib / 1024:.1f} GiB"
        per_rating = found["epoch_s"] / found["n_ratings"] * 1e6
        yield Row(f"an epoch of ids, d {dim}", f"{measured}, {per_rating:.1f} µs a rating", bar)


def _ranked(data: DataConfig) -> Iterator[Row]:
    dataset = load_dataset(data)
    split = split_ratings(dataset.ratings, SplitConfig())
    rng = np.random.default_rng(0)
    users, movies = (
        rng.normal(0, 0.3, (n, DIM)).astype(np.float32) for n in (len(dataset.users), len(dataset.movies))
    )
    towers = Scorer(lambda rows: users[rows] @ movies.T, 0, Kept(movies[:, 0]))
    counts = np.bincount(dataset.ratings.movie_index[split.fit], minlength=len(dataset.movies))
    models = {f"a tower model, d {DIM}": towers, "popularity": same_for_all(counts.astype(np.float32))}
    for (label, model), bar in zip(models.items(), ("≤ 90 s", "≤ 15 s"), strict=True):
        seconds = seconds_of(lambda model=model: evaluate(dataset, split.fit, split.test, model))[0]
        what = f"rank {len(split.test):,} test ratings, both modes, and lists: {label}"
        yield Row(what, f"{seconds:.0f} s", bar)


def print_epoch(folder: str, dim: str) -> None:
    """Prints what the second of two epochs takes, as JSON; to be called in a new process."""
    from dataclasses import replace

    from movierec_cli.config import Family, SplitKind, default_settings
    from movierec_cli.models.feature_encodings import fit_features
    from movierec_cli.models.tensorflow_start import start_tensorflow
    from movierec_cli.registry.record import RunConfig

    start_tensorflow()
    from movierec_cli.models.two_tower.tower_fitting import Fit
    from movierec_cli.models.two_tower.tower_training import prepare

    place = Path(folder)
    dataset = load_dataset(DataConfig(archive=place / "ratings", datasets_dir=place / "datasets"))
    split = split_ratings(dataset.ratings, SplitConfig())
    usual = default_settings(Family.TWO_TOWER, SplitKind.RANDOM)
    model = replace(usual.model, embedding_size=int(dim))
    config = RunConfig(family=Family.TWO_TOWER, split=SplitConfig(), model=model, training=usual.training)
    vocabularies = fit_features(dataset, split.train, config.feature_set)
    fit = Fit(prepare(dataset, split.train, config, vocabularies).model, usual.training, 5.0)
    epoch_s = seconds_of(fit.epoch, 2)[1]
    print(json.dumps({"epoch_s": epoch_s, "n_ratings": len(split.train)}))
