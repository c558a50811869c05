"""A folder with data and saved models, the commands run in it, and what each leaves if undisturbed."""

import hashlib
import io
import json
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
        after: what is run before it, where it needs what that makes.
        like: another command that leaves the same.
    """

    words: tuple[str, ...]
    writes: tuple[str, ...] = ()
    needs: str = ""
    after: tuple["Command", ...] = ()
    like: "Command | None" = None

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
)
"""They take tenths of a second."""

RESTORING = Command(BASE, (f"{MODELS}/",))
"""Trains what is missing."""
RETRAINING = Command((*BASE, "--retrain"), (f"{MODELS}/",))
"""Trains all anew, in this process; then in two others, and in those of a cluster."""
IN_PROCESSES, ON_CLUSTER = (
    Command((*RETRAINING.words, *words), RETRAINING.writes, like=RETRAINING)
    for words in (("--jobs", "2"), ("--cluster", "local"))
)
_FOR_USE = f"{DATA}-none-deployed"
DEPLOYING = Command((*_TRAIN, "None", *_IDS, "--deploy"), (f"{MODELS}/{_FOR_USE}",))
REDEPLOYING = Command((*DEPLOYING.words, "--retrain"), (f"{MODELS}/{DATA}-none",), after=(DEPLOYING,))
EXPORTING_DEPLOYED = Command(
    ("export", "--format", "npz", "-o", "served", "--overwrite", "--model", _FOR_USE),
    ("served",),
    after=(DEPLOYING,),
)
_ON_SEQUENCES = ("--family", "gru4rec", "--embedding_size", "8", "--num_epochs", "3", "--baselines", "None")
RESUMABLE = Command(
    ("train", "--archive", DATA, *_ON_SEQUENCES, *_IDS, "-o", "sequences.html"),
    (f"{MODELS}/{DATA}-gru4rec", "sequences.html"),
)
"""Keeps what it has learned after each epoch."""
_SPACE = ("--space", "learning_rate=0.003,0.01,0.03", "--trials", "3", "--finalists", "1", "--seeds", "1")
TUNING = Command(
    (
        "tune",
        "--archive",
        DATA,
        "--num_epochs",
        "1",
        "--embedding_size",
        "8",
        "--layer_sizes",
        "None",
        *_SPACE,
    ),
    ("tuning.html", f"{MODELS}/{DATA}-none"),
)


class World:
    """The folder as it is before anything is done in it, and the references of commands."""

    def __init__(self, work: Path, *, trains: bool = True) -> None:
        """Makes the data and the models in `work`.

        Args:
            work: a folder.
            trains: whether the model of two towers is trained. Else its embeddings are random, which takes
                a tenth of the time, and no command trains it.
        """
        self.trains = trains
        self.folder = work / "folder"  # always the same one: what is printed has its path
        self.base = work / "base"
        self.folder.mkdir(parents=True)
        _write_data(self.folder)
        found = run(BASE, self.folder) if trains else run(("models", "list"), self.folder, patch=_save_models)
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
        if command.like is not None:
            return self.reference(command.like)
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
        for one in (*command.after, command):
            began = time.monotonic()
            found = run(one.words, folder)
            assert found.code == 0, f"{one}: {found.output}"
        seconds = time.monotonic() - began
        return Reference(found, seconds, outputs_of(command, folder), models_in(folder), trials_in(folder))


@dataclass(frozen=True)
class Reference:
    """An undisturbed command.

    Attributes:
        finished: how it ended.
        seconds: that it took.
        outputs: what it wrote.
        models: all that were there at its end.
        trials: of searches.
    """

    finished: Finished
    seconds: float
    outputs: Digests
    models: dict[str, Digests]
    trials: list[object]


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


def trials_in(folder: Path) -> list[object]:
    """What was tried in the searches of a folder, and what came of it; without times."""
    lines = [
        json.loads(line)
        for file in sorted((folder / MODELS / ".tuning").glob("*.journal"))
        for line in file.read_text().splitlines()
    ]
    return [
        [line["values"] if "values" in line else line.get("value"), line["intermediate_values"]]
        for line in lines
        if "intermediate_values" in line
    ]


def unfinished_in(folder: Path) -> list[str]:
    """What commands make under hidden names, and take away when they end."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return sorted(one for one in names if _UNFINISHED.search(one))


def a_day_passes(folder: Path) -> None:
    """Makes what is hidden older than what killed commands may leave."""
    then = time.time() - ABANDONED_AFTER_S - 3600
    for name in unfinished_in(folder):
        os.utime(folder / name, (then, then), follow_symlinks=False)


def _save_models() -> None:
    """What `BASE` saves, with random embeddings of the model of two towers."""
    from movierec_cli.config import DataConfig, Family
    from movierec_cli.experiment.loading import load_source
    from movierec_cli.models.observer import TrainingObserver
    from tests.saved_runs import baseline_run, judged_run, run_config

    source = load_source(DataConfig(archive=Path(DATA)), TrainingObserver())
    judged_run(Path(MODELS), source, run_config())
    for family in (Family.EASE, Family.ITEM_KNN, Family.POPULARITY):
        baseline_run(Path(MODELS), source, family)


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
def made_world(*, trains: bool = True) -> Iterator[World]:
    """A world in a temporary folder; see `World`."""
    with tempfile.TemporaryDirectory() as work:
        yield World(Path(os.path.realpath(work)), trains=trains)
