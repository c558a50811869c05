"""Movies by what a user types: an id, a title, or something similar."""

import difflib
import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import UNKNOWN_YEAR, Id, IdIndex, Movies, known_ids, typed_id
from movierec_cli.data.running_times.names import (
    folded,
    loose_name,
    movie_names,
    plain_name,
    says_little,
    spellings,
    title_parts,
)
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.records import dataclass
from movierec_cli.text import with_article

CLOSEST_OFFERED = 5
_LISTED = 20  # of the movies that fit a text
_SHORTLIST = 200  # of the movies whose names are compared with a text that fits none
_LEAST_SIMILAR = 0.6  # difflib's ratio, 0 … 1
_LEAST_TELLING = 3  # letters of a piece of a title
_WHOLE_NAME = 4  # of the ways in `_TitleQuery.strictness`, the loosest that leaves no part of a name out

_EXPLICIT_ID = re.compile(r"id\s*:\s*(.+)", re.IGNORECASE | re.DOTALL)
_YEAR_IN_PARENTHESES = re.compile(r"^(.*?)\s*\(([0-9]{4})\)$")
_YEAR_WITHOUT = re.compile(r"^(.*\S)\s+([0-9]{4})$")
_ELIDED_ARTICLE_AT_END = re.compile(r", ?\w+['’]")  # "Enfer, L'", which is "L'Enfer"
_YEAR_OF_TITLE = re.compile(r"\s*\([0-9]{4}[^)]*\)\s*(\([A-Z]+\))?\s*$")


@dataclass(frozen=True)
class _TitleQuery:
    """One way to read a text."""

    title: str
    year: int | None

    @cached_property
    def plain(self) -> str:
        return plain_name(self.title)

    @cached_property
    def loose(self) -> str:
        return loose_name(self.plain)

    def strictness(self, title: str) -> int | None:
        """Which way to compare, from 0 for the strictest, makes a title of the data set fit, if any."""
        names = movie_names(title)
        ways = (
            self.title == _YEAR_OF_TITLE.sub("", title),
            *(fits for known in (names.main, names.others, names.parts) for fits in self._fits(known)),
        )
        return next((way for way, fits in enumerate(ways) if fits), None)

    def _fits(self, names: Sequence[str]) -> tuple[bool, bool]:
        return self.plain in names, self.loose in map(loose_name, names)


@dataclass(frozen=True)
class MovieSearch:
    """A catalogue to be searched many times."""

    movies: Movies
    noun: str = "movie"  # what they are called in messages

    def find(self, text: str) -> int:
        """The row of the one movie that a text names.

        "id:590" is an id, or "id:tt0109686" where ids are texts. An id without "id:" is one too, unless a
        movie has no other title. Else the text is compared with titles, and the strictest way that fits any
        movie decides: the title as in the data set, then without its year, then without regard to case,
        accents, punctuation, numerals and the article's place, then without articles, then the other titles
        in parentheses, then a title without its subtitle or the subtitle alone. A year at the end of the
        text, in parentheses or not, leaves movies of that year.

        Raises:
            MovierecError: the text fits several movies, and lists them; or none, and offers the closest.
        """
        name = text.strip()
        if not name:
            raise MovierecError(
                f"{with_article(self.noun)}'s name is empty; give its id, such as id:1, or its title"
            )
        rows = self.fitting(name)
        if len(rows) != 1:
            raise self._several(name, rows) if rows else self._none(name)
        return rows[0]

    def id_or_title(self, text: str) -> int:
        """As `find`, for texts of a file, where an id is nothing else."""
        row = self.row_of_id(text)
        return self.find(text) if row is None else row

    def fitting(self, text: str) -> list[int]:
        """The rows of all movies that a text names as `find` reads it; none for an empty text."""
        name = text.strip()
        if not name:
            return []
        explicit = self._explicit_id(name)
        row = self.row_of_id(name if explicit is None else explicit)
        if explicit is not None:
            return [] if row is None else [row]
        if row is not None:
            return list(dict.fromkeys([row, *self._titled(_TitleQuery(name, None), loosest=0)]))
        if name in self._by_title:
            return self._by_title[name]
        found = (self._titled(query) for query in _readings(html.unescape(name)))
        return next((rows for rows in found if rows), [])

    def containing(self, text: str) -> list[int]:
        """The rows of the movies with a name that begins with a text; where none does, that has its words.

        Compared as `find` compares, without regard to case, accents and the like; the last word may be cut
        short where no whole word fits. None for ids, numbers and words that say nothing, such as "the".
        """
        name = text.strip()
        if name.isdecimal() or self._explicit_id(name) is not None:
            return []
        for query in _readings(html.unescape(name)):
            telling = [word for word in query.plain.split() if not says_little(word)]
            if len("".join(telling)) < _LEAST_TELLING:
                continue
            names = {row: _all_names(self.movies.title[row]) for row in self._with_words(query)}
            for stands in _PIECES:
                found = [row for row, own in names.items() if any(stands(one, query.plain) for one in own)]
                if found:
                    return found
        return []

    def titled(self, title: str, year: int | None = None) -> list[int]:
        """The rows of all movies that a title from elsewhere names, even where it is a number.

        A list from elsewhere may date a movie a year sooner or later, and call it by its subtitle too; the
        catalogue may not date it. These ways are tried in this order, and the first that fits any decides.
        The title is with or without its year.
        """
        readings = list(_readings(html.unescape(title.strip())))
        name, year = readings[0].title, year or readings[0].year
        if year is None:
            ways: list[tuple[tuple[_TitleQuery, ...], int | None]] = [((query,), None) for query in readings]
        else:
            ways = [
                ((_TitleQuery(name, year),), None),
                ((_TitleQuery(name, year - 1), _TitleQuery(name, year + 1)), _WHOLE_NAME),
                ((_TitleQuery(name, UNKNOWN_YEAR),), _WHOLE_NAME),
                (tuple(_TitleQuery(part, year) for part in title_parts(name)), _WHOLE_NAME),
            ]
        found = (
            [row for query in several for row in self._titled(query, loosest=loosest)]
            for several, loosest in ways
        )
        return list(dict.fromkeys(next((rows for rows in found if rows), [])))

    def closest(self, text: str) -> list[int]:
        """The rows of the `CLOSEST_OFFERED` movies, or fewer, with the titles most similar to a text."""
        query = next(_readings(html.unescape(text.strip())))
        if not query.plain or self._explicit_id(text.strip()) is not None:
            return []
        with_words = sorted(self._with_words(query), key=lambda row: len(self._lines[row]))[:_SHORTLIST]
        rows = dict.fromkeys([*with_words, *self._sharing_letters(query)])
        matcher = difflib.SequenceMatcher(autojunk=False)
        matcher.set_seq2(query.loose)
        similarity = {row: _similarity(matcher, query, self.movies.title[row]) for row in rows}
        ordered = sorted(rows, key=lambda row: (similarity[row], -row), reverse=True)
        return [row for row in ordered if similarity[row] >= _LEAST_SIMILAR][:CLOSEST_OFFERED]

    def row_of_id(self, typed: Id) -> int | None:
        """The row of the movie with this id, see `typed_id`; None where it is no movie's."""
        return self._by_id.row_of(typed)

    def _explicit_id(self, name: str) -> Id | None:
        """The id that "id:590" names, whether there is such a movie or not; None of another text."""
        explicit = _EXPLICIT_ID.fullmatch(name)
        return None if explicit is None else typed_id(explicit[1], self.movies.movie_id)

    @cached_property
    def _by_id(self) -> IdIndex:
        return IdIndex(self.movies.movie_id)

    @cached_property
    def _by_title(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, title in enumerate(self.movies.title):
            rows.setdefault(title.strip(), []).append(row)
        return rows

    def _titled(self, query: _TitleQuery, *, loosest: int | None = None) -> list[int]:
        """The rows of the movies that fit in the strictest way in which any does."""
        fitting: dict[int, list[int]] = {}
        for row in self._with_words(query):
            strictness = query.strictness(self.movies.title[row])
            if strictness is not None and (loosest is None or strictness <= loosest):
                fitting.setdefault(strictness, []).append(row)
        return fitting[min(fitting)] if fitting else []

    def _with_words(self, query: _TitleQuery) -> list[int]:
        """The rows of all movies that can fit: names are costly to take apart, words quick to look for."""
        words = query.plain.split()
        telling = [word for word in words if not says_little(word)] or words
        movies = self.movies
        rows = np.arange(len(movies)) if query.year is None else np.flatnonzero(movies.year == query.year)
        found = rows.tolist() if telling else []
        for word in sorted(telling, key=len, reverse=True):
            has_word = re.compile("|".join(map(re.escape, spellings(word)))).search
            found = [row for row in found if has_word(self._lines[row])]
            if not found:
                break  # a text may have thousands of words
        return found

    @cached_property
    def _lines(self) -> list[str]:
        """Each title's letters and digits."""
        return _squeezed(_as_called(html.unescape(title)) for title in self.movies.title)

    def _several(self, name: str, rows: Sequence[int]) -> MovierecError:
        distinct = len({self.movies.title[row] for row in rows}) == len(rows)
        by_title = ", or by its whole title" if distinct else ""
        others = f"\n  and {len(rows) - _LISTED:,} others" if len(rows) > _LISTED else ""
        return MovierecError(
            f"'{name}' fits {len(rows):,} {self.noun}s:\n{self._listed(rows[:_LISTED])}{others}\n"
            f"Say which by its id, such as id:{self.movies.movie_id[rows[0]]}{by_title}."
        )

    def _none(self, name: str) -> MovierecError:
        ids = self.movies.movie_id
        known = f"the {self.noun}s have the {known_ids(ids)}"
        if self._explicit_id(name) is not None:
            return MovierecError(f"there is no {self.noun} with {name}; {known}")
        unknown = f"there is no {self.noun} '{name}'"
        if name.isdecimal():
            unknown += f" ({known})"
        closest = self.closest(name)
        if not closest:
            example = f"; try its id, such as id:{ids[0]}" if len(ids) else ""
            return MovierecError(f"{unknown}, nor one with a title that is close{example}")
        return MovierecError(f"{unknown}; the closest are:\n{self._listed(closest)}")

    def _listed(self, rows: Sequence[int]) -> str:
        width = max(len(str(self.movies.movie_id[row])) for row in rows)
        return "\n".join(
            f"  {self.movies.movie_id[row]:>{width}}  {self.movies.shown_title(row)}" for row in rows
        )

    def _sharing_letters(self, query: _TitleQuery) -> list[int]:
        """Rows of the titles that have most pairs of letters in common with the text (Dice coefficient)."""
        text = "\n".join(self._lines)
        pairs, own = _letter_pairs(text), _letter_pairs(_squeezed([query.title])[0])
        ends = np.cumsum([len(line) + 1 for line in self._lines])
        found = np.concatenate([[0], np.cumsum(np.isin(pairs, own))])  # [n_letters]
        shared = np.diff(found[np.minimum([0, *ends], len(pairs))])  # [n_movies]
        dice = 2 * shared / (np.diff([0, *ends]) + len(own))
        return [int(row) for row in np.argsort(-dice, kind="stable")[:_SHORTLIST]]


_PIECES: tuple[Callable[[str, str], bool], ...] = (
    lambda name, text: f"{name} ".startswith(f"{text} "),
    lambda name, text: f" {text} " in f" {name} ",
    str.startswith,
)
"""The ways in which a text can be a piece of a plain name, the strictest first."""


def each_movie_once(
    titles: Sequence[str], catalogue: Movies, option: str, row_of: Callable[[str], int]
) -> list[int]:
    """The rows of titles, by what finds one. Raises a `UsageError` where the same movie is named twice."""
    rows: list[int] = []
    for title in titles:
        row = row_of(title)
        if row in rows:
            raise UsageError(f"{option} '{title}' is '{catalogue.shown_title(row)}' again; name it once")
        rows.append(row)
    return rows


def _readings(text: str) -> Iterator[_TitleQuery]:
    """The title and its year, where it has one; a number at the end may be a year or part of the title."""
    in_parentheses = _YEAR_IN_PARENTHESES.match(text)
    if in_parentheses is not None:
        yield _TitleQuery(in_parentheses[1], int(in_parentheses[2]))
        return
    yield _TitleQuery(text, None)
    without = _YEAR_WITHOUT.match(text)
    if without is not None:
        yield _TitleQuery(without[1], int(without[2]))


def _as_called(title: str) -> str:
    """The title, and its names too where an article before them is written as one word with them."""
    if not _ELIDED_ARTICLE_AT_END.search(title):
        return title
    names = movie_names(title)
    return " ".join([title, *names.main, *names.others])


def _squeezed(texts: Iterable[str]) -> list[str]:
    """The letters and digits of each text, in lower case and without accents."""
    joined = "\n".join(folded(text).replace("\n", " ") for text in texts)
    for mark in {letter for letter in set(joined) if not letter.isalnum()} - {"\n"}:
        joined = joined.replace(mark, "")  # for all texts at once, as a catalogue has many
    return joined.split("\n")


def _similarity(matcher: difflib.SequenceMatcher[str], query: _TitleQuery, title: str) -> float:
    """Difflib's ratio, 0 … 1, of the most similar of the title's names; plus 1 where it has every word."""
    ratios = []
    for name in _all_names(title):
        matcher.set_seq1(loose_name(name))
        has_words = set(query.plain.split()) <= set(name.split())
        ratios.append(matcher.ratio() + has_words)
    return max(ratios, default=0.0)


def _all_names(title: str) -> tuple[str, ...]:
    names = movie_names(title)
    return (*names.main, *names.others, *names.parts)


def _letter_pairs(text: str) -> npt.NDArray[np.uint64]:
    """Each letter and the next: [n_letters - 1]."""
    letters = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)
    pairs: npt.NDArray[np.uint64] = (letters[:-1] << np.uint64(32)) | letters[1:]
    return pairs
