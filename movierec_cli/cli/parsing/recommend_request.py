"""What `movierec recommend` is asked: for whom, from which model, and in what form."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from movierec_cli.errors import UsageError

WHO = (
    "say for whom: --user 42; --liked 'Heat (1995)' and --disliked; --ratings_file FILE; --watched with what"
    " was watched, oldest first; or --users FILE for many"
)
EVERYBODY = "all"


@dataclass(frozen=True)
class Who:
    """For whom: one of a user of the data, films watched in their order, and opinions of films.

    Raises:
        UsageError: nobody, or more than one.
    """

    user_id: int | None = None
    users: Path | None = None  # a file of users; "all" for every user
    watched: tuple[str, ...] = ()  # as typed, oldest first
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    ratings_file: Path | None = None
    as_of_s: int | None = None

    def __post_init__(self) -> None:
        ways = {
            "--user": self.user_id is not None,
            "--users": self.users is not None,
            "--watched": bool(self.watched),
            "--liked, --disliked or --ratings_file": self.has_opinions,
        }
        given = [way for way, is_given in ways.items() if is_given]
        if not given:
            raise UsageError(WHO)
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} are different people; give one of them")
        if self.as_of_s is not None and self.user_id is None:
            raise UsageError("--as_of needs --user: only what they rated is known to have been at a time")

    @property
    def has_opinions(self) -> bool:
        return bool(self.liked or self.disliked or self.ratings_file)


@dataclass(frozen=True)
class Form:
    """How many movies, and how they are told.

    Raises:
        UsageError: options that do not go together.
    """

    top: int
    as_json: bool
    csv: Path | None
    why: bool
    all_models: bool

    def __post_init__(self) -> None:
        if self.top < 1:
            raise UsageError(f"--top is {self.top}; it must be 1 or more")
        for option, is_given in (("--why", self.why), ("--all_models", self.all_models)):
            if is_given and self.csv is not None:
                raise UsageError(f"{option} has no place in a CSV; leave one of them out, or take --json")


def check_many(who: Who, form: Form, model: str | None, diversity: float) -> None:
    """What cannot be had for many users or from many models.

    Raises:
        UsageError: names the options.
    """
    if form.all_models and model is not None:
        raise UsageError("--model is one model, --all_models are all; give one of them")
    if who.users is None:
        return
    for option, is_given in (
        ("--all_models", form.all_models),
        ("--why", form.why),
        ("--diversity", diversity != 0),
    ):
        if is_given:
            raise UsageError(f"{option} is for one person; leave --users out")


def parse_as_of(text: str | None) -> int | None:
    """Reads "2001-05-01" or "2001-05-01 18:30", in UTC, into seconds since 1970-01-01.

    Raises:
        UsageError: it is no date.
    """
    if text is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"--as_of is '{text}'; it takes a date such as 2001-05-01") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp())
