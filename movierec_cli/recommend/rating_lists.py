"""What people rated or watched elsewhere, row by row; `opinion_files` finds the movies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from movierec_cli.data.reader.item_tables import imdb_number, tmdb_number
from movierec_cli.data.reader.roles import (
    IMDB,
    ITEM,
    RATING,
    TIMESTAMP,
    TITLE,
    TMDB,
    YEAR,
    normalised,
    places,
)
from movierec_cli.data.reader.small_tables import Table
from movierec_cli.data.reader.text_rows import TextRow
from movierec_cli.errors import DataError
from movierec_cli.recommend.export_layouts import ExportLayout, Standing, is_movie_kind, kept_cells
from movierec_cli.recommend.rating_scales import ANY_STARS, ANY_TENTHS, HUNDREDTHS, THUMBS, Scale
from movierec_cli.recommend.rating_times import seconds_of
from movierec_cli.records import dataclass

_EXPECTED = (
    "it must be what Letterboxd, IMDb, MovieLens, TMDb, Trakt, Netflix or MUBI export, or name the columns"
    " title and rating, and optionally year, date or movie_id"
)
_RATING = re.compile(r"[+-]?[0-9]{1,9}(?:[.,][0-9]{1,9})?")
_YEAR = re.compile(r"([0-9]{4})(?:\.0|-[0-9]{2}.*)?")  # a table with gaps may have made it 1995.0
_SHOWN = 80  # letters of what is wrong
_KIND, _ORIGINAL, _PROFILE = "kind", "original", "profile"
_KIND_NAMES = ("titletype", "type", "mediatype")
_ORIGINAL_NAMES = ("originaltitle", "filmoriginaltitle")
_TITLE_WORDS = ("movie", "film", "show", "book", "song", "game")
_OF_OTHER_CATALOGUES = ("imdbid", "tconst", "tmdbid", "traktid")

Value = TypeVar("Value")


@dataclass(frozen=True)
class RatedTitle:
    """One row; None for what it does not have."""

    line: int  # from 1
    title: str
    year: int | None
    rating: float | None  # on the list's own scale
    seconds: int | None  # since 1970-01-01 UTC
    imdb_number: int | None
    movie_id: str | None  # as in the file
    kind: str  # as the site calls it: "TV Series"
    tmdb_number: int | None = None
    original_title: str = ""  # in the movie's own language
    standing: Standing = Standing.KNOWN  # beside the rating
    file: str = ""  # in the export, where that has several

    @property
    def is_movie(self) -> bool:
        """Whether it is a movie, as all are whose kind is not named."""
        return is_movie_kind(self.kind)

    @property
    def name(self) -> str:
        """For people, the title in quotation marks with its year."""
        title = _shortened(" ".join(self.title[: _SHOWN + 1].split()))
        year = "" if self.year is None or str(self.year) in title else f" ({self.year})"
        if title:
            return f"'{title}{year}'"
        ids = (("movie_id", self.movie_id), ("IMDb", self.imdb_number), ("TMDb", self.tmdb_number))
        return next(f"{kind} {_shortened(str(one))}" for kind, one in ids if one is not None)

    @property
    def place(self) -> str:
        """For people: the file, where there are several, and the line."""
        return f"{self.file}, line {self.line}" if self.file else f"line {self.line}"


@dataclass(frozen=True)
class ReadTable:
    """The rows of one file, in their order."""

    layout: ExportLayout
    scale: Scale | None  # that of the layout, or of the ratings themselves; None: there are no ratings
    titles: tuple[RatedTitle, ...]
    profiles: tuple[str, ...] = ()  # of several people, where the file says whose a row is


def read_titles(
    table: Table, layout: ExportLayout, *, needs_ratings: bool = True, file: str = ""
) -> ReadTable:
    """The rows of a table that has a layout.

    Columns are those of the layout, else found by their usual names (see `reader.roles`): title and rating,
    and optionally year, date, movie_id or numbers at IMDb and TMDb. Others are left out. Two columns without
    names are title and rating. A row may have no rating; one with an id needs no title.

    Args:
        table: of a file.
        layout: its own.
        needs_ratings: whether a plain list must have a column of ratings.
        file: its name, where an export has several.

    Raises:
        DataError: it has no such columns; or, with the line, a row cannot be read, or a rating, year or date
            is wrong.
    """
    names = [normalised(name) for name in table.header]
    more = [name for name in layout.added.split() if name not in names]
    header = (*table.header, *more)
    columns = _columns(table, header, layout, needs_ratings)
    rows = list(_entries(table.rows, [*names, *more], layout))
    times = _Times.of([(row, _field(row, columns, TIMESTAMP)) for row, _ in rows], layout)
    scale = layout.scale or HUNDREDTHS
    titles = [
        replace(_RowReader(row, columns, scale, times).rated_title(), standing=standing, file=file)
        for row, standing in rows
    ]
    ratings = [one.rating for one in titles if one.rating is not None]
    if layout.is_newest_first and titles and (titles[0].seconds or 0) >= (titles[-1].seconds or 1):
        titles.reverse()
    profiles = dict.fromkeys(_field(row, columns, _PROFILE) for row, _ in rows)
    own_scale = layout.scale if layout.is_known else _scale_of(ratings) if RATING in columns else None
    return ReadTable(layout, own_scale, tuple(titles), tuple(one for one in profiles if one))


def _entries(
    rows: Iterable[TextRow], names: Sequence[str], layout: ExportLayout
) -> Iterator[tuple[TextRow, Standing]]:
    """What each row says, by its layout, which may add columns to the row's own."""
    for row in rows:
        fields = [field.strip() for field in row.fields]
        if layout.entry is None:
            yield replace(row, fields=fields), layout.standing
            continue
        fields += [""] * (len(names) - len(fields))
        entry = layout.entry(kept_cells(names, fields), layout.standing)
        if entry is not None:
            cells, standing = entry
            yield replace(row, fields=[cells[name] for name in names]), standing


def _scale_of(ratings: Sequence[float]) -> Scale:
    """Of a plain list's ratings from 0 to 100: zeros and ones alone are thumbs; else the highest decides."""
    if set(ratings) <= {0.0, 1.0}:
        return THUMBS
    scales = (ANY_STARS, ANY_TENTHS, HUNDREDTHS)
    return next(scale for scale in scales if max(ratings) <= scale.highest)


def _columns(
    table: Table, header: Sequence[str], layout: ExportLayout, needs_ratings: bool
) -> dict[str, int]:
    """Where each kind of value stands."""
    if not table.format.has_header and len(header) == 2:
        return {TITLE: 0, RATING: 1}
    names = [normalised(name) for name in header]
    columns = places("items", header, layout.asked) | places("ratings", header, layout.asked)
    for role, words in ((_KIND, _KIND_NAMES), (_ORIGINAL, _ORIGINAL_NAMES), (_PROFILE, ("profilename",))):
        found = next((names.index(word) for word in words if word in names), None)
        if found is not None and found != columns.get(TITLE):
            columns[role] = found
    item = columns.pop(ITEM, None)
    if TITLE not in columns and item is not None and names[item] in _TITLE_WORDS:
        columns[TITLE] = item
    elif layout.has_own_ids and item not in (None, columns.get(TITLE)):
        assert item is not None
        if names[item] not in _OF_OTHER_CATALOGUES:
            columns[ITEM] = item
    if layout.scale is None and layout.is_known:
        columns.pop(RATING, None)
    needs_ratings = needs_ratings and not layout.is_known
    if (needs_ratings and RATING not in columns) or not {TITLE, ITEM, IMDB, TMDB} & columns.keys():
        first = ",".join(header) if table.format.has_header else "no names"
        raise DataError(
            f"its columns have the names '{_shortened(first)}'; {_EXPECTED}", file=table.place, line=1
        )
    return columns


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _field(row: TextRow, columns: Mapping[str, int], kind: str) -> str:
    return row.fields[columns[kind]] if kind in columns else ""


@dataclass(frozen=True)
class _Times:
    """The times of a file's rows, by their text."""

    seconds: Mapping[str, int]

    @classmethod
    def of(cls, texts: Iterable[tuple[TextRow, str]], layout: ExportLayout) -> _Times:
        """Raises a `DataError` with the line for what is no time."""
        rows = {text: row for row, text in reversed(list(texts)) if text}
        found = seconds_of(list(reversed(rows)), has_short_dates=layout.has_short_dates)
        for text in reversed(rows):
            if text not in found:
                raise _wrong(rows[text], "date", text, "like 2020-03-14, or empty")
        return cls(found)


@dataclass(frozen=True)
class _RowReader:
    """One row's values."""

    row: TextRow
    columns: Mapping[str, int]
    scale: Scale
    times: _Times

    def rated_title(self) -> RatedTitle:
        one = RatedTitle(
            line=self.row.line,
            title=self._field(TITLE),
            year=self._value(YEAR, self._year),
            rating=self._value(RATING, self._rating),
            seconds=self._value(TIMESTAMP, self.times.seconds.get),
            imdb_number=self._value(IMDB, _imdb_number),
            movie_id=self._value(ITEM, str),
            kind=self._field(_KIND),
            tmdb_number=self._value(TMDB, _tmdb_number),
            original_title=self._field(_ORIGINAL),
        )
        if not one.title and (one.movie_id or one.imdb_number or one.tmdb_number) is None:
            raise self.row.error("has no title")
        return one

    def _field(self, kind: str) -> str:
        return _field(self.row, self.columns, kind)

    def _value(self, kind: str, read: Callable[[str], Value | None]) -> Value | None:
        text = self._field(kind)
        return read(text) if text else None

    def _rating(self, text: str) -> float:
        value = float(text.replace(",", ".")) if _RATING.fullmatch(text) else None
        if value is None or not self.scale.lowest <= value <= self.scale.highest:
            must = f"a number from {self.scale.lowest:g} to {self.scale.highest:g}, or empty"
            raise _wrong(self.row, "rating", text, must)
        return value

    def _year(self, text: str) -> int:
        year = _YEAR.fullmatch(text)
        if year is None:
            raise _wrong(self.row, "year", text, "four digits, or empty")
        return int(year[1])


def _wrong(row: TextRow, kind: str, text: str, must: str) -> DataError:
    return row.error(f"the {kind} is '{text[:_SHOWN]}'; it must be {must}")


def _imdb_number(text: str) -> int | None:
    return imdb_number(text) or None


def _tmdb_number(text: str) -> int | None:
    return tmdb_number(text) or None
