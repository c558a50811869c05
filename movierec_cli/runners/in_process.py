"""The runner that needs no other process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

from movierec_cli.records import dataclass
from movierec_cli.runners.runner import Listener, Task, nobody, resolved


@dataclass(frozen=True)
class _Direct:
    """The channel of a task that runs where it was asked for."""

    number: int
    told: Listener

    def tell(self, event: Any) -> None:
        self.told(self.number, event)

    def ask(self, question: Any) -> Any:
        return self.told(self.number, question)


class InProcess:
    """Does one task after the other, here; see `Runner`."""

    n_jobs = 1
    shares_files = True

    def run(
        self, task: Task, arguments: Iterable[Any], *, shared: Any = None, told: Listener = nobody
    ) -> Iterator[tuple[int, Any]]:
        """See `Runner.run`. Nothing is pickled."""
        do = resolved(task)
        for number, argument in enumerate(arguments):
            yield number, do(shared, argument, _Direct(number, told))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
