"""Opinions from elsewhere in a catalogue: the exports of people's sites, and plain lists."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import HALF_STARS, Movies, RatingScale
from movierec_cli.errors import DataError
from movierec_cli.recommend.export_files import RatingList, read_rating_list, read_watch_list
from movierec_cli.recommend.export_layouts import Standing
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.rating_lists import RatedTitle
from movierec_cli.recommend.rating_scales import Scale
from movierec_cli.recommend.title_finder import TitleFinder, named
from movierec_cli.records import dataclass
from movierec_cli.text import counted, listed

_SURELY_LIKED = 0.8  # of the highest rating


@dataclass(frozen=True)
class ReadOpinions:
    """What a file says of a catalogue's movies, and its rows that are no movie of the catalogue.

    Each movie is there once, by its newest rating; oldest first where every row has a date, else in the
    file's order.
    """

    file: Path
    source: str  # "IMDb's export"
    scale: Scale | None  # None: the file has no ratings
    liked_from: float  # on that scale
    opinions: Opinions
    rows: npt.NDArray[np.int64]  # [n], of the catalogue
    stars: npt.NDArray[np.float32]  # [n], on the scale of the data; NaN where not rated
    is_history: bool  # whether it names movies that were watched and not rated
    marked: frozenset[Standing]  # what it says of movies beside ratings
    n_movies: int  # in the file
    unknown: tuple[RatedTitle, ...]  # not in the catalogue
    ambiguous: tuple[RatedTitle, ...]  # several movies of the catalogue fit
    not_movies: tuple[RatedTitle, ...]  # series and the like
    noun: str = "movie"  # what the catalogue calls its items
    warnings: tuple[str, ...] = ()  # of the file

    @property
    def history(self) -> npt.NDArray[np.int64]:
        """What was watched and not disliked, in its order."""
        return self.rows[~np.isin(self.rows, self.opinions.disliked)]

    @property
    def notes(self) -> tuple[str, ...]:
        """How the file was read, and what was left out, for people."""
        return (self._read, *self.warnings, *self._left_out)

    @property
    def _read(self) -> str:
        by_rating = ("", "")
        if self.scale is not None:
            by_rating = f"{self.liked_from:g} or more", f"below {self.scale.middle:g}"
        liked = _how(by_rating[0], Standing.LIKED in self.marked)
        disliked = _how(by_rating[1], Standing.DISLIKED in self.marked)
        counts = [f"{len(self.opinions.liked):,} liked{liked}"]
        counts.append(f"{len(self.opinions.disliked):,} disliked{disliked}")
        if n_seen := len(self.opinions.seen):
            counts.append(f"{n_seen:,} seen")
        rated = f", rated {self.scale.name}" if self.scale else ""
        of_movies = f"of {counted(len(self.rows), self.noun)}"
        return f"{self.file} ({self.source}{rated}): {of_movies}, {listed(counts)}"

    @property
    def _left_out(self) -> tuple[str, ...]:
        of_all = f" of {counted(self.n_movies, self.noun)}"
        left_out = (
            (self.unknown, f"{of_all} is not in the catalogue", f"{of_all} are not in the catalogue"),
            (
                self.ambiguous,
                f"{of_all} fits several {self.noun}s of it",
                f"{of_all} fit several {self.noun}s of it",
            ),
            (self.not_movies, " more is no movie", " more are no movies"),
        )
        texts = ((rows, one if len(rows) == 1 else several) for rows, one, several in left_out if rows)
        return tuple(f"{len(rows):,}{text}: {named(rows)}" for rows, text in texts)


def _how(by_rating: str, is_marked: bool) -> str:
    ways = [way for way in (by_rating, "marked so" if is_marked else "") if way]
    return f" ({' or '.join(ways)})" if ways else ""


def read_opinions(
    path: Path, catalogue: Movies, scale: RatingScale | None = HALF_STARS, noun: str = "movie"
) -> ReadOpinions:
    """Reads what a user rated, watched and liked, as `read_rating_list` takes it, and finds the movies.

    They are found in a model's catalogue as `TitleFinder.rows` says. A title that is not there, or that fits
    several movies, is no error.

    `opinions_of` decides what is liked and disliked by ratings. What a site calls a like or a thumb decides
    itself, and what was watched without either is seen. The scale is that of the site; of a plain list the
    ratings themselves decide, see `rating_lists.ReadTable`.

    Raises:
        DataError: as `read_rating_list`, or no movie of the file is in the catalogue, or nothing is known of
            these but that they are named.
    """
    read = read_rating_list(path)
    finder = TitleFinder(catalogue)
    found = [(one, finder.rows(one)) for one in read.titles]
    not_movies = tuple(one for one, rows in found if not rows and not one.is_movie)
    unknown = tuple(one for one, rows in found if not rows and one.is_movie)
    placed = [(rows[0], one) for one, rows in found if len(rows) == 1]
    n_movies = len(found) - len(not_movies)
    if not placed:
        raise DataError(_none_found(n_movies, unknown, not_movies, noun), file=path)
    rows, rated = _newest(placed)
    ratings = np.array([np.nan if one.rating is None else one.rating for one in rated])
    opinions = _opinions(path, read, rows, rated, ratings, noun)
    return ReadOpinions(
        file=path,
        source=read.source,
        scale=read.scale if not np.isnan(ratings).all() else None,
        liked_from=_liked_from(read, ratings),
        opinions=opinions,
        rows=rows,
        stars=_stars(read, scale, ratings),
        is_history=read.is_history,
        marked=frozenset(one.standing for one in rated),
        n_movies=n_movies,
        unknown=unknown,
        ambiguous=tuple(one for one, rows in found if len(rows) > 1),
        not_movies=not_movies,
        noun=noun,
        warnings=(*read.warnings, *finder.notes(noun)),
    )


def _opinions(
    path: Path,
    read: RatingList,
    rows: npt.NDArray[np.int64],
    rated: Sequence[RatedTitle],
    ratings: npt.NDArray[np.float64],
    noun: str,
) -> Opinions:
    """By ratings, and by what the file says beside these: a like is one whatever the rating."""
    standing = np.array([one.standing.value for one in rated], object)
    is_liked, is_disliked, is_seen = (
        standing == one.value for one in (Standing.LIKED, Standing.DISLIKED, Standing.SEEN)
    )
    has_rating = ~np.isnan(ratings)
    if not (has_rating | is_liked | is_disliked | is_seen).any():
        movies = counted(len(rows), noun)
        raise DataError(f"of the {movies} that the catalogue has, it rates none", file=path)
    if has_rating.any() and read.scale is not None:
        by_rating = opinions_of(rows[has_rating], ratings[has_rating], read.scale)
        is_liked |= np.isin(rows, by_rating.liked)
        is_disliked |= np.isin(rows, by_rating.disliked) & ~is_liked
    return Opinions(rows[is_liked], rows[is_disliked], rows[is_seen & ~has_rating & ~is_liked & ~is_disliked])


def _liked_from(read: RatingList, ratings: npt.NDArray[np.float64]) -> float:
    known = ratings[~np.isnan(ratings)]
    return liked_from(known, read.scale) if len(known) and read.scale is not None else np.nan


def _stars(
    read: RatingList, scale: RatingScale | None, ratings: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    if read.scale is None:
        return np.full(len(ratings), np.nan, np.float32)
    return read.scale.onto(scale, ratings)


def read_watched(path: Path, catalogue: Movies, noun: str = "movie") -> tuple[list[int], tuple[str, ...]]:
    """Rows of the movies that a file names, each once, and what people should know of the others.

    The oldest is first where every row has a date, else they are in the file's order.

    Raises:
        DataError: as `export_files.read_watch_list`, or no movie of the file is in the catalogue.
    """
    return _found_in(path, read_watch_list(path), catalogue, noun)


def found_rows(
    path: Path, titles: Sequence[RatedTitle], catalogue: Movies, noun: str = "movie"
) -> tuple[list[int], tuple[str, ...]]:
    """The same of titles that were read, where none needs to be in the catalogue."""
    try:
        return _found_in(path, titles, catalogue, noun)
    except DataError as error:
        return [], (str(error),)


def _found_in(
    path: Path, titles: Sequence[RatedTitle], catalogue: Movies, noun: str
) -> tuple[list[int], tuple[str, ...]]:
    finder = TitleFinder(catalogue)
    found = [(one, finder.rows(one)) for one in titles]
    series = [one for one, rows in found if not rows and not one.is_movie]
    others = [one for one, rows in found if len(rows) != 1 and one not in series]
    rows, _ = _newest([(rows[0], one) for one, rows in found if len(rows) == 1])
    said = f"of {counted(len(found) - len(series), noun)} {len(others):,} cannot be told in the catalogue: "
    if not len(rows):
        raise DataError(f"{said}{named(others or series)}", file=path)
    notes = [f"{path}: {said}{named(others)}"] if others else []
    if series:
        notes.append(f"{path}: {counted(len(series), 'row is', 'rows are')} no {noun}: {named(series)}")
    return rows.tolist(), (*notes, *finder.notes(noun))


def liked_from(ratings: npt.NDArray[np.float64], scale: Scale) -> float:
    """The lowest rating of a movie that a user likes, by all their ratings.

    It is the median, as some users take the upper half of a scale alone; but four stars of five are always
    enough, and a rating below the middle of the scale never is.
    """
    return max(min(float(np.median(ratings)), _SURELY_LIKED * scale.highest), scale.middle)


def opinions_of(rows: npt.NDArray[np.int64], ratings: npt.NDArray[np.float64], scale: Scale) -> Opinions:
    """What a user likes (`liked_from` or more) and dislikes (below the middle of the scale).

    Movies between are known, and count neither for nor against similar movies. At least one movie is liked or
    disliked: where the median is below the middle a rating is, else one reaches the median. The rows are of a
    model's movies, each once, one or more; both arrays are [n].
    """
    return Opinions(rows[ratings >= liked_from(ratings, scale)], rows[ratings < scale.middle])


def _newest(placed: Sequence[tuple[int, RatedTitle]]) -> tuple[npt.NDArray[np.int64], list[RatedTitle]]:
    """Each movie once with the newest of what is said of it, the oldest first where all have dates."""
    is_dated = all(one.seconds is not None for _, one in placed)
    ordered = sorted(placed, key=lambda pair: pair[1].seconds or 0) if is_dated else placed
    newest: dict[int, RatedTitle] = {}
    for row, one in ordered:
        before = newest.pop(row, None)  # so that it stands where it comes last
        newest[row] = one if before is None else _both(before, one)
    return np.array(list(newest), np.int64), list(newest.values())


_WEAK = (Standing.KNOWN, Standing.SEEN)


def _both(before: RatedTitle, one: RatedTitle) -> RatedTitle:
    """What is said later counts, but a row that says no more than "seen" takes nothing back."""
    return replace(
        one,
        rating=before.rating if one.rating is None else one.rating,
        standing=one.standing if one.standing not in _WEAK or before.standing in _WEAK else before.standing,
    )


def _none_found(
    n_movies: int, unknown: Sequence[RatedTitle], not_movies: Sequence[RatedTitle], noun: str
) -> str:
    if n_movies == 0:
        return f"names no {noun}, but {named(not_movies)}"
    movies = counted(n_movies, noun)
    if not unknown:
        return f"each of its {movies} fits several {noun}s of the catalogue; name them by movie_id"
    return f"of its {movies} none is found in the catalogue, such as {named(unknown)}"
