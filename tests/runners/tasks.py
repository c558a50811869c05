"""Tasks that other processes can be asked to do."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np

from movierec_cli.errors import DataError
from movierec_cli.runners.runner import Channel


def total(shared: dict[str, Any], row: int, channel: Channel) -> tuple[int, float]:
    """The process, and the sum of a row."""
    channel.tell(("began", row))
    return os.getpid(), float(shared["table"][row].sum())


def is_copied(shared: dict[str, Any], _: object, channel: Channel) -> tuple[bool, bool]:
    """Whether the table can be written, or owns its numbers."""
    table = shared["table"]
    return table.flags.writeable, table.flags.owndata


def ask_twice(shared: Any, number: int, channel: Channel) -> int:
    answer: int = channel.ask(number) + channel.ask(10 * number)
    return answer


def refuse(shared: Any, number: int, channel: Channel) -> int:
    if number == 1:
        raise DataError("has no column of users", file="a.csv", line=3)
    return number


def fail_oddly(shared: Any, number: int, channel: Channel) -> int:
    class OddError(Exception):  # which no other process knows
        pass

    raise OddError(f"odd {number}")


def die_once(folder: str, number: int, channel: Channel) -> int:
    """Ends its process at the first attempt of each number."""
    mark = Path(folder, str(number))
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(shared: Any, number: int, channel: Channel) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def doubled(shared: Any, value: Any, channel: Channel) -> Any:
    return np.asarray(value) * 2
