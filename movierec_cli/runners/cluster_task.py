"""What a task does in a process of a cluster; see `local_worker`, its twin."""

from __future__ import annotations

import time
from typing import Any

from movierec_cli import __version__
from movierec_cli.errors import MovierecError
from movierec_cli.records import dataclass
from movierec_cli.runners.mailbox import Place
from movierec_cli.runners.runner import Task, portable, resolved

PAUSE_S = 0.1
"""While the actor is started anew."""


@dataclass(frozen=True)
class _Letters:
    """The channel of a task: letters to an actor, which may be started anew and then knows nothing."""

    mailbox: Any
    place: Place

    def tell(self, event: Any) -> None:
        self.mailbox.tell.remote(self.place, event)

    def ask(self, question: Any) -> Any:
        import ray

        while True:
            try:
                return ray.get(self.mailbox.ask.remote(self.place, question))
            except ray.exceptions.RayActorError:
                time.sleep(PAUSE_S)

    def flush(self) -> None:
        """Waits until all that was told is there."""
        import ray

        try:
            ray.get(self.mailbox.wake.remote())
        except ray.exceptions.RayActorError:
            return  # and nobody hears of it


def work(
    version: str, task: Task, shared: Any, argument: Any, place: Place, mailbox: Any
) -> tuple[bool, Any]:
    """Does a task: whether it succeeded, and its result or the error."""
    channel = _Letters(mailbox, place)
    try:
        if version != __version__:
            raise MovierecError(
                f"a machine of the cluster has movierec {__version__}, and this one {version}; install the"
                " same on all of them"
            )
        return True, resolved(task)(shared, argument, channel)
    except Exception as error:
        return False, portable(error)
    finally:
        channel.flush()
