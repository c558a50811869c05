"""What every runner does: it takes callables with arguments, and knows nothing of what they compute."""

from __future__ import annotations

import pkgutil
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.reduction import ForkingPickler
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

from movierec_cli.errors import MovierecError
from movierec_cli.text import counted

MOST_LOSSES = 4
"""How often a worker may be lost over one task before it is given up."""


class WorkerLostError(MovierecError):
    """The processes that worked on a task ended again and again."""


class Channel(Protocol):
    """From a task to whoever waits for its result."""

    def tell(self, event: Any) -> None:
        """Hands an event over, and goes on at once. What has been told arrives in order."""

    def ask(self, question: Any) -> Any:
        """Hands a question over, and waits for its answer."""


Task: TypeAlias = Callable[[Any, Any, Channel], Any] | str
"""Is given what is shared, its own argument and a channel; its result is what comes back.

A function of a module, or its path such as "package.module:function", as it may run in another process.
"""
Listener: TypeAlias = Callable[[int, Any], Any]
"""Is given the number of an argument and an event or a question; what it returns is the answer."""


def nobody(number: int, event: Any) -> None:
    """Listens to nothing."""


class Runner(Protocol):
    """Does tasks that do not depend on each other. It is entered before its use, and left to end its workers.

    A task whose worker is lost is done again from its beginning, so it must bear that.
    """

    @property
    def n_jobs(self) -> int:
        """How many tasks are done at once at most."""

    @property
    def shares_files(self) -> bool:
        """Whether its workers see the files of this machine."""

    def run(
        self, task: Task, arguments: Iterable[Any], *, shared: Any = None, told: Listener = nobody
    ) -> Iterator[tuple[int, Any]]:
        """Does a task for each argument.

        The next argument is asked for when a worker is free and all results so far are taken, so that
        `arguments` may be a generator that depends on results. As many are on their way as there are jobs.

        Args:
            task: what is done. It may run in another process: it, the arguments, results and events are
                pickled.
            arguments: one for each time, numbered from 0.
            shared: handed over once to each worker. Its arrays are not copied and can only be read.
            told: hears what the tasks tell, and answers what they ask, in this thread. Of a lost worker's
                task it hears everything anew.

        Yields:
            Number of the argument and result, as they are done; in the order of the arguments where there is
            one job.

        Raises:
            WorkerLostError: the workers of one task were lost `MOST_LOSSES` times.
            BaseException: whatever a task raised. What is not done then is given up.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def resolved(task: Task) -> Callable[[Any, Any, Channel], Any]:
    """The function that a task is, imported where it is named by its path."""
    if isinstance(task, str):
        named: Callable[[Any, Any, Channel], Any] = pkgutil.resolve_name(task)
        return named
    return task


def lost(
    number: int, why: str, advice: str = "it may need more memory than there is: run fewer at once"
) -> WorkerLostError:
    """What is raised for a task that is given up."""
    times = counted(MOST_LOSSES, "time")
    return WorkerLostError(f"a worker was lost {times} over task {number + 1} ({why}); {advice}")


def portable(error: BaseException) -> BaseException:
    """An error as it is sent to another process; one that cannot be, by its text.

    One that a person can mend says all in its sentence. To any other, the trace of this process is added, as
    that is lost on the way.
    """
    if not isinstance(error, MovierecError):
        error.add_note("".join(traceback.format_exception(error)))
    error = error.with_traceback(None)
    try:
        ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:
        text = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
        return RuntimeError(text)
    return error
