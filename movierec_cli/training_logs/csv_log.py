"""A log as a CSV file of all trainings: one value a row, which every program can pivot."""

import csv
from collections.abc import Callable
from pathlib import Path

from movierec_cli.errors import UsageError, problems_named
from movierec_cli.files.atomic import check_place
from movierec_cli.files.csv_tables import write_csv
from movierec_cli.registry.record import RunConfig
from movierec_cli.training_logs.training_log import TrainingLog, Values

COLUMNS = ["run", "epoch", "name", "value"]


class CsvLog(TrainingLog):
    """Rows are added to what the file has; those of a run that is trained again are replaced.

    Raises:
        MovierecError: the file cannot be written, or is no such log.
    """

    option = "--csv_log"

    def __init__(self, file: Path, warn: Callable[[str], None]) -> None:
        super().__init__(warn)
        self._file = file
        with problems_named(f"{self.option} cannot be written to {file}"):
            check_place(file)
            header = self._rows()[:1]
        if header not in ([], [COLUMNS]):
            raise UsageError(
                f"{self.option} {file}: the file exists, and its columns are {','.join(header[0])}, not"
                f" {','.join(COLUMNS)}; name another file"
            )

    def begin(self, name: str, config: RunConfig, after: int) -> None:
        self._name = name
        kept = [row for row in self._rows()[1:] if row[0] != name or int(row[1]) <= after]
        write_csv(COLUMNS, kept, self._file)

    def write(self, epoch: int, values: Values) -> None:
        with self._file.open("a", encoding="utf-8", newline="") as file:
            rows = ((self._name, epoch, name, repr(float(value))) for name, value in values.items())
            csv.writer(file, lineterminator="\n").writerows(rows)

    def _rows(self) -> list[list[str]]:
        if not self._file.exists():
            return []
        with self._file.open(encoding="utf-8", errors="replace", newline="") as file:
            return [row for row in csv.reader(file) if row]
