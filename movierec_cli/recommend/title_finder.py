"""Finds in a catalogue the movies that a file from elsewhere names, by number, id or title."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Movies, are_texts
from movierec_cli.data.reader.item_tables import imdb_number
from movierec_cli.recommend.movie_search import MovieSearch
from movierec_cli.recommend.rating_lists import RatedTitle
from movierec_cli.records import dataclass
from movierec_cli.text import counted

_LONGEST_TITLE = 500  # letters; no movie's is half as long
_IMDB_ID = re.compile(r"tt[0-9]+")
_NAMED = 5  # movies in a sentence


@dataclass
class TitleFinder:
    """A catalogue in which many titles are looked up."""

    catalogue: Movies
    n_other_ids: int = 0  # rows whose movie_id is another movie's here, by the title
    n_with_id: int = 0  # rows with a movie_id and a title
    _by_title: dict[tuple[str, int | None], list[int]] = field(default_factory=dict)  # diaries repeat movies

    def rows(self, one: RatedTitle) -> list[int]:
        """Of the movies that it can be.

        A number at IMDb or TMDb decides where the catalogue has it. An id of the data set's own counts where
        the title agrees with it, as other data sets have other ids; else title and year decide. Series are
        not searched by title: movies may have the same one. TMDb counts series apart from movies.
        """
        if one.imdb_number in self._by_imdb:
            return [self._by_imdb[one.imdb_number]]
        if one.is_movie and one.tmdb_number in self._by_tmdb:
            return [self._by_tmdb[one.tmdb_number]]
        own = None if one.movie_id is None else self._search.row_of_id(one.movie_id)
        if one.movie_id is not None and not (one.title and self.catalogue.has_titles):
            return [] if own is None else [own]
        if not one.is_movie:
            return []
        rows = self._titled(one.title, one.year) or self._titled(one.original_title, one.year)
        if one.movie_id is not None:
            self.n_with_id += 1
            if own in rows:
                return [own]
            self.n_other_ids += 1
        # With a number, a movie with another number is another movie.
        at_imdb = self._at_imdb if one.imdb_number is not None else frozenset()
        at_tmdb = self._at_tmdb if one.tmdb_number is not None else frozenset()
        return [row for row in rows if row not in at_imdb and row not in at_tmdb]

    def notes(self, noun: str) -> tuple[str, ...]:
        """Says that the file's ids are of another data set, where they are."""
        if not self.n_other_ids:
            return ()
        of_all = f"{self.n_other_ids:,} of {counted(self.n_with_id, noun)}"
        return (
            f"the file's ids are of another data set: for {of_all} the title is not that of the id here, so"
            " title and year decide",
        )

    def _titled(self, title: str, year: int | None) -> list[int]:
        if not title or len(title) > _LONGEST_TITLE:
            return []
        key = (title, year)
        if key not in self._by_title:
            self._by_title[key] = self._search.titled(*key)
        return self._by_title[key]

    @cached_property
    def _search(self) -> MovieSearch:
        return MovieSearch(self.catalogue)

    @cached_property
    def _by_imdb(self) -> Mapping[int | None, int]:
        """By the numbers that links gave, or by ids that are IMDb's own."""
        ids = self.catalogue.movie_id
        if self.catalogue.imdb_number is None and are_texts(ids) and all(map(_IMDB_ID.fullmatch, ids)):
            return _by_number(np.array([imdb_number(one) for one in ids.tolist()], np.int64))
        return _by_number(self.catalogue.imdb_number)

    @cached_property
    def _by_tmdb(self) -> Mapping[int | None, int]:
        return _by_number(self.catalogue.tmdb_number)

    @cached_property
    def _at_imdb(self) -> frozenset[int]:
        """Rows that have a number there."""
        return frozenset(self._by_imdb.values())

    @cached_property
    def _at_tmdb(self) -> frozenset[int]:
        return frozenset(self._by_tmdb.values())


def _by_number(numbers: npt.NDArray[np.int64] | None) -> dict[int | None, int]:
    """The row of each number but 0, which stands for none."""
    every = [] if numbers is None else numbers.tolist()
    return {number: row for row, number in enumerate(every) if number}


def named(titles: Sequence[RatedTitle]) -> str:
    """Such as: 'Heat (1995)' (line 2) and 16 others; of one name the first."""
    first = {one.name: one for one in reversed(titles)}
    distinct = list(reversed(first.values()))
    shown = ", ".join(f"{one.name} ({one.place})" for one in distinct[:_NAMED])
    n_others = len(distinct) - _NAMED
    return shown if n_others <= 0 else f"{shown} and {counted(n_others, 'other')}"
