"""The errors a person can mend. Anything else that escapes a command is a bug."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class MovierecError(Exception):
    """A problem the user can mend: the message says what was wrong and what to do. Exit code 1."""

    exit_code = 1


class UsageError(MovierecError):
    """The command line asks for something that does not exist or does not fit. Exit code 2."""

    exit_code = 2


class DataError(MovierecError):
    """A data file cannot be used. Names the file and, where there is one, the line (from 1)."""

    def __init__(self, message: str, *, file: str | Path | None = None, line: int | None = None):
        place = "" if file is None else f"{file}: " if line is None else f"{file}, line {line}: "
        super().__init__(f"{place}{message}")
        self.problem = message
        self.file = file
        self.line = line


class SavedModelError(MovierecError):
    """A folder under saved_models/ is damaged or was not written by this program."""


@contextmanager
def problems_named(sentence: str, kind: type[MovierecError] = MovierecError) -> Iterator[None]:
    """Makes of an `OSError` an error of a kind that says the sentence and what the system said."""
    try:
        yield
    except OSError as error:
        raise kind(f"{sentence}: {error.strerror or error}") from error
