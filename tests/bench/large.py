"""26 million simulated ratings of MovieLens 32M's shape: a whole command, its parts, and what is asked later.

Takes some hours, most of them for the baselines and the models of sequences, and up to 8 GiB.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from movierec_cli.config import DataConfig, SplitConfig
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.models.baselines.baseline import Kept, Scorer, same_for_all
from movierec_cli.models.two_tower.query_batches import CLASSES, MAX_CLASSES
from tests.bench.large_world import USERS, write_world
from tests.bench.rows import Bench, Finished, Row, called, movierec, seconds_of

if TYPE_CHECKING:
    from movierec_cli.data.split import Split
    from movierec_cli.models.two_tower.tower_fitting import Fit
    from movierec_cli.models.two_tower.tower_training import Prepared

DIM, EPOCHS = 64, 2
_TRAIN = ("--additional_feature_sets", "None", "--num_epochs", str(EPOCHS))
TENTH = 10  # of the users, for what is compared with the softmax over all movies
COMPARED_EPOCHS = 10


def measure_large(bench: Bench) -> Iterator[Row]:
    """All of it on data that are made anew, in a folder that is deleted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made_s = seconds_of(lambda: write_world(folder / "ratings"))[0]
        yield Row("26 million ratings of 200,948 users × 87,585 movies, simulated", f"{made_s:.0f} s", "")
        yield from _in_parts(folder)
        yield from _commands(folder)
        yield from _sampled(folder)
        yield from _others(folder)


def _places(folder: Path) -> tuple[str, ...]:
    return ("--archive", f"{folder}/ratings", "--datasets_dir", f"{folder}/datasets")


def _commands(folder: Path) -> Iterator[Row]:
    models = ("--saved_models_dir", f"{folder}/models")
    page = ("--output", f"{folder}/page.html")
    command = ("train", *_places(folder), *models, *page, *_TRAIN, "--baselines", "popularity")
    done = movierec(*command, folder=folder)
    yield Row(f"`train {' '.join(_TRAIN)} --baselines popularity`", _cost(done), "≤ 5 min, ≤ 6 GiB")
    yield Row("… its page", f"{(folder / 'page.html').stat().st_size / 1e6:.1f} MB", "< 10 MB")
    before = on_disk(folder / "models")
    movierec("train", *_places(folder), *models, *page, *_TRAIN, "--seed", "43", "--baselines", "None")
    added = (on_disk(folder / "models") - before) / 1e6
    yield Row("… what another model of the same data adds to the disk", f"{added:.0f} MB", "≤ 250 MB")
    one = [movierec("recommend", "--user", "1", *models) for _ in range(3)]
    yield Row("`recommend --user 1`", f"{sorted(run.wall_s for run in one)[1]:.2f} s", "≤ 0.5 s")
    lists = ("--parts", f"{folder}/lists", "--top", "100")
    every = movierec("recommend", "--users", "all", *lists, *models)
    yield Row("lists of 100 for all users, to Parquet", _cost(every), "≤ 4 min, ≤ 3 GiB")


def _sampled(folder: Path) -> Iterator[Row]:
    """What is lost by comparing with a part of the catalogue, on a tenth of the users and all movies."""
    write_world(folder / "tenth" / "ratings", n_users=USERS // TENTH)
    of_each = [called(print_accuracy, folder / "tenth", most)[1] for most in (MAX_CLASSES, 2**30)]
    sampled, every = (one["ndcg"] for one in of_each)
    what = f"NDCG@10 after {COMPARED_EPOCHS} epochs of ids on a tenth: {CLASSES:,} movies a step"
    yield Row(what, f"{sampled:.4f}", "all − 1 %", f"{every:.4f} (all)", f"{sampled / every - 1:+.2%}")


def _others(folder: Path) -> Iterator[Row]:
    """Baselines beside what is saved, and an epoch of each family of sequences with the test of its users."""
    models = ("--saved_models_dir", f"{folder}/models")
    for name in ("ials", "item-knn"):
        done = movierec("evaluate", *_places(folder), *models, "--baselines", name)
        yield Row(f"`evaluate --baselines {name}`, fitted, ranked and compared", _cost(done), "")
    for family in ("sasrec", "gru4rec"):
        apart = ("--saved_models_dir", f"{folder}/{family}", "--output", f"{folder}/{family}.html")
        family_only = ("--family", family, "--num_epochs", "1", "--baselines", "None")
        done = movierec("train", *_places(folder), *apart, *family_only)
        yield Row(f"`train --family {family} --num_epochs 1`, all in all", _cost(done), "≤ 8 GiB")


def _cost(done: Finished) -> str:
    return f"{done.wall_s / 60:.1f} min, {done.peak_mib / 1024:.1f} GiB"


def on_disk(folder: Path) -> int:
    """Bytes of all files, each counted once."""
    files = {file.stat().st_ino: file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    return sum(files.values())


def _in_parts(folder: Path) -> Iterator[Row]:
    data = _data_in(folder)
    first_s, later_s = seconds_of(lambda: load_dataset(data), 2)
    yield Row("… read: first, later", f"{first_s:.0f} s, {later_s:.1f} s", "")
    yield from _ranked(data)
    for dim, bar in ((DIM, "≤ 60 s"), (128, "")):
        done, found = called(print_epoch, folder, dim)
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
    _, split, fit = fit_of(_data_in(Path(folder)), int(dim))
    epoch_s = seconds_of(fit.epoch, 2)[1]
    print(json.dumps({"epoch_s": epoch_s, "n_ratings": len(split.train)}))


def print_accuracy(folder: str, most_classes: str) -> None:
    """Prints the NDCG@10 of the test of some epochs, as JSON; likewise.

    Args:
        folder: of the ratings.
        most_classes: of movies that a step compares with before it takes a part of them.
    """
    from movierec_cli.evaluation.metrics import metric_values
    from movierec_cli.models.two_tower import query_batches

    query_batches.MAX_CLASSES = int(most_classes)
    prepared, split, fit = fit_of(_data_in(Path(folder)), DIM, batch_size=512)
    for _ in range(COMPARED_EPOCHS):
        fit.epoch()
    with fit.average.applied():
        outcome = evaluate(prepared.dataset, split.train, split.test, prepared)
    print(json.dumps({"ndcg": metric_values(outcome, "ndcg@10").mean()}))


def _data_in(folder: Path) -> DataConfig:
    return DataConfig(archive=folder / "ratings", datasets_dir=folder / "datasets")


def fit_of(data: DataConfig, dim: int, batch_size: int | None = None) -> tuple[Prepared, Split, Fit]:
    """A model of ids, and its training."""
    from movierec_cli.config import Family, SplitKind, default_settings
    from movierec_cli.models.feature_encodings import fit_features
    from movierec_cli.models.tensorflow_start import start_tensorflow
    from movierec_cli.registry.record import RunConfig

    start_tensorflow()
    from movierec_cli.models.two_tower.tower_fitting import AVERAGED_EPOCHS, Fit
    from movierec_cli.models.two_tower.tower_training import prepare

    dataset = load_dataset(data)
    split = split_ratings(dataset.ratings, SplitConfig())
    usual = default_settings(Family.TWO_TOWER, SplitKind.RANDOM)
    model = replace(usual.model, embedding_size=dim)
    training = replace(usual.training, batch_size=batch_size)
    config = RunConfig(family=Family.TWO_TOWER, split=SplitConfig(), model=model, training=training)
    vocabularies = fit_features(dataset, split.train, config.feature_set)
    prepared = prepare(dataset, split.train, config, vocabularies)
    return prepared, split, Fit(prepared.model, training, AVERAGED_EPOCHS)
