"""The models of a folder that serve: found by name, kept in memory, and read again when they are replaced."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.recommend.movie_search import MovieSearch
from movierec_cli.recommend.run_choice import FOR_USERS, best_run
from movierec_cli.registry.manifest import RECORD_FILE
from movierec_cli.registry.store import Run, list_runs, load_run
from movierec_cli.reports.web.served_page import served_page
from movierec_cli.serving.asked import NotThere

DEFAULT = "default"
"""The name that stands for the model that is chosen where none is named."""
_TRIES = 3  # while a model is replaced, or the folder changed, again and again

_Stamps = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class ServedModel:
    """A model in memory; all that answers need is read."""

    run: Run
    stamp: tuple[int, int]  # of its run.json
    search: MovieSearch
    row_of: dict[str, int]  # of movies by the text of their ids

    @classmethod
    def read(cls, folder: Path) -> ServedModel:
        """Raises a `SavedModelError` for a damaged folder."""
        for _ in range(_TRIES):
            before = _stamp(folder)
            run = load_run(folder)
            run.hold()
            if before is not None and _stamp(folder) == before:
                ids = run.catalogue.movie_id.tolist()
                search = MovieSearch(run.catalogue, run.record.data.noun)
                return cls(run, before, search, {str(one): row for row, one in enumerate(ids)})
        raise SavedModelError(f"{folder} is replaced again and again while it is read")

    @cached_property
    def page(self) -> bytes:
        """The page that explores it, which asks this server."""
        return served_page(self.run).encode()


@dataclass
class ServedModels:
    """The models of a folder.

    Args:
        directory: of the saved models.
        dataset: whose models serve; None: all.
        chosen: the name of the default model; None: the best one, as `recommend` chooses.
        most_held: how many are in memory at a time; the one not asked for longest goes first.
    """

    directory: Path
    dataset: str | None = None
    chosen: str | None = None
    most_held: int = 4
    n_reloaded: int = 0
    _stamps: _Stamps = field(default_factory=dict)
    _runs: dict[str, Run] = field(default_factory=dict)
    _held: OrderedDict[str, ServedModel] = field(default_factory=OrderedDict)
    _default: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def refresh(self) -> None:
        """Looks at the folder, and reads those models in memory again that were replaced.

        Raises:
            MovierecError: no model serves, or the chosen one does not.
            SavedModelError: one that was replaced is damaged, and the others are read; or the folder is
                changed again and again, and all stays as it is.
        """
        for _ in range(_TRIES):
            stamps = _stamps_in(self.directory)
            if stamps == self._stamps and self._runs:
                return
            runs, _ = list_runs(self.directory)
            if _stamps_in(self.directory) == stamps:  # else what was seen may be over already
                break
        else:
            raise SavedModelError(f"{self.directory} is changed again and again while it is read")
        serving = {
            run.record.name: run
            for run in runs
            if FOR_USERS.is_served_by(run.record) and self.dataset in (None, run.record.data.name)
        }
        default = self._best(serving)
        with self._lock:
            self._stamps, self._runs, self._default = stamps, serving, default
            stale = [name for name, one in self._held.items() if stamps.get(name) != one.stamp]
            for name in set(stale) - serving.keys():
                del self._held[name]
        problems = [self._read_again(name) for name in stale if name in serving]
        for problem in filter(None, problems):
            raise problem

    @property
    def runs(self) -> list[Run]:
        """All that serve, by name; the default one first."""
        with self._lock:
            return sorted(
                self._runs.values(), key=lambda run: (run.record.name != self._default, run.record.name)
            )

    @property
    def held(self) -> list[str]:
        """The names of those in memory."""
        with self._lock:
            return list(self._held)

    def in_memory(self, name: str) -> ServedModel | None:
        """The model of a name, if it is in memory as it is on the disk.

        Raises:
            NotThere: no model of this name serves.
        """
        with self._lock:
            known = self._known(name)
            held = self._held.get(known)
            if held is not None:
                self._held.move_to_end(known)
            return held

    def get(self, name: str) -> ServedModel:
        """The model of a name, which is read if need be.

        Raises:
            NotThere: no model of this name serves.
            SavedModelError: its folder is damaged.
        """
        with self._reading:
            return self.in_memory(name) or self._read(self._known(name))

    def _known(self, name: str) -> str:
        known = self._default if name == DEFAULT else name
        if known not in self._runs:
            raise NotThere(f"no model is named {name[:80]!r}; /api/models lists those that serve")
        return known

    def _read(self, name: str) -> ServedModel:
        model = ServedModel.read(self.directory / name)
        _ = model.page
        with self._lock:
            self._held[name] = model
            self._held.move_to_end(name)
            while len(self._held) > self.most_held:
                self._held.popitem(last=False)
        return model

    def _read_again(self, name: str) -> SavedModelError | None:
        """What hinders it; the model that is in memory then goes on answering."""
        try:
            self._read(name)
        except SavedModelError as error:
            return error
        self.n_reloaded += 1
        return None

    def _best(self, serving: dict[str, Run]) -> str:
        if not serving:
            of_data = f" of '{self.dataset}'" if self.dataset else ""
            raise MovierecError(
                f"no model that recommends{of_data} is saved in {self.directory}; train one first:"
                f" {FOR_USERS.train_command}"
            )
        if self.chosen is not None:
            names = [name for name in serving if name == self.chosen]
            if not names:
                raise MovierecError(f"no model named '{self.chosen}' serves in {self.directory}")
            return names[0]
        newest = max(serving.values(), key=lambda run: (run.record.created_at, run.record.name))
        own = [run for run in serving.values() if run.record.data.name == newest.record.data.name]
        return best_run(own, FOR_USERS).run.record.name


def _stamps_in(directory: Path) -> _Stamps:
    """Of the record of each folder; folders without one are no models."""
    try:
        folders = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SavedModelError(f"{directory} cannot be read: {error.strerror or error}") from error
    stamps = ((folder.name, _stamp(folder)) for folder in folders)
    return {name: stamp for name, stamp in stamps if stamp is not None}


def _stamp(folder: Path) -> tuple[int, int] | None:
    try:
        status = (folder / RECORD_FILE).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
