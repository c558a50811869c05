"""One model trained by several processes, each of which holds the ratings of its own users.

A runner places the processes; each then meets the others by `process_group`. When one is lost, all end, as
none can go on without the others; they may be started anew, and go on after the last finished epoch. JAX is
not imported here, as each process has to say first how many devices it has.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from movierec_cli.config import Processes
from movierec_cli.errors import MovierecError
from movierec_cli.models.observer import TrainingObserver, pass_on, telling
from movierec_cli.models.sequential.checkpoint import Weights
from movierec_cli.models.sequential.engine import n_devices, start_keras
from movierec_cli.models.sequential.process_group import JOIN_WITHIN_S, LostProcessError, joined
from movierec_cli.models.sequential.shares import Share
from movierec_cli.models.trained import FitResult
from movierec_cli.records import dataclass
from movierec_cli.runners.local import LocalProcesses
from movierec_cli.runners.runner import Channel, Runner, WorkerLostError
from movierec_cli.text import counted

_STARTS, _ADDRESS = "starts", "address"
"""What a process asks: whether it may begin, and where to find the first one."""
_LISTENS, _PROGRESS = "listens", "progress"
"""What a process tells: where it can be found, and how the training goes."""
_ASK_AGAIN_S = 0.1

Learned = tuple[Weights, FitResult]


@dataclass(frozen=True)
class Seat:
    """A process' place in a training, and its share of the ratings, which is cut out when it is sent."""

    whole: Share
    rank: int
    size: int
    devices: int
    address: str | None  # where the first process listens; None: it says so itself
    tells: bool  # how the training goes

    def __reduce__(self) -> tuple[Any, ...]:
        share = self.whole.of_process(self.rank, self.size)
        return Seat, (share, self.rank, self.size, self.devices, self.address, self.tells)


def learn_together(
    share: Share,
    processes: Processes,
    observer: TrainingObserver,
    runner_of: Callable[[int], Runner] = LocalProcesses,
) -> Learned:
    """Trains a model in several processes.

    Args:
        share: all that is to be learned.
        processes: how many, and which of them are started here.
        observer: told of the progress.
        runner_of: what starts so many processes.

    Returns:
        The chosen epoch's weights, and how the training went.

    Raises:
        MovierecError: as `sequence_training.fit_run`; or processes were lost more often than `max_failures`.
    """
    for failure in range(1, processes.max_failures + 2):
        try:
            with runner_of(len(processes.started_here)) as runner:
                return _attempt(share, processes, observer, runner)
        except (LostProcessError, WorkerLostError) as error:
            if failure > processes.max_failures:
                again = "" if processes.max_failures else ", and --max_failures N starts it N times by itself"
                raise MovierecError(
                    f"{error}. The other processes were ended; the same command goes on after the last"
                    f" finished epoch{again}"
                ) from error
            observer.warned(
                f"{error}. The processes are started again, and go on after the last finished epoch"
                f" (failure {failure} of {processes.max_failures})."
            )
    raise AssertionError("the last failure is raised")


def _attempt(share: Share, processes: Processes, observer: TrainingObserver, runner: Runner) -> Learned:
    here, size = processes.started_here, processes.n_processes
    devices = max(1, n_devices() // len(here))
    seats = [Seat(share, rank, size, devices, processes.coordinator, rank == here[0]) for rank in here]
    meeting = _Meeting(here, size, observer)
    (learned,) = (one for _, one in runner.run(train_share, seats, told=meeting.told) if one is not None)
    return cast(Learned, learned)


class _Meeting:
    """What the processes of one attempt tell and ask."""

    def __init__(self, here: range, size: int, observer: TrainingObserver) -> None:
        self._here, self._size, self._observer = here, size, observer
        self._started: set[int] = set()
        self._address: str | None = None

    def told(self, number: int, message: tuple[str, Any]) -> Any:
        """Answers a message.

        Raises:
            LostProcessError: a process begins twice, so it was lost in between.
        """
        kind, content = message
        if kind == _STARTS:
            if number in self._started:
                raise LostProcessError(
                    f"process {self._here[number]} of {self._size} has ended, or was killed"
                )
            self._started.add(number)
        elif kind == _LISTENS:
            self._address = content
        elif kind == _PROGRESS:
            pass_on(self._observer, content)
        return self._address


def train_share(_: None, seat: Seat, channel: Channel) -> Learned | None:
    """What each process does: a task of a runner. Those that do not tell return nothing."""
    channel.ask((_STARTS, None))
    start_keras(seat.devices)
    from movierec_cli.models.sequential.sequence_learning import learn, make_model

    share = seat.whole
    share.require_own(seat.rank, seat.size)
    observer = TrainingObserver()
    if seat.tells:
        observer = telling(lambda event: channel.tell((_PROGRESS, event)))
    with joined(seat.rank, seat.size, address_of(seat, channel)) as group:
        model = make_model(share.dataset, share.config, share.vocabularies)
        result = learn(share, model, observer, group)
    return ([np.asarray(one) for one in model.weights()], result) if seat.tells else None


def address_of(seat: Seat, channel: Channel) -> str:
    """Where the first process listens; where nobody says so, it finds a free port, and the others ask for it.

    Raises:
        LostProcessError: it has not told it within `JOIN_WITHIN_S`.
    """
    if seat.address is not None:
        return seat.address
    if seat.rank == 0:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
        channel.tell((_LISTENS, address))
        return address
    until = time.monotonic() + JOIN_WITHIN_S
    while (found := channel.ask((_ADDRESS, None))) is None:
        if time.monotonic() > until:
            raise LostProcessError(
                f"the first process of {counted(seat.size, 'process', 'processes')} did not start within"
                f" {JOIN_WITHIN_S} s"
            )
        time.sleep(_ASK_AGAIN_S)
    return str(found)
