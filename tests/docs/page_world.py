"""Where the code of a page runs: a folder with what its reader has, and stand-ins for what takes long.

Commands are the real ones, from what is typed to what is printed, and archives are read from files. What is
replaced: trainings give models of random weights (`fake_trainer.Fits`; where `TRAINS` says so they are real,
two epochs long), searches have few trials where the page does not say how many, other processes and machines
are this one, no browser is opened, and a server goes on beside the commands that follow.
"""

import contextlib
import copy
import http.client
import itertools
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from movierec_cli.data import sample
from movierec_cli.experiment import training_task, trials, tune
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.models.trained import Fitted, Fitting, fit_run
from movierec_cli.recommend import users
from movierec_cli.runners import cluster, open_runner
from movierec_cli.runners.in_process import InProcess
from tests.cli import fake_trainer
from tests.cli.running import run
from tests.contract.own_packages import EXAMPLE, forget, install, watched
from tests.docs.archives import N_USERS
from tests.recommend.export_shapes import LETTERBOXD, SHAPES
from tests.sample_part import part_of_the_sample

TRAINS = ("docs/start.md", "movierec demo")
"""The page and the command whose trainings are real."""
_N_TRIALS = 12
_SERVER = "127.0.0.1:8000"

BEFORE = {
    "README.md": ("movierec demo",),
    "docs/compared.md": ("movierec train --dataset 100k", "movierec recommend --users all --csv lists.csv"),
    "docs/export.md": ("movierec train --dataset 100k",),
    "docs/models.md": ("movierec train",),
    "docs/read-a-report.md": ("movierec train",),
    "docs/recommend.md": ("movierec train",),
    "docs/your-ratings.md": (
        "movierec train --tasks retrieval rating --additional_feature_sets None",
        "movierec train --family sasrec",
    ),
}
"""What the reader of a page has done before."""


def _table(people: str) -> str:
    """Ratings, with a column of such people."""
    rows = [
        f"{user},{(place * 7 + number) % 40},{place % 5 + 1}"
        for number, user in enumerate(["ann", *(f"user {number}" for number in range(40))])
        for place in range(20)
    ]
    return "\n".join([f"{people},item,rating", *rows])


def _songs(folder: Path) -> None:
    (folder / "songs").mkdir()
    (folder / "songs" / "ratings.csv").write_text(_table("user"), "utf-8")
    songs = [f"{song},{('Jazz', 'Rock')[song % 2]},{1960 + song},label {song % 3}" for song in range(40)]
    (folder / "songs" / "songs.csv").write_text("\n".join(["item,genre,year,label", *songs]), "utf-8")


def _opinions(folder: Path) -> None:
    with zipfile.ZipFile(folder / "letterboxd-you-2026-01-21.zip", "w") as archive:
        for name, text in LETTERBOXD.items():
            archive.writestr(name, text)
    for name in ("ratings.csv", "watched.csv"):
        (folder / name).write_text(LETTERBOXD[name], "utf-8")
    (folder / "NetflixViewingHistory.csv").write_text(SHAPES["netflix history"][1], "utf-8")


def _home(folder: Path) -> None:
    (folder / "home" / "Downloads").mkdir(parents=True)
    for name in ("Downloads/ml-1m.zip", "my-ratings.zip"):
        shutil.copyfile(folder / "datasets" / "ml-1m.zip", folder / "home" / name)


FILES: dict[str, Callable[[Path], object]] = {
    "docs/data.md": _home,
    "docs/plugins.md": lambda folder: (folder / "home.watchlog").write_text(watched(), "utf-8"),
    "docs/python.md": lambda folder: (folder / "ratings.csv").write_text(_table("listener"), "utf-8"),
    "docs/start.md": lambda folder: (folder / "ratings.csv").write_text(_table("user"), "utf-8"),
    "docs/tuning.md": _songs,
    "docs/your-ratings.md": _opinions,
}
"""Writes what a reader has of their own."""

IN_PLACE: dict[str, Callable[[Path], object]] = {
    "movierec train --archive songs --columns user=listener": lambda folder: (
        folder / "songs" / "ratings.csv"
    ).write_text(_table("listener").replace("item", "song_id"), "utf-8"),
}
"""Writes the reader's own files in place of the page's example, before this command."""

KNOWN = {
    "docs/plugins.md": (
        "from dataclasses import replace\n"
        "from movierec_cli.plugins import *\n"
        "from movierec_example.decade import encode, fit\n"
    ),
    "docs/scaling.md": (
        "from movierec_cli.runners.open_runner import LocalProcesses\n"
        "task, arguments, data = 'operator:or_', (), None\n"
    ),
}
"""Names that the Python of a page takes for known."""


class World:
    """Runs what a page shows, one after the other; see the module."""

    def __init__(self, page: str, folder: Path, archives: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Puts the stand-ins and files in place.

        Args:
            page: its name.
            folder: where it is run, which is empty.
            archives: as `write_archives` makes them.
            monkeypatch: undoes it all.
        """
        shutil.copytree(archives, folder / "datasets")
        FILES.get(page, lambda _: None)(folder)
        monkeypatch.chdir(folder)
        monkeypatch.setenv("HOME", str(folder / "home"))
        self._page, self._fit = page, fake_trainer.Fits()
        for module in (training_task, trials):
            monkeypatch.setattr(module, "fit_run", self._fit)
        for most in ("DEFAULT_TRIALS", "MOST_TRIALS"):  # the second is what an hour would have
            monkeypatch.setattr(tune, most, _N_TRIALS)
        part = part_of_the_sample(N_USERS)
        monkeypatch.setattr(sample, "simulate_sample", lambda: copy.copy(part))
        monkeypatch.setattr(open_runner, "LocalProcesses", lambda jobs: InProcess())
        monkeypatch.setattr(cluster, "RayCluster", lambda address, jobs: InProcess())
        monkeypatch.setattr(users, "_state", lambda run, *_: run.artifacts.user_embeddings[0])
        monkeypatch.setattr(typer, "launch", lambda address: 0)
        self.names: dict[str, Any] = {}
        self._monkeypatch, self._address = monkeypatch, ""
        self._ending = contextlib.ExitStack()
        if page == "docs/plugins.md":
            self._install_the_example(folder)
        exec(KNOWN.get(page, ""), self.names)

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def run(self, command: str) -> None:
        """Runs a command of the shell, which has to end with 0."""
        IN_PLACE.get(command, lambda _: None)(Path())
        is_real = (self._page, command) == TRAINS
        self._monkeypatch.setattr(training_task, "fit_run", _short_fit if is_real else self._fit)
        program, *arguments = shlex.split(command)
        if program == "movierec":
            self._run_ours(arguments)
        elif program == "curl":
            self._ask(arguments)
        else:
            subprocess.run(["sh", "-c", command], check=True)

    def execute(self, program: str) -> None:
        """Runs Python, where names live on."""
        exec(program, self.names)

    def _run_ours(self, arguments: list[str]) -> None:
        places = [os.path.expanduser(one) for one in arguments]
        if "NAME" in places:
            places[places.index("NAME")] = next(Path("saved_models").glob("1m-timestamp-*")).name
        if is_server := places[:1] == ["serve"]:
            places += ["--port", "0"]
            self._serve_on()
        result = run(*places)
        assert result.exit_code == 0, result.output
        if is_server:
            self._address = re.search(r"http://([\d.:]+)/", result.output)[1]  # type: ignore[index]

    def _install_the_example(self, folder: Path) -> None:
        project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
        entries = {group.partition(".")[2]: named for group, named in project["entry-points"].items()}
        self._monkeypatch.syspath_prepend(EXAMPLE)
        install(folder / "path", self._monkeypatch, project["name"], entries, project["version"])
        self._ending.callback(forget)
        for name in ("decade", "hit_rate", "rp3beta", "watch_log"):
            self._ending.callback(sys.modules.pop, f"movierec_example.{name}", None)

    def _serve_on(self) -> None:
        """Lets the server run in a thread till the page's end, where it would run till it is interrupted."""
        from movierec_cli.serving import run_server

        def begun(app: Any, listening: socket.socket, limits: Any) -> None:
            server = run_server.server_of(app, limits)
            thread = threading.Thread(target=server.run, args=([listening.dup()],))
            thread.start()
            self._ending.callback(thread.join)
            self._ending.callback(setattr, server, "should_exit", True)

        self._monkeypatch.setattr(run_server, "run_server", begun)

    def _ask(self, arguments: list[str]) -> None:
        """What curl would ask of the page's server."""
        (address,) = (one for one in arguments if one.startswith("http"))
        given = dict(itertools.pairwise(arguments))
        headers = dict([given["-H"].split(": ")]) if "-H" in given else {}
        connection = http.client.HTTPConnection(self._address, timeout=20)
        body = given.get("-d")
        connection.request("GET" if body is None else "POST", address.partition(_SERVER)[2], body, headers)
        response = connection.getresponse()
        answer = response.read()
        assert response.status == 200 and answer.startswith(b"{"), answer
        connection.close()


def _short_fit(fitting: Fitting) -> Fitted:
    if fitting.config.training is None:
        return fit_run(fitting)
    start_tensorflow()
    import tensorflow as tf

    shorter = replace(fitting.config.training, num_epochs=2)
    tf.config.run_functions_eagerly(True)  # compiling would take longer than both epochs
    try:
        return fit_run(replace(fitting, config=replace(fitting.config, training=shorter)))
    finally:
        tf.config.run_functions_eagerly(False)
