"""Running times into a data set: its own, or IMDb's, and the user's before either.

And what is told of them: how each movie came by its running time, and why the others have none.
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import DataConfig
from movierec_cli.data.dataset import UNKNOWN_YEAR, Dataset, Id, id_at
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.running_times.corrections import (
    ID_COLUMN,
    LENGTH_COLUMNS,
    Corrections,
    read_corrections,
)
from movierec_cli.data.running_times.match_cache import cached_matches
from movierec_cli.data.running_times.matching import NO_MATCH, Match, Rule, Status
from movierec_cli.data.running_times.titles_file import TITLES_NAME, ImdbEntry, local_titles, titles_file
from movierec_cli.errors import DataError, UsageError
from movierec_cli.files.atomic import written_whole
from movierec_cli.files.csv_tables import as_csv
from movierec_cli.records import dataclass

_Minutes = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FoundLengths:
    """What is known of a data set's running times, and from where."""

    before: _Minutes  # [n_movies], without the user's corrections; NaN where unknown
    titles: Path | None  # IMDb's list, where it was looked into
    matches: tuple[Match, ...]  # a movie each, none where it was not
    corrections: Corrections | None
    are_own: bool  # they came with the data set

    @property
    def minutes(self) -> _Minutes:
        """[n_movies], NaN where unknown."""
        if self.corrections is None:
            return self.before
        given = self.corrections.minutes
        return np.where(np.isnan(given), self.before, given)

    @property
    def is_corrected(self) -> npt.NDArray[np.bool_]:
        """Where the user's file says something else: [n_movies]."""
        minutes = self.minutes
        differs: npt.NDArray[np.bool_] = (minutes != self.before) & ~np.isnan(minutes)
        return differs

    @property
    def origin(self) -> str:
        """Where they come from, such as "from title.basics.tsv.gz, 2 corrected by mine.csv"."""
        if self.corrections is None:
            return self._source
        file = self.corrections.file.name
        if self.titles is None and not self.are_own:
            return f"from {file} alone, as no {TITLES_NAME} is at hand"
        return f"{self._source}, {int(self.is_corrected.sum()):,} corrected by {file}"

    @property
    def _source(self) -> str:
        return f"from {'the data set itself' if self.titles is None else self.titles.name}"


def with_lengths(dataset: Dataset, config: DataConfig, progress: Progress = unreported) -> Dataset:
    """Fills `Movies.length_minutes` and `lengths_fingerprint`; a line on the coverage joins the notes.

    Raises:
        DataError: IMDb's list cannot be had or read, or the user's file is wrong.
    """
    found = find_lengths(dataset, config, progress)
    minutes = found.minutes
    corrections = found.corrections
    return replace(
        dataset,
        movies=replace(dataset.movies, length_minutes=minutes),
        lengths_fingerprint=lengths_fingerprint(minutes),
        warnings=(*dataset.warnings, *(corrections.warnings if corrections else ())),
        notes=(*dataset.notes, *_coverage_note(found)),
    )


def find_lengths(dataset: Dataset, config: DataConfig, progress: Progress = unreported) -> FoundLengths:
    """Looks for the running time of every movie.

    Lengths that a data set has of its own are not looked up. Where the user gives lengths and IMDb's list is
    not at hand, it is not downloaded.

    Raises:
        UsageError: `config` names a list, and the data set has lengths of its own.
        DataError: IMDb's list cannot be had or read, or the user's file is wrong.
    """
    movies = dataset.movies
    corrections = None if config.movie_lengths is None else read_corrections(config.movie_lengths, movies)
    if movies.length_minutes is not None:
        if config.imdb_titles is not None:
            raise UsageError(
                f"--imdb_titles has no effect here: '{dataset.name}' has lengths of its own;"
                " --movie_lengths corrects them"
            )
        return FoundLengths(movies.length_minutes, None, (), corrections, are_own=True)
    # Who gives lengths may do without IMDb's, so nothing is downloaded for them.
    titles = local_titles(config) if config.movie_lengths is not None else titles_file(config, progress)
    matches = () if titles is None else cached_matches(dataset.fingerprint, movies, titles, progress=progress)
    unknown = (math.nan,) * len(movies)
    minutes = np.array([match.minutes for match in matches] or unknown, dtype=np.float32)
    return FoundLengths(minutes, titles, matches, corrections, are_own=False)


def lengths_at_hand(dataset: Dataset, config: DataConfig) -> bool:
    """Whether `with_lengths` needs no download."""
    given = (dataset.movies.length_minutes, config.movie_lengths, config.imdb_titles)
    return any(part is not None for part in given) or local_titles(config) is not None


def lengths_fingerprint(minutes: _Minutes) -> str:
    """SHA-256 (hex) of a column of minutes, one on every machine: [n_movies]."""
    return hashlib.sha256(minutes.astype("<f4").tobytes()).hexdigest()


def _coverage_note(found: FoundLengths) -> tuple[str, ...]:
    """Nothing of lengths that came with the data set and that nobody corrected."""
    if found.are_own and found.corrections is None:
        return ()
    n_known, n_movies = int(np.isfinite(found.minutes).sum()), len(found.minutes)
    share = f"{100 * n_known / max(n_movies, 1):.0f} %"
    return (
        f"movie lengths: {n_known:,} of {n_movies:,} movies ({share}) {found.origin};"
        " see movierec data lengths",
    )


CORRECTED, OWN, NOT_LOOKED_UP = "given by hand", "from the data set itself", "not looked up"
"""What a movie can be beside IMDb's `Status`."""

_MISSING = (*(status for status in Status if status is not Status.MATCHED), NOT_LOOKED_UP)
CSV_COLUMNS = (ID_COLUMN, *LENGTH_COLUMNS, "status", "rule", "imdb", "candidate_minutes", "n_ratings")


@dataclass(frozen=True)
class MovieLength:
    """One movie, what is known of its length, and how."""

    movie_id: Id
    title: str
    year: int  # UNKNOWN_YEAR where the title has none
    minutes: float | None
    status: str  # a `Status`, CORRECTED, OWN or NOT_LOOKED_UP
    rule: Rule | None  # that IMDb's entries fit by
    entries: tuple[ImdbEntry, ...]  # IMDb's
    n_ratings: int

    @property
    def way(self) -> str:
        """What it is counted under: the rule it was matched by, else its status."""
        return str(self.rule) if self.status == Status.MATCHED else self.status


@dataclass(frozen=True)
class Count:
    """Movies that have something in common."""

    label: str
    n_movies: int
    n_ratings: int


@dataclass(frozen=True)
class Coverage:
    """The lengths of a whole data set."""

    name: str  # of the data set
    origin: str  # of the lengths, such as "from title.basics.tsv.gz"
    movies: tuple[MovieLength, ...]  # in the data set's order

    @cached_property
    def all(self) -> Count:
        """Every movie."""
        return _count("all", self.movies)

    @cached_property
    def known(self) -> Count:
        """The movies with a length."""
        return _count("with a length", (movie for movie in self.movies if movie.minutes is not None))

    @cached_property
    def missing(self) -> Count:
        """The movies without one."""
        return _count("without a length", (movie for movie in self.movies if movie.minutes is None))

    @cached_property
    def known_by(self) -> tuple[Count, ...]:
        """How those with a length came by it; ways of no movie included."""
        return tuple(self._count_of(way) for way in (*Rule, OWN, CORRECTED))

    @cached_property
    def missing_by(self) -> tuple[Count, ...]:
        """Why the others have none; reasons of no movie included."""
        return tuple(self._count_of(status) for status in _MISSING)

    def of_status(self, status: str) -> list[MovieLength]:
        """The movies of one status, those with most ratings first."""
        return sorted((movie for movie in self.movies if movie.status == status), key=_most_rated_first)

    def _count_of(self, way: str) -> Count:
        return _count(way, (movie for movie in self.movies if movie.way == way))


def coverage_of(dataset: Dataset, found: FoundLengths) -> Coverage:
    """What was found for each movie, with its number of ratings."""
    movies = dataset.movies
    n_ratings = np.bincount(dataset.ratings.movie_index, minlength=len(movies)).tolist()
    minutes, is_corrected = found.minutes.tolist(), found.is_corrected.tolist()
    matches = found.matches or (NO_MATCH,) * len(movies)
    unmatched = None if found.matches else OWN if found.are_own else NOT_LOOKED_UP
    rows = (
        MovieLength(
            movie_id=id_at(movies.movie_id, row),
            title=str(movies.title[row]),
            year=int(movies.year[row]),
            minutes=None if math.isnan(minutes[row]) else minutes[row],
            status=CORRECTED if is_corrected[row] else unmatched or match.status,
            rule=match.rule,
            entries=match.entries,
            n_ratings=n_ratings[row],
        )
        for row, match in enumerate(matches)
    )
    return Coverage(dataset.name, found.origin, tuple(rows))


def write_lengths(coverage: Coverage, file: Path, *, safe: bool = False) -> None:
    """Writes every movie's length as a file that can be corrected by hand and given as --movie_lengths.

    Movies without a length come first, those with most ratings before others. The file is CSV, with tabs
    where it is named .tsv; it is there whole or not at all. `safe`: see `as_csv`.

    Raises:
        DataError: the file cannot be written, or is there with another content, which may be hand work.
    """
    movies = sorted(coverage.movies, key=lambda movie: (movie.minutes is not None, *_most_rated_first(movie)))
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    content = as_csv(CSV_COLUMNS, map(_fields, movies), safe=safe, delimiter=delimiter).encode()
    try:
        if file.is_file() and file.read_bytes() != content:
            raise DataError(
                "is there already with other content, perhaps corrected by hand; name another file, or"
                " delete this one",
                file=file,
            )
        with written_whole(file) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise DataError(f"cannot be written ({error.strerror})", file=file) from error


def _fields(movie: MovieLength) -> tuple[object, ...]:
    return (
        movie.movie_id,
        movie.title,
        "" if movie.year == UNKNOWN_YEAR else movie.year,
        "" if movie.minutes is None else f"{movie.minutes:g}",
        movie.status,
        movie.rule or "",
        " ".join(entry.tconst for entry in movie.entries),
        " ".join(str(entry.minutes or "?") for entry in movie.entries),
        movie.n_ratings,
    )


def _count(label: str, movies: Iterable[MovieLength]) -> Count:
    n_ratings = [movie.n_ratings for movie in movies]
    return Count(label, len(n_ratings), sum(n_ratings))


def _most_rated_first(movie: MovieLength) -> tuple[int, Id]:
    return -movie.n_ratings, movie.movie_id
