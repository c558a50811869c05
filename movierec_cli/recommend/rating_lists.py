"""Files of titles and ratings from elsewhere, row by row; `opinion_files` finds the movies."""

import datetime
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import RatingScale
from movierec_cli.data.reader.column_values import LAST_TIMESTAMP
from movierec_cli.data.reader.text_rows import TextRow, csv_records, decode_utf8
from movierec_cli.errors import DataError
from movierec_cli.files.reading import read_content

# Names of a column, in small letters; the first that is there is taken.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "name", "movie", "film"),
    "rating": ("your rating", "rating", "stars"),
    "year": ("year",),
    "date": ("watched date", "watcheddate", "date rated", "date"),
    "imdb": ("const", "imdbid", "imdb_id"),
    "kind": ("title type",),
    "movie_id": ("movie_id", "movieid"),
}
_DELIMITERS = ",;\t"  # spreadsheets write the second where a comma stands in numbers
_EXPECTED = (
    "it must be the ratings that Letterboxd or IMDb exports, or name the columns title and rating, and"
    " optionally year, date or movie_id"
)

_RATING = re.compile(r"[+-]?[0-9]{1,9}(?:[.,][0-9]{1,9})?")
_YEAR = re.compile(r"([0-9]{4})(?:\.0)?")  # a table with gaps may have made it 1995.0
_IMDB_NUMBER = re.compile(r"tt([0-9]{1,18})")
_SECONDS = re.compile(r"[0-9]{9,12}")
_ZIP = b"PK\x03\x04"  # Letterboxd's export is one
_SHOWN = 80  # letters of what is wrong
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


# Each source, the columns by which it is recognised, and its scale.
_LAYOUTS: tuple[tuple[str, set[str], Scale | None], ...] = (
    ("Letterboxd's export", {"name", "letterboxd uri"}, HALF_STARS),
    ("IMDb's export", {"const", "your rating"}, TENTHS),
    ("a list", set(), None),
)


def read_rating_list(path: Path) -> RatingList:
    """Reads a list of rated movies.

    The first row names the columns, in any order and case: title (or name, movie, film) and rating (or your
    rating, stars), year, date (2020-03-14, or seconds since 1970), movie_id. Letterboxd's and IMDb's exports
    have these. Others are left out. A row may have no rating; one with a movie_id needs no title.

    Args:
        path: CSV in UTF-8, with commas, semicolons or tabs between fields.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or has no such columns or no rows; or, with the
            line, it is no well-formed CSV or a rating, year or date is wrong.
    """
    rows = _rows(_text(path), path)
    header = next(rows, None)
    if header is None:
        raise DataError(f"is empty; {_EXPECTED}", file=path)
    words = [word.strip().lower() for word in header.fields]
    source, _, scale = next(layout for layout in _LAYOUTS if layout[1] <= set(words))
    places = _places(header, words)
    titles = []
    for row in rows:
        if len(row.fields) != len(words):
            raise row.error(
                f"has {len(row.fields):,} fields, and the first row has {len(words):,}:"
                f" '{','.join(row.fields[:100])[:_SHOWN]}'; put a title with a comma in quotation marks:"
                ' "Lion King, The (1994)"'
            )
        stripped = replace(row, fields=[field.strip() for field in row.fields])
        titles.append(_RowReader(stripped, places, scale or HUNDREDTHS).rated_title())
    if not titles:
        raise DataError("names its columns but no movie", file=path)
    scale = scale or _scale_of([one.rating for one in titles if one.rating is not None])
    return RatingList(source, scale, tuple(titles))


def _scale_of(ratings: Sequence[float]) -> Scale:
    """Of ratings from 0 to 100: none, or zeros and ones alone, are thumbs; else the highest decides."""
    if set(ratings) <= {0.0, 1.0}:
        return THUMBS
    scales = (ANY_STARS, ANY_TENTHS, HUNDREDTHS)
    return next(scale for scale in scales if max(ratings) <= scale.highest)


def _text(path: Path) -> str:
    content = read_content(path)
    if content.startswith(_ZIP):
        raise DataError("is a ZIP archive; unpack it, and give the ratings.csv in it", file=path)
    text = decode_utf8(content, str(path))
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError("holds a NUL byte, so it is no CSV; export it again", file=path, line=line)
    return text


def _rows(text: str, path: Path) -> Iterator[TextRow]:
    """All but the blank ones, the header too."""
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first[:1000].count)
    rows = csv_records(io.StringIO(text, newline=""), str(path), delimiter)
    return (row for row in rows if any(field.strip() for field in row.fields))


def _places(header: TextRow, words: Sequence[str]) -> dict[str, int]:
    """Where each kind of value stands."""
    names = {kind: next((name for name in known if name in words), "") for kind, known in _COLUMNS.items()}
    doubled = next((name for name in names.values() if words.count(name) > 1 and name), None)
    if doubled is not None:
        raise header.error(f"the column {doubled} is there twice; leave one out")
    places = {kind: words.index(name) for kind, name in names.items() if name}
    if "rating" not in places or not {"title", "movie_id"} & set(places):
        raise header.error(f"the first row is '{_shortened(','.join(header.fields).strip())}'; {_EXPECTED}")
    return places


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


@dataclass(frozen=True)
class _RowReader:
    """One row's values."""

    row: TextRow
    places: Mapping[str, int]
    scale: Scale

    def rated_title(self) -> RatedTitle:
        one = RatedTitle(
            line=self.row.line,
            title=self._field("title"),
            year=self._value("year", self._year),
            rating=self._value("rating", self._rating),
            seconds=self._value("date", self._seconds),
            imdb_number=self._value("imdb", _imdb_number),
            movie_id=self._value("movie_id", str),
            kind=self._field("kind"),
        )
        if not one.title and one.movie_id is None:
            raise self.row.error("has no title")
        return one

    def _field(self, kind: str) -> str:
        return self.row.fields[self.places[kind]] if kind in self.places else ""

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
    number = _IMDB_NUMBER.fullmatch(text)
    return int(number[1]) if number else None
