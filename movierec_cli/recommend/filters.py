"""Which movies may be recommended, by what the catalogue says of them and by what a user has seen."""

import difflib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import UNKNOWN_YEAR, Movies
from movierec_cli.errors import MovierecError
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run
from movierec_cli.text import counted, listed

LAST_YEAR = 9999

_LEAST_ALIKE = 0.6  # as difflib counts, 0 … 1

_Allowed = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Filters:
    """Which movies may be recommended: those that pass every filter. By default all that were not seen.

    Raises:
        MovierecError: a range ends before it begins, or a number is too small.
    """

    genres: tuple[str, ...] = ()  # with one of them or more; () for no such filter
    not_genres: tuple[str, ...] = ()  # with none of them
    years: tuple[int, int] | None = None  # first and last
    max_minutes: int | None = None
    min_popularity: int | None = None  # ratings in the run's data
    max_popularity: int | None = None
    exclude: tuple[int, ...] = ()  # rows of the run's movies
    include_seen: bool = False
    notes: tuple[str, ...] = ()  # what people should know of the file of excluded movies

    def __post_init__(self) -> None:
        if self.years is not None:
            _check_years(*self.years)
        if self.max_minutes is not None and self.max_minutes < 1:
            raise MovierecError(f"the maximum length is {self.max_minutes:,} minutes; it must be 1 or more")
        for name, number in (("minimum", self.min_popularity), ("maximum", self.max_popularity)):
            if number is not None and number < 0:
                raise MovierecError(f"the {name} popularity is {number:,}; it must be 0 ratings or more")
        least, most = self.min_popularity, self.max_popularity
        if least is not None and most is not None and least > most:
            raise MovierecError(
                f"the minimum popularity is {least:,} and the maximum popularity is {most:,};"
                " swap them, as nothing fits both"
            )

    def allowed(self, run: Run, known: npt.NDArray[np.integer]) -> _Allowed:
        """Which movies may be recommended to a user who knows the movies at these rows: [n_movies].

        Raises:
            MovierecError: the catalogue has no such genre, no years or no lengths.
            SavedModelError: the run is damaged.
        """
        allowed = self.fitting(run)
        return allowed if self.include_seen else allowed & ~_same_as(run, known)

    def fitting(self, run: Run) -> _Allowed:
        """As `allowed`, for a user who knows no movie: what all users have in common."""
        catalogue = run.catalogue
        fitting: _Allowed = np.ones(len(catalogue), bool)
        if self.genres:
            fitting &= _has_any(catalogue, self.genres)
        if self.not_genres:
            fitting &= ~_has_any(catalogue, self.not_genres)
        if self.years is not None:
            first, last = self.years
            _require_years(run)
            fitting &= (catalogue.year >= first) & (catalogue.year <= last) & (catalogue.year != UNKNOWN_YEAR)
        if self.exclude:
            fitting &= ~_same_as(run, self.exclude)
        if self.min_popularity is not None or self.max_popularity is not None:
            most = np.inf if self.max_popularity is None else self.max_popularity
            fitting &= (run.popularity >= (self.min_popularity or 0)) & (run.popularity <= most)
        if self.max_minutes is not None:
            fitting &= lengths_of(run) <= self.max_minutes  # NaN is not
        return fitting

    def unknown_lengths(self, run: Run, known: npt.NDArray[np.integer]) -> str | None:
        """Says how many movies are left out only because their length is unknown; None where none is."""
        if self.max_minutes is None:
            return None
        fitting = replace(self, max_minutes=None).allowed(run, known)
        n_unknown = int((fitting & np.isnan(lengths_of(run))).sum())
        noun = run.record.data.noun
        movies = counted(n_unknown, f"{noun} is", f"{noun}s are")
        return f"{movies} left out, as the length is unknown: movierec data lengths" if n_unknown else None

    @property
    def description(self) -> str:
        """What a movie must be, such as "Western, of 1950-1959 and not seen"; "" where any will do."""
        texts = (
            listed(self.genres, "or"),
            self.not_genres and f"not {listed(self.not_genres, 'or')}",
            self.years and _of_years(*self.years),
            self.max_minutes and f"at most {self.max_minutes:,} minutes long",
            _of_popularity(self.min_popularity, self.max_popularity),
            self.exclude and "not excluded",
            "" if self.include_seen else "not seen",
        )
        return listed(str(text) for text in texts if text)

    def shortfall(self, n_found: int, top: int, noun: str) -> str | None:
        """Says that a list is shorter than requested, and why; None where it is not."""
        if n_found >= top:
            return None
        found = f"{n_found:,} of --top {top:,}"
        are = counted(n_found, f"{noun} is", f"{noun}s are")
        movies = f"only {are}" if n_found else f"no {noun} is"
        if self == Filters():
            return f"{found}: the model knows no more {noun}s that were not seen"
        if not self.description:
            return f"{found}: the model knows no more {noun}s"
        return f"{found}: {movies} {self.description}"


def _same_as(run: Run, rows: Sequence[int] | npt.NDArray[np.integer]) -> _Allowed:
    """Which movies are those at some rows, or their duplicates: [n_movies]."""
    marked = np.zeros(len(run.catalogue), bool)
    marked[np.asarray(rows, np.int64)] = True
    return run.duplicates.spread(marked)


def lengths_of(run: Run) -> npt.NDArray[np.float32]:
    """Minutes of each movie of a run, NaN where unknown: [n_movies].

    Raises:
        MovierecError: the run was trained without lengths.
    """
    lengths = run.catalogue.length_minutes
    if lengths is None:
        raise MovierecError(
            f"{run.record.name} does not know the lengths of its {run.record.data.noun}s; train a model with"
            " them: movierec train --additional_feature_sets movie_length. movierec data lengths shows which"
            " lengths are known"
        )
    return lengths


def genre_named(catalogue: Movies, name: str, noun: str = "movie") -> str:
    """A genre as the catalogue spells it, without regard to the case and punctuation of `name`.

    Raises:
        MovierecError: there is none; offers a close one and lists all.
    """
    if not catalogue.genres.any():
        raise MovierecError(
            f"there is no genre '{name[:80]}': no {noun} of this model has genres; train on data with a"
            " column of genres"
        )
    genres = {_plain(genre): genre for genre in catalogue.genre_names}
    plain = _plain(name)
    if plain in genres:
        return genres[plain]
    close = difflib.get_close_matches(plain, genres, n=1, cutoff=_LEAST_ALIKE)
    offered = f" Did you mean {genres[close[0]]}?" if close else ""
    there_are = ", ".join(catalogue.genre_names)
    raise MovierecError(f"there is no genre '{name[:80]}'.{offered} The genres are: {there_are}")


def _require_years(run: Run) -> None:
    if not (run.catalogue.year != UNKNOWN_YEAR).any():
        raise MovierecError(
            f"--year finds nothing: no {run.record.data.noun} of {run.record.name} has a year; train on data"
            " with a column of years, or with years in the titles"
        )


def _plain(genre: str) -> str:
    return "".join(letter for letter in genre.casefold() if letter.isalnum()) or genre.strip()


def _has_any(catalogue: Movies, genres: Sequence[str]) -> _Allowed:
    columns = [catalogue.genre_names.index(genre_named(catalogue, genre)) for genre in genres]
    return np.asarray(catalogue.genres[:, columns].any(axis=1))


def _check_years(first: int, last: int) -> None:
    if first > last:
        raise MovierecError(f"the years are {first}-{last}; write the earlier year first: {last}-{first}")
    if not 1 <= first <= last <= LAST_YEAR:
        raise MovierecError(f"the years are {first}-{last}; they must be 1 to {LAST_YEAR}")


def _of_years(first: int, last: int) -> str:
    if first == last:
        return f"of {first}"
    if last == LAST_YEAR:
        return f"of {first} or later"
    return f"of {last} or earlier" if first == 1 else f"of {first}-{last}"


def _of_popularity(least: int | None, most: int | None) -> str:
    if most is None:
        return "" if least is None else f"rated {counted(least, 'time')} or more"
    times = counted(most, "time")
    return f"rated {times} or fewer" if least is None else f"rated {least:,} to {times}"
