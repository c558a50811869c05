"""Files that are complete or absent, tables as CSV, and reading with a message."""

import csv
import errno
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from movierec_cli.errors import DataError


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Gives a temporary path beside `target`, renamed to it at the end, removed on an error.

    Makes the folder if need be. Raises an `OSError` where it cannot.
    """
    if not target.name:  # "." and "/", beside which nothing can be named
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.urandom(6).hex()}.tmp")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def read_content(file: Path, at_most: int = -1) -> bytes:
    """A file's bytes, or its first ones. Raises a `DataError` where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(at_most)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", file=file) from error


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The text of a CSV file with these columns."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[object]], file: Path) -> None:
    """Writes rows under these columns, whole or not at all. Raises a `DataError` where it cannot."""
    try:
        with written_whole(file) as temporary:
            temporary.write_text(as_csv(columns, rows), encoding="utf-8", newline="")
    except OSError as error:
        raise DataError(f"cannot be written ({error.strerror or error})", file=file) from error
