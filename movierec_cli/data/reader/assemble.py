"""From the rows that files hold to the column tables: what is rated, joined with what is known of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config.settings import Orphans, Reading, Repeats
from movierec_cli.data.dataset import (
    NO_IMDB_NUMBER,
    NO_TMDB_NUMBER,
    UNKNOWN_ROW,
    UNKNOWN_YEAR,
    Columns,
    IdIndex,
    Ids,
    Movies,
    Ratings,
    RatingScale,
    Users,
    take,
)
from movierec_cli.data.reader.item_tables import (
    Told,
    alike,
    as_texts,
    item_movies,
    with_unknown_users,
)
from movierec_cli.data.reader.rating_rows import RatingRows, Rules
from movierec_cli.data.reader.roles import (
    GENRES,
    RATING,
    TITLE,
    YEAR,
)
from movierec_cli.errors import DataError
from movierec_cli.text import counted

_NAMED = 3  # ids in a sentence
_SURELY = 1000  # ratings on a scale for each one off it, for that to be a fault
_FEW, _FAR = 20, 10  # or so many for a single one that is so many times as high as the scale
_HASHES = (1 << 24) - 1
_HIGHEST = (1, 5, 10, 100)  # of the scales that are usual
_NO_RATING = 1e6  # higher ones are something else, such as times

_Rows = npt.NDArray[np.int64]


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
    if rows.rating is not None and rules.scale is None and len(rows.rating) > 1 and (rows.rating == 1).all():
        told.notes.append("each rating is 1, which tells nothing, so each row is a positive")
        rows = replace(rows, rating=None)
    scale = None if rows.rating is None else _scale(rows, rules, told)
    ratings = Ratings(
        user_index=user,
        movie_index=item,
        rating=np.ones(len(user), np.float32) if rows.rating is None else rows.rating,
        timestamp=np.zeros(len(user), np.int64) if rows.seconds is None else rows.seconds,
        scale=scale,
        n_events=rows.weight,
        part=rows.part,
        own=rows.own,
    )
    is_known = item != UNKNOWN_ROW
    kept = np.arange(len(item)) if is_known.all() else np.flatnonzero(is_known)
    kept, ratings = _once(ratings, kept, rows, reading, catalogue, people, told)
    if len(kept) == 0:
        raise DataError(
            "no rating is left; nothing that is rated is among the items", file=rows.line_of(0)[0]
        )
    if len(kept) < len(ratings):
        ratings = take(ratings, kept)
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
        own = item_movies(texts, columns, told)
        return replace(own, movie_id=rows.item_ids), rows.item
    item_ids, own_ids = alike(rows.item_ids, movies.movie_id)
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
    if reading.orphans == Orphans.ERROR:
        row = int(np.flatnonzero(is_orphan)[0])
        place, line = rows.line_of(row)
        one = item_ids[rows.item[row]]
        raise DataError(f"{noun} {one} is rated but is not among the {noun}s; {what}", file=place, line=line)
    if reading.orphans == Orphans.DROP:
        told.warnings.append(f"{what} dropped")
        return movies, row_of_id[rows.item]
    their = "its id" if len(unknown) == 1 else "their ids"
    remedy = "; name the column with their ids: --columns items.id=NAME" if is_orphan.all() else ""
    told.warnings.append(f"{what}: made from {their}{remedy}")
    row_of_id[unknown] = len(movies) + np.arange(len(unknown))
    return _extended(movies, item_ids[unknown]), row_of_id[rows.item]


def _extended(movies: Movies, ids: Ids) -> Movies:
    """With items of which nothing is known but their ids."""
    n = len(ids)
    more: dict[str, Any] = {
        "movie_id": ids,
        "title": as_texts(ids),
        "year": np.full(n, UNKNOWN_YEAR, np.int16),
        "genres": np.zeros((n, len(movies.genre_names)), np.bool_),
        "length_minutes": np.full(n, np.nan, np.float32),
        "imdb_number": np.full(n, NO_IMDB_NUMBER, np.int64),
        "tmdb_number": np.full(n, NO_TMDB_NUMBER, np.int64),
    }
    columns = {name: value for name in more if (value := getattr(movies, name)) is not None}
    extended: dict[str, Any] = {name: np.concatenate([value, more[name]]) for name, value in columns.items()}
    return replace(movies, **extended, own=tuple(column.extended(n) for column in movies.own))


def _with_raters(
    rows: RatingRows, users: Users | None, rules: Rules, told: Told
) -> tuple[Users, npt.NDArray[np.int32]]:
    """The users, and each rating's row among them."""
    if users is None:
        return Users(rows.user_ids), rows.user
    user_ids, own_ids = alike(rows.user_ids, users.user_id)
    row_of_id = IdIndex(own_ids).rows(user_ids)
    unknown = np.flatnonzero(row_of_id == UNKNOWN_ROW)
    if len(unknown) == 0:
        return replace(users, user_id=own_ids), row_of_id[rows.user]
    if rules.whole_ids:
        row = int(np.flatnonzero(np.isin(rows.user, unknown))[0])
        place, line = rows.line_of(row)
        message = f"user {user_ids[rows.user[row]]} rates but is not among the users"
        raise DataError(message, file=place, line=line)
    if len(unknown) == len(user_ids):
        told.warnings.append(
            "nobody who rates is in the table of users, so it is not used; name the column with their ids:"
            " --columns users.id=NAME"
        )
        return Users(rows.user_ids), rows.user
    told.warnings.append(
        f"{counted(len(unknown), 'user')} of {len(user_ids):,} who rate are not in the table of users, so"
        " nothing is known of them"
    )
    row_of_id[unknown] = len(own_ids) + np.arange(len(unknown))
    extended = with_unknown_users(replace(users, user_id=own_ids), user_ids[unknown])
    return extended, row_of_id[rows.user]


def _scale(rows: RatingRows, rules: Rules, told: Told) -> RatingScale:
    """The scale that is asked for or is the layout's, or what the ratings themselves show.

    Raises:
        DataError: with the line, a rating is off the scale of all others.
    """
    assert rows.rating is not None
    if rules.scale is not None:
        return rules.scale
    found, n_of_each = np.unique(rows.rating, return_counts=True)
    scale = _usual(found)
    suspects = [(found > highest, f"at most {highest}") for highest in _HIGHEST]
    suspects += [
        (found < 0, "0 or more"),
        (found == 0, "more than 0") if len(found) > 1 and found[1] >= 0.5 else (found < 0, ""),
    ]
    for beyond, others in suspects:
        n_beyond, n_others = n_of_each[beyond].sum(), n_of_each[~beyond].sum()
        is_far = (
            n_beyond == 1 and n_others >= _FEW and abs(found[beyond][0]) >= _FAR * abs(found[~beyond]).max()
        )
        if n_beyond and (n_others > _SURELY * n_beyond or is_far):
            row = int(np.flatnonzero(rows.rating == found[beyond][0])[0])
            place, line = rows.line_of(row)
            raise DataError(
                f"the rating is {found[beyond][0]:g}, and nearly all others are {others}; if it is right, say"
                f" --rating_scale {found[0]:g} {found[-1]:g}",
                file=place,
                line=line,
            )
    if found[-1] > _NO_RATING:
        place, line = rows.line_of(int(rows.rating.argmax()))
        raise DataError(
            f"the rating is {found[-1]:.9g}; if that is a time, say --columns timestamp=NAME, if a number of"
            f" events, --weights NAME, and if a rating, --rating_scale {found[0]:.9g} {found[-1]:.9g}",
            file=place,
            line=line,
        )
    if found[-1] > _HIGHEST[-1]:
        told.warnings.append(
            f"ratings go up to {found[-1]:g}; if they count events, such as plays, say --weights NAME"
        )
    if len(found) > 1 and found[0] in (-1, 0) and found[1] - found[0] >= 0.5:
        told.notes.append(
            f"{counted(int(n_of_each[0]), 'rating')} of {found[0]:g}: if that means no or none, --min_rating"
            f" {found[1]:g} leaves these rows out; else they count as interactions, as all rows do"
        )
    told.of_roles[RATING] = f"{scale.lowest:g} to {scale.highest:g}, by the values"
    return scale


def _usual(found: npt.NDArray[np.float32]) -> RatingScale:
    """The narrowest usual scale that holds ratings, given in ascending order."""
    low, high = float(found[0]), float(found[-1])
    highest = next((one for one in _HIGHEST if high <= one), high)
    if low == -1 and high > 1:  # -1 of those who gave none, as a rule
        return RatingScale(low, highest)
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
    part = rows if len(rows) < len(ratings) else slice(None)
    pairs = ratings.user_index[part] * np.int64(len(movies)) + ratings.movie_index[part]
    in_order = np.sort(pairs)
    again = in_order[1:] == in_order[:-1]
    if repeats == Repeats.COUNT and ratings.n_events is None:
        ratings = replace(ratings, n_events=np.ones(len(ratings), np.float32))
    if not again.any():
        return rows, ratings if again.any() or source.weight is not None else replace(ratings, n_events=None)
    some = _among(pairs, in_order[1:][again])  # places in `rows`
    del in_order
    order = some[np.lexsort((some, ratings.timestamp[rows[some]], pairs[some]))]
    starts = np.flatnonzero(np.diff(pairs[order], prepend=-1))
    if repeats == Repeats.ERROR:
        _refuse(rows[order], starts, source, ratings, movies, users)
    ends = np.append(starts[1:], len(order)) - 1
    chosen = order[starts if repeats == Repeats.FIRST else ends]
    n_each = np.diff(np.append(starts, len(order)))
    if repeats == Repeats.MEAN:
        rating = ratings.rating.copy()
        rating[rows[chosen]] = (
            np.add.reduceat(ratings.rating[rows[order]].astype(np.float64), starts) / n_each
        )
        ratings = replace(ratings, rating=rating)
    if ratings.n_events is not None:
        n_events = ratings.n_events.copy()
        n_events[rows[chosen]] = np.add.reduceat(ratings.n_events[rows[order]].astype(np.float64), starts)
        ratings = replace(ratings, n_events=n_events)
    is_sum = repeats == Repeats.COUNT and source.weight is not None
    kept = "their weights are added up" if is_sum else _KEPT[repeats]
    told.notes.append(
        f"{counted(len(order) - len(chosen), 'row repeats', 'rows repeat')} a user and an item of"
        f" {counted(len(chosen), 'pair')}; {kept} (--repeats {repeats})"
    )
    is_kept = np.ones(len(rows), np.bool_)
    is_kept[some] = False
    is_kept[chosen] = True
    return rows[is_kept], ratings


def _among(values: _Rows, few: _Rows) -> _Rows:
    """Places of the values that are among a few others, ascending."""
    may_be = np.zeros(_HASHES + 1, np.bool_)  # sorting all of them, as isin does, takes many times as long
    may_be[few & _HASHES] = True
    places = np.flatnonzero(may_be[values & _HASHES])
    return places[np.isin(values[places], few)]


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
