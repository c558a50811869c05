"""The users that a command recommends to, as options."""

from __future__ import annotations

# `setting` is `dataclasses.field`, which ruff cannot see.
# ruff: noqa: RUF009
import datetime
import os
import re
from collections.abc import Sized
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from movierec_cli.cli.parsing.movie_titles import rows_of
from movierec_cli.config.option_values import split_words
from movierec_cli.config.setting import setting
from movierec_cli.errors import UsageError

if TYPE_CHECKING:
    from movierec_cli.cli.console import Terminal
    from movierec_cli.recommend.many_users import UserSelection
    from movierec_cli.recommend.response import NamedMovies
    from movierec_cli.recommend.users import User
    from movierec_cli.registry.store import Run

_ALL = "all"
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_user = partial(setting, None, panel="For whom")


@dataclass(frozen=True)
class UserOptions:
    """What was typed; see `with_option_groups`.

    Raises:
        UsageError: the options name no user, or more than one.
    """

    user_id: str | None = _user("A user of the data.", "ID", option="user")
    liked: list[str] | None = _user(
        "A new user, by a movie they like: its title, with or without the year, or its id. Repeat the option"
        " for more movies.",
        "TITLE",
    )
    disliked: list[str] | None = _user("A movie that the new user does not like. Repeatable.", "TITLE")
    ratings_file: Path | None = _user(
        "The new user's ratings: the CSV that Letterboxd or IMDb exports, or one with title and rating.",
        "FILE",
    )
    watched: list[str] | None = _user(
        "A new user, by the movies they watched, oldest first. Repeatable; or a file of them. Needs a"
        " sequential model.",
        "TITLE",
    )
    users: str | None = _user("Many users of the data: ids, a file with one id per line, or all.", "ID...")
    as_of: str | None = _user(
        "Recommend as on that day, such as 2001-05-01. Needs a model that sees the time.", "DATE"
    )

    def __post_init__(self) -> None:
        _ = self.as_of_s  # a wrong date is told first
        ways = {
            "--user": self.user_id is not None,
            "--users": self.users is not None,
            "--watched": bool(self.watched),
            "--liked, --disliked or --ratings_file": bool(self.liked or self.disliked or self.ratings_file),
        }
        given = [way for way, is_given in ways.items() if is_given]
        if not given:
            raise UsageError(
                "say for whom: --user 42; --liked 'Heat (1995)' and --disliked; --ratings_file FILE;"
                " --watched with movies, oldest first; or --users for many users"
            )
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} name different users; give one of them")

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

    def on(self, run: Run, terminal: Terminal) -> tuple[User, NamedMovies]:
        """The one user as a run sees them, and the movies they named; its catalogue finds the titles.

        Raises:
            MovierecError: the user or a movie is unknown, a title fits several movies, or the file has no
                usable ratings.
            UsageError: the same movie is named twice.
        """
        from movierec_cli.recommend.response import NamedMovies
        from movierec_cli.recommend.users import user_after, user_of

        if self.user_id is not None:
            return user_of(run, self.user_id, self.as_of_s), NamedMovies()
        if self.watched:
            rows = self._watched(run, terminal)
            return user_after(run, rows), NamedMovies(watched=tuple(rows))
        return self._with_opinions(run, terminal)

    def by_ids(self, named: NamedMovies, run: Run) -> UserOptions:
        """The same user by the ids of the movies that were found, for another run of the same data."""

        def ids(typed: Sized | None, rows: tuple[int, ...]) -> list[str]:
            return [f"id:{run.catalogue.movie_id[row]}" for row in rows[: len(typed or ())]]

        return replace(
            self,
            watched=ids(named.watched, named.watched),  # a file names many
            liked=ids(self.liked, named.liked),
            disliked=ids(self.disliked, named.disliked),
        )

    def _watched(self, run: Run, terminal: Terminal) -> list[int]:
        """What is typed, or what is in the one file that is named."""
        from movierec_cli.recommend.opinion_files import read_watched

        watched, noun = self.watched or [], run.record.data.noun
        if len(watched) > 1 or not Path(watched[0]).is_file():
            return rows_of(watched, run.catalogue, "--watched", terminal, noun)
        rows, notes = read_watched(Path(watched[0]), run.catalogue, noun)
        for note in notes:
            terminal.note(note)
        return rows

    def _with_opinions(self, run: Run, terminal: Terminal) -> tuple[User, NamedMovies]:
        """What is typed takes precedence over the file's rating of the same movie."""
        import numpy as np

        from movierec_cli.recommend.fold_in import Opinions
        from movierec_cli.recommend.response import NamedMovies
        from movierec_cli.recommend.users import new_user

        data = run.record.data
        liked = rows_of(self.liked or (), run.catalogue, "--liked", terminal, data.noun)
        disliked = rows_of(self.disliked or (), run.catalogue, "--disliked", terminal, data.noun)
        both = set(liked) & set(disliked)
        if both:
            raise UsageError(f"'{run.catalogue.title[min(both)]}' is liked and disliked; give one of them")
        typed = {*liked, *disliked}
        stars: dict[int, float] = dict.fromkeys([*liked, *disliked], np.nan)
        if self.ratings_file is not None:
            from movierec_cli.recommend.opinion_files import read_opinions

            read = read_opinions(self.ratings_file, run.catalogue, data.scale, data.noun)
            for note in read.notes:
                terminal.note(note)
            liked += [row for row in read.opinions.liked.tolist() if row not in typed]
            disliked += [row for row in read.opinions.disliked.tolist() if row not in typed]
            stars = dict(zip(read.rows.tolist(), read.stars.tolist(), strict=True)) | stars
        user = new_user(
            run,
            Opinions(np.array(liked, np.int64), np.array(disliked, np.int64)),
            np.array(list(stars), np.int64),
            np.array(list(stars.values()), np.float32),
        )
        return user, NamedMovies(liked=tuple(liked), disliked=tuple(disliked))


def parse_users(text: str) -> UserSelection:
    """Reads the value of `--users`: ids such as "1 42", a file with one id per line, or "all".

    Raises:
        UsageError: it is empty.
    """
    from movierec_cli.recommend.many_users import UserSelection

    words = split_words(text, "--users")
    if not all(map(_NUMBER.fullmatch, words)) and os.path.isfile(text):  # Path raises for long texts
        return UserSelection(file=Path(text))
    return UserSelection(None if text == _ALL else tuple(words))
