"""A log for TensorBoard, written with its own package and without TensorFlow.

Each run is a folder with event files, and, once it is trained, the embeddings for the projector.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import compress
from pathlib import Path
from typing import Any

from movierec_cli.errors import MovierecError, problems_named
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run
from movierec_cli.training_logs.training_log import TrainingLog, Values, settings_of_run

EVENTS = "events.out.tfevents"  # how TensorBoard knows the files, which it reads in the order of their names
MOST_POINTS = 100_000  # of a projection, which a browser can hold


class TensorBoardLog(TrainingLog):
    """Writes each value as a scalar, the settings for TensorBoard's table of hyperparameters.

    Raises:
        MovierecError: the package tensorboard is not installed, or the folder cannot be written.
    """

    option = "--tensorboard"

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        super().__init__(warn)
        try:
            from tensorboard.compat.proto import event_pb2
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError as error:
            raise MovierecError(
                f"{self.option} needs the package tensorboard: pip install tensorboard"
            ) from error
        self._proto, self._records = event_pb2, RecordWriter
        self._folder = folder
        with problems_named(f"{self.option} cannot be written to {folder}"):
            folder.mkdir(parents=True, exist_ok=True)

    def begin(self, name: str, config: RunConfig, after: int) -> None:
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        if not after:
            for old in folder.glob(f"{EVENTS}.*"):
                old.unlink()
        self._file = folder / f"{EVENTS}.{time.time_ns()}.movierec"
        self._add(file_version="brain.Event:2")
        if after:  # what was written after the checkpoint counts no more
            starts = self._proto.SessionLog(status=self._proto.SessionLog.START)
            self._add(session_log=starts, step=after + 1)
        self._add(summary=hparams_pb(settings_of_run(config), trial_id=name))

    def write(self, epoch: int, values: Values) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(summary=Summary(value=scalars), step=epoch)

    def complete(self, run: Run) -> None:
        write_projection(run, self._folder / run.record.name)

    def _add(self, **content: Any) -> None:
        event = self._proto.Event(wall_time=time.time(), **content)
        with self._file.open("ab") as file:
            self._records(file).write(event.SerializeToString())


def write_projection(run: Run, folder: Path) -> None:
    """Writes the embeddings of a run's movies, with titles and genres, as TensorBoard's projector reads them.

    Of more than `MOST_POINTS` every second is written, or every third …
    """
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    name, movies = f"{run.record.data.noun}s", run.catalogue
    chosen = range(0, len(movies), -(-len(movies) // MOST_POINTS))
    labels = (
        (movies.movie_id[row], movies.title[row], " ".join(compress(movies.genre_names, movies.genres[row])))
        for row in chosen
    )
    _write_rows(folder / f"{name}.tsv", run.artifacts.movie_embeddings[chosen])
    _write_rows(folder / f"{name}-labels.tsv", [("id", "title", "genres"), *labels])
    config = ProjectorConfig()
    config.embeddings.add(tensor_name=name, tensor_path=f"{name}.tsv", metadata_path=f"{name}-labels.tsv")
    (folder / "projector_config.pbtxt").write_text(text_format.MessageToString(config), encoding="utf-8")


def _write_rows(file: Path, rows: Iterable[Iterable[object]]) -> None:
    with file.open("w", encoding="utf-8", errors="replace", newline="") as opened:
        opened.writelines("\t".join(" ".join(str(cell).split()) for cell in row) + "\n" for row in rows)
