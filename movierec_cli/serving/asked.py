"""What a recommendation is asked for, and what a model that serves makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Id, id_at
from movierec_cli.data.reader.column_values import LAST_TIMESTAMP
from movierec_cli.errors import MovierecError
from movierec_cli.recommend.filters import Filters, genre_named
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.opinion_files import opinions_of
from movierec_cli.recommend.rating_scales import Scale
from movierec_cli.recommend.rating_times import plain_seconds
from movierec_cli.recommend.response import NamedMovies
from movierec_cli.recommend.run_choice import FOR_HISTORIES
from movierec_cli.recommend.users import User, new_user, user_after, user_of, user_rows
from movierec_cli.registry.store import Run

MOST_LISTED = 100
MOST_NAMED = 500
Moment: TypeAlias = int | str
"""Seconds since 1970-01-01 UTC, or a date with or without a time, in UTC where it names no zone."""


class NotThere(MovierecError):
    """A model, a user or a movie that does not exist."""


@dataclass(frozen=True)
class Asked:
    """A list for a user of the data, or for a new one by what they say of movies, each named once.

    A model of sequences continues what was `watched`; what is disliked or seen beside that is left out of the
    list and says nothing more.

    Raises:
        MovierecError: it names nobody, two users, or too much; or its times are none, or do not fit.
    """

    user_id: Id | None = None
    liked: Sequence[Id] = ()
    disliked: Sequence[Id] = ()
    seen: Sequence[Id] = ()
    ratings: Mapping[Id, float] = field(default_factory=dict)  # on the scale of the model's data
    watched: Sequence[Id] = ()  # oldest first
    watched_at: Sequence[Moment] = ()  # when each of them was
    as_of: Moment | None = None  # when the list is asked for
    top: int = 10
    why: bool = False
    genres: Sequence[str] = ()
    include_seen: bool = False

    def __post_init__(self) -> None:
        named = self.named
        if (self.user_id is None) == (not named):
            raise MovierecError(
                "name a user_id, or movies in liked, disliked, seen, ratings or watched; not both"
            )
        if len(named) > MOST_NAMED:
            raise MovierecError(f"{len(named):,} movies are named; {MOST_NAMED} at most can be")
        if not 1 <= self.top <= MOST_LISTED:
            raise MovierecError(f"top is {self.top:,}; it must be 1 to {MOST_LISTED}")
        self._check_times()

    def _check_times(self) -> None:
        if self.watched and (self.liked or self.ratings):
            raise MovierecError("a history is named in watched, or liked and ratings are given; not both")
        if self.watched_at and len(self.watched_at) != len(self.watched):
            raise MovierecError(
                f"watched_at has {len(self.watched_at):,} times for {len(self.watched):,} movies in watched"
            )
        if self.as_of is not None and self.user_id is None and not self.watched_at:
            raise MovierecError("as_of is for a user_id, or for what was watched with watched_at")
        times = [*self.seconds, *(() if self.as_of_s is None or not self.seconds else (self.as_of_s,))]
        if times != sorted(times):
            raise MovierecError("times go back: watched_at is oldest first, and as_of comes after all of it")

    @cached_property
    def seconds(self) -> tuple[int, ...]:
        """When each movie was watched, since 1970-01-01 UTC."""
        return tuple(_seconds("watched_at", one) for one in self.watched_at)

    @cached_property
    def as_of_s(self) -> int | None:
        """When the list is asked for, likewise."""
        return None if self.as_of is None else _seconds("as_of", self.as_of)

    @property
    def named(self) -> tuple[Id, ...]:
        """All movies of a new user."""
        return (*self.liked, *self.disliked, *self.seen, *self.ratings, *self.watched)

    def on(self, run: Run, row_of: Mapping[str, int]) -> tuple[User, NamedMovies | None]:
        """The user as a run sees them, with the movies that a new one named.

        Args:
            run: that serves.
            row_of: its movies by the text of their ids.

        Raises:
            NotThere: the run has no such user or movie.
            MovierecError: a movie is named twice, a rating is not on the scale, or the run does not see what
                is asked: a history, or the time.
        """
        if self.as_of is not None and not sees_time(run):
            raise MovierecError(f"as_of changes nothing, as {run.record.name} does not see the time")
        if self.user_id is not None:
            return self._known(run, self.user_id), None
        rows = _rows(self.named, run, row_of)
        if self.watched:
            return self._after_history(run, rows)
        opinions, stars = self._opinions(run, rows)
        user = new_user(
            run, opinions, np.array(list(stars), np.int64), np.array(list(stars.values()), np.float32)
        )
        seen, liked, disliked = (
            tuple(rows.tolist()) for rows in (opinions.seen, opinions.liked, opinions.disliked)
        )
        return user, NamedMovies(watched=seen, liked=liked, disliked=disliked)

    def _known(self, run: Run, user_id: Id) -> User:
        try:
            (row,) = user_rows(run, [user_id]).tolist()
        except MovierecError as error:
            raise NotThere(str(error)) from error
        return user_of(run, id_at(run.artifacts.user_ids, row), self.as_of_s)

    def _after_history(self, run: Run, rows: Sequence[int]) -> tuple[User, NamedMovies]:
        if not FOR_HISTORIES.is_served_by(run.record):
            raise MovierecError(
                f"{run.record.name} continues no history; name what was watched as liked or seen, or ask a"
                " model that does: /api/models says which (reads_history)"
            )
        history, disliked = rows[-len(self.watched) :], rows[: len(self.disliked)]
        user = user_after(
            run, history, np.array(rows, np.int64), seconds=self.seconds or None, as_of_s=self.as_of_s
        )
        return user, NamedMovies(watched=tuple(history), disliked=tuple(disliked))

    def filters(self, run: Run) -> Filters:
        """Raises a `MovierecError` where the catalogue has no such genre."""
        genres = tuple(genre_named(run.catalogue, name, run.record.data.noun) for name in self.genres)
        return Filters(genres=genres, include_seen=self.include_seen)

    def _opinions(self, run: Run, rows: Sequence[int]) -> tuple[Opinions, dict[int, float]]:
        """What is named as liked, disliked or seen, with what ratings say; and the stars of all of it."""
        ends = np.cumsum([len(self.liked), len(self.disliked), len(self.seen)])
        liked, disliked, seen, rated = (
            part.astype(np.int64) for part in np.split(np.array(rows, np.int64), ends)
        )
        stars = dict.fromkeys([*liked.tolist(), *disliked.tolist()], np.nan)
        if len(rated):
            given = np.array(list(self.ratings.values()))
            by_rating = opinions_of(rated, given, _scale(run, given))
            liked = np.concatenate([liked, by_rating.liked])
            disliked = np.concatenate([disliked, by_rating.disliked])
            stars = dict(zip(rated.tolist(), given.tolist(), strict=True)) | stars
        for row in seen.tolist():
            stars[row] = np.nan
        return Opinions(liked, disliked, seen), stars


def sees_time(run: Run) -> bool:
    """Whether a list of a run may depend on when it is asked for."""
    config, has_times = run.record.config, run.record.data.has_times
    return has_times and (config.family.is_sequential or bool(config.feature_set.of_time))


def _seconds(name: str, moment: Moment) -> int:
    seconds = plain_seconds(moment.strip()) if isinstance(moment, str) else moment
    if seconds is None or abs(seconds) > LAST_TIMESTAMP:
        raise MovierecError(
            f"{name} has {str(moment)[:40]!r}, which is no time; it takes a date such as 2001-05-01, or"
            " seconds since 1970-01-01 UTC"
        )
    return seconds


def _rows(ids: Sequence[Id], run: Run, row_of: Mapping[str, int]) -> list[int]:
    """Of movies, each named once."""
    noun = run.record.data.noun
    unknown = next((one for one in ids if str(one) not in row_of), None)
    if unknown is not None:
        raise NotThere(f"this model knows no {noun} with the id {str(unknown)[:40]!r}")
    rows = [row_of[str(one)] for one in ids]
    if len(set(rows)) < len(rows):
        twice = next(one for place, one in enumerate(ids) if rows.index(rows[place]) < place)
        raise MovierecError(f"the {noun} {str(twice)[:40]!r} is named twice; name it once")
    return rows


def _scale(run: Run, given: npt.NDArray[np.float64]) -> Scale:
    data = run.record.data
    scale = data.scale
    if scale is None:
        raise MovierecError(f"the data '{data.name}' have no ratings; name movies as liked or disliked")
    if not ((given >= scale.lowest) & (given <= scale.highest)).all():
        raise MovierecError(
            f"ratings are {scale.lowest:g} to {scale.highest:g} on the scale of '{data.name}'"
        )
    return Scale(f"{scale.lowest:g} to {scale.highest:g}", scale.lowest, scale.highest)
