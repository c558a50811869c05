"""Tables as CSV."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from movierec_cli.errors import DataError
from movierec_cli.files.atomic import written_whole

_FORMULA = re.compile(r"[=@\t\r]|[+-](?![0-9]*\.?[0-9]+\Z)")  # at the beginning, but of numbers


def as_csv(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, safe: bool = False, delimiter: str = ","
) -> str:
    """The text of a CSV file with this header and rows of numbers and texts.

    `safe` puts an apostrophe before a text that a spreadsheet would take for a formula.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] if safe else row for row in rows)
    return text.getvalue().replace("\r", " ")  # which is not quoted, and ends a line for some readers


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def write_csv(
    columns: Sequence[str], rows: Iterable[Sequence[object]], file: Path, *, safe: bool = False
) -> None:
    """Writes rows under these columns, whole or not at all; see `as_csv`.

    Raises:
        DataError: it cannot be written.
    """
    try:
        with written_whole(file) as temporary:
            temporary.write_text(as_csv(columns, rows, safe=safe), encoding="utf-8", newline="")
    except OSError as error:
        raise DataError(f"cannot be written ({error.strerror or error})", file=file) from error
