"""How long work is reported: the library calls back, the command line draws."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with (message, done, total); `total` is 0 where it is not known. Units are the message's."""


def unreported(message: str, done: int, total: int) -> None:
    """The callback of a caller who does not look."""
