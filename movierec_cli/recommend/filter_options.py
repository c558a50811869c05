"""Which movies may be recommended, as options."""

from __future__ import annotations

# `setting` is `dataclasses.field`, which ruff cannot see.
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from movierec_cli.config.setting import setting
from movierec_cli.errors import DataError, MovierecError, UsageError
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from movierec_cli.data.dataset import Movies
    from movierec_cli.recommend.filters import Filters
    from movierec_cli.recommend.rating_lists import RatedTitle

MOVIES_PANEL = "Which movies"
YEARS_EXAMPLE = "1994, 1990-1999, 1990s, 1990- or -1960"

_MAX_FILE_BYTES = 64_000_000
_MAX_LINE = 1_000  # characters; the longest title of MovieLens has 158
_YEAR = re.compile(r"[0-9]{4}")
_YEARS = re.compile(r"([0-9]{4})?\s*[-–—]\s*([0-9]{4})?")
_DECADE = re.compile(r"([0-9]{3}0)'?s")

_filter = partial(setting, None, panel=MOVIES_PANEL)


@dataclass(frozen=True)
class FilterOptions:
    """What was typed; see `with_option_groups`."""

    genre: list[str] | None = _filter("Only movies with one of these genres.", "NAME...")
    not_genre: list[str] | None = _filter("No movies with these genres.", "NAME...")
    year: str | None = _filter(f"Years of release: {YEARS_EXAMPLE}.", "YEARS")
    max_minutes: int | None = _filter("Maximum length. The model must know lengths.", "MINUTES")
    min_popularity: int | None = _filter("Minimum number of ratings in the model's data.")
    max_popularity: int | None = _filter("Maximum number of ratings in the model's data.")
    exclude: Path | None = _filter(
        "No movies of this file: one title or id per line, or what a site exports (see --ratings_file).",
        "FILE",
    )

    def checked(self, *, include_seen: bool = False) -> FilterRequest:
        """What the options say, each checked as far as possible without a catalogue.

        Raises:
            MovierecError: a value is impossible, or the file cannot be read or names no movie.
        """
        from movierec_cli.recommend.filters import Filters

        export = None if self.exclude is None else _read_export(self.exclude)
        filters = Filters(
            years=None if self.year is None else parse_years(self.year),
            max_minutes=self.max_minutes,
            min_popularity=self.min_popularity,
            max_popularity=self.max_popularity,
            include_seen=include_seen,
        )
        return FilterRequest(
            filters=filters,
            genre=_names(self.genre, "--genre"),
            not_genre=_names(self.not_genre, "--not_genre"),
            excluded=() if self.exclude is None or export else _read_excluded(self.exclude),
            export=export,
        )


class _Line(NamedTuple):
    """A line of a file that names a movie."""

    file: Path
    number: int  # from 1
    text: str


@dataclass(frozen=True)
class FilterRequest:
    """Filters whose genres and excluded movies a catalogue has yet to find."""

    filters: Filters
    genre: tuple[str, ...] = ()
    not_genre: tuple[str, ...] = ()
    excluded: tuple[_Line, ...] = ()
    export: tuple[Path, tuple[RatedTitle, ...]] | None = None  # a site's, to be excluded

    def of(self, catalogue: Movies, noun: str = "movie") -> Filters:
        """The filters for a run's movies, which messages call by the noun.

        Raises:
            MovierecError: the catalogue has no such genre.
            DataError: a line of the file names no movie of it, or several.
            UsageError: the same genres are requested and ruled out.
        """
        from movierec_cli.recommend.filters import genre_named

        genres, not_genres = (
            tuple(dict.fromkeys(genre_named(catalogue, name, noun) for name in names))
            for names in (self.genre, self.not_genre)
        )
        if genres and set(genres) <= set(not_genres):
            raise UsageError(f"--genre and --not_genre both name {', '.join(genres)}, so no {noun} is left")
        exclude = tuple(dict.fromkeys(_rows(self.excluded, catalogue, noun))) if self.excluded else ()
        notes: tuple[str, ...] = ()
        if self.export is not None:
            from movierec_cli.recommend.opinion_files import found_rows

            rows, notes = found_rows(*self.export, catalogue, noun)
            exclude = tuple(rows)
        return replace(self.filters, genres=genres, not_genres=not_genres, exclude=exclude, notes=notes)


def _rows(lines: Iterable[_Line], catalogue: Movies, noun: str) -> Iterator[int]:
    from movierec_cli.recommend.movie_search import MovieSearch

    search = MovieSearch(catalogue, noun)
    for line in lines:
        try:
            yield search.id_or_title(line.text)
        except MovierecError as error:
            raise DataError(str(error), file=line.file, line=line.number) from error


def parse_years(text: str) -> tuple[int, int]:
    """Reads "1994", "1990-1999", "1990s", "1990-" or "-1960" into the first and the last year.

    Raises:
        MovierecError: it is none of them.
    """
    from movierec_cli.recommend.filters import LAST_YEAR

    years = text.strip()
    if _YEAR.fullmatch(years):
        return int(years), int(years)
    decade = _DECADE.fullmatch(years)
    if decade is not None:
        return int(decade[1]), int(decade[1]) + 9
    between = _YEARS.fullmatch(years)
    if between is None or between[1] is between[2] is None:
        raise MovierecError(f"--year is '{text[:80]}'; it takes a year or a range of years: {YEARS_EXAMPLE}")
    return int(between[1] or 1), int(between[2] or LAST_YEAR)


def _read_export(file: Path) -> tuple[Path, tuple[RatedTitle, ...]] | None:
    """What a site's export names; None of a file that is none, or is too large for one."""
    from movierec_cli.recommend.export_files import read_export

    if not file.exists() or (file.is_file() and file.stat().st_size > _MAX_FILE_BYTES):
        return None
    titles = read_export(file)
    return (file, titles) if titles else None


def _read_excluded(file: Path) -> tuple[_Line, ...]:
    """Reads a title or id of each line; empty lines, and those that begin with #, are left out.

    A table whose header names a column of titles or ids gives those, with the year where there is one.

    Raises:
        DataError: the file cannot be read, is no text, or names no movie.
    """
    from movierec_cli.data.reader.roles import ITEM, TITLE, YEAR, places
    from movierec_cli.data.reader.small_tables import decoded, read_table
    from movierec_cli.files.reading import read_content

    content = read_content(file, _MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise DataError(
            f"is larger than {_MAX_FILE_BYTES // 1_000_000} MB, so it is no list of movies", file=file
        )
    named: Iterator[tuple[int, str]] = iter(())
    if content.strip():
        table = read_table(file)
        columns = places("ratings", table.header)
        if table.format.is_text and not (table.format.has_header and len(table.header) > 1 and columns):
            named = _named(file, decoded(content, table.format))
        elif TITLE in columns or ITEM in columns:
            named = (
                (row.line, _titled(row.fields, columns.get(TITLE, columns.get(ITEM, 0)), columns.get(YEAR)))
                for row in table.rows
            )
    lines = tuple(_Line(file, *line) for line in named if line[1])
    if not lines:
        raise DataError("names no movie; write one title or id per line, or omit --exclude", file=file)
    return lines


def _titled(fields: Sequence[str], title: int, year: int | None) -> str:
    """A title with its year, where that is in another column."""
    text, of_year = fields[title].strip(), "" if year is None else fields[year].strip().removesuffix(".0")
    return f"{text} ({of_year})" if text and of_year and not text.endswith(")") else text


def _named(file: Path, text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if len(line) > _MAX_LINE:
            raise DataError(f"has {len(line):,} characters; write one title per line", file=file, line=number)
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _names(values: list[str] | None, option: str) -> tuple[str, ...]:
    """Names separated by commas; a genre may have a space in it."""
    names = [name.strip() for value in values or () for name in value.split(",")]
    if values and not any(names):
        raise MovierecError(f"{option} is '{values[0]}'; it needs a genre")
    return tuple(name for name in names if name)
