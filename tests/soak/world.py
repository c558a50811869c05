"""A folder with data and saved models, the commands run in it, and what each leaves if undisturbed."""

import hashlib
import io
import os
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from movierec_cli.files.atomic import ABANDONED_AFTER_S
from movierec_cli.registry.store import list_runs
from tests.soak.forked import OWN, Finished, run
from tests.soak.places import MODELS, is_hidden

N_USERS, N_MOVIES, N_RATED = 60, 50, 18
DATA, ARCHIVE = "mine", "ml-latest-small.zip"
_TRAIN = ("train", "--archive", DATA, "--num_epochs", "1", "--quiet", "--baselines")
_IDS = ("--additional_feature_sets", "None")
BASE = (*_TRAIN, "ease", "item-knn", "popularity", *_IDS)
_VARYING = (".html", ".json", "run.json")  # hold times and names of versions

_UNFINISHED = re.compile(r"(^|/)\.[^/]+\.(new|old|trash)-[0-9a-f]{16}")

Digests = dict[str, str]  # by path below a folder


@dataclass(frozen=True)
class Command:
    """One that is run again and again.

    Attributes:
        words: its arguments.
        writes: what it makes: files and folders, by the beginning of their paths.
        needs: the family of the model that it asks, if it asks one.
        is_slow: whether it takes seconds.
    """

    words: tuple[str, ...]
    writes: tuple[str, ...] = ()
    needs: str = ""
    is_slow: bool = False

    def __str__(self) -> str:
        return " ".join(self.words)


def _asked(family: str) -> Iterator[Command]:
    model = ("--model", f"{DATA}-{family}")
    yield Command(("recommend", "--user", "3", *model, "--csv", "user.csv"), ("user.csv",), family)
    yield Command(("recommend", "--users", "all", *model, "--csv", "all.csv"), ("all.csv",), family)
    if family != "popularity":
        yield Command(("recommend", "--liked", "id:7", "--liked", "id:9", *model, "--why"), (), family)
        yield Command(("similar", "id:7", *model, "--csv", "alike.csv"), ("alike.csv",), family)
    yield Command(("export", "--format", "npz", "-o", "out", "--overwrite", *model), ("out",), family)
    yield Command(("explore", *model, "-o", "explore.html"), ("explore.html",), family)
    yield Command(("models", "show", f"{DATA}-{family}"), (), family)


FAMILIES = ("ease", "item-knn", "popularity", "none")
RESTORING = Command(BASE, (f"{MODELS}/",), is_slow=True)
"""Trains what is missing."""
RETRAINING = Command((*_TRAIN, "None", *_IDS, "--retrain"), (f"{MODELS}/{DATA}-none",), "none", is_slow=True)
COMMANDS = (
    *(command for family in FAMILIES for command in _asked(family)),
    Command(("models", "list")),
    Command(("data", "describe", DATA)),
    Command(("data", "split", "--archive", DATA, "--output", "parts"), ("parts/",)),
    Command(("data", "import", ARCHIVE, "--datasets_dir", "kept"), ("kept/",)),
    Command(("doctor", "--archive", DATA)),
    Command(("report", "--archive", DATA, "-o", "report.html"), ("report.html",)),
    Command(("evaluate", "--archive", DATA)),
    Command(("recommend", "--ratings_file", "rated.csv", "--model", f"{DATA}-ease"), (), "ease"),
    RETRAINING,
)
"""The last one is slow; the others take tenths of a second."""


class World:
    """The folder as it is before anything is done in it, and the references of commands."""

    def __init__(self, work: Path) -> None:
        """Makes the data and trains the models in `work`."""
        self.folder = work / "folder"  # always the same one: what is printed has its path
        self.base = work / "base"
        self.folder.mkdir(parents=True)
        _write_data(self.folder)
        found = run(BASE, self.folder)
        assert found.code == 0, found.output
        shutil.rmtree(self.folder / OWN)
        (self.folder / "movierec.html").unlink(missing_ok=True)
        self.folder.rename(self.base)
        self._references: dict[Command, Reference] = {}

    @cached_property
    def models(self) -> dict[str, Digests]:
        """The digests of the arrays of each model, by its name."""
        return models_in(self.base)

    def renewed(self) -> Path:
        """The folder, as it was at first."""
        shutil.rmtree(self.folder, ignore_errors=True)
        return shutil.copytree(self.base, self.folder)

    def reference(self, command: Command) -> "Reference":
        """What a command leaves when nothing disturbs it."""
        if command not in self._references:
            kept = self.folder.with_name("aside")
            if self.folder.exists():
                self.folder.rename(kept)
            try:
                self._references[command] = self._measured(command)
            finally:
                shutil.rmtree(self.folder)
                if kept.exists():
                    kept.rename(self.folder)
        return self._references[command]

    def _measured(self, command: Command) -> "Reference":
        folder = self.renewed()
        found = run(command.words, folder)
        assert found.code == 0, f"{command}: {found.output}"
        return Reference(found, outputs_of(command, folder))


@dataclass(frozen=True)
class Reference:
    """An undisturbed command."""

    finished: Finished
    outputs: Digests


def outputs_of(command: Command, folder: Path) -> Digests:
    """What a command has written; of files that hold the time, only that they are there and whole."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and name.startswith(command.writes or ("\0",)) and not is_hidden(name):
            found[name] = _digest(path)
    return found


def _digest(path: Path) -> str:
    content = path.read_bytes()
    if path.name.endswith(_VARYING):
        return "whole" if content.rstrip().endswith((b"}", b"</html>")) else "cut"
    if path.suffix == ".npz" and path.parent.parent.name != MODELS:
        return (
            "whole" if zipfile.ZipFile(io.BytesIO(content)).testzip() is None else "cut"
        )  # times are inside
    return hashlib.sha256(content).hexdigest()


def models_in(folder: Path) -> dict[str, Digests]:
    """The digests of the arrays of each usable model, by its name."""
    return {
        one.record.name: {file.name: _digest(file) for file in sorted(one.folder.glob("*.npz"))}
        for one in list_runs(folder / MODELS)[0]
    }


def unfinished_in(folder: Path) -> list[str]:
    """What commands make under hidden names, and take away when they end."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return sorted(one for one in names if _UNFINISHED.search(one))


def a_day_passes(folder: Path) -> None:
    """Makes what is hidden older than what killed commands may leave."""
    then = time.time() - ABANDONED_AFTER_S - 3600
    for name in unfinished_in(folder):
        os.utime(folder / name, (then, then), follow_symlinks=False)


def _write_data(folder: Path) -> None:
    rng = np.random.default_rng(5)
    lines = ["userId,movieId,rating,timestamp"]
    for user in range(1, N_USERS + 1):
        liked = rng.permutation(N_MOVIES)[:N_RATED] + 1
        lines += [
            f"{user},{movie},{1 + (user * movie) % 5},{1_000_000_000 + 977 * user + 31 * n}"
            for n, movie in enumerate(liked.tolist())
        ]
    kinds = ("Comedy", "Drama", "Comedy|Drama", "Horror")
    movies = [f"{n},Film {n} ({1950 + n}),{kinds[n % 4]}" for n in range(1, N_MOVIES + 1)]
    (folder / DATA).mkdir()
    (folder / DATA / "ratings.csv").write_text("\n".join([*lines, ""]))
    (folder / DATA / "movies.csv").write_text("\n".join(["movieId,title,genres", *movies, ""]))
    (folder / "rated.csv").write_text("title,rating\nFilm 4 (1954),5\nFilm 9 (1959),1\nFilm 12 (1962),4\n")
    with zipfile.ZipFile(folder / ARCHIVE, "w") as archive:
        for name in ("ratings.csv", "movies.csv"):
            archive.write(folder / DATA / name, f"ml-latest-small/{name}")


@contextmanager
def made_world() -> Iterator[World]:
    """A world in a temporary folder."""
    with tempfile.TemporaryDirectory() as work:
        yield World(Path(os.path.realpath(work)))
