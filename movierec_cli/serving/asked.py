"""What a recommendation is asked for, and what a model that serves makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Id
from movierec_cli.errors import MovierecError
from movierec_cli.recommend.filters import Filters, genre_named
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.opinion_files import opinions_of
from movierec_cli.recommend.rating_scales import Scale
from movierec_cli.recommend.response import NamedMovies
from movierec_cli.recommend.users import User, new_user, user_of
from movierec_cli.registry.store import Run

MOST_LISTED = 100
MOST_NAMED = 500


class NotThere(MovierecError):
    """A model, a user or a movie that does not exist."""


@dataclass(frozen=True)
class Asked:
    """A list for a user of the data, or for a new one by what they say of movies, each named once.

    Raises:
        MovierecError: it names nobody, two users, or too much.
    """

    user_id: Id | None = None
    liked: Sequence[Id] = ()
    disliked: Sequence[Id] = ()
    seen: Sequence[Id] = ()
    ratings: Mapping[Id, float] = field(default_factory=dict)  # on the scale of the model's data
    top: int = 10
    why: bool = False
    genres: Sequence[str] = ()
    include_seen: bool = False

    def __post_init__(self) -> None:
        named = self.named
        if (self.user_id is None) == (not named):
            raise MovierecError("name a user_id, or movies in liked, disliked, seen or ratings; not both")
        if len(named) > MOST_NAMED:
            raise MovierecError(f"{len(named):,} movies are named; {MOST_NAMED} at most can be")
        if not 1 <= self.top <= MOST_LISTED:
            raise MovierecError(f"top is {self.top:,}; it must be 1 to {MOST_LISTED}")

    @property
    def named(self) -> tuple[Id, ...]:
        """All movies of a new user."""
        return (*self.liked, *self.disliked, *self.seen, *self.ratings)

    def on(self, run: Run, row_of: Mapping[str, int]) -> tuple[User, NamedMovies | None]:
        """The user as a run sees them, with the movies that a new one named.

        Args:
            run: that serves.
            row_of: its movies by the text of their ids.

        Raises:
            NotThere: the run has no such user or movie.
            MovierecError: a movie is named twice, or a rating is not on the scale.
        """
        if self.user_id is not None:
            try:
                return user_of(run, self.user_id), None
            except MovierecError as error:
                raise NotThere(str(error)) from error
        opinions, stars = self._opinions(run, _rows(self.named, run, row_of))
        user = new_user(
            run, opinions, np.array(list(stars), np.int64), np.array(list(stars.values()), np.float32)
        )
        seen, liked, disliked = (
            tuple(rows.tolist()) for rows in (opinions.seen, opinions.liked, opinions.disliked)
        )
        return user, NamedMovies(watched=seen, liked=liked, disliked=disliked)

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
