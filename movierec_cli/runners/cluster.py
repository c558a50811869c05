"""A cluster of machines, by Ray: the twin of `local`."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Self

from movierec_cli import __version__
from movierec_cli.errors import MovierecError
from movierec_cli.packages import how_to_install, is_installed
from movierec_cli.runners.cluster_task import PAUSE_S, work
from movierec_cli.runners.mailbox import Letter, Mailbox
from movierec_cli.runners.runner import MOST_LOSSES, Listener, Task, lost, nobody

LOCAL, AUTO = "local", "auto"
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
"""Numbers of threads, of which a task has as many as cores; Ray sets the first one alone."""
_KEPT = (*_THREADS, "OPENBLAS_NUM_THREADS", "XLA_FLAGS", "MOVIEREC_LIMIT_FACTOR")
_OBJECTS_BYTES = 1 << 30  # of what tasks share and return, on a machine that is a cluster by itself


class RayCluster:
    """Does tasks on the machines of a cluster, one for each core; see `Runner`.

    What is shared is put into Ray's object store once. A task whose machine is lost is done again on another.
    movierec is installed on each machine, in this version.

    Args:
        address: "local" for one of this machine alone, which ends with this runner; "auto" for the one that
            this machine belongs to; or where another one is, as "10.0.0.1:6379".
        at_most: so many tasks at once, where it is given.

    Raises:
        MovierecError: Ray is not installed.
    """

    shares_files = False

    def __init__(self, address: str, at_most: int | None = None) -> None:
        if not is_installed("ray"):
            raise MovierecError(f"--cluster needs the package ray: {how_to_install('ray')}")
        self._address = address
        self._at_most = at_most
        self._is_own = False
        self._box: Any = None
        self._round = 0  # which call of `run`
        self._letters: Any = None
        """The promise of the next letters. One alone: of two, the forgotten one could be given a question."""

    @property
    def n_jobs(self) -> int:
        """One for each core that the cluster has at this moment, unless fewer are wanted."""
        import ray

        n_cores = max(1, int(ray.cluster_resources().get("CPU", 0)))
        return n_cores if self._at_most is None else min(n_cores, self._at_most)

    def run(
        self, task: Task, arguments: Iterable[Any], *, shared: Any = None, told: Listener = nobody
    ) -> Iterator[tuple[int, Any]]:
        """See `Runner.run`."""
        import ray

        there, mailbox = ray.put(shared), self._mailbox()
        self._round += 1
        remote = ray.remote(num_cpus=1, max_retries=MOST_LOSSES - 1)(work)
        following = enumerate(arguments)
        on_their_way: dict[Any, int] = {}
        if self._letters is None:
            self._letters = mailbox.take.remote()
        try:
            while True:
                free = max(0, self.n_jobs - len(on_their_way))  # fewer than none once machines are lost
                for number, argument in itertools.islice(following, free):
                    place = (self._round, number)
                    sent = remote.remote(__version__, task, there, argument, place, mailbox)
                    on_their_way[sent] = number
                if not on_their_way:
                    return
                (ready,), _ = ray.wait([self._letters, *on_their_way], num_returns=1)
                if ready is self._letters:
                    self._letters = self._read(mailbox, told)
                else:  # whoever is done has told all; a promise kept before that has not the last of it
                    for _ in range(2):
                        mailbox.wake.remote()
                        self._letters = self._read(mailbox, told)
                if ready in on_their_way:
                    number = on_their_way.pop(ready)
                    yield number, _result(ready, number)
        finally:
            for one in on_their_way:
                ray.cancel(one, force=True)

    def _mailbox(self) -> Any:
        """On this machine, so that it is not lost with another one."""
        if self._box is not None:
            return self._box
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        options = {"num_cpus": 0, "max_restarts": -1, "scheduling_strategy": here}
        self._box = ray.remote(Mailbox).options(**options).remote()
        return self._box

    def _read(self, mailbox: Any, told: Listener) -> Any:
        """Hands letters over, and answers those that ask; returns the promise of the next ones."""
        import ray

        read: list[Letter] = []
        try:
            read = ray.get(self._letters)
        except ray.exceptions.RayActorError:  # it is started anew, and its letters are lost
            time.sleep(PAUSE_S)
        for (asked_in, number), question, content in read:
            if asked_in != self._round:  # of a task that was given up
                continue
            answer = told(number, content)
            if question is not None:
                mailbox.answer.remote(question, answer)
        return mailbox.take.remote()

    def __enter__(self) -> Self:
        """Connects.

        Raises:
            MovierecError: there is no such cluster, or it has another version of Ray or Python.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        with _own_signals():
            self._connect()
        return self

    def _connect(self) -> None:
        import ray

        if ray.is_initialized():  # whoever did it ends it
            return
        own = {"num_cpus": os.cpu_count(), "include_dashboard": False, "object_store_memory": _OBJECTS_BYTES}
        try:
            ray.init(
                address=self._address,
                runtime_env={"env_vars": _environment()},
                logging_level=logging.ERROR,
                log_to_driver=False,
                **own if self._address == LOCAL else {},
            )
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            said = str(error).strip().partition("\n")[0]
            raise MovierecError(f"--cluster {self._address} cannot be used: {said}") from error
        self._is_own = True

    def __exit__(self, *_: object) -> None:
        import ray

        if self._box is not None:
            ray.kill(self._box)
            self._box = self._letters = None
        if self._is_own:
            ray.shutdown()
            self._is_own = False


def _environment() -> dict[str, str]:
    """As in this process, with a thread for each task, as a task has one core."""
    return dict.fromkeys(_THREADS, "1") | {name: os.environ[name] for name in _KEPT if name in os.environ}


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps what this process does when it is told to end, of which Ray has an idea of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


def _result(done: Any, number: int) -> Any:
    import ray

    broken = ray.exceptions
    try:
        is_result, content = ray.get(done)
    except broken.OutOfMemoryError as error:
        raise lost(number, "its machine had no memory left") from error
    except (broken.WorkerCrashedError, broken.NodeDiedError, broken.ObjectLostError) as error:
        raise lost(number, "its process or machine ended") from error
    except broken.RayError as error:  # such as a machine on which movierec is not installed
        said = str(error).strip().rpartition("\n")[2]
        raise MovierecError(f"--cluster: task {number + 1} could not be done there: {said}") from error
    if not is_result:
        raise content
    return content
