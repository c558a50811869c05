"""A split as files, for other libraries to train on; `foreign` judges what they make of it."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import DataConfig, SplitConfig
from movierec_cli.data.split_data import SplitData, split_data
from movierec_cli.errors import DataError, UsageError, problems_named
from movierec_cli.experiment.loading import load_source
from movierec_cli.experiment.selection import split_options
from movierec_cli.experiment.trainer import requested_split
from movierec_cli.files.atomic import written_folder
from movierec_cli.files.csv_tables import write_csv
from movierec_cli.models.observer import TrainingObserver

README = "README.txt"
_PARTS = ("train", "validation", "test")
_FILES = {README, *(f"{part}.csv" for part in _PARTS)}
_AT_ONCE = 1 << 16  # rows as Python values


def write_split(
    config: DataConfig,
    split: SplitConfig,
    folder: Path,
    observer: TrainingObserver,
    *,
    of_data: SplitConfig | None = None,
) -> SplitData:
    """Writes train, validation and test as a training with the same options divides the ratings.

    Each is a CSV with the columns user, item, rating and timestamp (seconds since 1970-01-01 UTC), those
    that the data have, in the data's own ids and order. The folder is complete or absent.

    Args:
        config: the data set.
        split: how it is divided.
        folder: where; a folder of other files is refused.
        observer: told of the progress.
        of_data: in place of `split` where the data come with a split of their own.

    Raises:
        MovierecError: the data cannot be had or split, or the folder cannot be written.
        UsageError: several folds are asked for, or how targets are asked for is said.
    """
    if split.folds:
        raise UsageError(
            f"--folds {split.folds} makes {split.folds} splits, and one is written; leave it out"
        )
    if split.is_successive:
        raise UsageError(
            f"--targets {split.targets} is how ratings are asked for, and the files hold the ratings alone;"
            " leave it out"
        )
    _require_replaceable(folder)
    source = load_source(config, observer)
    data = split_data(source, requested_split(source, split, of_data, observer))
    with problems_named(f"{folder} cannot be written", DataError), written_folder(folder) as new:
        new.mkdir()
        for part in _PARTS:
            rows = getattr(data.split, part)
            write_csv(_columns(data), _values(data, rows), new / f"{part}.csv")
        (new / README).write_text(_readme(config, data), encoding="utf-8")
    return data


def _require_replaceable(folder: Path) -> None:
    """Refuses a file, and a folder with anything but a split that was written before."""
    if folder.exists() and not folder.is_dir():
        raise DataError("is a file; name a folder with --output", file=folder)
    others = sorted({path.name for path in folder.iterdir()} - _FILES) if folder.is_dir() else []
    if others:
        raise DataError(f"holds other files ({others[0]}), which stay; name a new folder", file=folder)


def _columns(data: SplitData) -> list[str]:
    ratings = data.dataset.ratings
    has = {"rating": ratings.scale is not None, "timestamp": ratings.has_times}
    return ["user", "item", *(name for name, is_there in has.items() if is_there)]


def _values(data: SplitData, rows: npt.NDArray[np.int64]) -> Iterator[tuple[object, ...]]:
    dataset, ratings, names = data.dataset, data.dataset.ratings, _columns(data)
    for first in range(0, len(rows), _AT_ONCE):
        some = rows[first : first + _AT_ONCE]
        columns = {
            "user": dataset.users.user_id[ratings.user_index[some]],
            "item": dataset.movies.movie_id[ratings.movie_index[some]],
            "rating": ratings.rating[some].astype(str),  # as short as it was, which a wider float is not
            "timestamp": ratings.timestamp[some],
        }
        yield from zip(*(columns[name].tolist() for name in names), strict=True)


def _readme(config: DataConfig, data: SplitData) -> str:
    place = ["--archive", str(config.archive)] if config.archive else ["--dataset", config.dataset]
    merged = ["--merge_duplicates"] if config.merge_duplicates else []
    command = f"movierec evaluate {shlex.join([*place, *merged])} {split_options(data.config)}"
    noun = data.dataset.noun
    how = data.summary.sentence(data.config, noun, data.dataset.ratings.called)
    return (
        f"{data.dataset.description}, split by movierec: {how}.\n\n"
        "Train on train.csv, choose settings on validation.csv, then train on both. For each user of\n"
        f"test.csv, list the best {noun}s that the user has in neither, as a table with the columns user,\n"
        "item and rank, or user, item and score. Then compare them with the models and baselines here:\n\n"
        f"{command} --lists NAME=FILE\n\n"
        "--scores NAME=FILE takes scores of all items in place of lists, which tells more metrics.\n"
    )
