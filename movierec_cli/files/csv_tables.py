"""Tables as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from movierec_cli.errors import DataError
from movierec_cli.files.atomic import written_whole


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
