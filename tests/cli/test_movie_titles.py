"""Titles of the command line, and the questions where they fit several movies."""

import contextlib
import io
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from movierec_cli.cli.console import ResultTerminal, Terminal
from movierec_cli.cli.parsing.movie_titles import can_ask, rows_of
from movierec_cli.data.dataset import Movies
from movierec_cli.data.reader.text_rows import year_of
from movierec_cli.errors import MovierecError, UsageError

TITLES = {
    1: "Toy Story (1995)",
    7: "Sabrina (1995)",
    80: "Sabrina (1954)",
    590: "Dances with Wolves (1990)",
    **{1_000 + i: f"Hamlet ({1900 + i})" for i in range(30)},
}
CATALOGUE = Movies(
    movie_id=np.array(list(TITLES), np.int64),
    title=np.array(list(TITLES.values()), object),
    year=np.array([year_of(title) for title in TITLES.values()], np.int16),
    genres=np.zeros((len(TITLES), 0), bool),
    genre_names=(),
)
TOY_STORY, SABRINA_1995, SABRINA_1954, WOLVES = range(4)


POPULARITY = np.array([9, 3, 5, 0, *range(30)])


def named(titles: Sequence[str], option: str, terminal: Terminal) -> list[int]:
    return rows_of(titles, CATALOGUE, option, "movie", terminal=terminal, popularity=lambda: POPULARITY)


class Keyboard(io.StringIO):
    """A user at a terminal who types these lines."""

    def isatty(self) -> bool:
        return True


class Desk:
    """Where a user looks at a screen, which shows stderr, and types."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch, self._screen = monkeypatch, io.StringIO()
        err = Console(file=self._screen, force_terminal=True, color_system=None, width=60)
        self._terminal = Terminal(err=err)

    def type_in(self, *lines: str) -> None:
        self._monkeypatch.setattr(sys, "stdin", Keyboard("".join(f"{line}\n" for line in lines)))

    def shown(self) -> str:
        return self._screen.getvalue()

    def rows(self, *titles: str, option: str = "--liked") -> list[int]:
        return named(titles, option, self._terminal)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


def test_titles_become_rows_in_their_order(desk: Desk) -> None:
    assert desk.rows("dances with wolves", "id:1") == [WOLVES, TOY_STORY]
    assert desk.rows() == []


def test_a_movie_that_is_named_twice_is_refused(desk: Desk) -> None:
    with pytest.raises(UsageError) as caught:
        desk.rows("Toy Story", "id:590", "toy story (1995)", option="--watched")
    assert str(caught.value) == "--watched 'toy story (1995)' is 'Toy Story (1995)' again; name it once"


@pytest.mark.parametrize(
    ("types", "sees", "as_json"),
    [
        (True, False, False),
        (False, True, False),
        (False, False, False),
        (None, True, False),
        (True, True, True),
    ],
)
def test_where_it_cannot_ask_the_best_known_is_taken_with_a_note(
    types: bool | None, sees: bool, as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = {True: Keyboard("1\n"), False: io.StringIO("1\n"), None: None}[types]
    monkeypatch.setattr(sys, "stdin", stdin)
    screen = io.StringIO()
    err = Console(file=screen, force_terminal=sees, color_system=None)
    terminal = ResultTerminal(err=err, as_json=as_json)
    assert not can_ask(terminal)
    assert named(["Sabrina", "hamlet", "dances"], "--liked", terminal) == [SABRINA_1954, 33, WOLVES]
    several, many, piece = screen.getvalue().splitlines()
    assert several == (
        "--liked 'Sabrina' fits 2 movies; the best known is taken: 'Sabrina (1954)' (id:80), not"
        " 'Sabrina (1995)' (id:7)"
    )
    assert many.startswith("--liked 'hamlet' fits 30 movies; the best known is taken: 'Hamlet (1929)'")
    assert many.endswith("'Hamlet (1924)' (id:1024) or 24 more")
    assert piece == "--liked 'dances' is taken as 'Dances with Wolves (1990)'"
    with pytest.raises(MovierecError, match=r"there is no movie 'Hamlex'; the closest are:\n"):
        named(["Hamlex"], "--liked", terminal)


def test_of_several_movies_the_one_with_the_typed_number_is_taken(desk: Desk) -> None:
    desk.type_in(" 2 ")
    assert desk.rows("sabrina", "Toy Story") == [SABRINA_1954, TOY_STORY]
    assert desk.shown().splitlines() == [
        "--liked 'sabrina' fits 2 movies:",
        "  1  id:7   Sabrina (1995)",
        "  2  id:80  Sabrina (1954)",
        "Which one? 1 to 2, or Enter to stop: ",
    ]


def test_a_movie_is_taken_by_more_of_its_title_or_its_id_too(desk: Desk) -> None:
    for answer, row in (("sabrina 1954", SABRINA_1954), ("id:7", SABRINA_1995)):
        desk.type_in(answer)
        assert desk.rows("sabrina") == [row]


def test_it_asks_again_until_an_answer_is_one_movie(desk: Desk) -> None:
    desk.type_in("3", "0", "-1", "9" * 5_000, "²", "hamlet", "zzqxj", "1", "never read")
    assert desk.rows("sabrina") == [SABRINA_1995]
    assert desk.shown().count("Which one?") == 8
    assert "'hamlet' fits 30 movies; type a number from 1 to 2" in desk.shown()
    assert "'3' is not one of them; type a number from 1 to 2" in desk.shown()
    assert sys.stdin.readline() == "never read\n"


def test_what_fits_no_movie_offers_the_closest(desk: Desk) -> None:
    desk.type_in("1")
    assert desk.rows("Dances wih Wolfs", option="--disliked") == [WOLVES]
    assert "--disliked 'Dances wih Wolfs' is not a movie's title; the closest are:" in desk.shown()


@pytest.mark.parametrize("title", ["zzqxj", "id:3", ""])
def test_it_does_not_ask_about_what_is_similar_to_no_movie(title: str, desk: Desk) -> None:
    desk.type_in("1")
    with pytest.raises(MovierecError, match=r"there is no movie|is empty"):
        desk.rows(title)
    assert desk.shown() == ""


@pytest.mark.parametrize("lines", [("",), ("   ",), (), ("7", "")])
def test_an_empty_answer_or_the_end_of_input_stops(lines: tuple[str, ...], desk: Desk) -> None:
    desk.type_in(*lines)
    with pytest.raises(MovierecError, match="no movie was chosen for --liked 'sabrina'") as caught:
        desk.rows("sabrina")
    assert caught.value.exit_code == 1


def test_a_long_list_is_cut_and_the_rest_can_be_had_by_title(desk: Desk) -> None:
    desk.type_in("25", "hamlet 1929")
    (row,) = desk.rows("hamlet")
    assert CATALOGUE.title[row] == "Hamlet (1929)"
    assert desk.shown().count("Hamlet (") == 20
    assert "and 10 others" in desk.shown()


SCRIPT = """
import fcntl, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches this process
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where the tests run
sys.path.insert(0, {tests!r})
from test_movie_titles import named
from movierec_cli.cli.console import ResultTerminal, Terminal
try:
    print(named(["sabrina"], "--liked", Terminal()))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(("typed", "stdout", "status"), [(b"2\n", "[2]\n", 0), (b"\x03", "", 130)])
def test_on_a_real_terminal_the_question_stays_out_of_stdout(typed: bytes, stdout: str, status: int) -> None:
    main, child = pty.openpty()
    command = [sys.executable, "-c", SCRIPT.format(tests=str(Path(__file__).parent))]
    with subprocess.Popen(
        command,
        stdin=child,
        stderr=child,
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        os.close(child)
        shown = b""
        while b"stop: " not in shown:
            shown += os.read(main, 1_000)
        os.write(main, typed)
        assert process.stdout is not None
        assert process.stdout.read().decode() == stdout
        assert process.wait() == status
    with contextlib.suppress(OSError):
        os.close(main)
    assert b"Sabrina (1954)" in shown
