"""Ratings from elsewhere in a catalogue: the files that Letterboxd and IMDb export, and plain lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import HALF_STARS, NO_IMDB_NUMBER, Movies, RatingScale
from movierec_cli.errors import DataError
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.movie_search import MovieSearch
from movierec_cli.recommend.rating_lists import RatedTitle, Scale, read_rating_list, read_watch_list
from movierec_cli.text import counted

_SURELY_LIKED = 0.8  # of the highest rating
_NAMED = 5  # movies in a sentence
_LONGEST_TITLE = 500  # letters; no movie's is half as long


@dataclass(frozen=True)
class ReadOpinions:
    """A file's ratings of a catalogue's movies, and its rows that are no movie of the catalogue.

    Each movie is there once, by its newest rating; oldest first where every row has a date, else in the
    file's order.
    """

    file: Path
    source: str  # "IMDb's export"
    scale: Scale
    liked_from: float  # on that scale
    opinions: Opinions
    rows: npt.NDArray[np.int64]  # [n], of the catalogue
    stars: npt.NDArray[np.float32]  # [n], on the scale of the data; NaN where not rated
    n_movies: int  # in the file
    unknown: tuple[RatedTitle, ...]  # not in the catalogue
    ambiguous: tuple[RatedTitle, ...]  # several movies of the catalogue fit
    not_movies: tuple[RatedTitle, ...]  # series and the like
    noun: str = "movie"  # what the catalogue calls its items
    warnings: tuple[str, ...] = ()  # of the file

    @property
    def notes(self) -> tuple[str, ...]:
        """How the file was read, and what was left out, for people."""
        n_liked, n_disliked = len(self.opinions.liked), len(self.opinions.disliked)
        read = (
            f"{self.file} ({self.source}, rated {self.scale.name}): of {counted(len(self.rows), self.noun)},"
            f" {n_liked:,} liked ({self.liked_from:g} or more) and {n_disliked:,} disliked"
            f" (below {self.scale.middle:g})"
        )
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
        left = (f"{len(rows):,}{text}: {_named(rows)}" for rows, text in texts)
        return (read, *self.warnings, *left)


def read_opinions(
    path: Path, catalogue: Movies, scale: RatingScale | None = HALF_STARS, noun: str = "movie"
) -> ReadOpinions:
    """Reads a user's ratings, as `read_rating_list` takes them, and finds the movies in a model's catalogue.

    IMDb's titles are found by their numbers where the catalogue has them, else by title and year like all
    others (`MovieSearch.titled`). A title that is not there, or that fits several movies, is no error.

    `opinions_of` decides what is liked and disliked. Letterboxd rates 0.5 to 5 stars and
    IMDb 1 to 10; of a plain list the ratings themselves decide, see `rating_lists.RatingList`.

    Raises:
        DataError: as `read_rating_list`, or no movie of the file is in the catalogue, or none of these has a
            rating.
    """
    read = read_rating_list(path)
    finder = _Finder(catalogue)
    found = [(one, finder.rows(one)) for one in read.titles]
    not_movies = tuple(one for one, rows in found if not rows and not one.is_movie)
    unknown = tuple(one for one, rows in found if not rows and one.is_movie)
    placed = [(rows[0], one) for one, rows in found if len(rows) == 1]
    n_movies = len(found) - len(not_movies)
    if not placed:
        raise DataError(_none_found(n_movies, unknown, not_movies, noun), file=path)
    rows, rated = _newest(placed)
    ratings = np.array([np.nan if one.rating is None else one.rating for one in rated])
    has_rating = ~np.isnan(ratings)
    if not has_rating.any():
        movies = counted(len(rows), noun)
        raise DataError(f"of the {movies} that the catalogue has, it rates none", file=path)
    return ReadOpinions(
        file=path,
        source=read.source,
        scale=read.scale,
        liked_from=liked_from(ratings[has_rating], read.scale),
        opinions=opinions_of(rows[has_rating], ratings[has_rating], read.scale),
        rows=rows,
        stars=read.scale.onto(scale, ratings),
        n_movies=n_movies,
        unknown=unknown,
        ambiguous=tuple(one for one, rows in found if len(rows) > 1),
        not_movies=not_movies,
        noun=noun,
        warnings=read.warnings,
    )


def read_watched(path: Path, catalogue: Movies, noun: str = "movie") -> tuple[list[int], tuple[str, ...]]:
    """Rows of the movies that a file names, each once, and what people should know of the others.

    The oldest is first where every row has a date, else they are in the file's order.

    Raises:
        DataError: as `rating_lists.read_watch_list`, or no movie of the file is in the catalogue.
    """
    finder = _Finder(catalogue)
    found = [(one, finder.rows(one)) for one in read_watch_list(path)]
    others = [one for one, rows in found if len(rows) != 1]
    rows, _ = _newest([(rows[0], one) for one, rows in found if len(rows) == 1])
    said = f"of {counted(len(found), noun)} {len(others):,} cannot be told in the catalogue: "
    if not len(rows):
        raise DataError(f"{said}{_named(others)}", file=path)
    return rows.tolist(), (f"{path}: {said}{_named(others)}",) if others else ()


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


class _Finder:
    """Finds the movies that a file names."""

    def __init__(self, catalogue: Movies):
        self._search = MovieSearch(catalogue)
        numbers = [] if catalogue.imdb_number is None else catalogue.imdb_number.tolist()
        self._by_number = {number: row for row, number in enumerate(numbers) if number != NO_IMDB_NUMBER}
        self._numbered = set(self._by_number.values())
        self._by_title: dict[tuple[str, int | None], list[int]] = {}  # diaries repeat movies

    def rows(self, one: RatedTitle) -> list[int]:
        """Of the movies that it can be. Series are not searched by title: movies may have the same one."""
        if one.movie_id is not None:
            row = self._search.row_of_id(one.movie_id)
            return [] if row is None else [row]
        if one.imdb_number in self._by_number:
            return [self._by_number[one.imdb_number]]
        if not one.is_movie or len(one.title) > _LONGEST_TITLE:
            return []
        key = (one.title, one.year)
        if key not in self._by_title:
            self._by_title[key] = self._search.titled(*key)
        rows = self._by_title[key]
        # With a number, a movie with another number is another movie.
        return rows if one.imdb_number is None else [row for row in rows if row not in self._numbered]


def _newest(placed: Sequence[tuple[int, RatedTitle]]) -> tuple[npt.NDArray[np.int64], list[RatedTitle]]:
    """Each movie once with its newest rating, the oldest first where all have dates."""
    is_dated = all(one.seconds is not None for _, one in placed)
    ordered = sorted(placed, key=lambda pair: pair[1].seconds or 0) if is_dated else placed
    newest: dict[int, RatedTitle] = {}
    for row, one in ordered:
        before = newest.pop(row, None)  # so that it stands where it comes last
        newest[row] = before if before is not None and one.rating is None else one
    return np.array(list(newest), np.int64), list(newest.values())


def _none_found(
    n_movies: int, unknown: Sequence[RatedTitle], not_movies: Sequence[RatedTitle], noun: str
) -> str:
    if n_movies == 0:
        return f"names no {noun}, but {_named(not_movies)}"
    movies = counted(n_movies, noun)
    if not unknown:
        return f"each of its {movies} fits several {noun}s of the catalogue; name them by movie_id"
    return f"of its {movies} none is found in the catalogue, such as {_named(unknown)}"


def _named(titles: Sequence[RatedTitle]) -> str:
    """Such as: 'Heat (1995)' (line 2) and 16 others."""
    shown = ", ".join(f"{one.name} (line {one.line})" for one in titles[:_NAMED])
    n_others = len(titles) - _NAMED
    return shown if n_others <= 0 else f"{shown} and {counted(n_others, 'other')}"
