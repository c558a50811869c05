"""What a process of `LocalProcesses` does: it takes tasks until nobody is left who has any."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from movierec_cli.records import dataclass
from movierec_cli.runners.runner import portable, resolved
from movierec_cli.runners.shared_arrays import received

TOLD, ASKED, DONE, FAILED = "told", "asked", "done", "failed"
"""What a message from a worker is: an event, a question, a result or an error."""
SHARED, TASK = "shared", "task"
"""What a message to a worker is."""


@dataclass(frozen=True)
class _Way:
    """The channel of a task in a worker."""

    connection: Connection

    def tell(self, event: Any) -> None:
        self.connection.send((TOLD, event))

    def ask(self, question: Any) -> Any:
        self.connection.send((ASKED, question))
        return self.connection.recv()


def work(connection: Connection) -> None:
    """Does tasks until the connection ends."""
    # Locks of libraries are then as in any process, and not reported as left over when this one is killed.
    multiprocessing.set_start_method(None, force=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asked is interrupted, too, and ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    shared: Any = None
    while True:
        try:
            kind, *message = connection.recv()
        except EOFError:
            return
        if kind == SHARED:
            shared = received(connection)
            continue
        task, argument = message
        try:
            answer = ForkingPickler.dumps((DONE, resolved(task)(shared, argument, _Way(connection))))
        except BaseException as error:
            answer = ForkingPickler.dumps((FAILED, portable(error)))
        connection.send_bytes(answer)


def _end_with_parent() -> None:
    """Nobody takes what this process computes once its parent was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
