"""One epoch of SASRec on 1M: ours, and RecTools' with the same sizes, in one run.

RecTools needs torch and an older NumPy, so it runs in an interpreter of its own: the environment variable
RECTOOLS_PYTHON names it.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import (
    Activation,
    DataConfig,
    DropoutPlaces,
    Family,
    LossKind,
    Precision,
    SequenceConfig,
    TrainingConfig,
)
from movierec_cli.cores import has_bfloat16
from movierec_cli.data.dataset import Dataset, Ratings
from movierec_cli.data.split import Split
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.trained import Fitting
from movierec_cli.registry.record import RunConfig
from tests.bench.baselines import LEAVE_LAST, divided
from tests.bench.rows import Bench, Row, run_process, spread, times

EPOCHS = 3  # of ours, the first of which compiles
SEQUENCE = SequenceConfig(
    max_length=200,
    embedding_size=64,
    num_layers=2,
    num_heads=2,
    hidden_size=64,
    dropout=0.2,
    whole_history=False,  # RecTools learns the newest movies only
)
TRAINING = TrainingConfig(
    num_epochs=EPOCHS,
    loss=LossKind.CATALOGUE,
    batch_size=12_800,  # positions
    learning_rate=0.001,
    validation_freq=EPOCHS,
    patience=0,
    refit=False,
)
WIDER = replace(
    SEQUENCE,
    hidden_size=256,
    activation=Activation.GELU,
    dropout_places=DropoutPlaces.OUTPUTS,
)
"""Feed-forward layers four times as wide as RecTools'."""
WHOLE = replace(WIDER, whole_history=True)
"""All ratings are learned, half as many again as RecTools learns in an epoch."""
NARROW = replace(WHOLE, precision=Precision.BFLOAT16)
"""The same with the softmax's products in bfloat16, for CPUs that have it."""
RECTOOLS = {
    "n_blocks": 2,
    "n_heads": 2,
    "n_factors": 64,
    "session_max_len": 200,
    "dropout_rate": 0.2,
    "loss": "softmax",
    "lr": 0.001,
    "batch_size": 64,  # users, padded to 200 positions each: 12,800
    "epochs": 2,
}
ASK_FOR_RECTOOLS = (
    'not measured: RECTOOLS_PYTHON names no interpreter; `pip install "rectools[torch]"` in an environment of'
    " its own, then set it to that environment's python"
)


def measure_sequence_epoch(bench: Bench) -> Iterator[Row]:
    """The first epoch of each is not counted: it compiles, or warms up."""
    data = DataConfig(archive=bench.find("ml-1m.zip"))
    dataset, split = divided(data, LEAVE_LAST)
    interpreter = os.environ.get("RECTOOLS_PYTHON")
    theirs = rectools_epochs(interpreter, dataset.ratings, split.train) if interpreter else []
    reference = f"RecTools' `SASRecModel` {spread(theirs, '.1f')} s" if theirs else ASK_FOR_RECTOOLS
    wider = replace(TRAINING, batch_size=25_600)
    whole = (WHOLE, NARROW) if has_bfloat16() else (WHOLE,)
    for model, training in ((SEQUENCE, TRAINING), (WIDER, wider), *((model, wider) for model in whole)):
        ours = our_epochs(dataset, split, model, training)
        n_tokens = tokens(dataset, split, 0 if model.whole_history else model.max_length)
        what = (
            f"one SASRec epoch of 1M, leave-last, {n_tokens:,} positions, d 64, feed-forward layers"
            f" {model.hidden_size} wide, 2 blocks, length 200, softmax over all movies"
            f"{', its products in bfloat16' if model.precision else ''}"
        )
        ratio = times(statistics.median(theirs), statistics.median(ours)) if theirs else ""
        yield Row(what, f"{spread(ours, '.1f')} s", "≥ 9 × faster", reference, ratio)


def our_epochs(
    dataset: Dataset, split: Split, model: SequenceConfig, training: TrainingConfig
) -> list[float]:
    """Seconds of each epoch but the first."""
    from movierec_cli.models.sequential.engine import start_keras

    start_keras()
    from movierec_cli.models.sequential.sequence_training import fit_run

    config = RunConfig(family=Family.SASREC, split=LEAVE_LAST, model=model, training=training)
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        fit_run(Fitting(dataset, split, config, clock, Path(folder) / "checkpoint_folder"))
    return [later - earlier for earlier, later in pairwise(clock.ends)]


def tokens(dataset: Dataset, split: Split, newest: int) -> int:
    """How many movies are learned from their past in an epoch: the newest so many of each user, 0: all."""
    n_train = np.bincount(dataset.ratings.user_index[split.train])
    return int(np.clip(n_train - 1, 0, newest or None).sum())


def rectools_epochs(interpreter: str, ratings: Ratings, rows: npt.NDArray[np.int64]) -> list[float]:
    """Seconds of each epoch but the first."""
    script = Path(__file__).with_name("rectools_epoch.py")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ratings.npz"
        np.savez(path, **in_order(ratings, rows))
        finished = run_process([interpreter, str(script), str(path), json.dumps(RECTOOLS)], Path(folder))
    seconds: list[float] = json.loads(finished.stdout.splitlines()[-1])["epoch_s"]
    return seconds[1:]


def in_order(ratings: Ratings, rows: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
    """Whose rating is of which movie, and its place in time; ratings of one second as in the file."""
    places = np.argsort(np.argsort(ratings.timestamp[rows], kind="stable"), kind="stable")
    return {
        "user": ratings.user_index[rows].astype(np.int64),
        "movie": ratings.movie_index[rows].astype(np.int64),
        "order": places,
    }


class _Clock(TrainingObserver):
    """When each epoch ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        self.ends.append(time.perf_counter())
