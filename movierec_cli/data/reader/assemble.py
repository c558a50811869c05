"""From the rows that files hold to the column tables: what is rated, joined with what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config.settings import Orphans, Reading, Repeats
from movierec_cli.data import limits
from movierec_cli.data.dataset import (
    NO_IMDB_NUMBER,
    UNKNOWN_ROW,
    UNKNOWN_YEAR,
    Columns,
    IdIndex,
    Ids,
    Movies,
    Ratings,
    RatingScale,
    Users,
    typed_id,
)
from movierec_cli.data.reader import values
from movierec_cli.data.reader.rating_blocks import RatingRows, Rules
from movierec_cli.data.reader.roles import (
    AGE,
    GENDER,
    GENRES,
    ID,
    IMDB,
    LENGTH,
    OCCUPATION,
    TITLE,
    YEAR,
    ZIP_CODE,
)
from movierec_cli.data.reader.tables import Table
from movierec_cli.data.reader.text_rows import TextRow, age_bucket, genre_table, year_of
from movierec_cli.errors import DataError
from movierec_cli.text import counted

_NAMED = 3  # ids in a sentence
_SURELY = 1000  # ratings on a scale for each one off it, for that to be a fault
_HIGHEST = (1, 5, 10, 100)  # of the scales that are usual
_GENDERS = {"m": True, "male": True, "f": False, "female": False}
_LONGEST_MINUTES = 1e5

_Rows = npt.NDArray[np.int64]


@dataclass
class Told:
    """What people are told of a reading: how the files were understood, and what may surprise."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


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
    return _movies(list(rows), columns, told, genre_separator)


def _by_id(table: Table, place: int, noun: str, told: Told) -> dict[str, TextRow]:
    rows: dict[str, TextRow] = {}
    again: list[str] = []
    n_without = 0
    for row in table.rows:
        text = row.text(place).strip()
        if not text:
            n_without += 1
        elif text in rows:
            again.append(text)
        else:
            rows[text] = row
    if again:
        first = ", ".join(dict.fromkeys(again[:_NAMED]))
        told.warnings.append(
            f"{table.place}: {counted(len(again), 'row')} of a {noun} that has one already; the first one"
            f" counts ({first}{' …' if len(again) > _NAMED else ''})"
        )
    if n_without:
        told.warnings.append(f"{table.place}: {counted(n_without, 'row')} without an id left out")
    if not rows:
        raise DataError("has a header but no rows", file=table.place)
    return rows


def _movies(
    id_texts: Sequence[str], columns: Mapping[str, Sequence[str]], told: Told, separator: str = ""
) -> Movies:
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
        imdb_number=np.array([imdb_number(one) for one in columns[IMDB]], np.int64)
        if IMDB in columns
        else None,
    )


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
    digits = text.strip().removeprefix("tt").partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else NO_IMDB_NUMBER


def typed_ids(texts: Sequence[str]) -> Ids:
    """Whole numbers where all are such, else texts."""
    whole = [typed_id(text, _NUMBERS) for text in texts]
    if None in whole or len(set(whole)) < len(whole):
        return np.array(texts, np.object_)
    return np.array(whole, np.int64)


_NUMBERS: Ids = np.zeros(0, np.int64)


# --- users --------------------------------------------------------------------------------------------


def users_of(table: Table, places: Mapping[str, int], told: Told) -> Users:
    """The users of a table, with those of its columns that have a value for every user.

    Raises:
        DataError: a row cannot be read.
    """
    rows = _by_id(table, places[ID], "user", told)
    columns = {role: [row.text(place).strip() for row in rows.values()] for role, place in places.items()}
    ages = _complete(AGE, [_age(text) for text in columns.get(AGE, ())], table, told)
    genders = _complete(GENDER, [_GENDERS.get(text.lower()) for text in columns.get(GENDER, ())], table, told)
    jobs = _complete(OCCUPATION, [text or None for text in columns.get(OCCUPATION, ())], table, told)
    zips = _complete(ZIP_CODE, [text or None for text in columns.get(ZIP_CODE, ())], table, told)
    names = tuple(sorted(set(jobs or ())))
    code = {name: place for place, name in enumerate(names)}
    return Users(
        user_id=typed_ids(list(rows)),
        bucketized_age=np.array([age_bucket(age) for age in ages], np.float32) if ages else None,
        raw_age=np.array(ages, np.float32) if ages else None,
        is_male=np.array(genders, np.bool_) if genders else None,
        occupation=np.array([code[job] for job in jobs], np.int32) if jobs else None,
        occupation_names=names,
        zip_code=np.array(zips, np.object_) if zips else None,
    )


def _age(text: str) -> float | None:
    number = typed_id(text, _NUMBERS)
    return float(number) if isinstance(number, int) and 0 < number < 130 else None


def _complete(role: str, column: Sequence[Any], table: Table, told: Told) -> Sequence[Any]:
    """The column, or nothing where it has gaps, which is told."""
    n_missing = sum(value is None for value in column)
    if n_missing:
        what = f"{table.place}: {n_missing:,} of {counted(len(column), 'user')} have no usable {role}"
        told.warnings.append(f"{what}, so that column is not used")
    return () if n_missing else column


# --- the whole ----------------------------------------------------------------------------------------


def assemble(
    rows: RatingRows,
    movies: Movies | None,
    users: Users | None,
    reading: Reading,
    rules: Rules,
    noun: str,
    told: Told,
) -> Columns:
    """Joins ratings with their items and users.

    Args:
        rows: of the ratings.
        movies: None: what is rated, with what the ratings' own file says of it.
        users: None: those who rate, by ascending id.
        reading: what to do with repeated pairs and with ratings of items that `movies` lacks.
        rules: of the layout.
        noun: what an item is called.
        told: takes what was found.

    Raises:
        DataError: with the line, where it is to be an error, or no rating is left.
    """
    catalogue, item = _with_orphans(rows, movies, reading, noun, told)
    people, user = _with_raters(rows, users, rules, told)
    scale = None if rows.rating is None else _scale(rows, rules, reading, told)
    ratings = Ratings(
        user_index=user,
        movie_index=item,
        rating=np.ones(len(user), np.float32) if rows.rating is None else rows.rating,
        timestamp=np.zeros(len(user), np.int64) if rows.seconds is None else rows.seconds,
        scale=scale,
        n_events=rows.weight,
        part=rows.part,
    )
    is_known = item != UNKNOWN_ROW
    kept = np.arange(len(item)) if is_known.all() else np.flatnonzero(is_known)
    kept, ratings = _once(ratings, kept, rows, reading, catalogue, people, told)
    if len(kept) == 0:
        raise DataError(
            "no rating is left; nothing that is rated is among the items", file=rows.line_of(0)[0]
        )
    if len(kept) < len(ratings):
        arrays = {name: value for name, value in vars(ratings).items() if isinstance(value, np.ndarray)}
        columns: dict[str, Any] = {name: value[kept] for name, value in arrays.items()}
        ratings = replace(ratings, **columns)
    return Columns(ratings, catalogue, people, tuple(told.notes), tuple(told.warnings), noun)


def _with_orphans(
    rows: RatingRows, movies: Movies | None, reading: Reading, noun: str, told: Told
) -> tuple[Movies, npt.NDArray[np.int32]]:
    """The items, and each rating's row among them: `UNKNOWN_ROW` where its item is left out."""
    if movies is None:
        texts = [str(one) for one in rows.item_ids]
        told_of = [rows.of_items.get(text, ("", "", "")) for text in texts]
        columns = (
            dict(zip((TITLE, GENRES, YEAR), zip(*told_of, strict=True), strict=True)) if rows.of_items else {}
        )
        own = _movies(texts, columns, told)
        return replace(own, movie_id=rows.item_ids), rows.item
    item_ids, own_ids = _alike(rows.item_ids, movies.movie_id)
    movies = replace(movies, movie_id=own_ids)
    row_of_id = IdIndex(own_ids).rows(item_ids)
    unknown = np.flatnonzero(row_of_id == UNKNOWN_ROW)
    if len(unknown) == 0:
        return movies, row_of_id[rows.item]
    is_orphan = (row_of_id == UNKNOWN_ROW)[rows.item]
    first = ", ".join(str(one) for one in item_ids[unknown[:_NAMED]])
    what = (
        f"{counted(int(is_orphan.sum()), 'rating')} of {counted(len(unknown), noun)} that the table of"
        f" {noun}s lacks ({first}{' …' if len(unknown) > _NAMED else ''})"
    )
    if reading.orphans is Orphans.ERROR:
        row = int(np.flatnonzero(is_orphan)[0])
        place, line = rows.line_of(row)
        one = item_ids[rows.item[row]]
        raise DataError(f"{noun} {one} is rated but is not among the {noun}s; {what}", file=place, line=line)
    if reading.orphans is Orphans.DROP:
        told.warnings.append(f"{what} dropped")
        return movies, row_of_id[rows.item]
    told.warnings.append(f"{what}: made from their ids")
    row_of_id[unknown] = len(movies) + np.arange(len(unknown))
    return _extended(movies, item_ids[unknown]), row_of_id[rows.item]


def _alike(ids: Ids, others: Ids) -> tuple[Ids, Ids]:
    """Both as texts, where one of them is."""
    if ids.dtype == others.dtype:
        return ids, others
    return _as_texts(ids), _as_texts(others)


def _as_texts(ids: Ids) -> Ids:
    return np.array([str(one) for one in ids.tolist()], np.object_)


def _extended(movies: Movies, ids: Ids) -> Movies:
    """With items of which nothing is known but their ids."""
    n = len(ids)
    more: dict[str, Any] = {
        "movie_id": ids,
        "title": _as_texts(ids),
        "year": np.full(n, UNKNOWN_YEAR, np.int16),
        "genres": np.zeros((n, len(movies.genre_names)), np.bool_),
        "length_minutes": np.full(n, np.nan, np.float32),
        "imdb_number": np.full(n, NO_IMDB_NUMBER, np.int64),
    }
    columns = {name: value for name in more if (value := getattr(movies, name)) is not None}
    extended: dict[str, Any] = {name: np.concatenate([value, more[name]]) for name, value in columns.items()}
    return replace(movies, **extended)


def _with_raters(
    rows: RatingRows, users: Users | None, rules: Rules, told: Told
) -> tuple[Users, npt.NDArray[np.int32]]:
    """The users, and each rating's row among them."""
    if users is None:
        return Users(rows.user_ids), rows.user
    user_ids, own_ids = _alike(rows.user_ids, users.user_id)
    row_of_id = IdIndex(own_ids).rows(user_ids)
    unknown = np.flatnonzero(row_of_id == UNKNOWN_ROW)
    if len(unknown) == 0:
        return replace(users, user_id=own_ids), row_of_id[rows.user]
    if rules.whole_ids:
        row = int(np.flatnonzero(np.isin(rows.user, unknown))[0])
        place, line = rows.line_of(row)
        message = f"user {user_ids[rows.user[row]]} rates but is not among the users"
        raise DataError(message, file=place, line=line)
    told.warnings.append(
        f"{counted(len(unknown), 'user')} of {len(user_ids):,} who rate are not in the table of users, so"
        " nothing of it is used"
    )
    return Users(user_ids), rows.user


def _scale(rows: RatingRows, rules: Rules, reading: Reading, told: Told) -> RatingScale:
    """The layout's or the asked scale, or what the ratings themselves show.

    Raises:
        DataError: with the line, a rating is off the scale of all others.
    """
    assert rows.rating is not None
    if rules.scale is not None:
        return rules.scale
    found, n_of_each = np.unique(rows.rating, return_counts=True)
    scale = _usual(found)
    if reading.rating_scale is not None:
        low, high = reading.rating_scale
        off = (found < low) | (found > high)
        if off.any():
            row = int(np.flatnonzero(rows.rating == found[off][0])[0])
            place, line = rows.line_of(row)
            message = f"the rating is {found[off][0]:g}; --rating_scale says {low:g} to {high:g}"
            raise DataError(message, file=place, line=line)
        return RatingScale(low, high)
    for highest in _HIGHEST:
        beyond = found > highest
        if beyond.any() and n_of_each[~beyond].sum() > _SURELY * n_of_each[beyond].sum():
            row = int(np.flatnonzero(rows.rating == found[beyond][0])[0])
            place, line = rows.line_of(row)
            raise DataError(
                f"the rating is {found[beyond][0]:g}, and nearly all others are at most {highest}; if it is"
                f" right, say --rating_scale {found[0]:g} {found[-1]:g}",
                file=place,
                line=line,
            )
    told.notes.append(f"ratings from {scale.lowest:g} to {scale.highest:g}, by the values")
    return scale


def _usual(found: npt.NDArray[np.float32]) -> RatingScale:
    """The narrowest usual scale that holds ratings, given in ascending order."""
    low, high = float(found[0]), float(found[-1])
    highest = next((one for one in _HIGHEST if high <= one), high)
    if low < 0:
        return RatingScale(-highest if low >= -highest else low, highest)
    lowest = 0.0 if low < 0.5 else 0.5 if (found % 1 != 0).any() and highest == 5 else 1.0
    return RatingScale(0.0 if highest == 1 else min(lowest, low), highest)


def _once(
    ratings: Ratings,
    rows: _Rows,
    source: RatingRows,
    reading: Reading,
    movies: Movies,
    users: Users,
    told: Told,
) -> tuple[_Rows, Ratings]:
    """Those of some rows that are left where a pair of user and item counts once, and their ratings.

    Raises:
        DataError: with both lines, a pair comes twice and that is to be an error.
    """
    default = Repeats.LAST if ratings.scale is not None else Repeats.COUNT
    repeats = reading.repeats or default
    pairs = ratings.user_index[rows].astype(np.int64) * len(movies) + ratings.movie_index[rows]
    in_order = np.sort(pairs)
    again = in_order[1:] == in_order[:-1]
    if repeats is Repeats.COUNT and ratings.n_events is None:
        ratings = replace(ratings, n_events=np.ones(len(ratings), np.float32))
    if not again.any():
        return rows, ratings if again.any() or source.weight is not None else replace(ratings, n_events=None)
    some = np.flatnonzero(np.isin(pairs, in_order[1:][again]))  # places in `rows`
    del in_order
    order = some[np.lexsort((some, ratings.timestamp[rows[some]], pairs[some]))]
    starts = np.flatnonzero(np.diff(pairs[order], prepend=-1))
    if repeats is Repeats.ERROR:
        _refuse(rows[order], starts, source, ratings, movies, users)
    ends = np.append(starts[1:], len(order)) - 1
    chosen = order[starts if repeats is Repeats.FIRST else ends]
    n_each = np.diff(np.append(starts, len(order)))
    if repeats is Repeats.MEAN:
        rating = ratings.rating.copy()
        rating[rows[chosen]] = (
            np.add.reduceat(ratings.rating[rows[order]].astype(np.float64), starts) / n_each
        )
        ratings = replace(ratings, rating=rating)
    if ratings.n_events is not None:
        n_events = ratings.n_events.copy()
        n_events[rows[chosen]] = np.add.reduceat(ratings.n_events[rows[order]].astype(np.float64), starts)
        ratings = replace(ratings, n_events=n_events)
    told.notes.append(
        f"{counted(len(order) - len(chosen), 'row')} repeat a user and an item of"
        f" {counted(len(chosen), 'pair')}; {_KEPT[repeats]} (--repeats {repeats})"
    )
    left_out = np.setdiff1d(some, chosen)
    return np.delete(rows, left_out), ratings


_KEPT = {
    Repeats.LAST: "the last of each counts",
    Repeats.FIRST: "the first of each counts",
    Repeats.MEAN: "the mean of each counts",
    Repeats.COUNT: "how many each has is kept",
}


def _refuse(
    rows: _Rows, starts: _Rows, source: RatingRows, ratings: Ratings, movies: Movies, users: Users
) -> None:
    """Raises the `DataError` of the earliest row of the file that repeats another."""
    groups = np.split(np.arange(len(rows)), starts[1:])
    second, first = min(tuple(np.sort(rows[group])[[1, 0]].tolist()) for group in groups)
    place, line = source.line_of(second)
    user, movie = users.user_id[ratings.user_index[second]], movies.movie_id[ratings.movie_index[second]]
    raise DataError(
        f"user {user} rates item {movie} a second time; the first is in line {source.line_of(first)[1]}",
        file=place,
        line=line,
    )


def with_imdb_numbers(movies: Movies, table: Table, places: Mapping[str, int]) -> Movies:
    """With the numbers that a table of links has; links of items that are not there are left out."""
    ids, numbers = _linked(table.rows, places)
    rows = IdIndex(movies.movie_id).rows(_alike(typed_ids(ids), movies.movie_id)[0])
    found = np.full(len(movies), NO_IMDB_NUMBER, np.int64)
    found[rows[rows != UNKNOWN_ROW]] = np.array(numbers, np.int64)[rows != UNKNOWN_ROW]
    return replace(movies, imdb_number=found)


def _linked(rows: Iterable[TextRow], places: Mapping[str, int]) -> tuple[list[str], list[int]]:
    numbers: dict[str, int] = {}
    for row in rows:
        text = row.fields[places[IMDB]]
        if text.strip() and not imdb_number(text):
            raise row.error(f"the imdbId is '{text[:80]}'; it must be a number such as 0114709 or tt0114709")
        numbers.setdefault(row.fields[places[ID]].strip(), imdb_number(text))
    return list(numbers), list(numbers.values())
