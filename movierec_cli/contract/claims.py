"""A claim is a sentence about an entry, and whether it holds."""

import warnings
from collections.abc import Callable, Iterable, Iterator

from movierec_cli.config.entry_points import told
from movierec_cli.errors import MovierecError
from movierec_cli.records import dataclass


class BrokenError(Exception):
    """A claim that does not hold; says what was found."""


def require(holds: object, found: str) -> None:
    """Raises a `BrokenError` where something does not hold.

    Args:
        holds: whether it does.
        found: what was found where it does not.
    """
    if not holds:
        raise BrokenError(found)


@dataclass(frozen=True)
class Claim:
    """What an entry must do; `problem` says what it does where it does not, and is "" where it does."""

    sentence: str
    problem: str = ""


Check = Callable[[], None]


def judged(checks: Iterable[tuple[str, Check]]) -> Iterator[Claim]:
    """Each sentence with what its check found: a warning, such as of a division by zero, is a problem, too.

    Checks are taken one by one, so a later one may use what an earlier one made; where that failed, it fails.
    """
    for sentence, check in checks:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                check()
        except (BrokenError, MovierecError) as error:
            yield Claim(sentence, str(error))
        except Exception as error:
            yield Claim(sentence, told(error))
        else:
            yield Claim(sentence)


def broken(claims: Iterable[Claim]) -> list[str]:
    """The claims that do not hold, each with what was found."""
    return [f"{one.sentence}: {one.problem}" for one in claims if one.problem]
