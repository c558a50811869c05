"""What each setting must be, told in the words of its option."""

from __future__ import annotations

from movierec_cli.errors import UsageError


def require(holds: bool, option: str, value: object, wanted: str) -> None:
    """Refuses a value that its setting cannot have.

    Raises:
        UsageError: names the option, the value and what is wanted.
    """
    if not holds:
        raise UsageError(f"{option} is {value}; it must be {wanted}")
