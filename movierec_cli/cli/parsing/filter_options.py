"""Which movies may be recommended, as options: their help, and from what was typed to filters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.errors import DataError, MovierecError, UsageError

if TYPE_CHECKING:
    from movierec_cli.data.dataset import Movies
    from movierec_cli.recommend.filters import Filters

MOVIES_PANEL = "Which movies"
YEARS_EXAMPLE = "1994, 1990-1999, 1990s, 1990- or -1960"

_MAX_FILE_BYTES = 64_000_000
_MAX_LINE = 1_000  # characters; the longest title of MovieLens has 158
_YEAR = re.compile(r"[0-9]{4}")
_YEARS = re.compile(r"([0-9]{4})?\s*[-–—]\s*([0-9]{4})?")
_DECADE = re.compile(r"([0-9]{3}0)'?s")

GenreNames = Annotated[
    list[str] | None,
    typer.Option(
        "--genre",
        metavar="NAME...",
        help="Movies of this genre, or of any of several.",
        show_default=False,
        rich_help_panel=MOVIES_PANEL,
    ),
]
NotGenreNames = Annotated[
    list[str] | None,
    typer.Option(
        "--not_genre",
        metavar="NAME...",
        help="No movies of this genre, or of any of several.",
        show_default=False,
        rich_help_panel=MOVIES_PANEL,
    ),
]
Years = Annotated[
    str | None,
    typer.Option(
        "--year",
        metavar="YEARS",
        help=f"When they came out: {YEARS_EXAMPLE}.",
        show_default=False,
        rich_help_panel=MOVIES_PANEL,
    ),
]
MaxMinutes = Annotated[
    int | None,
    typer.Option(
        "--max_length",
        metavar="MINUTES",
        help="No longer than this, where the model knows lengths.",
        show_default=False,
        rich_help_panel=MOVIES_PANEL,
    ),
]
MinPopularity = Annotated[
    int | None,
    typer.Option(
        "--min_popularity",
        metavar="N",
        help="With N ratings or more in the model's data.",
        show_default=False,
        rich_help_panel=MOVIES_PANEL,
    ),
]
MaxPopularity = Annotated[
    int | None,
    typer.Option(
        "--max_popularity",
        metavar="N",
        help="With N ratings or fewer, for what is less known.",
        show_default=False,
        rich_help_panel=MOVIES_PANEL,
    ),
]
ExcludeFile = Annotated[
    Path | None,
    typer.Option(
        "--exclude",
        metavar="FILE",
        help="None of the movies in this file: a title or an id a line.",
        show_default=False,
        rich_help_panel=MOVIES_PANEL,
    ),
]
IncludeSeen = Annotated[
    bool,
    typer.Option("--include_seen", help="Those they have seen, too.", rich_help_panel=MOVIES_PANEL),
]
Diversity = Annotated[
    float,
    typer.Option(
        "--diversity",
        metavar="0…1",
        help="How much it counts that movies are unlike each other: 0 is by score alone, 1 by variety.",
        rich_help_panel=MOVIES_PANEL,
    ),
]


@dataclass(frozen=True)
class FilterRequest:
    """What was typed, before it meets a catalogue.

    Raises:
        MovierecError: a value cannot be, or the file cannot be read.
    """

    genre: tuple[str, ...] = ()
    not_genre: tuple[str, ...] = ()
    years: tuple[int, int] | None = None
    max_length: int | None = None
    min_popularity: int | None = None
    max_popularity: int | None = None
    excluded: Excluded | None = None
    include_seen: bool = False

    def of(self, catalogue: Movies) -> Filters:
        """The filters for a run's movies.

        Raises:
            MovierecError: the catalogue has no such genre, or no movie that the file names.
            UsageError: the same genres are wanted and not wanted.
        """
        from movierec_cli.recommend.filters import Filters, genre_named

        wanted = _each_once(genre_named(catalogue, name) for name in self.genre)
        unwanted = _each_once(genre_named(catalogue, name) for name in self.not_genre)
        if wanted and set(wanted) <= set(unwanted):
            raise UsageError(f"--genre and --not_genre both name {', '.join(wanted)}, so no movie is left")
        return Filters(
            genres=wanted,
            not_genres=unwanted,
            years=self.years,
            max_length=self.max_length,
            min_popularity=self.min_popularity,
            max_popularity=self.max_popularity,
            exclude=() if self.excluded is None else self.excluded.rows(catalogue),
            include_seen=self.include_seen,
        )


@dataclass(frozen=True)
class Excluded:
    """Movies named in a file."""

    file: Path
    lines: tuple[tuple[int, str], ...]  # number, from 1, and what it names

    def rows(self, catalogue: Movies) -> tuple[int, ...]:
        """Rows of a catalogue, each once; a number that is an id is nothing else.

        Raises:
            DataError: a line names no movie, or several.
        """
        from movierec_cli.recommend.movie_search import MovieSearch

        search = MovieSearch(catalogue)
        rows: list[int] = []
        for number, text in self.lines:
            row = search.row_of_id(text)
            try:
                rows.append(search.find(text) if row is None else row)
            except MovierecError as error:
                raise DataError(str(error), file=self.file, line=number) from error
        return tuple(dict.fromkeys(rows))


def filter_request(
    *,
    genre: list[str] | None = None,
    not_genre: list[str] | None = None,
    year: str | None = None,
    max_length: int | None = None,
    min_popularity: int | None = None,
    max_popularity: int | None = None,
    exclude: Path | None = None,
    include_seen: bool = False,
) -> FilterRequest:
    """What the options say, each checked as far as it can be without a catalogue.

    Raises:
        MovierecError: a value cannot be, or the file cannot be read or names no movie.
    """
    from movierec_cli.recommend.filters import Filters

    years = None if year is None else parse_years(year)
    Filters(years=years, max_length=max_length, min_popularity=min_popularity, max_popularity=max_popularity)
    return FilterRequest(
        genre=_names(genre, "--genre"),
        not_genre=_names(not_genre, "--not_genre"),
        years=years,
        max_length=max_length,
        min_popularity=min_popularity,
        max_popularity=max_popularity,
        excluded=None if exclude is None else read_excluded(exclude),
        include_seen=include_seen,
    )


def parse_years(text: str) -> tuple[int, int]:
    """Reads "1994", "1990-1999", "1990s", "1990-" or "-1960" into the first and the last year.

    Raises:
        MovierecError: it is none of them.
    """
    from movierec_cli.recommend.filters import LAST_YEAR

    wanted = text.strip()
    if _YEAR.fullmatch(wanted):
        return int(wanted), int(wanted)
    decade = _DECADE.fullmatch(wanted)
    if decade is not None:
        return int(decade[1]), int(decade[1]) + 9
    between = _YEARS.fullmatch(wanted)
    if between is None or between[1] is between[2] is None:
        raise MovierecError(f"--year is '{text[:80]}'; it takes a year or a range of years: {YEARS_EXAMPLE}")
    return int(between[1] or 1), int(between[2] or LAST_YEAR)


def read_excluded(file: Path) -> Excluded:
    """Reads a title or an id a line; empty lines, and those that begin with #, are left out.

    Args:
        file: UTF-8, with or without a byte order mark.

    Raises:
        DataError: the file cannot be read, is no text, or names no movie.
    """
    from movierec_cli.data.reader.text_rows import decode_utf8

    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", file=file) from error
    if len(content) > _MAX_FILE_BYTES:
        raise DataError(
            f"is larger than {_MAX_FILE_BYTES // 1_000_000} MB, so it is no list of movies", file=file
        )
    lines = tuple(_named(file, decode_utf8(content, str(file))))
    if not lines:
        raise DataError("names no movie; write a title or an id a line, or leave --exclude out", file=file)
    return Excluded(file, lines)


def _named(file: Path, text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if len(line) > _MAX_LINE:
            raise DataError(
                f"has {len(line):,} characters; it takes one title a line", file=file, line=number
            )
        if "\0" in line:
            raise DataError("has a NUL character, so this is no text file", file=file, line=number)
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _names(values: list[str] | None, option: str) -> tuple[str, ...]:
    """Names separated by commas; a genre may have a space in it."""
    names = [name.strip() for value in values or () for name in value.split(",")]
    if values and not any(names):
        raise MovierecError(f"{option} is '{values[0]}'; it needs a genre")
    return tuple(name for name in names if name)


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
