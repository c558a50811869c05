"""Data frames of polars, pandas, Arrow and others as a data set."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from movierec_cli.config.settings import DataConfig, Reading
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import fingerprint_of
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.reader.archive import open_archive
from movierec_cli.data.reader.formats import TableFormat
from movierec_cli.data.reader.small_tables import as_text
from movierec_cli.data.recognise import TABLES, check_asked
from movierec_cli.data.source_files import ITEMS, RATINGS, USERS, Files, TableFile
from movierec_cli.errors import DataError
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from polars import DataFrame


@dataclass(frozen=True)
class Frames:
    """Data frames that are a data set; see `dataset_from_frames`."""

    ratings: Any
    items: Any = None
    users: Any = None
    name: str = "frame"

    def read(self, config: DataConfig, progress: Progress) -> Dataset:
        """The data set, as `load_dataset` asks for it."""
        return dataset_from_frames(
            self.ratings,
            self.items,
            self.users,
            name=self.name,
            reading=config.reading,
            progress=progress,
        )


def dataset_from_frames(
    ratings: Any,
    items: Any = None,
    users: Any = None,
    *,
    name: str = "frame",
    reading: Reading | None = None,
    progress: Progress = unreported,
) -> Dataset:
    """The data set that tables in memory hold: the same as that of CSV files with these tables.

    They are read as such, from a temporary folder.

    Args:
        ratings: whatever narwhals takes for a data frame: of polars, lazy too, pandas, Arrow and others. Its
            columns are found by their usual names, or by `reading.columns`; an index is no column.
        items: likewise; None: what is rated.
        users: likewise; None: those who rate.
        name: of the data set.
        reading: how the columns are understood.
        progress: told of what is read.

    Raises:
        DataError: one is no data frame, has no rows or not the columns needed, or, with the row from 1, has a
            value that cannot be read.
        UsageError: `reading` names a column that is not there.
    """
    given = {RATINGS: ratings, ITEMS: items, USERS: users}
    frames = {table: _as_polars(one, f"{name}.{table}") for table, one in given.items() if one is not None}
    formats = {table: TableFormat(tuple(frame.columns)) for table, frame in frames.items()}
    with TemporaryDirectory(prefix="movierec-") as folder:

        def named(text: str) -> str:
            """As the caller knows the tables, whose rows begin in the second line of the files."""
            text = (
                text.replace(", line 1:", ":")
                .replace(f"{folder}/", f"{name}.")
                .replace(f" ({formats[RATINGS].label})", "")
            )
            return re.sub(r"\bline (\d+)", lambda line: f"row {int(line[1]) - 1}", text)

        for table, frame in frames.items():
            frame.write_csv(Path(folder, table))
        archive = open_archive(Path(folder))
        tables = tuple(TableFile(table, archive, table, one) for table, one in formats.items())
        files = Files(archive, TABLES, tables, reading or Reading())
        check_asked(files)
        try:
            columns = files.parse(progress)
        except DataError as error:
            raise DataError(named(str(error))) from None
        return Dataset(
            name=name,
            description=f"ratings of the data frame {name}",
            fingerprint=fingerprint_of(files),
            ratings=columns.ratings,
            movies=columns.movies,
            users=columns.users,
            warnings=tuple(map(named, columns.warnings)),
            notes=tuple(map(named, columns.notes)),
            noun=columns.noun,
            reading=files.reading,
        )


def _as_polars(frame: Any, place: str) -> DataFrame:
    """The table with columns that a text can have: lists as JSON."""
    import narwhals
    import polars

    try:
        found = narwhals.from_native(frame)
        eager = found.collect() if isinstance(found, narwhals.LazyFrame) else found
        table = eager.to_polars()
        nested = [column for column in table.get_columns() if column.dtype.is_nested()]
        return table.with_columns(
            polars.Series(column.name, [as_text(value) for value in column.to_list()]) for column in nested
        )
    except (TypeError, ValueError, narwhals.exceptions.NarwhalsError, polars.exceptions.PolarsError) as error:
        kind = f"{type(frame).__module__}.{type(frame).__qualname__}"
        raise DataError(f"is a {kind} that cannot be read as a data frame: {error}", file=place) from error
