"""Finds each movie of a data set in IMDb's list of titles, and never guesses."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from movierec_cli.data.dataset import NO_IMDB_NUMBER, UNKNOWN_YEAR, Movies
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.running_times.names import (
    holed_names,
    is_misspelt,
    loose_name,
    movie_names,
    plain_name,
    title_parts,
)
from movierec_cli.data.running_times.titles_file import ImdbEntry, TitleRow, entry_rows
from movierec_cli.records import dataclass

MATCHER_VERSION = 1
"""Raised whenever the same files give other matches than before: kept tables are then made anew."""


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

_NEAR = {
    Rule.TITLE: Rule.TITLE_NEAR_YEAR,
    Rule.OTHER_TITLE: Rule.OTHER_TITLE_NEAR_YEAR,
    Rule.SPELLING: Rule.SPELLING_NEAR_YEAR,
}
# By a whole title, features come before shorts, videos and television. A part of a title or a misspelt word
# says less than that. There are so many shorts that one is found for nearly every name in parentheses, so
# they are recognised by the main title only.
_STAGES = (
    (Rule.LINK, True),
    (Rule.LINK, False),
    *((rule, True) for rule in Rule if rule not in (Rule.LINK, Rule.PART, Rule.ONE_WORD)),
    *((rule, False) for rule in (Rule.TITLE, Rule.TITLE_NEAR_YEAR)),
    *((rule, True) for rule in (Rule.PART, Rule.ONE_WORD)),
    (Rule.PART, False),
)
_STAGE_OF = {rule_and_kind: stage for stage, rule_and_kind in enumerate(_STAGES)}

Key = TypeVar("Key")
Value = TypeVar("Value")
_SURE = (Rule.LINK, Rule.TITLE, Rule.OTHER_TITLE)  # a data set has some entries twice, under two titles
_Candidates = dict[ImdbEntry, int]  # with the best stage each was found at


def match_movies(movies: Movies, titles: Path, progress: Progress = unreported) -> tuple[Match, ...]:
    """Looks for every movie, in their order, by its id in links.csv, else by its titles and year.

    Of entries that fit equally well all must have the same known length, else the movie stays without one.
    A entry that is one movie's is not another's that it fits less well.

    Args:
        movies: the data set's.
        titles: IMDb's `title.basics.tsv.gz`, or that unpacked.
        progress: called with (message, bytes read, bytes in all).

    Raises:
        DataError: the list cannot be read.
    """
    catalogue = _Catalogue(movies)
    candidates: list[_Candidates] = [{} for _ in range(len(movies))]
    for row in entry_rows(titles, catalogue.years_in_reach, frozenset(catalogue.by_number), progress):
        for movie, rule in catalogue.recognised(row):
            entry = row.entry()
            stage = _STAGE_OF.get((rule, entry.is_feature))
            if stage is not None:
                candidates[movie][entry] = min(stage, candidates[movie].get(entry, stage))
    return _without_taken([_decided(found) for found in candidates], catalogue.years)


class _Catalogue:
    """The movies, by all that a row can be recognised by."""

    def __init__(self, movies: Movies):
        self.years: list[int] = movies.year.tolist()
        self.years_in_reach = frozenset(
            year + step for year in set(self.years) - {UNKNOWN_YEAR} for step in (-1, 0, 1)
        )
        numbers = [] if movies.imdb_number is None else movies.imdb_number.tolist()
        self.by_number = _grouped(
            (number, movie) for movie, number in enumerate(numbers) if number != NO_IMDB_NUMBER
        )
        self._names = [movie_names(title) for title in movies.title]
        entries = [(movie, year, self._names[movie]) for movie, year in enumerate(self.years)]
        entries = [entry for entry in entries if entry[1] != UNKNOWN_YEAR]
        self._by_name = _grouped(
            (loose_name(name), movie) for movie, _, names in entries for name in names.main + names.others
        )
        self._by_part = _grouped(
            ((year, loose_name(part)), movie) for movie, year, names in entries for part in names.parts
        )
        self._by_holed = _grouped(
            ((year, holed), (movie, word))
            for movie, year, names in entries
            for name in names.main + names.others
            for holed, word in holed_names(name)
        )

    def recognised(self, row: TitleRow) -> Iterator[tuple[int, Rule]]:
        """The movies that a row can be, each with how it is recognised; one can come more than once."""
        if self.by_number:
            for movie in self.by_number.get(row.entry().number, ()):
                yield movie, Rule.LINK
        if row.year.isdigit():
            for title in {row.title, row.original_title}:
                yield from self._titled(title.decode(errors="replace"), int(row.year))

    def _titled(self, title: str, year: int) -> Iterator[tuple[int, Rule]]:
        plain = plain_name(title)
        loose = loose_name(plain)
        for movie in self._by_name.get(loose, ()):
            distance = abs(self.years[movie] - year)
            if distance <= 1:
                rule = self._rule(movie, plain)
                yield movie, _NEAR[rule] if distance else rule
        for movie in self._by_part.get((year, loose), ()):
            yield movie, Rule.PART
        for part in title_parts(title):
            for movie in self._by_name.get(loose_name(part), ()):
                if self.years[movie] == year:
                    yield movie, Rule.PART
        for holed, word in holed_names(plain):
            for movie, other in self._by_holed.get((year, holed), ()):
                if is_misspelt(word, other):
                    yield movie, Rule.ONE_WORD

    def _rule(self, movie: int, plain: str) -> Rule:
        names = self._names[movie]
        if plain in names.main:
            return Rule.TITLE
        return Rule.OTHER_TITLE if plain in names.others else Rule.SPELLING


def _grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    groups: dict[Key, list[Value]] = defaultdict(list)
    for key, value in dict.fromkeys(pairs):
        groups[key].append(value)
    return dict(groups)


def _decided(candidates: _Candidates) -> Match:
    if not candidates:
        return NO_MATCH
    best = min(candidates.values())
    entries = tuple(entry for entry, stage in candidates.items() if stage == best)
    lengths = {entry.minutes for entry in entries}
    alike = Status.NO_LENGTH if lengths == {0} else Status.MATCHED
    return Match(alike if len(lengths) == 1 else Status.AMBIGUOUS, _STAGES[best][0], entries)


def _without_taken(matches: Sequence[Match], years: Sequence[int]) -> tuple[Match, ...]:
    """Leaves a entry that several movies were matched with to those it fits best, of one year."""
    claims: dict[int, set[tuple[int, int]]] = defaultdict(set)  # by entry: (stage, the movie's year)
    for match, year in zip(matches, years, strict=True):
        for entry in match.entries if match.status is Status.MATCHED else ():
            claims[entry.number].add((_stage(match, entry), year))
    best = {number: {c for c in claimed if c[0] == min(claimed)[0]} for number, claimed in claims.items()}

    def is_taken(match: Match, year: int) -> bool:
        if match.status is not Status.MATCHED or match.rule in _SURE:
            return False
        return any(best[entry.number] != {(_stage(match, entry), year)} for entry in match.entries)

    return tuple(
        replace(match, status=Status.TAKEN) if is_taken(match, year) else match
        for match, year in zip(matches, years, strict=True)
    )


def _stage(match: Match, entry: ImdbEntry) -> int:
    assert match.rule is not None  # every match with entries has one
    return _STAGE_OF[match.rule, entry.is_feature]
