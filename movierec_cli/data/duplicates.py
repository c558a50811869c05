"""Movies that a catalogue has under several ids: each once in a list, or made one before training."""

import hashlib
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import UNKNOWN_YEAR, Dataset, Movies, Ratings, take
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.records import dataclass
from movierec_cli.text import counted

_Rows = npt.NDArray[np.int64]
_Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Duplicates:
    """Which movies of a catalogue are the same one."""

    first: _Rows  # [n_movies], the row of the first movie that is the same; mostly a movie's own

    @cached_property
    def groups(self) -> RaggedRows:
        """The rows of each movie that has several, ascending."""
        rows = np.flatnonzero(np.bincount(self.first, minlength=1)[self.first] > 1)
        _, group = np.unique(self.first[rows], return_inverse=True)
        return RaggedRows.group(group, rows.astype(np.int32), int(group.max(initial=-1)) + 1)

    def spread(self, marked: _Marks) -> _Marks:
        """Marks the duplicates of what is marked as well: [..., n_movies], a new array."""
        spread, rows = marked.copy(), self.groups.values
        if len(rows):
            spread[..., rows] = self._of_groups(np.logical_or, marked[..., rows])
        return spread

    def listed(self, scores: npt.NDArray[np.floating[Any]], allowed: _Marks) -> _Marks:
        """The allowed movies without those of which an allowed duplicate scores higher, or as high before it.

        Both arrays and the new one are [..., n_movies].
        """
        listed, rows = allowed.copy(), self.groups.values
        if len(rows):
            own = np.where(allowed[..., rows], scores[..., rows], -np.inf)
            place = np.where(own == self._of_groups(np.maximum, own), np.arange(len(rows)), len(rows))
            listed[..., rows] &= place == self._of_groups(np.minimum, place)
        return listed

    def _of_groups(self, reduce: np.ufunc, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What the values of a group's movies make, at the place of each of them: [..., n_rows]."""
        of_groups = reduce.reduceat(values, self.groups.starts[:-1], axis=-1)
        return np.repeat(of_groups, self.groups.lengths, axis=-1)


def duplicates_of(movies: Movies) -> Duplicates:
    """Movies of equal title, whatever its case and spaces, and equal year are the same.

    One without a title, or of unknown year, is no other's duplicate: songs may share a title.
    """
    first = np.arange(len(movies))
    titles = _comparable(movies.title.tolist())
    last_of = dict(zip(titles, range(len(titles)), strict=True))
    if len(last_of) == len(titles):
        return Duplicates(first)
    repeated = {title for row, title in enumerate(titles) if last_of[title] != row} - {""}
    year = movies.year.tolist()
    first_of: dict[tuple[str, int], int] = {}
    for row, title in enumerate(titles):
        if title in repeated and year[row] != UNKNOWN_YEAR:
            first[row] = first_of.setdefault((title, year[row]), row)
    return Duplicates(first)


_UNUSUAL_SPACES = (
    "  ",
    "\n ",
    " \n",
    *(one for one in map(chr, range(0x3001)) if one.isspace() and one not in " \n"),
)
"""What lines have that `str.split` would change."""


def _comparable(titles: list[str]) -> list[str]:
    """Titles in one case, with one space where they have several or others, and none around them."""
    # Of a hundred thousand titles, asking for all at once takes a fifth of the time.
    whole = "\n" + "\n".join(titles).casefold() + "\n"
    if whole.count("\n") == len(titles) + 1 and not any(one in whole for one in _UNUSUAL_SPACES):
        return whole[1:-1].split("\n")
    return [" ".join(title.casefold().split()) for title in titles]


def merge_duplicates(dataset: Dataset) -> Dataset:
    """Makes one of the movies that are the same: the one with most ratings, the first of equals.

    It gets the ratings and the genres of all. Of a user's ratings of several the last by time, then by row,
    stays; their events are added up. A data set without duplicates is returned with a note alone.
    """
    movies, ratings = dataset.movies, dataset.ratings
    first = duplicates_of(movies).first
    by_ratings = np.lexsort((-np.bincount(ratings.movie_index, minlength=len(movies)), first))
    _, starts, group = np.unique(first[by_ratings], return_index=True, return_inverse=True)
    stays = np.empty_like(first)  # [n_movies], the row of the one that stays of each
    stays[by_ratings] = by_ratings[starts][group]
    kept = np.unique(stays)
    n_merged = len(movies) - len(kept)
    if n_merged == 0:
        return replace(dataset, notes=(*dataset.notes, f"no {dataset.noun} has several ids to merge"))
    new_row = np.searchsorted(kept, stays)
    genres = np.zeros((len(kept), movies.genres.shape[1]), bool)
    np.logical_or.at(genres, new_row, movies.genres)
    is_merged = (np.bincount(new_row) > 1)[new_row]
    moved = replace(ratings, movie_index=new_row[ratings.movie_index].astype(np.int32))
    once = _last_of_pairs(moved, np.flatnonzero(is_merged[ratings.movie_index]), len(kept))
    n_repeats = len(ratings) - len(once)
    note = (
        f"{counted(n_merged, dataset.noun)} merged into another id of the same title and year;"
        f" {counted(n_repeats, f'repeated {ratings.called}')} left out"
    )
    return replace(
        dataset,
        fingerprint=hashlib.sha256(f"{dataset.fingerprint} merged duplicates".encode()).hexdigest(),
        ratings=once,
        movies=replace(take(movies, kept), genres=genres),
        notes=(*dataset.notes, note),
        merged_duplicates=True,
    )


def _last_of_pairs(ratings: Ratings, rows: _Rows, n_movies: int) -> Ratings:
    """Of those at `rows` only the last of each user and movie, with the events of all of these."""
    pair = ratings.user_index[rows].astype(np.int64) * n_movies + ratings.movie_index[rows]
    order = np.lexsort((ratings.timestamp[rows], pair))
    rows, pair = rows[order], pair[order]
    ends = np.flatnonzero(np.append(pair[1:] != pair[:-1], len(pair) > 0))
    n_events = ratings.n_events
    if n_events is not None and len(rows):
        n_events = n_events.copy()
        n_events[rows[ends]] = np.add.reduceat(n_events[rows], np.append(0, ends[:-1] + 1))
    repeated = np.delete(rows, ends)
    return take(replace(ratings, n_events=n_events), np.delete(np.arange(len(ratings)), repeated))
