"""One SASRec trained by two processes: its losses beside those of one, its speed, and what kills do."""

import contextlib
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from movierec_cli.config import NO_FEATURES, DataConfig, Family, Processes, SplitKind, default_settings
from movierec_cli.cores import bound_to, usable_cores
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import MovierecError
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.sequential.engine import start_keras
from movierec_cli.models.sequential.group_training import Seat, address_of, learn_together
from movierec_cli.models.sequential.process_group import ALONE, joined
from movierec_cli.models.sequential.shares import Share
from movierec_cli.registry.record import RunConfig
from movierec_cli.runners.local import LocalProcesses
from movierec_cli.runners.runner import Channel
from tests.bench.rows import Bench, Row, spread, times
from tests.models.sequential.recorded_group import Recorded

STEPS, KILLS = 50, 3
SMALL = {"max_length": 20, "embedding_size": 16, "hidden_size": 16, "num_layers": 1}


def measure_one_model(bench: Bench) -> Iterator[Row]:
    """Losses on 100K, then seconds of an epoch of 1M, then kills on the sample."""
    yield _losses(DataConfig(archive=bench.find("ml-100k.zip")))
    yield from _speed(DataConfig(archive=bench.find("ml-1m.zip")))
    yield _kills()


def share_of(
    data_config: DataConfig, folder: Path, model: dict[str, Any] | None = None, **training: Any
) -> Share:
    """All of a SASRec's training with the usual settings but these."""
    usual = default_settings(Family.SASREC, SplitKind.LEAVE_LAST)
    assert usual.model is not None
    data = split_data(load_dataset(data_config), usual.split)
    config = RunConfig(
        family=Family.SASREC,
        feature_set=NO_FEATURES,
        split=usual.split,
        model=replace(usual.model, **(model or {})),
        training=replace(usual.training, patience=0, **training),
    )
    return Share(
        dataset=data.dataset,
        split=data.split,
        users=np.arange(len(data.dataset.users)),
        ratings=np.arange(len(data.dataset.ratings)),
        config=config,
        vocabularies={},
        checkpoint=folder,
    )


@dataclass
class _Trained:
    """What a process tells of a training."""

    losses: list[float]  # of each step, nats
    epoch_s: list[float]  # of each epoch but the first, which compiles
    n_ratings: int  # that it held


class _Clock(TrainingObserver):
    def __init__(self) -> None:
        self.ends: list[float] = []

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        self.ends.append(time.perf_counter())


def train_recorded(_: None, seat: Seat, channel: Channel) -> _Trained:
    """A task of a runner: `group_training.train_share` with a record of its steps."""
    start_keras(seat.devices)
    from movierec_cli.models.sequential.sequence_learning import learn, make_model

    share, clock = seat.whole, _Clock()
    share.require_own(seat.rank, seat.size)
    alone = contextlib.nullcontext(ALONE)
    with alone if seat.size == 1 else joined(seat.rank, seat.size, address_of(seat, channel)) as others:
        group = Recorded(others)
        learn(share, make_model(share.dataset, share.config, share.vocabularies), clock, group)
    return _Trained(
        [loss / weight for loss, weight in group.steps], list(np.diff(clock.ends)), len(share.ratings)
    )


def _trained(share: Share, size: int, devices: int) -> list[_Trained]:
    """What each of so many processes with so many devices tells."""
    address: list[str] = []

    def told(number: int, message: tuple[str, Any]) -> str | None:
        if message[0] == "listens":
            address.append(message[1])
        return address[0] if address else None

    cores = bound_to(usable_cores()[: size * devices])
    with cores, tempfile.TemporaryDirectory() as folder, LocalProcesses(size) as runner:
        own = replace(share, checkpoint=Path(folder) / "checkpoint")
        seats = [Seat(own, rank, size, devices, None, rank == 0) for rank in range(size)]
        found = dict(runner.run(train_recorded, seats, told=told))
    return [found[rank] for rank in range(size)]


def _losses(data: DataConfig) -> Row:
    share = share_of(data, Path(), num_epochs=4, validation_freq=4)
    (one,) = _trained(share, 1, 2)
    both = _trained(share, 2, 1)
    assert sum(each.n_ratings for each in both) == one.n_ratings
    found, expected = (np.array(each.losses[:STEPS]) for each in (both[0], one))
    assert len(found) == STEPS
    return Row(
        f"SASRec on 100K in two processes, {STEPS} steps, loss {expected[0]:.3f} … {expected[-1]:.3f}",
        f"loss differs by {np.abs(found - expected).max():.1e} at most; {both[0].n_ratings:,} and"
        f" {both[1].n_ratings:,} of {one.n_ratings:,} ratings held",
        "≤ 1e-4",
        "one process",
    )


def _speed(data: DataConfig) -> Iterator[Row]:
    share = share_of(data, Path(), num_epochs=3, validation_freq=3)
    seconds = {
        (size, devices): _trained(share, size, devices)[0].epoch_s
        for size, devices in ((1, 1), (1, 2), (2, 1))
    }
    two = statistics.median(seconds[2, 1])
    for (size, devices), name in (((1, 1), "one process on one core"), ((1, 2), "one process on two cores")):
        reference = statistics.median(seconds[size, devices])
        yield Row(
            "one SASRec epoch of 1M, default settings, two processes with a core each",
            f"{spread(seconds[2, 1], '.1f')} s",
            "as measured",
            f"{name} {reference:.1f} s",
            times(reference, two),
        )


class _Killer(TrainingObserver):
    """Kills a process when an epoch ends."""

    def __init__(self, epoch: int, which: int) -> None:
        self._epoch, self._which, self.killed_s = epoch, which, 0.0

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        if epoch == self._epoch:
            multiprocessing.active_children()[self._which].kill()
            self.killed_s = time.perf_counter()


def _kills() -> Row:
    rng, processes, ended_s, same = random.Random(0), Processes(n_processes=2), [], 0
    with tempfile.TemporaryDirectory() as name:
        share = share_of(DataConfig(dataset="sample"), Path(name) / "none", SMALL, num_epochs=8)
        expected, _ = learn_together(share, processes, TrainingObserver())
        for kill in range(KILLS):
            own = replace(share, checkpoint=Path(name) / str(kill))
            killer = _Killer(rng.randint(1, 7), rng.randint(0, 1))
            try:
                learn_together(own, processes, killer)
            except MovierecError:
                ended_s.append(time.perf_counter() - killer.killed_s)
            found, _ = learn_together(own, processes, TrainingObserver())
            same += all((a == b).all() for a, b in zip(found, expected, strict=True))
    return Row(
        f"{KILLS} kills of one of two processes, SASRec on the sample",
        f"error after {max(ended_s, default=0):.1f} s at most, {len(ended_s)} times; {same} resumed to the"
        " same bits",
        f"{KILLS} of {KILLS}",
        "an undisturbed training",
    )
