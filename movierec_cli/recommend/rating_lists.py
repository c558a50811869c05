"""Files of titles and ratings from elsewhere, row by row; `opinion_files` finds the movies."""

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import RatingScale
from movierec_cli.data.reader.column_values import LAST_TIMESTAMP
from movierec_cli.data.reader.formats import CP1252
from movierec_cli.data.reader.item_tables import imdb_number
from movierec_cli.data.reader.roles import IMDB, ITEM, RATING, TIMESTAMP, TITLE, YEAR, normalised, places
from movierec_cli.data.reader.small_tables import Table, decoded, read_table
from movierec_cli.data.reader.text_rows import TextRow
from movierec_cli.errors import DataError
from movierec_cli.files.reading import read_content

_EXPECTED = (
    "it must be the ratings that Letterboxd or IMDb exports, or name the columns title and rating, and"
    " optionally year, date or movie_id"
)

_RATING = re.compile(r"[+-]?[0-9]{1,9}(?:[.,][0-9]{1,9})?")
_YEAR = re.compile(r"([0-9]{4})(?:\.0)?")  # a table with gaps may have made it 1995.0
_SECONDS = re.compile(r"[0-9]{9,12}")
_SHOWN = 80  # letters of what is wrong
_KIND = "kind"
_TITLE_WORDS = ("movie", "film", "show", "book", "song", "game")
_MOVIE_KINDS = frozenset(
    ("", "movie", "tvmovie", "video", "short", "tvshort", "tvspecial", "documentary", "featurefilm")
)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Scale:
    """From the worst to the best possible rating."""

    name: str  # for people, after "rated": "1 to 10"
    lowest: float
    highest: float

    @property
    def middle(self) -> float:
        """Movies rated lower are disliked."""
        return (self.lowest + self.highest) / 2

    def onto(self, scale: RatingScale | None, ratings: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """On the scale of a data set; NaN where that or this, of only two ratings, says nothing of grades."""
        if self == THUMBS or scale is None:
            return np.full(len(ratings), np.nan, np.float32)
        if scale.is_of_stars:  # the fewest differ, and are as many of one list as of another
            return (ratings * scale.highest / self.highest).astype(np.float32)
        grade = (ratings - self.lowest) / (self.highest - self.lowest)  # 0 … 1
        return (scale.lowest + grade * (scale.highest - scale.lowest)).astype(np.float32)


HALF_STARS = Scale("0.5 to 5 stars", 0.5, 5)
TENTHS = Scale("1 to 10", 1, 10)
THUMBS = Scale("0 or 1", 0, 1)
ANY_STARS = Scale("up to 5", 0.5, 5)  # a 0 is below the middle, too
ANY_TENTHS = Scale("up to 10", 1, 10)
HUNDREDTHS = Scale("up to 100", 0, 100)


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
    kind: str  # as IMDb calls it: "TV Series"

    @property
    def is_movie(self) -> bool:
        """Whether it is a movie, as all are whose kind is not named."""
        return re.sub(r"[^a-z]", "", self.kind.lower()) in _MOVIE_KINDS

    @property
    def name(self) -> str:
        """For people, the title in quotation marks with its year."""
        title = _shortened(" ".join(self.title[: _SHOWN + 1].split()))
        year = "" if self.year is None or str(self.year) in title else f" ({self.year})"
        return f"'{title}{year}'" if title else f"movie_id {_shortened(str(self.movie_id))}"


@dataclass(frozen=True)
class RatingList:
    """A file's rows in their order."""

    source: str  # for people: "IMDb's export"
    scale: Scale  # that of the source, or of the ratings themselves
    titles: tuple[RatedTitle, ...]
    warnings: tuple[str, ...] = ()


# Each source, the columns by which it is recognised, and its scale.
_LAYOUTS: tuple[tuple[str, set[str], Scale | None], ...] = (
    ("Letterboxd's export", {"name", "letterboxd uri"}, HALF_STARS),
    ("IMDb's export", {"const", "your rating"}, TENTHS),
    ("a list", set(), None),
)


def read_watch_list(path: Path) -> tuple[RatedTitle, ...]:
    """Reads a list of movies, rated or not: a table as `read_rating_list` takes, or a title in each line.

    Raises:
        DataError: as `read_rating_list`.
    """
    table = read_table(path)
    if table.format.has_header or not table.format.is_text:
        return read_rating_list(path, needs_ratings=False).titles
    lines = enumerate(decoded(read_content(path), table.format).splitlines(), start=1)
    titles = ((number, line.strip()) for number, line in lines)
    return tuple(RatedTitle(number, one, None, None, None, None, None, "") for number, one in titles if one)


def read_rating_list(path: Path, *, needs_ratings: bool = True) -> RatingList:
    """Reads a list of rated movies.

    Columns are found by their usual names (see `reader.roles`): title and rating, and optionally year, date,
    movie_id or a number at IMDb. Letterboxd's and IMDb's exports have these. Others are left out. Two columns
    without names are title and rating. A row may have no rating; one with a movie_id needs no title.

    Args:
        path: any table of text, JSON or Parquet, see `small_tables.read_table`.
        needs_ratings: whether there must be a column of ratings.

    Raises:
        DataError: the file cannot be read, or has no such columns or no rows; or, with the line, a row
            cannot be read, or a rating, year or date is wrong.
    """
    table = read_table(path)
    words = {word.strip().lower() for word in table.header}
    source, _, scale = next(layout for layout in _LAYOUTS if layout[1] <= words)
    columns = _columns(table, needs_ratings)
    titles = [
        _RowReader(replace(row, fields=[field.strip() for field in row.fields]), columns, scale or HUNDREDTHS)
        for row in table.rows
    ]
    if not titles:
        raise DataError("names its columns but no movie", file=path)
    read = tuple(one.rated_title() for one in titles)
    scale = scale or _scale_of([one.rating for one in read if one.rating is not None])
    is_other = table.format.encoding == CP1252
    said = (f"{path}: is no UTF-8, and was read as cp1252",) if is_other else table.warnings
    return RatingList(source, scale, read, said)


def _scale_of(ratings: Sequence[float]) -> Scale:
    """Of ratings from 0 to 100: none, or zeros and ones alone, are thumbs; else the highest decides."""
    if set(ratings) <= {0.0, 1.0}:
        return THUMBS
    scales = (ANY_STARS, ANY_TENTHS, HUNDREDTHS)
    return next(scale for scale in scales if max(ratings) <= scale.highest)


def _columns(table: Table, needs_ratings: bool) -> dict[str, int]:
    """Where each kind of value stands."""
    header = table.header
    if not table.format.has_header and len(header) == 2:
        return {TITLE: 0, RATING: 1}
    columns = places("items", header) | places("ratings", header)
    kinds = [place for place, name in enumerate(header) if normalised(name) == "titletype"]
    columns |= {_KIND: kinds[0]} if kinds else {}
    item = columns.pop(ITEM, None)
    if TITLE not in columns and item is not None and normalised(header[item]) in _TITLE_WORDS:
        columns[TITLE] = item
    elif item is not None and item != columns.get(TITLE):
        columns[ITEM] = item
    if (needs_ratings and RATING not in columns) or not {TITLE, ITEM} & columns.keys():
        first = ",".join(header) if table.format.has_header else "no names"
        raise DataError(
            f"its columns have the names '{_shortened(first)}'; {_EXPECTED}", file=table.place, line=1
        )
    return columns


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


@dataclass(frozen=True)
class _RowReader:
    """One row's values."""

    row: TextRow
    columns: Mapping[str, int]
    scale: Scale

    def rated_title(self) -> RatedTitle:
        one = RatedTitle(
            line=self.row.line,
            title=self._field(TITLE),
            year=self._value(YEAR, self._year),
            rating=self._value(RATING, self._rating),
            seconds=self._value(TIMESTAMP, self._seconds),
            imdb_number=self._value(IMDB, _imdb_number),
            movie_id=self._value(ITEM, str),
            kind=self._field(_KIND),
        )
        if not one.title and one.movie_id is None:
            raise self.row.error("has no title")
        return one

    def _field(self, kind: str) -> str:
        return self.row.fields[self.columns[kind]] if kind in self.columns else ""

    def _value(self, kind: str, read: Callable[[str], Value]) -> Value | None:
        text = self._field(kind)
        return read(text) if text else None

    def _rating(self, text: str) -> float:
        value = float(text.replace(",", ".")) if _RATING.fullmatch(text) else None
        if value is None or not self.scale.lowest <= value <= self.scale.highest:
            raise self._error(
                "rating", text, f"a number from {self.scale.lowest:g} to {self.scale.highest:g}, or empty"
            )
        return value

    def _year(self, text: str) -> int:
        year = _YEAR.fullmatch(text)
        if year is None:
            raise self._error("year", text, "four digits, or empty")
        return int(year[1])

    def _seconds(self, text: str) -> int:
        if _SECONDS.fullmatch(text) and int(text) <= LAST_TIMESTAMP:
            return int(text)
        try:
            date = datetime.datetime.fromisoformat(text)
        except ValueError:
            raise self._error("date", text, "like 2020-03-14, or empty") from None
        return int((date if date.tzinfo else date.replace(tzinfo=datetime.UTC)).timestamp())

    def _error(self, kind: str, text: str, must: str) -> DataError:
        return self.row.error(f"the {kind} is '{text[:_SHOWN]}'; it must be {must}")


def _imdb_number(text: str) -> int | None:
    return imdb_number(text) or None
