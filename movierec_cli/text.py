"""How messages count and list things, and what of a text may be shown."""

import difflib
import re
from collections.abc import Callable, Iterable

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but tab and line feed
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\u2028-\u202e"  # lines, and embeddings of another direction
    "\ud800-\udfff"  # halves of characters, which cannot be encoded
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]"  # joiners, but in scripts and pictures that need them
)
"""What a terminal would act on, or what would make one text look like another."""

_ARTICLE_LIST = (
    "the a an le la les l un une il lo gli i el los las uno una o os as um uma der die das ein eine "
    "de het een den det en et"
)
ARTICLES = frozenset(_ARTICLE_LIST.split())
"""English, French, Italian, Spanish, Portuguese, German, Dutch and the Scandinavian ones."""
_ARTICLE_AT_END = re.compile(rf"(.+), ?({'|'.join(sorted(ARTICLES))})(['’]?)", re.IGNORECASE)
_NAME = re.compile(r"(\s*(?:\b(?:a\.k\.a\.|aka\b):? +)?)([^()]*[^()\s])", re.IGNORECASE)


def printable(text: str, replaced: Callable[[str], str] = lambda character: "\ufffd") -> str:
    """A text of which each character is shown: controls, halves and what is invisible are replaced.

    Args:
        text: from anywhere.
        replaced: what stands for such a character; by default one of the same width, "�".
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda match: replaced(match[0]), text)


def article_first(name: str) -> str:
    """A name with the article that stands behind its comma in front: "Enfer, L'" is "L'Enfer"."""
    moved = _ARTICLE_AT_END.fullmatch(name)
    return name if moved is None else f"{moved[2]}{moved[3] or ' '}{moved[1]}"


def shown_title(title: str) -> str:
    """A title of the data as people read it: "Rock, The (1996)" is "The Rock (1996)".

    So is each name in parentheses. Only an article with a capital is moved, as other words may look like one.
    """
    return _NAME.sub(lambda name: name[1] + _with_capital_first(name[2]), title.strip())


def _with_capital_first(name: str) -> str:
    moved = article_first(name)
    return moved if moved[:1].isupper() else name


def counted(n: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 movie", "1,200 movies"."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def with_article(noun: str) -> str:
    """Such as "a movie", "an item"."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """Words as a sentence names them: "a", "a and b", "a, b and c"; "" for none."""
    *first, end = tuple(words) or ("",)
    return f"{', '.join(first)} {last} {end}" if first else end


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Such as "; did you mean movie_genres?" where a known word is like another; else ""."""
    alike = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {alike[0]}?" if alike else ""
