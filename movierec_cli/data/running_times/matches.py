"""What is known of each movie's running time, and how it came to be known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """How a movie was recognised in IMDb's list, strictest first."""

    LINK = "link"
    """The data set's own links.csv names the title."""
    TITLE = "title"
    """Same title and year; case, accents, punctuation, "&", numerals and the article's place do not count."""
    OTHER_TITLE = "other title"
    """The same for a title in parentheses or after "a.k.a."."""
    TITLE_NEAR_YEAR = "title, year ± 1"
    OTHER_TITLE_NEAR_YEAR = "other title, year ± 1"
    SPELLING = "spelling"
    """Same year; spaces, articles and numbers written out do not count either: "Ghostbusters"."""
    SPELLING_NEAR_YEAR = "spelling, year ± 1"
    PART = "part of the title"
    """Same year; one title is the other without its subtitle or the name before it: "Bram Stoker's …"."""
    ONE_WORD = "one word misspelt"
    """Same year; one long word differs by a letter or two."""


class Status(StrEnum):
    """What came of looking for a movie."""

    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"
    """Several titles fit equally well and their lengths differ, or not all of them have one."""
    NO_LENGTH = "no length"
    """IMDb has the entry without a running time."""
    TAKEN = "taken"
    """The only title that fits is that of another movie of the data set, which fits better."""
    UNMATCHED = "unmatched"
    """No title fits."""


@dataclass(frozen=True)
class ImdbEntry:
    """A row of IMDb's list, as far as it matters."""

    number: int  # the digits of its tconst
    year: int
    minutes: int  # 0 where unknown
    is_feature: bool  # not a short, video or television

    @property
    def tconst(self) -> str:
        """IMDb's id, such as "tt0113277"."""
        return f"tt{self.number:07d}"


@dataclass(frozen=True)
class Match:
    """What came of looking for one movie."""

    status: Status
    rule: Rule | None = None  # that the entries fit by; None where there are none
    entries: tuple[ImdbEntry, ...] = ()  # those it can be, one or more of one length where matched

    @property
    def minutes(self) -> float:
        """The running time; NaN where it is not known."""
        return float(self.entries[0].minutes) if self.status is Status.MATCHED else math.nan


NO_MATCH = Match(Status.UNMATCHED)
