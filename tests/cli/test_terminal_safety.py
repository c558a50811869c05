"""What is printed never acts on the terminal: controls of data, arguments and servers stay out of it."""

import csv
import http.server
import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.cli.console import Terminal
from movierec_cli.data.dataset import Dataset
from movierec_cli.text import printable
from tests.cli.running import run, words
from tests.saved_runs import judged_run, multi_task_config, run_config
from tests.small_dataset import small_dataset

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x85\u202eHeat\u2066\u200b\x08\x7f\r=1"
STYLES = re.compile(r"\x1b\[[0-9;]*m|\x1b\[(?:\?25[lh]|[0-9]*[AK]|2K)|\x1b\[1A|\r")
"""What rich writes of its own: colours, and what moves its bars; a terminal's line ends have a CR."""


def evil_dataset() -> Dataset:
    source = small_dataset()
    titles = np.array([f"{EVIL} {title}" for title in source.movies.title], object)
    genres = tuple(f"{name}\x1b[5m" for name in source.movies.genre_names)
    return replace(source, movies=replace(source.movies, title=titles, genre_names=genres))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evil")
    judged_run(folder / "saved_models", evil_dataset(), run_config())
    judged_run(folder / "rating_models", evil_dataset(), multi_task_config())
    data = folder / "own"
    data.mkdir()
    films = "".join(f'{n},"{EVIL.replace(chr(13), "")} {n} (1990)",Dra\x1b[5mma\n' for n in range(1, 13))
    ratings = "".join(f"{u},{(u * 5 + k) % 12 + 1},4,{k}\n" for u in range(1, 9) for k in range(6))
    (data / "movies.csv").write_text(f"movieId,title,genres\n{films}", encoding="utf-8")
    (data / "ratings.csv").write_text(f"userId,movieId,rating,timestamp\n{ratings}", encoding="utf-8")
    return folder


def in_a_terminal(folder: Path, *args: str | bytes, answers: bytes = b"") -> str:
    """All that a command writes to a terminal, stdout and stderr."""
    mine, its = pty.openpty()
    command = [sys.executable, "-m", "movierec_cli", *args]
    env = os.environ | {
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "TERM": "xterm-256color", "COLUMNS": "100",
    }  # fmt: skip
    process = subprocess.Popen(command, cwd=folder, env=env, stdin=its, stdout=its, stderr=its)
    os.close(its)
    os.write(mine, answers)
    written = b""
    while True:
        try:
            chunk = os.read(mine, 65_536)
        except OSError:  # how Linux says that nobody writes any more
            break
        if not chunk:
            break
        written += chunk
    os.close(mine)
    process.wait(timeout=60)
    return written.decode("utf-8")


def test_the_pattern_of_styles_lets_nothing_else_pass() -> None:
    assert STYLES.sub("", "\x1b[1;31mred\x1b[0m\r\n") == "red\n"
    assert STYLES.sub("", EVIL) not in (EVIL, printable(EVIL))


COMMANDS: dict[str, tuple[str | bytes, ...]] = {
    "a table of titles": ("recommend", "--user", "1"),
    "with reasons": ("recommend", "--user", "1", "--why", "--top", "3"),
    "JSON": ("recommend", "--user", "1", "--json"),
    "CSV": ("recommend", "--users", "1", "2"),
    "titles near one": ("similar", "id:105"),
    "a title that fits no movie": ("similar", EVIL),
    "stars": ("predict", "--saved_models_dir", "rating_models", "--user", "1", "--movie", "id:105"),
    "a question about titles": ("recommend", "--liked", "film 10"),
    "a list of genres": ("recommend", "--user", "1", "--genre", EVIL),
    "an unknown option": (f"--{EVIL}",),
    "an unknown command": (EVIL,),
    "a wrong number": ("recommend", "--user", EVIL),
    "a wrong choice": ("recommend", "--user", "1", "--rank_by", EVIL),
    "a missing file": ("recommend", "--user", "1", "--exclude", EVIL),
    "a missing folder": ("models", "list", "--saved_models_dir", EVIL),
    "a name": ("models", "show", EVIL),
    "bytes that are no text": ("models", "show", b"\xff\xfe\x9b"),
    "own data": ("data", "lengths", "--archive", "own", "--movie_lengths", "own/movies.csv"),
    "own data checked": ("doctor", "--archive", "own", "--additional_feature_sets", "movie_genres"),
    "what did not happen as foreseen": ("similar", "id:105", "--csv", f"{EVIL}{'x' * 300}"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_control_character_reaches_a_terminal(folder: Path, command: str) -> None:
    shown = in_a_terminal(folder, *COMMANDS[command], answers=b"\x04")
    assert len(shown) > 20
    plain = STYLES.sub("", shown.replace("^D\x08\x08", ""))
    assert printable(plain, lambda character: f"<{character!r}>") == plain


def test_json_has_the_very_titles_and_csv_for_programs_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    document, table = run("recommend --user 1 --json").stdout, run("recommend --users 1").stdout
    titles = [movie["title"] for movie in json.loads(document)["movies"]]
    assert [title.replace("\r", " ") for title in titles] == [
        row["title"] for row in csv.DictReader(io.StringIO(table, newline=""))
    ]
    assert all(title.startswith(EVIL) for title in titles)


@pytest.fixture
def url() -> Iterator[str]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503, "\x1b]0;owned\x07busy")
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/ml-100k.zip"
        server.shutdown()


def test_a_servers_words_do_not_act_on_the_terminal(folder: Path, url: str) -> None:
    shown = in_a_terminal(folder, "data", "fetch", "100k", "--url", url)
    assert "the server answers 503 Service Unavailable" in words(shown) and "busy" not in shown
    plain = STYLES.sub("", shown)
    assert printable(plain) == plain


def test_progress_and_messages_go_through_the_one_place(capfd: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    said: list[Callable[[str], object]] = [
        terminal.note, terminal.warn, terminal.fail, terminal.line, terminal.say, terminal.out.print
    ]  # fmt: skip
    for say in said:
        say(EVIL)
    captured = capfd.readouterr()
    assert captured.out.count("Heat") + captured.err.count("Heat") == len(said)
    assert printable(captured.out + captured.err) == captured.out + captured.err
