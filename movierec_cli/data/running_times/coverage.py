"""How many movies of a data set have a running time, how each came by it, and why the others have none."""

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from movierec_cli.data.dataset import UNKNOWN_YEAR, Dataset
from movierec_cli.data.running_times.apply import FoundLengths
from movierec_cli.data.running_times.corrections import ID_COLUMN, LENGTH_COLUMNS, delimiter_of
from movierec_cli.data.running_times.matching import NO_MATCH, Rule, Status
from movierec_cli.data.running_times.titles_file import ImdbEntry
from movierec_cli.errors import DataError
from movierec_cli.files.atomic import written_whole

CORRECTED, OWN, NOT_LOOKED_UP = "given by hand", "from the data set itself", "not looked up"
"""What a movie can be beside IMDb's `Status`."""

_KNOWN = (*Rule, OWN, CORRECTED)
_MISSING = (*(status for status in Status if status is not Status.MATCHED), NOT_LOOKED_UP)
_MORE_COLUMNS = ("status", "rule", "imdb", "candidate_minutes", "n_ratings")
CSV_COLUMNS = (ID_COLUMN, *LENGTH_COLUMNS, *_MORE_COLUMNS)
_UNKNOWN_MINUTES = "?"


@dataclass(frozen=True)
class MovieLength:
    """One movie, what is known of its length, and how."""

    movie_id: int
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
        return tuple(self._count_of(way) for way in _KNOWN)

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
            movie_id=int(movies.movie_id[row]),
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


def write_lengths(coverage: Coverage, file: Path) -> None:
    """Writes every movie's length as a file that can be corrected by hand and given as --movie_lengths.

    Movies without a length come first, those with most ratings before others. The file is CSV, with tabs
    where it is named .tsv; it is there whole or not at all.

    Raises:
        DataError: the file cannot be written, or is there with another content, which may be hand work.
    """
    content = _csv_text(coverage, delimiter_of(file)).encode()
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


def _csv_text(coverage: Coverage, delimiter: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    missing_first = sorted(
        coverage.movies, key=lambda movie: (movie.minutes is not None, _most_rated_first(movie))
    )
    writer.writerows(_fields(movie) for movie in missing_first)
    return text.getvalue()


def _fields(movie: MovieLength) -> tuple[object, ...]:
    return (
        movie.movie_id,
        movie.title,
        "" if movie.year == UNKNOWN_YEAR else movie.year,
        "" if movie.minutes is None else f"{movie.minutes:g}",
        movie.status,
        movie.rule or "",
        " ".join(entry.tconst for entry in movie.entries),
        " ".join(str(entry.minutes or _UNKNOWN_MINUTES) for entry in movie.entries),
        movie.n_ratings,
    )


def _count(label: str, movies: Iterable[MovieLength]) -> Count:
    n_ratings = [movie.n_ratings for movie in movies]
    return Count(label, len(n_ratings), sum(n_ratings))


def _most_rated_first(movie: MovieLength) -> tuple[int, int]:
    return -movie.n_ratings, movie.movie_id
