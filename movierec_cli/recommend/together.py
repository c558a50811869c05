"""One list for several people, from a saved run's scores for each of them.

Scores of different people are not on one scale, whatever the model: they grow with the history, and one
person's are far apart where another's are close. So a movie is worth to a person what its place among all
movies that may be listed says: the log odds of that place, by which the first and the tenth place differ much
and two places in the middle hardly. Places are added up by the strategies of Masthoff 2011, "Group
Recommender Systems: Combining Individual Models", Recommender Systems Handbook, chapter 21.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Fairness
from movierec_cli.errors import UsageError
from movierec_cli.recommend.cautions import LISTED, hardly_known
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.list_options import Finder, UserOptions
from movierec_cli.recommend.recommend import POOL, POOL_TIMES, diversified, variety
from movierec_cli.recommend.response import NEW, NamedMovies, marked, run_document
from movierec_cli.recommend.run_choice import FOR_LIKENESS
from movierec_cli.recommend.users import ListedMovie, User
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run

COLUMNS = ("place", "movie_id", "title", "score", "chosen_by", NEW)
"""Of the CSV, before the place that each movie has for each person."""

_Rows = npt.NDArray[np.int64]
_Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Person:
    """One of those who want to watch something together."""

    name: str
    user: User
    named: NamedMovies


@dataclass(frozen=True)
class SharedMovie(ListedMovie):
    """A movie for several people."""

    score: float  # what it is worth to those people, see `Fairness`; of turns the mean
    places: tuple[int, ...]  # for each person, from 1, among all movies that may be listed
    known_by: tuple[str, ...] = ()
    chosen_by: str | None = None  # None where nobody chooses


@dataclass(frozen=True)
class SharedList:
    """What one run recommends to several people, best first."""

    run: Run
    people: tuple[Person, ...]
    fairness: Fairness
    filters: Filters
    movies: tuple[SharedMovie, ...]
    rows: tuple[int, ...]  # of the run's movies, in the same order
    n_allowed: int  # movies that might be listed
    variety: float | None = None  # of the list, see `recommend.variety`

    @property
    def known(self) -> _Rows:
        """Rows of the movies that one of the people knows, or several."""
        return _known(self.people)

    @property
    def cautions(self) -> tuple[str, ...]:
        """Say which of the movies the model hardly knows."""
        return hardly_known(self.run, self.rows, LISTED)

    @property
    def columns(self) -> tuple[str, ...]:
        """Of `csv_rows`."""
        return (*COLUMNS, *(f"place for {one.name}" for one in self.people))

    def csv_rows(self) -> Iterator[tuple[object, ...]]:
        """A row a movie."""
        for place, one in enumerate(self.movies, start=1):
            how = f"{one.score:.6g}", one.chosen_by or "", marked(one.is_new)
            yield place, one.movie_id, one.title, *how, *one.places

    def document(self) -> dict[str, Any]:
        """For programs."""
        names = [one.name for one in self.people]
        return {
            **run_document(self.run),
            "people": [self._person_document(one) for one in self.people],
            "fairness": self.fairness,
            "movies_to_choose_from": self.n_allowed,
            "movies": [
                asdict(one) | {"places": dict(zip(names, one.places, strict=True))} for one in self.movies
            ],
            "variety": self.variety,
        }

    def _person_document(self, person: Person) -> dict[str, Any]:
        named = {
            name: [
                asdict(ListedMovie.at(self.run.catalogue, row, is_new=bool(self.run.is_new[row])))
                for row in rows
            ]
            for name, rows in asdict(person.named).items()
        }
        return {
            "name": person.name,
            "user_id": person.user.user_id,
            "n_known": len(person.user.movies),
        } | named


def people_of(
    options: UserOptions, run: Run, find: Finder, note: Callable[[str], object]
) -> tuple[Person, ...]:
    """Those whom `--together` is for: users of the data, then files, then likes, as a run sees them.

    Args:
        options: with `together`.
        run: whose catalogue the movies are in.
        find: as `UserOptions.on`.
        note: likewise.

    Raises:
        UsageError: two have the same name, or one of the likes is no NAME=TITLES.
        MovierecError: as `UserOptions.on`.
    """
    named = [
        *(
            (f"user {one}", UserOptions(user_ids=[one], as_of=options.as_of))
            for one in options.user_ids or ()
        ),
        *((one.stem, UserOptions(ratings_files=[one])) for one in options.ratings_files or ()),
        *map(_likes, options.likes or ()),
    ]
    for name, times in Counter(name for name, _ in named).items():
        if times > 1:
            raise UsageError(
                f"{times} people of --together are called '{name}'; name each once, and tell files of the"
                " same name apart by --likes NAME=FILE"
            )
    return tuple(Person(name, *one.on(run, partial(_found_for, name, find), note)) for name, one in named)


def _likes(text: str) -> tuple[str, UserOptions]:
    name, _, value = (part.strip() for part in text.partition("="))
    titles = [title.strip() for title in value.split(";") if title.strip()]
    if not name or not titles:
        raise UsageError(f"--likes is '{text}'; it takes NAME='TITLE; TITLE' or NAME=FILE")
    is_file = len(titles) == 1 and Path(value).is_file()
    return name, UserOptions(ratings_files=[Path(value)]) if is_file else UserOptions(liked=titles)


def _found_for(
    name: str, find: Finder, titles: Sequence[str], catalogue: Any, option: str, noun: str
) -> list[int]:
    """Finds a person's titles; messages name the person."""
    return find(titles, catalogue, f"--likes {name}" if option == "--liked" else option, noun)


def recommend_together(
    run: Run,
    people: Sequence[Person],
    *,
    fairness: Fairness = Fairness.LEAST_MISERY,
    top: int = 10,
    filters: Filters | None = None,
    diversity: float = 0.0,
) -> SharedList:
    """The movies that several people may like to watch together.

    Least misery puts equal ones in the order of their means; what is equal then stays in the order of the
    catalogue. A movie that has several ids is listed once.

    Args:
        run: a saved run of a trained model.
        people: as this run sees them, one or more.
        fairness: how their wishes become one list.
        top: how many movies at most; fewer where fewer are allowed.
        filters: which movies, where what one of them has seen is seen; None: all that nobody knows.
        diversity: as `recommend`, against the order that `fairness` gives.

    Raises:
        MovierecError: as `recommend`.
        SavedModelError: the run is damaged.
    """
    if diversity:
        FOR_LIKENESS.require(run.record)
    chosen = filters or Filters()
    scores = np.concatenate([one.user.scorer_in(run).scores(one.user.embedding[None]) for one in people])
    rows = np.flatnonzero(_listed(run, people, scores, chosen))
    own = scores[:, rows]  # [n_people, n]
    worths = worth(own)
    order, turns, values = _ORDERS[fairness](worths, max(POOL_TIMES * top, POOL) if diversity else top)
    if diversity:
        picked = diversified(values, run.scorer.vectors(rows[order]), np.arange(len(order)), top, diversity)
        order, turns = order[picked], turns[picked] if turns is not None else None
    movies = tuple(
        SharedMovie.at(
            run.catalogue,
            rows[one],
            is_new=bool(run.is_new[rows[one]]),
            score=_score(fairness, worths[:, one]),
            places=tuple((1 + (own > own[:, [one]]).sum(axis=1)).tolist()),
            known_by=tuple(person.name for person in people if rows[one] in person.user.movies),
            chosen_by=None if turns is None else people[turns[place]].name,
        )
        for place, one in enumerate(order.tolist())
    )
    of_list = variety(run.scorer.vectors(rows[order])) if FOR_LIKENESS.is_served_by(run.record) else None
    return SharedList(
        run, tuple(people), fairness, chosen, movies, tuple(rows[order].tolist()), len(rows), of_list
    )


def _listed(
    run: Run, people: Sequence[Person], scores: npt.NDArray[np.float32], filters: Filters
) -> npt.NDArray[np.bool_]:
    """What may be listed, each movie by one id: the one that is worth most on average. [n_movies]."""
    allowed = filters.allowed(run, _known(people))
    means = np.full(scores.shape[1], -np.inf)
    means[allowed] = worth(scores[:, allowed]).mean(axis=0)
    listed: npt.NDArray[np.bool_] = run.duplicates.listed(means, allowed)
    return listed


def _known(people: Sequence[Person]) -> _Rows:
    return np.concatenate([one.user.movies for one in people]).astype(np.int64)


def worth(scores: npt.NDArray[np.floating[Any]]) -> _Values:
    """What movies are worth to people by their places: from scores [n_people, n] to log odds [n_people, n].

    log((n - r + 1/2) / (r - 1/2)) for the r-th best of n; equal scores share the mean of their places. The
    sum over movies is 0 for everybody, and all values are where all scores are equal.
    """
    n = scores.shape[1]
    ordered = np.sort(scores, axis=1)
    below, not_above = (
        np.array([np.searchsorted(every, own, side) for every, own in zip(ordered, scores, strict=True)])
        for side in ("left", "right")
    )
    places = n - (below + not_above - 1) / 2  # of those alike, the mean
    worths: _Values = np.log((n - places + 0.5) / (places - 0.5))
    return worths


def _score(fairness: Fairness, worths: _Values) -> float:
    return float(worths.min() if fairness is Fairness.LEAST_MISERY else worths.mean())


_Ordered = tuple[_Rows, "_Rows | None", _Values]
"""Movies best first, who chose each, and values that fall in this order."""


def _by_least(worths: _Values, n: int) -> _Ordered:
    least = worths.min(axis=0)
    order = np.lexsort((-worths.mean(axis=0), -least))[:n]
    return order, None, least[order]


def _by_mean(worths: _Values, n: int) -> _Ordered:
    mean = worths.mean(axis=0)
    order = np.argsort(-mean, kind="stable")[:n]
    return order, None, mean[order]


def _by_turns(worths: _Values, n: int) -> _Ordered:
    """As in a draft whose order turns round after each round, so that nobody has all the first choices."""
    n_people, n_movies = worths.shape
    mean = worths.mean(axis=0)
    wishes = [np.lexsort((-mean, -own)).tolist() for own in worths]
    nexts, taken = [iter(one) for one in wishes], set[int]()
    order: list[int] = []
    turns: list[int] = []
    while len(order) < min(n, n_movies):
        cycle, place = divmod(len(order), n_people)
        person = place if cycle % 2 == 0 else n_people - 1 - place
        movie = next(one for one in nexts[person] if one not in taken)
        taken.add(movie)
        order.append(movie)
        turns.append(person)
    return np.array(order, np.int64), np.array(turns, np.int64), -np.arange(len(order), dtype=np.float64)


_ORDERS: Mapping[Fairness, Callable[[_Values, int], _Ordered]] = {
    Fairness.LEAST_MISERY: _by_least,
    Fairness.AVERAGE: _by_mean,
    Fairness.TURNS: _by_turns,
}
