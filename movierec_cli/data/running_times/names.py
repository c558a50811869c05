"""Titles as they are compared: MovieLens and IMDb write the same entry in many ways."""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence

from movierec_cli.records import dataclass
from movierec_cli.text import ARTICLES, article_first

_YEAR_AT_END = re.compile(r"\s*\([0-9]{4}[^)]*\)\s*(\([A-Z]+\))?\s*$")  # also "(1995) (V)"
_IN_PARENTHESES = re.compile(r"\s*\(([^()]*)\)")
_EITHER = re.compile(r"(?<!\d)/(?!\d)")  # "Amigo/Amado", not "8 1/2"
_ALSO_KNOWN_AS = re.compile(r"\b(?:a\.k\.a\.|aka\b):?\s*", re.IGNORECASE)

_ROMAN_FROM_TWO = "ii iii iv v vi vii viii ix x xi xii xiii"
_ONE_TO_TWENTY = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_TENS_FROM_THIRTY = "thirty forty fifty sixty seventy eighty ninety"
_NUMERALS = {word: str(n) for n, word in enumerate(_ROMAN_FROM_TWO.split(), start=2)}
_NUMBERS = {word: str(n) for n, word in enumerate(_ONE_TO_TWENTY.split(), start=1)} | {
    word: str(10 * n) for n, word in enumerate(_TENS_FROM_THIRTY.split(), start=3)
}
_LOOSE = _NUMBERS | {"the": "", "part": ""}
_CONNECTING = ("and", "part")
# Letters that Unicode does not take apart into a plain one and an accent.
_LETTERS = {"æ": "ae", "œ": "oe", "ø": "o", "ð": "d", "þ": "th", "ł": "l", "đ": "d", "ı": "i"}
_MARKS = (
    {ord(mark): None for mark in "'’‘`´ʻ"}
    | {ord(mark): " and " for mark in "&+"}
    | {code: " " for code in range(128) if not chr(code).isalnum() and chr(code) not in "'`&+"}
)
_NO_WORD = re.compile(r"[^\w]|_")


@dataclass(frozen=True)
class MovieNames:
    """What a movie is called, as `plain_name` gives it."""

    main: tuple[str, ...]  # the whole title, and without what stands in parentheses
    others: tuple[str, ...]  # in parentheses, after "a.k.a.", on either side of "/"
    parts: tuple[str, ...]  # of the main title: without subtitle, the subtitle, without an author's name


def movie_names(title: str) -> MovieNames:
    """All names in a MovieLens title such as "Hate (Haine, La) (1995)"."""
    whole = _YEAR_AT_END.sub("", html.unescape(title))
    bare = _IN_PARENTHESES.sub("", whole).strip()
    main = _distinct([plain_name(whole), plain_name(bare)])
    others = _distinct(plain_name(name) for name in _other_names(whole, bare))
    return MovieNames(main, tuple(name for name in others if name not in main), title_parts(bare))


def _other_names(whole: str, bare: str) -> Iterator[str]:
    for text in [bare, *_IN_PARENTHESES.findall(whole)]:
        for name in _ALSO_KNOWN_AS.split(text):
            yield name
            yield from _EITHER.split(name)


def plain_name(title: str) -> str:
    """A title without its year in lower case, the article first, without accents and punctuation.

    "&" and "+" become "and", Roman numerals Arabic ones: "Matrix II, The" and "The Matrix 2" are alike.
    """
    name = article_first(title.strip())
    words = folded(name).translate(_MARKS)
    words = words if name.isascii() else _NO_WORD.sub(" ", words)
    return " ".join(_NUMERALS.get(word, word) for word in words.split())


def loose_name(plain: str) -> str:
    """A plain name without its first article, without "the", "part" and spaces, numbers in digits."""
    words = plain.split()
    start = 1 if len(words) > 1 and words[0] in ARTICLES else 0
    return "".join([_LOOSE.get(word, word) for word in words[start:]]) or "".join(words)


_HAS_PARTS = re.compile(r": | [-–*] |'s |resents ")  # a million titles are looked at
_SUBTITLE = re.compile(r"\s*: +| +[-–*] +|\bpresents:? +", re.IGNORECASE)
_SEQUEL_NUMBER = re.compile(r",? +(?:Part +)?(?:[IVX]+|\d+): +")
_AUTHOR = re.compile(r"^(?!(?:The|A|An|My|Her|His|Our|Your|Their)\b)(?:[A-Z][\w.]* ){1,2}[A-Z]\w*'s +(.+)$")
_OTHER_FILM = re.compile(r"\b\d{1,3}\b|\blater\b|\bmaking\b|\bbehind\b", re.IGNORECASE)


def title_parts(title: str) -> tuple[str, ...]:
    """What a title may be called for short, plain: without its subtitle, by that alone, without an author.

    A part of one word counts only after an author's name ("Bram Stoker's Dracula"), and the part before a
    subtitle only where that does not tell of another entry ("…: 15 Years Later"). A sequel may do without its
    number where it has a subtitle: "Friday the 13th Part V: A New Beginning".
    """
    if not _HAS_PARTS.search(title):
        return ()
    parts = _subtitle_parts(title)
    if _SEQUEL_NUMBER.search(title):
        parts.append(_SEQUEL_NUMBER.sub(": ", title))
    author = _AUTHOR.match(title)
    authored = [plain_name(author[1])] if author else []
    return _distinct([*(part for part in map(plain_name, parts) if " " in part), *authored])


def _subtitle_parts(title: str) -> list[str]:
    pieces = _SUBTITLE.split(title)
    if len(pieces) == 1:
        return []
    subtitle = pieces[-1]
    return [subtitle] if _OTHER_FILM.search(subtitle) else [pieces[0], subtitle]


def holed_names(plain: str) -> Iterator[tuple[str, str]]:
    """A plain name with each of its longer words left out, and that word: ("two moon *", "junction")."""
    words = plain.split()
    if len(words) > 1:
        for place, word in enumerate(words):
            if len(word) >= MISSPELT_LENGTH and word.isalpha():
                yield " ".join([*words[:place], "*", *words[place + 1 :]]), word


def spellings(word: str) -> tuple[str, ...]:
    """The ways in which titles write a word of a plain name: "seven" is also "7" and "vii"."""
    number = _NUMBERS.get(word) or _NUMERALS.get(word) or word
    tables = (_NUMBERS, _NUMERALS)
    others = (other for table in tables for other, value in table.items() if value == number)
    return _distinct(iter([word, number, *others]))


def says_little(word: str) -> bool:
    """Whether names that are alike may differ by this word of a plain name."""
    return word in ARTICLES or word in _CONNECTING


def folded(text: str) -> str:
    """In lower case and without accents; punctuation stays."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(_LETTERS.get(c, c) for c in decomposed if not unicodedata.combining(c))


MISSPELT_LENGTH = 5
_TWO_MISTAKES_LENGTH = 7


def is_misspelt(first: str, second: str) -> bool:
    """Whether two words that begin alike differ by a letter, long ones by two (Levenshtein)."""
    if first[0] != second[0]:
        return False
    allowed = 2 if min(len(first), len(second)) >= _TWO_MISTAKES_LENGTH else 1
    return abs(len(first) - len(second)) <= allowed and _distance(first, second) <= allowed


def _distance(first: str, second: str) -> int:
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, start=1):
        above, row = row, [i]
        for j, other in enumerate(second, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (letter != other)))
    return row[-1]


def _distinct(names: Sequence[str] | Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))
