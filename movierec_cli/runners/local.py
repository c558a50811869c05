"""Several processes of this machine, each of which does one task after the other."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, ClassVar, Self

from movierec_cli.cores import bound_to, part_of_cores, usable_cores
from movierec_cli.records import dataclass
from movierec_cli.runners.local_worker import ASKED, FAILED, SHARED, TASK, TOLD, work
from movierec_cli.runners.runner import MOST_LOSSES, Listener, Task, lost, nobody
from movierec_cli.runners.shared_arrays import SharedValue

_ENDS_WITHIN_S = 5.0
_NOT_STARTED = 1  # Python's exit code where its main module cannot be imported
_START_ADVICE = (
    "the process could not be started: a script that asks for several processes does so under"
    ' if __name__ == "__main__":, as each of them imports it'
)


@dataclass
class _Worker:
    """A process, the way to it, which part of the cores it has, and what it is doing."""

    process: SpawnProcess
    connection: Connection
    part: int
    number: int | None = None  # of the argument that it works on
    knows: SharedValue | None = None  # what was shared with it last

    def give(self, number: int, argument: Any, task: Task, shared: SharedValue) -> None:
        """Hands a task over. Raises an `OSError` where the process has ended."""
        self.number = number
        if self.knows is not shared:
            assert self.process.pid is not None
            self.connection.send((SHARED,))
            shared.send(self.connection, self.process.pid)
            self.knows = shared
        self.connection.send((TASK, task, argument))

    def end(self) -> None:
        """Ends the process, whatever it does: it has nothing that is not given back."""
        self.connection.close()
        self.process.kill()
        self.process.join()


def _started(part: int, n_parts: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    own, others = context.Pipe()
    process = context.Process(target=work, args=(others,), daemon=True)
    with bound_to(part_of_cores(usable_cores(), part, n_parts)):
        process.start()
    others.close()  # so that this end is told when the process has ended
    return _Worker(process, own, part)


class _Work:
    """The tasks of one call of `run`: which are to be given out, and which are on their way."""

    def __init__(self, arguments: Iterable[Any]) -> None:
        self._new = enumerate(arguments)
        self._again: list[int] = []  # whose workers were lost
        self._open: dict[int, Any] = {}  # arguments without a result
        self._losses: Counter[int] = Counter()

    def next(self) -> tuple[int, Any] | None:
        """The number and the argument of the next task; None where there is none at this moment."""
        if self._again:
            number = self._again.pop(0)
            return number, self._open[number]
        found = next(self._new, None)
        if found is not None:
            self._open[found[0]] = found[1]
        return found

    def lose(self, number: int, exit_code: int | None) -> None:
        """Puts a task back. Raises a `WorkerLostError` where that is once too often."""
        self._losses[number] += 1
        if self._losses[number] == MOST_LOSSES:
            advice = {"advice": _START_ADVICE} if exit_code == _NOT_STARTED else {}
            raise lost(number, f"exit code {exit_code}", **advice)
        self._again.append(number)

    def finish(self, number: int) -> None:
        """Forgets a task that is done."""
        del self._open[number]


@dataclass
class LocalProcesses:
    """Does tasks in processes of this machine; see `Runner`.

    They are started anew, not forked, when they are first needed, and each imports what its tasks need once.
    Each has its part of the cores, and so as many threads.

    Args:
        n_jobs: how many.
    """

    n_jobs: int
    shares_files: ClassVar[bool] = True
    _workers: list[_Worker] = field(default_factory=list)

    def run(
        self, task: Task, arguments: Iterable[Any], *, shared: Any = None, told: Listener = nobody
    ) -> Iterator[tuple[int, Any]]:
        """See `Runner.run`."""
        value = SharedValue.of(shared)
        tasks = _Work(arguments)
        try:
            while busy := self._busy_after_filling(task, tasks, value):
                for connection in wait(list(busy)):
                    worker = busy[connection]
                    number = worker.number
                    assert number is not None  # it is busy
                    try:
                        kind, content = worker.connection.recv()
                    except (EOFError, OSError):
                        self._lose(worker, tasks)
                        continue
                    if kind in (TOLD, ASKED):
                        answer = told(number, content)
                        if kind == ASKED:
                            with contextlib.suppress(OSError):  # the next look finds it lost
                                worker.connection.send(answer)
                        continue
                    worker.number = None
                    if kind == FAILED:
                        raise content
                    tasks.finish(number)
                    yield number, content
        finally:
            self._end([one for one in self._workers if one.number is not None])
            value.close()

    def _busy_after_filling(self, task: Task, tasks: _Work, shared: SharedValue) -> dict[Any, _Worker]:
        """Gives each free worker a task, as long as there are any; the busy ones by their connection."""
        while len(busy := [one for one in self._workers if one.number is not None]) < self.n_jobs:
            if (following := tasks.next()) is None:
                break
            worker = next((one for one in self._workers if one.number is None), None) or self._add()
            try:
                worker.give(*following, task, shared)
            except OSError:
                self._lose(worker, tasks)
        return {one.connection: one for one in busy}

    def _add(self) -> _Worker:
        taken = {one.part for one in self._workers}
        part = next(part for part in range(self.n_jobs) if part not in taken)
        self._workers.append(worker := _started(part, self.n_jobs))
        return worker

    def _lose(self, worker: _Worker, tasks: _Work) -> None:
        """Puts back what a process that has ended was doing. Raises a `WorkerLostError`."""
        number = worker.number
        assert number is not None
        worker.process.join(_ENDS_WITHIN_S)
        exit_code = worker.process.exitcode
        self._end([worker])
        tasks.lose(number, exit_code)

    def _end(self, workers: Iterable[_Worker]) -> None:
        for worker in list(workers):
            self._workers.remove(worker)
            worker.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end(self._workers)
