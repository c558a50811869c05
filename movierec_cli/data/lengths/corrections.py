"""Movie lengths from a file of the user's: title, year, minutes."""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from movierec_cli.data.archive import file_sha256
from movierec_cli.data.dataset import UNKNOWN_YEAR, Dataset
from movierec_cli.data.movie_table import year_of
from movierec_cli.data.text_rows import TextRow, column_order, decode_utf8
from movierec_cli.errors import DataError

LENGTH_COLUMNS = ("title", "year", "minutes")

_NO_VALUE = ("", "\\N")  # the second is IMDb's
_YEAR_AT_END = re.compile(r"\s*\([0-9]{4}[^)]*\)(\s*\([A-Z]+\))?\s*$")
_SECOND_TITLE = re.compile(r"\s*\([^()]*\)\s*$")
_ARTICLES = ("the", "a", "an", "le", "la", "les", "l'", "il", "el", "los", "las", "das", "der", "die")
_ARTICLE_AT_END = re.compile(rf"^(.*), ({'|'.join(_ARTICLES)})$")

_Key = tuple[str, int]  # title as `_plain` gives it, year


def with_lengths(dataset: Dataset, file: Path) -> Dataset:
    """Fills `Movies.length_minutes` where title and year agree; NaN stays where the file has no such movie.

    A CSV (or, named .tsv, a file with tabs), UTF-8, whose header has the columns title, year and minutes in
    any order; the title may carry the year too, and its article may stand first or last. A coverage line
    joins the data set's warnings, the file's SHA-256 its fingerprint.

    Raises:
        DataError: the file cannot be read, or, with the line, a year or a length is wrong.
    """
    minutes = _read(file)
    movies = dataset.movies
    lengths = np.array(
        [_lookup(minutes, title, int(year)) for title, year in zip(movies.title, movies.year, strict=True)],
        dtype=np.float32,
    )  # [n_movies]
    n_known = int(np.isfinite(lengths).sum())
    coverage = f"{file.name}: lengths of {n_known:,} of {len(movies):,} movies ({n_known / len(movies):.0%})"
    return replace(
        dataset,
        movies=replace(movies, length_minutes=lengths),
        fingerprint=hashlib.sha256(f"{dataset.fingerprint}\n{file_sha256(file)}".encode()).hexdigest(),
        warnings=(*dataset.warnings, coverage),
    )


def _read(file: Path) -> dict[_Key, float]:
    try:
        text = decode_utf8(file.read_bytes(), str(file))
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from error
    minutes: dict[_Key, float] = {}
    for row in _rows(text, file):
        length = _length(row)
        if length is not None:
            minutes.setdefault((_plain(row.fields[0]), _year(row)), length)
    return minutes


def _rows(text: str, file: Path) -> Iterator[TextRow]:
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    lines = text.rstrip().split("\n")
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    try:
        header = [word.strip().lower() for word in next(reader)]
        order = column_order(header, LENGTH_COLUMNS, str(file))
        for fields in reader:
            row = TextRow(str(file), reader.line_num, fields)
            row.require_fields(header)
            yield TextRow(str(file), reader.line_num, [fields[index].strip() for index in order])
    except csv.Error as error:
        raise DataError(f"is not well-formed ({error})", file=file, line=reader.line_num) from error


def _year(row: TextRow) -> int:
    if row.fields[1] in _NO_VALUE:
        return year_of(row.fields[0])
    return row.whole_number(1, "year")


def _length(row: TextRow) -> float | None:
    if row.fields[2] in _NO_VALUE:
        return None
    try:
        length = float(row.fields[2])
    except ValueError:
        length = math.nan
    if not 0 < length < math.inf:
        raise row.error(f"the length is '{row.fields[2]}'; it must be minutes, above 0, or empty")
    return length


def _lookup(minutes: Mapping[_Key, float], title: str, year: int) -> float:
    found = [minutes[name, year] for name in _names(title) if (name, year) in minutes]
    return found[0] if found and year != UNKNOWN_YEAR else math.nan


def _names(title: str) -> Sequence[str]:
    """The whole title first, then without a second title in parentheses."""
    whole = _plain(title)
    bare = _YEAR_AT_END.sub("", title)
    return [whole, _plain(_SECOND_TITLE.sub("", bare))]


def _plain(title: str) -> str:
    """Lower case, no year, the article in front: "Matrix, The (1999)" and "The Matrix" become one."""
    name = " ".join(_YEAR_AT_END.sub("", title).casefold().split())
    moved = _ARTICLE_AT_END.match(name)
    if moved is None:
        return name
    return f"{moved[2]}{'' if moved[2].endswith(chr(39)) else ' '}{moved[1]}"
