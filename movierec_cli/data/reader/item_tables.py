"""Tables of items, of users and of links, as column tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data import limits
from movierec_cli.data.dataset import (
    NO_IMDB_NUMBER,
    NO_TMDB_NUMBER,
    UNKNOWN_ROW,
    UNKNOWN_YEAR,
    IdIndex,
    Ids,
    Movies,
    Users,
)
from movierec_cli.data.own_columns import OwnColumns, of_texts
from movierec_cli.data.reader import column_values as values
from movierec_cli.data.reader.roles import (
    AGE,
    GENDER,
    GENRES,
    ID,
    IMDB,
    LENGTH,
    OCCUPATION,
    TITLE,
    TMDB,
    YEAR,
    ZIP_CODE,
)
from movierec_cli.data.reader.small_tables import Table
from movierec_cli.data.reader.text_rows import TextRow, age_bucket, genre_table, year_of
from movierec_cli.errors import DataError
from movierec_cli.records import dataclass
from movierec_cli.text import counted

_NAMED = 3  # ids in a sentence
UNKNOWN = "unknown"
"""An occupation that is missing."""
_GENDERS = {"m": 1, "male": 1, "f": 0, "female": 0}
_LONGEST_MINUTES = 1e5
_LONGEST = 100_000  # characters of a value that is a feature

_Rows = npt.NDArray[np.int64]


@dataclass
class Told:
    """What people are told of a reading: how the files were understood, and what may surprise."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    of_roles: dict[str, str] = field(default_factory=dict)  # of a column: "0.5 to 5, by the values"


# --- items --------------------------------------------------------------------------------------------


def movies_of(
    table: Table, places: Mapping[str, int], noun: str, told: Told, genre_separator: str = ""
) -> Movies:
    """The items of a table; of an id that comes again the first row counts.

    Args:
        table: with a row for each item.
        places: of the columns, by role; `ID` at least.
        noun: what an item is called.
        told: takes what was found.
        genre_separator: between genres; found from the values where it is "".

    Raises:
        DataError: a row cannot be read.
    """
    rows = _by_id(table, places[ID], noun, told)
    columns = {role: [row.text(place).strip() for row in rows.values()] for role, place in places.items()}
    movies = item_movies(list(rows), columns, told, genre_separator)
    return replace(movies, own=_own_columns(table, rows.values(), places))


def _own_columns(table: Table, rows: Iterable[TextRow], places: Mapping[str, int]) -> OwnColumns:
    """The columns of a table with a header that mean nothing else, as texts under the names they have."""
    if not table.format.has_header:
        return ()
    known = {place for role, place in places.items() if not _says_more(role, table.header[place])}
    others = [(place, name) for place, name in enumerate(table.header) if place not in known and name.strip()]
    return tuple(
        of_texts(name, [values.without_missing(row.fields[place][:_LONGEST]) for row in rows])
        for place, name in others
    )


def _says_more(role: str, name: str) -> bool:
    """Whether a column of a known meaning holds more than what is taken from it, as a date than a year."""
    return role == ZIP_CODE or (role == YEAR and "date" in name.lower())


def _by_id(table: Table, place: int, noun: str, told: Told) -> dict[str, TextRow]:
    rows: dict[str, TextRow] = {}
    again: list[str] = []
    n_without = 0
    told.warnings += table.warnings
    for row in table.rows:
        text = plain_id(row.text(place))
        if not text:
            n_without += 1
        elif text in rows:
            again.append(text)
        else:
            rows[text] = row
    if again:
        first = ", ".join(dict.fromkeys(again[:_NAMED]))
        a = "an" if noun == "item" else "a"
        told.warnings.append(
            f"{table.place}: {counted(len(again), 'row')} of {a} {noun} that has one already; the first one"
            f" counts ({first}{' …' if len(again) > _NAMED else ''})"
        )
    if n_without:
        told.warnings.append(f"{table.place}: {counted(n_without, 'row')} without an id left out")
    if not rows:
        raise DataError("has a header but no rows", file=table.place)
    return rows


def item_movies(
    id_texts: Sequence[str], columns: Mapping[str, Sequence[str]], told: Told, separator: str = ""
) -> Movies:
    """The items of columns of texts, by role; an item without a title is called by its id."""
    ids = typed_ids(id_texts)
    titles = [title or str(one) for title, one in zip(columns.get(TITLE, id_texts), ids, strict=True)]
    of_column = [values.year(text) for text in columns.get(YEAR, ())] or [UNKNOWN_YEAR] * len(ids)
    years = [year or year_of(title) for year, title in zip(of_column, titles, strict=True)]
    texts = list(columns.get(GENRES, ()))
    separator = separator or values.list_separator(texts)
    genres = [values.items_of_list(text, separator) for text in texts] or [()] * len(ids)
    table, names = genre_table(_frequent(genres, told))
    minutes = np.array([_minutes(text) for text in columns.get(LENGTH, ())], np.float32)
    return Movies(
        movie_id=ids,
        title=np.array(titles, np.object_),
        year=np.array(years, np.int16),
        genres=table,
        genre_names=names,
        length_minutes=minutes if np.isfinite(minutes).any() else None,
        imdb_number=_numbers(imdb_number, columns.get(IMDB)),
        tmdb_number=_numbers(tmdb_number, columns.get(TMDB)),
    )


def _numbers(number: Callable[[str], int], texts: Sequence[str] | None) -> npt.NDArray[np.int64] | None:
    return None if texts is None else np.array([number(one) for one in texts], np.int64)


def _frequent(genres: Sequence[tuple[str, ...]], told: Told) -> Sequence[tuple[str, ...]]:
    """Only the most frequent genres, where there are more than a table has columns."""
    most = limits.GENRES.most
    names, counts = np.unique([name for one in genres for name in one] or [""], return_counts=True)
    if len(names) <= most:
        return genres
    kept = set(names[np.argsort(-counts, kind="stable")][:most].tolist())
    told.warnings.append(f"of {len(names):,} different genres the {most:,} most frequent count")
    return [tuple(name for name in one if name in kept) for one in genres]


def _minutes(text: str) -> float:
    try:
        minutes = float(text.split(" ")[0])
    except ValueError:
        return np.nan
    return minutes if 0 < minutes < _LONGEST_MINUTES else np.nan


def imdb_number(text: str) -> int:
    """Of "tt0114709", "0114709" or 114709; `NO_IMDB_NUMBER` for anything else."""
    return _whole_number(text.strip().removeprefix("tt"), NO_IMDB_NUMBER)


def tmdb_number(text: str) -> int:
    """Of "862" or 862.0; `NO_TMDB_NUMBER` for anything else."""
    return _whole_number(text.strip(), NO_TMDB_NUMBER)


def _whole_number(text: str, otherwise: int) -> int:
    digits = text.partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else otherwise


def typed_ids(texts: Sequence[str]) -> Ids:
    """Whole numbers where all are such, else texts."""
    plain = [plain_id(text) for text in texts]
    if all(map(values.is_whole, plain)) and max(map(int, plain), default=0) <= values.MAX_ID:
        return np.array(plain, np.int64)
    return np.array(plain, np.object_)


def plain_id(text: str) -> str:
    """An id without blanks around it and as "7" instead of "7.0"; "" for what stands for none."""
    text = text.strip()
    number = _DECIMAL_ID.fullmatch(text)
    return "" if text in values.MISSING else number[1] if number else text


_DECIMAL_ID = re.compile(r"(0|[1-9][0-9]*)\.0+")


# --- users --------------------------------------------------------------------------------------------


def users_of(table: Table, places: Mapping[str, int], told: Told) -> Users:
    """The users of a table, of whom anything may be missing.

    Raises:
        DataError: a row cannot be read.
    """
    rows = _by_id(table, places[ID], "user", told)
    columns = {role: [row.text(place).strip() for row in rows.values()] for role, place in places.items()}
    ages = np.array([_age(text) for text in columns.get(AGE, ())], np.float32)
    has_ages = bool(np.isfinite(ages).any())
    genders = np.array([_GENDERS.get(text.lower(), np.nan) for text in columns.get(GENDER, ())], np.float32)
    jobs = [text or UNKNOWN for text in columns.get(OCCUPATION, ())]
    names = tuple(sorted(set(jobs)))
    code = {name: place for place, name in enumerate(names)}
    return Users(
        user_id=typed_ids(list(rows)),
        bucketized_age=np.array([age_bucket(age) for age in ages], np.float32) if has_ages else None,
        raw_age=ages if has_ages else None,
        is_male=genders if np.isfinite(genders).any() else None,
        occupation=np.array([code[job] for job in jobs], np.int32) if jobs else None,
        occupation_names=names,
        zip_code=np.array(columns[ZIP_CODE], np.object_) if ZIP_CODE in columns else None,
        own=_own_columns(table, rows.values(), places),
    )


def with_unknown_users(users: Users, ids: Ids) -> Users:
    """With users of whom nothing is known but their ids."""
    names = tuple(dict.fromkeys((*users.occupation_names, UNKNOWN)))
    more: dict[str, npt.NDArray[Any]] = {
        "user_id": ids,
        "bucketized_age": np.full(len(ids), np.nan, np.float32),
        "raw_age": np.full(len(ids), np.nan, np.float32),
        "is_male": np.full(len(ids), np.nan, np.float32),
        "occupation": np.full(len(ids), names.index(UNKNOWN), np.int32),
        "zip_code": np.full(len(ids), "", np.object_),
    }
    columns = {name: value for name in more if (value := getattr(users, name)) is not None}
    extended: dict[str, Any] = {name: np.concatenate([value, more[name]]) for name, value in columns.items()}
    kept_names = names if users.occupation is not None else ()
    own = tuple(column.extended(len(ids)) for column in users.own)
    return replace(users, **extended, own=own, occupation_names=kept_names)


def _age(text: str) -> float:
    number = plain_id(text)
    return float(number) if values.is_whole(number) and 0 < int(number) < 130 else np.nan


def with_link_numbers(movies: Movies, table: Table, places: Mapping[str, int]) -> Movies:
    """With the numbers at IMDb and TMDb that a table of links has; links of other items are left out."""
    linked = _linked(table.rows, places)
    ids, own = alike(typed_ids(list(linked)), movies.movie_id)
    rows = IdIndex(own).rows(ids)
    numbers = np.array(list(linked.values()), np.int64).reshape(-1, 2)  # [n_linked, 2]
    found = np.zeros((len(movies), 2), np.int64)
    found[rows[rows != UNKNOWN_ROW]] = numbers[rows != UNKNOWN_ROW]
    of_imdb, of_tmdb = found.T.copy()
    return replace(movies, imdb_number=of_imdb, tmdb_number=of_tmdb if TMDB in places else None)


def _linked(rows: Iterable[TextRow], places: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    numbers: dict[str, tuple[int, int]] = {}
    for row in rows:
        text = row.fields[places[IMDB]]
        if text.strip() not in values.MISSING and not imdb_number(text):
            raise row.error(f"the imdbId is '{text[:80]}'; it must be a number such as 0114709 or tt0114709")
        of_tmdb = tmdb_number(row.fields[places[TMDB]]) if TMDB in places else NO_TMDB_NUMBER
        if one := plain_id(row.fields[places[ID]]):
            numbers.setdefault(one, (imdb_number(text), of_tmdb))
    return numbers


def alike(ids: Ids, others: Ids) -> tuple[Ids, Ids]:
    """Both as texts, where one of them is."""
    if ids.dtype == others.dtype:
        return ids, others
    return as_texts(ids), as_texts(others)


def as_texts(ids: Ids) -> Ids:
    """Ids as they are written."""
    return np.array([str(one) for one in ids.tolist()], np.object_)
