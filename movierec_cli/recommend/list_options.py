"""What is asked of a saved model, as options: whose list or stars, how long, and in which order."""

from __future__ import annotations

# `setting` is `dataclasses.field`, which ruff cannot see.
import datetime
import os
import re
from collections.abc import Callable, Sequence, Sized
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from movierec_cli.config.option_values import split_words
from movierec_cli.config.setting import COUNT, check_settings, setting
from movierec_cli.config.settings import Fairness, RankBy
from movierec_cli.errors import UsageError
from movierec_cli.recommend.filter_options import MOVIES_PANEL
from movierec_cli.records import dataclass
from movierec_cli.text import counted

if TYPE_CHECKING:
    from movierec_cli.data.dataset import Id, Movies
    from movierec_cli.recommend.batch_files import Batch
    from movierec_cli.recommend.many_users import UserSelection
    from movierec_cli.recommend.predict import PredictedRating
    from movierec_cli.recommend.response import NamedMovies
    from movierec_cli.recommend.users import User
    from movierec_cli.registry.store import Run

Finder = Callable[["Sequence[str]", "Movies", str, str], list[int]]
"""From titles, a catalogue, the option that they are of and what the items are called to rows."""

_ALL = "all"
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_user = partial(setting, None, panel="For whom")


@dataclass(frozen=True)
class UserOptions:
    """What was typed; see `with_option_groups`.

    Raises:
        UsageError: the options name no user, or more than one.
    """

    user_ids: list[str] | None = _user(
        "A user of the data. With --together: repeatable.", "ID", option="user"
    )
    liked: list[str] | None = _user(
        "A new user, by a movie they like: its title, with or without the year, or its id. Repeat the option"
        " for more movies.",
        "TITLE",
    )
    disliked: list[str] | None = _user("A movie that the new user does not like. Repeatable.", "TITLE")
    ratings_files: list[Path] | None = _user(
        "The new user's ratings: what Letterboxd, IMDb, MovieLens, TMDb, Trakt, Netflix or MUBI export, or a"
        " table with title and rating. With --together: repeatable.",
        "FILE",
        option="ratings_file",
    )
    watched: list[str] | None = _user(
        "A new user, by the movies they watched, oldest first. Repeatable; or a file of them. Needs a"
        " sequential model.",
        "TITLE",
    )
    users: str | None = _user("Many users of the data: ids, a file with one id per line, or all.", "ID...")
    together: bool = setting(
        False, "One list for several people: each --user, --ratings_file and --likes.", panel="For whom"
    )
    likes: list[str] | None = _user(
        "With --together: a new user, by a name and what they like: NAME='TITLE; TITLE', or NAME=FILE as"
        " --ratings_file takes it. Repeatable.",
        "NAME=TITLES",
    )
    as_of: str | None = _user(
        "Recommend as on that day, such as 2001-05-01. Needs a model that sees the time.", "DATE"
    )

    def __post_init__(self) -> None:
        _ = self.as_of_s  # a wrong date is told first
        if self.together:
            self._check_together()
            return
        for option, values in (("--user", self.user_ids), ("--ratings_file", self.ratings_files)):
            if len(values or ()) > 1:
                raise UsageError(
                    f"{option} is given {counted(len(values or ()), 'time')}; add --together for one list for"
                    " several people, or give it once"
                )
        if self.likes:
            raise UsageError("--likes names one of several people; add --together, or use --liked")
        ways = {
            "--user": bool(self.user_ids),
            "--users": self.users is not None,
            "--watched": bool(self.watched),
            "--liked, --disliked or --ratings_file": bool(self.liked or self.disliked or self.ratings_files),
        }
        given = [way for way, is_given in ways.items() if is_given]
        if not given:
            raise UsageError(
                "say for whom: --user 42; --liked 'Heat (1995)' and --disliked; --ratings_file FILE;"
                " --watched with movies, oldest first; or --users for many users"
            )
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} name different users; give one of them")

    def _check_together(self) -> None:
        alone = {"users": self.users, "liked": self.liked, "disliked": self.disliked, "watched": self.watched}
        for option, value in alone.items():
            if value:
                raise UsageError(
                    f"--{option} does not go with --together; name each person by --user ID, --ratings_file"
                    " FILE or --likes NAME='TITLE; TITLE'"
                )
        n_people = sum(len(one or ()) for one in (self.user_ids, self.ratings_files, self.likes))
        if n_people < 2:
            raise UsageError(
                f"--together is for two people or more, and {n_people or 'none'} is named; repeat --user ID,"
                " --ratings_file FILE or --likes NAME='TITLE; TITLE'"
            )

    @property
    def as_of_s(self) -> int | None:
        """Seconds since 1970-01-01 UTC. Raises a `UsageError` for what is no date."""
        if self.as_of is None:
            return None
        try:
            time = datetime.datetime.fromisoformat(self.as_of.strip())
        except ValueError:
            raise UsageError(f"--as_of is '{self.as_of}'; it takes a date such as 2001-05-01") from None
        return int((time if time.tzinfo else time.replace(tzinfo=datetime.UTC)).timestamp())

    def on(self, run: Run, find: Finder, note: Callable[[str], object]) -> tuple[User, NamedMovies]:
        """The one user as a run sees them, and the movies they named.

        Args:
            run: whose catalogue the movies are in.
            find: finds them, such as `meant_movies.rows_of`.
            note: told what is worth knowing of a file, and what to be careful with.

        Raises:
            MovierecError: the user or a movie is unknown, a title fits no movie, or the file has no
                usable ratings.
            UsageError: the same movie is named twice.
        """
        from movierec_cli.recommend.cautions import NAMED, beyond_data, hardly_known

        user, named = self._found(run, find, note)
        rows = (*named.watched, *named.liked, *named.disliked)
        beyond = beyond_data(run, self.as_of_s, f"--as_of {self.as_of}") if self.as_of_s is not None else ()
        for sentence in (*beyond, *hardly_known(run, rows, NAMED)):
            note(sentence)
        return user, named

    def _found(self, run: Run, find: Finder, note: Callable[[str], object]) -> tuple[User, NamedMovies]:
        """As `on`, without what to be careful with."""
        from movierec_cli.recommend.response import NamedMovies
        from movierec_cli.recommend.users import user_after, user_of

        if self.user_ids:
            return user_of(run, self.user_ids[0], self.as_of_s), NamedMovies()
        if self.watched:
            rows = self._watched(run, find, note)
            return user_after(run, rows), NamedMovies(watched=tuple(rows))
        return self._with_opinions(run, find, note)

    def by_ids(self, named: NamedMovies, run: Run) -> UserOptions:
        """The same user by the ids of the movies that were found, for another run of the same data."""

        def ids(typed: Sized | None, rows: tuple[int, ...]) -> list[str]:
            return [f"id:{run.catalogue.movie_id[row]}" for row in rows[: len(typed or ())]]

        return replace(
            self,
            watched=ids(named.watched, named.watched) if self.watched else None,  # a file names many
            liked=ids(self.liked, named.liked),
            disliked=ids(self.disliked, named.disliked),
        )

    def _watched(self, run: Run, find: Finder, note: Callable[[str], object]) -> list[int]:
        """What is typed, or what is in the one file that is named."""
        from movierec_cli.recommend.opinion_files import read_watched

        watched, noun = self.watched or [], run.record.data.noun
        if len(watched) > 1 or not os.path.exists(watched[0]):
            return find(watched, run.catalogue, "--watched", noun)
        rows, notes = read_watched(Path(watched[0]), run.catalogue, noun)
        for sentence in notes:
            note(sentence)
        return rows

    def _with_opinions(
        self, run: Run, find: Finder, note: Callable[[str], object]
    ) -> tuple[User, NamedMovies]:
        """What is typed takes precedence over the file's rating of the same movie."""
        import numpy as np

        from movierec_cli.recommend.fold_in import Opinions
        from movierec_cli.recommend.response import NamedMovies
        from movierec_cli.recommend.users import new_user, user_after

        data = run.record.data
        liked = find(self.liked or (), run.catalogue, "--liked", data.noun)
        disliked = find(self.disliked or (), run.catalogue, "--disliked", data.noun)
        both = set(liked) & set(disliked)
        if both:
            twice = run.catalogue.shown_title(min(both))
            raise UsageError(f"'{twice}' is liked and disliked; give one of them")
        typed = {*liked, *disliked}
        stars: dict[int, float] = dict.fromkeys([*liked, *disliked], np.nan)
        seen: list[int] = []
        history: list[int] = []
        if self.ratings_files:
            from movierec_cli.recommend.opinion_files import read_opinions

            read = read_opinions(self.ratings_files[0], run.catalogue, data.scale, data.noun)
            liked += [row for row in read.opinions.liked.tolist() if row not in typed]
            disliked += [row for row in read.opinions.disliked.tolist() if row not in typed]
            seen = [row for row in read.opinions.seen.tolist() if row not in typed]
            stars = dict(zip(read.rows.tolist(), read.stars.tolist(), strict=True)) | stars
            if read.is_history and run.record.config.family.is_sequential:
                history = [
                    row for row in dict.fromkeys([*read.history.tolist(), *liked]) if row not in disliked
                ]
            for sentence in (*read.notes, *_seen_note(history, seen, data.noun)):
                note(sentence)
        known, given = np.array(list(stars), np.int64), np.array(list(stars.values()), np.float32)
        if history:
            user = user_after(run, history, known, given)
            return user, NamedMovies(watched=tuple(history), disliked=tuple(disliked))
        opinions = Opinions(*(np.array(rows, np.int64) for rows in (liked, disliked, seen)))
        user = new_user(run, opinions, known, given)
        return user, NamedMovies(watched=tuple(seen), liked=tuple(liked), disliked=tuple(disliked))


def _seen_note(history: Sized, seen: Sized, noun: str) -> tuple[str, ...]:
    """Says how a model takes what was watched without stars."""
    if len(history):
        return (f"the model continues the history of {counted(len(history), noun)}, the oldest first",)
    return (f"what was seen without stars counts as mildly positive: half of a {noun} liked",) if seen else ()


def parse_users(value: str | Sequence[Id]) -> UserSelection:
    """Reads the value of `--users`: ids such as "1 42", a file with one id per line, or "all".

    Raises:
        UsageError: it is empty.
    """
    from movierec_cli.recommend.many_users import UserSelection

    words = split_words(value, "--users")
    if isinstance(value, str):
        if not all(map(_NUMBER.fullmatch, words)) and os.path.isfile(value):  # Path raises for long texts
            return UserSelection(file=Path(value))
        if value == _ALL:
            return UserSelection(None)
    return UserSelection(tuple(words))


@dataclass(frozen=True)
class Length:
    """How long a list is; see `with_option_groups`.

    Raises:
        UsageError: that many movies cannot be had.
    """

    top: int = setting(10, "Number of movies.", check=COUNT)

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class Order:
    """In which order movies are recommended, and whether the user may know them."""

    rank_by: RankBy = setting(
        RankBy.SCORE, "Order by score, rating (predicted stars) or blend (both).", "KIND"
    )
    include_seen: bool = setting(False, "Also movies that the user has seen.", panel=MOVIES_PANEL)
    diversity: float = setting(
        0.0,
        "Weight of variety: 0 orders by score alone, 1 by difference from the movies before.",
        "0…1",
        panel=MOVIES_PANEL,
    )
    fairness: Fairness = setting(
        Fairness.LEAST_MISERY,
        "With --together: least-misery (a movie counts as for whom it is worst), average, or turns (each"
        " chooses in turn).",
        "KIND",
        panel="For whom",
    )


@dataclass(frozen=True)
class PairOptions:
    """Whose stars for which movies; see `with_option_groups`."""

    user: str | None = setting(None, "A user of the data.", "ID")
    ratings_file: Path | None = setting(
        None, "Instead of --user: a new user's own ratings, as recommend --ratings_file takes them.", "FILE"
    )
    movie: list[str] | None = setting(
        None, "A movie: its title, with or without the year, or its id. Repeatable.", "TITLE"
    )
    pairs: Path | None = setting(
        None, "Instead of --user and --movie: a file with the columns user and movie, such as CSV.", "FILE"
    )

    def __post_init__(self) -> None:
        """Raises a `UsageError` for too little, or for two users."""
        if self.user is not None and self.ratings_file is not None:
            raise UsageError("--user and --ratings_file name different users; give one of them")
        has_user = self.user is not None or self.ratings_file is not None
        if self.pairs is None and not (has_user and self.movie):
            raise UsageError(
                "give a user and a movie: --user 42 --movie 'Toy Story (1995)'; or both in a file:"
                " --pairs FILE; or a new user's ratings: --ratings_file FILE --movie"
            )

    def predicted(self, run: Run, find: Finder, note: Callable[[str], object]) -> Batch[PredictedRating]:
        """The predictions, and what is to be said of the file that they came from; as `UserOptions.on`."""
        from movierec_cli.recommend.batch_files import Batch, read_pairs
        from movierec_cli.recommend.cautions import PREDICTED, hardly_known
        from movierec_cli.recommend.predict import predict, predict_for

        if self.pairs is not None:
            batch = read_pairs(self.pairs, run)
            for sentence in hardly_known(run, [row for _, row in batch.wanted], PREDICTED):
                note(sentence)
            return Batch(predict(run, batch.wanted), batch.warnings)
        noun = run.record.data.noun
        movies = [row for text in self.movie or () for row in find([text], run.catalogue, "--movie", noun)]
        for sentence in hardly_known(run, movies, PREDICTED):
            note(sentence)
        if self.ratings_file is None:
            assert self.user is not None
            return Batch(predict(run, [(self.user, row) for row in movies]))
        from movierec_cli.recommend.new_user_stars import folded_in_note

        user, _ = UserOptions(ratings_files=[self.ratings_file]).on(run, find, note)
        predictions = predict_for(run, user, movies)
        note(folded_in_note(run, user))
        return Batch(predictions)
