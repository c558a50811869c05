"""The movies that a person means by what they type, which need not be a whole title."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Movies
from movierec_cli.recommend.list_options import Finder
from movierec_cli.recommend.movie_search import MovieSearch, each_movie_once
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run
from movierec_cli.text import counted, listed

_NAMED = 5  # movies in a note

Popularity: TypeAlias = Callable[[], npt.NDArray[np.int64]]
"""How often each movie of a catalogue was rated, [n_movies]; read where it is needed only."""


@dataclass(frozen=True)
class MeantMovies:
    """One option's texts; of several movies that fit, the best known is meant."""

    search: MovieSearch
    option: str
    popularity: Popularity
    note: Callable[[str], object]  # told where it is not certain what is meant

    def rows(self, text: str) -> list[int]:
        """Of the movies that a text names, else of those that have it in a name; none where none has."""
        return self.search.fitting(text) or self.search.containing(text)

    def row_of(self, text: str) -> int:
        """The row of the movie with the most ratings; of equal ones, the first of the catalogue.

        Raises:
            MovierecError: none fits; offers the closest.
        """
        rows = self.rows(text)
        if not rows:
            return self.search.find(text)  # which says what is wrong
        if len(rows) > 1:
            popularity = self.popularity()
            rows = sorted(rows, key=lambda row: -popularity[row])
            self.note(self._of_several(text, rows))
        elif not self.search.fitting(text):
            taken = self.search.movies.shown_title(rows[0])
            self.note(f"{self.option} '{text}' is taken as '{taken}'")
        return rows[0]

    def _of_several(self, text: str, rows: Sequence[int]) -> str:
        best, *others = map(self._named, rows[: 1 + _NAMED])
        n_more = len(rows) - 1 - len(others)
        more = [f"{n_more:,} more"] if n_more else []
        noun = self.search.noun
        return (
            f"{self.option} '{text}' fits {counted(len(rows), noun)}; the best known is taken: {best}, not"
            f" {listed([*others, *more], 'or')}"
        )

    def _named(self, row: int) -> str:
        return f"'{self.search.movies.shown_title(row)}' (id:{self.search.movies.movie_id[row]})"


def finder(run: Run, note: Callable[[str], object]) -> Finder:
    """Finds a run's movies as `rows_of` does."""
    return partial(rows_of, popularity=lambda: run.popularity, note=note)


def rows_of(
    titles: Sequence[str],
    catalogue: Movies,
    option: str,
    noun: str,
    *,
    popularity: Popularity,
    note: Callable[[str], object],
) -> list[int]:
    """The catalogue's rows of movies as they are typed, in their order, see `MeantMovies`.

    Args:
        titles: each is an id, a title or a piece of one.
        catalogue: of the model that is to use them.
        option: what they were typed after, for messages: "--liked".
        noun: what the items are called.
        popularity: of the catalogue's movies.
        note: told where it is not certain what is meant.

    Raises:
        MovierecError: a title fits no movie.
        UsageError: the same movie is named twice.
    """
    meant = MeantMovies(MovieSearch(catalogue, noun), option, popularity, note)
    return each_movie_once(titles, catalogue, option, meant.row_of)
