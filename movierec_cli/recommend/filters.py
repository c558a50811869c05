"""Which movies may be recommended, by what a catalogue says of them and by what somebody knows."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import UNKNOWN_YEAR, Movies
from movierec_cli.errors import MovierecError
from movierec_cli.registry.store import Run

LAST_YEAR = 9999

_LEAST_ALIKE = 0.6  # as difflib counts, 0 … 1

_Allowed = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Filters:
    """What may be recommended; a movie must pass all of it. Without arguments: whatever was not seen.

    Raises:
        MovierecError: a range ends before it begins, or a number is not one that can be.
    """

    genres: tuple[str, ...] = ()  # any of them; all of the catalogue if none is named
    not_genres: tuple[str, ...] = ()  # none of them
    years: tuple[int, int] | None = None  # first and last
    max_length: int | None = None  # minutes
    min_popularity: int | None = None  # ratings in the run's data
    max_popularity: int | None = None
    exclude: tuple[int, ...] = ()  # rows of the run's movies
    include_seen: bool = False

    def __post_init__(self) -> None:
        if self.years is not None:
            _check_years(*self.years)
        if self.max_length is not None and self.max_length < 1:
            raise MovierecError(f"the max length is {self.max_length:,} minutes; it must be 1 or more")
        for name, number in (("min", self.min_popularity), ("max", self.max_popularity)):
            if number is not None and number < 0:
                raise MovierecError(f"the {name} popularity is {number:,}; it must be 0 ratings or more")
        least, most = self.min_popularity, self.max_popularity
        if least is not None and most is not None and least > most:
            raise MovierecError(
                f"the min popularity is {least:,} and the max popularity {most:,}; swap them, as no movie has"
                f" {least:,} ratings or more and yet {most:,} or fewer"
            )

    def allowed(self, run: Run, known: npt.NDArray[np.integer]) -> _Allowed:
        """Which movies may be recommended to somebody.

        Args:
            run: of a trained model.
            known: rows of the movies they know.

        Returns:
            bool [n_movies].

        Raises:
            MovierecError: the catalogue has no such genre, or no lengths.
            SavedModelError: the run is damaged.
        """
        return self.unseen(self.fitting(run), known)

    def fitting(self, run: Run) -> _Allowed:
        """As `allowed`, for somebody who knows no movie: what all people have in common."""
        return self._fitting_but_for_length(run) & self._short_enough(run)

    def unseen(self, fitting: _Allowed, known: npt.NDArray[np.integer]) -> _Allowed:
        """What `fitting` leaves to somebody who knows some movies; a new array."""
        left = fitting.copy()
        if not self.include_seen:
            left[known] = False
        return left

    def unknown_lengths(self, run: Run, known: npt.NDArray[np.integer]) -> str | None:
        """Says how many movies only their unknown length keeps out; None where there are none."""
        if self.max_length is None:
            return None
        fitting = self.unseen(self._fitting_but_for_length(run), known)
        n_unknown = int((fitting & np.isnan(lengths_of(run))).sum())
        movies = "1 movie is" if n_unknown == 1 else f"{n_unknown:,} movies are"
        return f"{movies} left out, as nobody knows how long: movierec data lengths" if n_unknown else None

    @property
    def description(self) -> str:
        """What a movie must be, such as "Western, of 1950-1959 and not seen"; "" where any will do."""
        return _listed([*self._of_genres(), *self._of_numbers(), *self._of_people()], "and")

    def shortfall(self, n_found: int, top: int) -> str | None:
        """Says that a list is shorter than asked, and why; None where it is not."""
        if n_found >= top:
            return None
        found = f"{n_found:,} of --top {top:,}"
        movies = {0: "no movie is", 1: "only 1 movie is"}.get(n_found, f"only {n_found:,} movies are")
        if self == Filters():
            return f"{found}: there are no more that the model knows and that were not seen"
        if not self.description:
            return f"{found}: there are no more that the model knows"
        return f"{found}: {movies} {self.description}"

    def _fitting_but_for_length(self, run: Run) -> _Allowed:
        catalogue = run.catalogue
        fitting: _Allowed = np.ones(len(catalogue), bool)
        if self.genres:
            fitting &= _has_any(catalogue, self.genres)
        if self.not_genres:
            fitting &= ~_has_any(catalogue, self.not_genres)
        if self.years is not None:
            first, last = self.years
            fitting &= (catalogue.year >= first) & (catalogue.year <= last) & (catalogue.year != UNKNOWN_YEAR)
        fitting[list(self.exclude)] = False
        return fitting & self._popular_enough(run)

    def _popular_enough(self, run: Run) -> _Allowed:
        if self.min_popularity is None and self.max_popularity is None:
            return np.ones(len(run.catalogue), bool)
        popularity = run.user_ratings.popularity(len(run.catalogue))
        most = popularity.max(initial=0) if self.max_popularity is None else self.max_popularity
        enough: _Allowed = (popularity >= (self.min_popularity or 0)) & (popularity <= most)
        return enough

    def _short_enough(self, run: Run) -> _Allowed:
        if self.max_length is None:
            return np.ones(len(run.catalogue), bool)
        short: _Allowed = lengths_of(run) <= self.max_length  # NaN is not
        return short

    def _of_genres(self) -> list[str]:
        wanted = [_listed(self.genres, "or")] if self.genres else []
        return wanted + ([f"not {_listed(self.not_genres, 'or')}"] if self.not_genres else [])

    def _of_numbers(self) -> list[str]:
        said = [] if self.years is None else [_of_years(*self.years)]
        if self.max_length is not None:
            said.append(f"at most {self.max_length:,} minutes long")
        return said + _of_popularity(self.min_popularity, self.max_popularity)

    def _of_people(self) -> list[str]:
        excluded = ["not excluded"] if self.exclude else []
        return excluded + ([] if self.include_seen else ["not seen"])


def lengths_of(run: Run) -> npt.NDArray[np.float32]:
    """Minutes of each movie of a run, NaN where unknown: [n_movies].

    Raises:
        MovierecError: the run was trained without lengths.
    """
    lengths = run.catalogue.length_minutes
    if lengths is None:
        raise MovierecError(
            f"{run.record.name} does not know how long its movies are; train a model that sees it:"
            " movierec train --additional_feature_sets movie_length. Which lengths there are says"
            " movierec data lengths"
        )
    return lengths


def genre_named(catalogue: Movies, name: str) -> str:
    """A genre as the catalogue spells it, whatever the case and the punctuation of `name`.

    Raises:
        MovierecError: there is none; offers what is close and lists all.
    """
    genres = {_plain(genre): genre for genre in catalogue.genre_names}
    plain = _plain(name)
    if plain in genres:
        return genres[plain]
    close = difflib.get_close_matches(plain, genres, n=1, cutoff=_LEAST_ALIKE)
    offered = f" Did you mean {genres[close[0]]}?" if close else ""
    there_are = ", ".join(catalogue.genre_names) or "none"
    raise MovierecError(f"there is no genre '{name[:80]}'.{offered} The genres are: {there_are}")


def _plain(genre: str) -> str:
    return "".join(letter for letter in genre.casefold() if letter.isalnum()) or genre.strip()


def _has_any(catalogue: Movies, genres: Sequence[str]) -> _Allowed:
    columns = [catalogue.genre_names.index(genre_named(catalogue, genre)) for genre in genres]
    return np.asarray(catalogue.genres[:, columns].any(axis=1))


def _check_years(first: int, last: int) -> None:
    if first > last:
        raise MovierecError(f"the years are {first}-{last}; the first comes first: {last}-{first}")
    if not 1 <= first <= last <= LAST_YEAR:
        raise MovierecError(f"the years are {first}-{last}; they must be 1 to {LAST_YEAR}")


def _of_years(first: int, last: int) -> str:
    if first == last:
        return f"of {first}"
    if last == LAST_YEAR:
        return f"of {first} or later"
    return f"of {last} or earlier" if first == 1 else f"of {first}-{last}"


def _of_popularity(least: int | None, most: int | None) -> list[str]:
    if least is None and most is None:
        return []
    if most is None:
        return [f"rated {_times(least)} or more"]
    return [f"rated {_times(most)} or fewer" if least is None else f"rated {least:,} to {_times(most)}"]


def _times(number: int | None) -> str:
    return "1 time" if number == 1 else f"{number:,} times"


def _listed(words: Sequence[str], last: str) -> str:
    """Words with commas, and `last` between the last two."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
