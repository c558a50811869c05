"""Titles of the command line to movies; where one fits several, it asks at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text

from movierec_cli.cli.console import ResultTerminal, Terminal
from movierec_cli.errors import MovierecError
from movierec_cli.records import dataclass
from movierec_cli.text import counted, with_article

if TYPE_CHECKING:
    from movierec_cli.data.dataset import Movies
    from movierec_cli.recommend.list_options import Finder
    from movierec_cli.recommend.meant_movies import MeantMovies, Popularity
    from movierec_cli.recommend.movie_search import MovieSearch
    from movierec_cli.registry.store import Run

_LISTED = 20


def rows_of(
    titles: Sequence[str],
    catalogue: Movies,
    option: str,
    noun: str,
    *,
    terminal: Terminal,
    popularity: Popularity,
) -> list[int]:
    """As `meant_movies.rows_of`.

    Where stdin and stderr are terminals, it asks about a title that fits several movies, or is similar to
    some.
    """
    from movierec_cli.recommend.meant_movies import MeantMovies
    from movierec_cli.recommend.movie_search import MovieSearch, each_movie_once

    search = MovieSearch(catalogue, noun)
    asker = _Asker(search, option, terminal, MeantMovies(search, option, popularity, terminal.note))
    return each_movie_once(titles, catalogue, option, asker.row_of)


def finder(run: Run, terminal: Terminal) -> Finder:
    """Finds a run's movies; questions and notes come at the terminal."""
    return partial(rows_of, terminal=terminal, popularity=lambda: run.popularity)


def can_ask(terminal: Terminal) -> bool:
    """Whether a question would be seen and can be answered; a program that reads JSON is asked nothing."""
    if isinstance(terminal, ResultTerminal) and terminal.as_json:
        return False
    return terminal.err.is_terminal and sys.stdin is not None and sys.stdin.isatty()


@dataclass(frozen=True)
class _Asker:
    """One option's titles."""

    search: MovieSearch
    option: str
    terminal: Terminal
    meant: MeantMovies

    def row_of(self, title: str) -> int:
        fitting = self.meant.rows(title)
        if len(fitting) == 1 or not can_ask(self.terminal):
            return self.meant.row_of(title)
        choices = fitting or self.search.closest(title)
        if not choices:
            return self.search.find(title)  # which says what is wrong
        self._list(title, choices, fits=bool(fitting))
        return self._chosen(title, choices)

    def _list(self, title: str, choices: Sequence[int], *, fits: bool) -> None:
        movies, shown = self.search.movies, choices[:_LISTED]
        noun = self.search.noun
        how = (
            f"fits {counted(len(choices), noun)}"
            if fits
            else f"is not {with_article(noun)}'s title; the closest are"
        )
        self.terminal.say(f"{self.option} '{title}' {how}:")
        ids = [f"id:{movies.movie_id[row]}" for row in shown]
        width, id_width = len(str(len(shown))), max(map(len, ids))
        for number, (row, movie_id) in enumerate(zip(shown, ids, strict=True), start=1):
            self.terminal.say(f"  {number:>{width}}  {movie_id:<{id_width}}  {movies.shown_title(row)}")
        if len(choices) > len(shown):
            self.terminal.say(
                f"  and {len(choices) - len(shown):,} others; type more of the title to find them"
            )

    def _chosen(self, title: str, choices: Sequence[int]) -> int:
        """Asks until an answer is one movie."""
        n_listed = min(len(choices), _LISTED)
        numbers = [str(number) for number in range(1, n_listed + 1)]
        while answer := self._answer(n_listed):
            fitting = [] if answer.isdecimal() else self.search.fitting(answer)
            if answer in numbers:
                return choices[int(answer) - 1]
            if len(fitting) == 1:
                return fitting[0]
            what = f"fits {counted(len(fitting), self.search.noun)}" if fitting else "is not one of them"
            self.terminal.say(f"'{answer}' {what}; type a number from 1 to {n_listed}")
        raise MovierecError(
            f"no {self.search.noun} was chosen for {self.option} '{title}', so nothing was done"
        )

    def _answer(self, n_listed: int) -> str:
        """What is typed; empty where the input ends."""
        numbers = "1" if n_listed == 1 else f"1 to {n_listed}"
        try:
            return self.terminal.err.input(Text(f"Which one? {numbers}, or Enter to stop: ")).strip()
        except (EOFError, KeyboardInterrupt) as ending:
            self.terminal.say("")  # the line that was begun
            if isinstance(ending, KeyboardInterrupt):
                raise
            return ""
